//! More on a broker than a worker can take at once: a topic that its sink is too slow for, and very many partitions.

mod filling;
mod slow;
mod wide;

use slipstream::prelude::*;

pub(crate) async fn run(args: &[&str]) -> Result<()> {
    match args {
        ["fill", servers, topic, count, bytes] => {
            filling::deep(servers, topic, count.parse()?, bytes.parse()?).await
        }
        ["slow", servers, topic, dir, settings @ ..] => slow::run(servers, topic, dir, settings).await,
        ["widen", servers, prefix] => filling::wide(servers, prefix).await,
        ["wide", servers, prefix, dir, settings @ ..] => wide::run(servers, prefix, dir, settings).await,
        _ => Err(Error::msg(
            "`backlog fill SERVERS TOPIC COUNT BYTES`, `backlog slow SERVERS TOPIC DIR [SETTING=VALUE..]`, `backlog widen \
             SERVERS PREFIX` or `backlog wide SERVERS PREFIX DIR [SETTING=VALUE..]`",
        )),
    }
}

/// What both apps are configured with.
fn config(servers: &str, id: &str, settings: &[&str]) -> Result<Config> {
    let mut config = Config::new().set("kafka.bootstrap.servers", servers).set("app.id", id);
    for setting in settings {
        let (name, value) = setting.split_once('=').ok_or_else(|| Error::msg("`SETTING=VALUE`"))?;
        config = config.set(name, value);
    }
    Ok(config)
}
