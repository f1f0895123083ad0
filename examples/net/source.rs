//! Server-sent events as a source: two handlers share one connection, which is made again where it broke off.
//!
//! `cargo run --example source -- [URL]`; without a URL, the recent changes of Wikipedia.

use async_stream::stream;
use futures_util::TryStreamExt as _;
use reqwest::{Client, Response, Url};
use slipstream::prelude::*;
use sse_stream::{Sse, SseStream};
use std::sync::OnceLock;

const WIKIPEDIA: &str = "https://stream.wikimedia.org/v2/stream/recentchange";
const FIRST_WAIT: Duration = millis(100);
const LONGEST_WAIT: Duration = secs(30);

/// The server, as soon as `main` has read the command line.
static SERVER: OnceLock<Url> = OnceLock::new();

/// The events of a server, without gap or double for as long as it honours `Last-Event-ID`, also over a restart.
fn changes(Resume(last_id): Resume<String>) -> impl Stream<Item = At<String, String>> {
    stream! {
        let (mut last_id, mut wait) = (last_id, FIRST_WAIT);
        loop {
            match connect(last_id.as_deref()).await {
                Ok(response) => {
                    let mut events = SseStream::from_bytes_stream(response.bytes_stream());
                    // An event that was cut off is no event: the server sends it again.
                    while let Ok(Some(Sse { id, data, .. })) = events.try_next().await {
                        wait = FIRST_WAIT;
                        last_id = id.or(last_id);
                        if let Some(data) = data {
                            yield At(last_id.clone().unwrap_or_default(), data);
                        }
                    }
                }
                Err(error) => eprintln!("{error}; trying again in {wait:?}"),
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}

async fn connect(last_id: Option<&str>) -> Result<Response> {
    let client = Client::builder().user_agent("slipstream-example/0.1").build()?;
    let request = client.get(SERVER.wait().clone()).header("Accept", "text/event-stream");
    let request = match last_id {
        Some(id) => request.header("Last-Event-ID", id),
        None => request,
    };
    Ok(request.send().await?.error_for_status()?)
}

#[handle(source = changes, sink = [print])]
fn announce(change: &str) -> String {
    format!("Wiki change {change}!")
}

/// Shares the connection of `announce`, and takes each change after it.
#[handle(source = changes, pipe = [enumerate], sink = [print])]
fn milestone((n, _change): (u64, String)) -> Option<String> {
    (n > 0 && n % 100 == 0).then(|| format!("{n} changes"))
}

#[slipstream::main]
async fn main(words: Vec<String>) -> slipstream::Result<()> {
    let given = words.first().map_or(WIKIPEDIA, String::as_str);
    let url = Url::parse(given).ok().filter(|url| ["http", "https"].contains(&url.scheme()));
    let usage = || Error::msg(format!("`{given}` is not a URL. Usage: source [http://.. | https://..]"));
    let url = url.ok_or_else(usage)?;
    SERVER.get_or_init(|| url);
    // Which of rustls' providers does the cryptography is the program's choice.
    let _ = rustls::crypto::ring::default_provider().install_default();
    slipstream::run().await
}
