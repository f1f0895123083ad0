//! An endpoint that streams the updates of a cache: an app and a web server in one process.
//!
//! `cargo run --example endpoint`, then `curl -N http://127.0.0.1:8000/updates`; `PORT` names another port.

use axum::body::Body;
use axum::http::{StatusCode, header::CONTENT_TYPE};
use axum::response::IntoResponse;
use axum::{Router, routing::get};
use slipstream::prelude::*;
use tokio::net::TcpListener;

static DB: Cache<String, String> = Cache::new("db");

#[handle(source = every(secs(1)), sink = [DB, print])]
fn tick_tock() -> (String, String) {
    ("time".to_owned(), Local::now().format("%H:%M:%S").to_string())
}

/// A line for each update from now on. Who reads too slowly is told how many were missed, and holds nobody back.
async fn updates() -> Result<impl IntoResponse, (StatusCode, String)> {
    let updates = DB.updates().map_err(|error| (StatusCode::SERVICE_UNAVAILABLE, error.to_string()))?;
    let lines = updates.map(|update| {
        Ok::<_, Error>(match update {
            Ok((_, value)) => format!("{value}\n"),
            Err(lagged) => format!("({lagged})\n"),
        })
    });
    Ok(([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(lines)))
}

#[slipstream::main]
async fn main() -> slipstream::Result<()> {
    let listener = listen().await?;
    let router = Router::new().route("/updates", get(updates));
    tokio::select! {
        ended = slipstream::run() => ended,
        ended = axum::serve(listener, router) => Ok(ended?),
    }
}

async fn listen() -> Result<TcpListener> {
    let port = std::env::var("PORT").unwrap_or_else(|_| "8000".to_owned());
    let address = format!("127.0.0.1:{port}");
    let listener = TcpListener::bind(&address).await;
    listener
        .map_err(|error| Error::msg(format!("cannot listen at {address} ({error}): set `PORT` to another")))
}
