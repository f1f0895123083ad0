//! Any function is a sink: here one that stores in Redis.
//!
//! `cargo run --example sink`; the server is `REDIS_URL`, or localhost:6379.

use redis::AsyncCommands as _;
use redis::aio::MultiplexedConnection;
use slipstream::prelude::*;
use std::collections::BTreeMap;
use std::sync::OnceLock;

static REDIS: OnceLock<MultiplexedConnection> = OnceLock::new();

fn redis() -> MultiplexedConnection {
    REDIS.get().cloned().expect("main connects before it runs the handlers")
}

fn messages() -> impl Iterator<Item = char> {
    "🏆📞🐟👌".chars().chain("🏆📞🐟👌".chars())
}

async fn store((emoji, count): (String, u64)) -> Result<()> {
    Ok(redis().set(emoji, count).await?)
}

#[handle(source = messages, sink = [store])]
async fn count(emoji: char) -> Result<(String, u64)> {
    let before: Option<u64> = redis().get(emoji.to_string()).await?;
    Ok((emoji.to_string(), before.unwrap_or(0) + 1))
}

/// What is stored under all keys.
async fn table() -> Result<()> {
    let keys: Vec<String> = redis().keys("*").await?;
    let mut counts = BTreeMap::new();
    for key in keys {
        let n: u64 = redis().get(&key).await?;
        counts.insert(key, n);
    }
    let counts: Vec<String> = counts.iter().map(|(emoji, n)| format!("'{emoji}': {n}")).collect();
    println!("{{{}}}", counts.join(", "));
    Ok(())
}

async fn connect() -> Result<()> {
    let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://localhost:6379".to_owned());
    let client = redis::Client::open(url)?;
    let address = client.get_connection_info().addr().clone(); // the URL may hold a password
    let lacking =
        |error| Error::msg(format!("no Redis at {address} ({error}): start one, or set `REDIS_URL`"));
    let connection = client.get_multiplexed_async_connection().await.map_err(lacking)?;
    REDIS.get_or_init(|| connection);
    Ok(())
}

#[slipstream::main]
async fn main() -> slipstream::Result<()> {
    App::collected().on_start(connect).on_stop(table).run().await
}
