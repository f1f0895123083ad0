//! A pipeline at a steady pace, and a web server that streams the updates of its cache; what is open is told by `/counts`.

use crate::{app, say};
use axum::body::Body;
use axum::{Router, routing::get};
use slipstream::prelude::*;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use tokio::sync::mpsc::{self, Sender};

static VALUES: Cache<u64, String> = Cache::new("values");
const KEYS: u64 = 100;
/// Soon more than a client has room for that does not read.
const BYTES: usize = 16 << 10;
/// A pace that the pipeline keeps if it waits for nobody: a beat that is missed is not made up for.
const PACE: Duration = millis(10);

#[handle(source = every(PACE), sink = [VALUES, tell])]
fn write(n: u64) -> (u64, String) {
    DONE.fetch_add(1, Relaxed);
    (n % KEYS, format!("{n:0BYTES$}"))
}

static DONE: AtomicU64 = AtomicU64::new(0);
static OPEN: AtomicU64 = AtomicU64::new(0);

/// A client's subscription, counted while it is there.
struct Open;

impl Open {
    fn new() -> Self {
        OPEN.fetch_add(1, Relaxed);
        Open
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Relaxed);
    }
}

async fn updates() -> Body {
    let open = Open::new();
    match VALUES.updates() {
        Ok(updates) => Body::from_stream(updates.map(move |update| {
            let _with_the_stream = &open;
            Ok::<_, Error>(update.map_or_else(|lagged| format!("{lagged}\n"), |(_, value)| value + "\n"))
        })),
        Err(error) => Body::from(error.to_string()),
    }
}

async fn counts() -> String {
    let (done, open) = (DONE.load(Relaxed), OPEN.load(Relaxed));
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    format!("done {done} open {open} tasks {tasks} end\n")
}

/// The mistake `leak`: what has subscribed stays, whether its client does or not.
async fn leaking() -> Body {
    let stays = (VALUES.updates().ok(), Open::new());
    tokio::spawn(async move {
        let _stays = stays;
        std::future::pending::<()>().await;
    });
    updates().await
}

/// The mistake `wait`: the clients' queues, which a sink waits for.
static WAITED_FOR: Mutex<BTreeMap<u64, Sender<String>>> = Mutex::new(BTreeMap::new());

async fn waiting() -> Body {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let (sender, receiver) = mpsc::channel(16);
    let mut clients = WAITED_FOR.lock().unwrap_or_else(PoisonError::into_inner);
    clients.insert(NEXT.fetch_add(1, Relaxed), sender);
    let lines = futures_util::stream::unfold((receiver, Open::new()), |(mut receiver, open)| async {
        Some((Ok::<_, Error>(receiver.recv().await?), (receiver, open)))
    });
    Body::from_stream(lines)
}

async fn tell((_, value): (u64, String)) {
    let clients = WAITED_FOR.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for (client, sender) in clients {
        if sender.send(value.clone() + "\n").await.is_err() {
            WAITED_FOR.lock().unwrap_or_else(PoisonError::into_inner).remove(&client);
        }
    }
}

/// Says its port, and goes on until it is told to end.
pub(crate) async fn run(plant: &str) -> Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let routes = Router::new().route("/counts", get(counts));
    let routes = match plant {
        "leak" => routes.route("/updates", get(leaking)),
        "wait" => routes.route("/updates", get(waiting)),
        _ => routes.route("/updates", get(updates)),
    };
    let running = app("memory").handler(write).start().await?;
    say(&format!("port {} end", listener.local_addr()?.port()));
    axum::serve(listener, routes).await?;
    running.stop().await
}
