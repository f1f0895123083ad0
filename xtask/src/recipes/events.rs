//! A server of server-sent events that cuts its connections: one thread, one client at a time.

use anyhow::{Context, Result};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, spawn};

/// How many events there are in all.
pub(super) const EVENTS: usize = 9;
/// How many of them a connection carries before it is cut.
const UNTIL_CUT: usize = 3;
/// How many connections are cut; the next one stays open.
const CUTS: usize = 2;

/// The data of an event, in the form of the recent changes of Wikipedia.
pub(super) fn change(event: usize) -> String {
    format!(r#"{{"type":"edit","title":"Page {event} — ✎","wiki":"enwiki"}}"#)
}

/// Wikipedia's ids are JSON too, so that a client must hand them back as they are.
pub(super) fn id(event: usize) -> String {
    format!(r#"[{{"topic":"eqiad.mediawiki.recentchange","partition":0,"offset":{event}}}]"#)
}

pub(super) struct Server {
    address: SocketAddr,
    /// The `Last-Event-ID` of each connection so far, or `none`.
    resumed: Arc<Mutex<Vec<String>>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn start() -> Result<Self> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port for the event server")?;
        let address = listener.local_addr()?;
        let resumed = Arc::new(Mutex::new(Vec::new()));
        let ended = Arc::new(AtomicBool::new(false));
        let (seen, stop) = (Arc::clone(&resumed), Arc::clone(&ended));
        let thread = spawn(move || {
            let mut open = Vec::new(); // the last connection stays open until the server goes
            for stream in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                // A client that went away is no concern of ours: what it did not print will be missed.
                open.extend(serve(stream, &seen).ok().flatten());
            }
        });
        Ok(Server { address, resumed, ended, thread: Some(thread) })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/stream", self.address)
    }

    pub(super) fn resumed(&self) -> Vec<String> {
        self.resumed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // One more connection, so that the thread looks.
        if TcpStream::connect(self.address).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

/// Answers one request; gives the connection back if it is to stay open.
fn serve(mut stream: TcpStream, resumed: &Mutex<Vec<String>>) -> Result<Option<TcpStream>> {
    let mut head = BufReader::new(stream.try_clone()?).lines();
    let request = head.next().context("no request")??;
    let mut last = None;
    for line in head.map_while(Result::ok).take_while(|line| !line.is_empty()) {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("last-event-id")
        {
            last = Some(value.trim().to_string());
        }
    }
    if !request.starts_with("GET /stream ") {
        stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")?;
        return Ok(None);
    }
    let next = last
        .as_ref()
        .and_then(|last| (0..EVENTS).find(|event| id(*event) == *last))
        .map_or(0, |event| event + 1);
    let connection = {
        let mut resumed = resumed.lock().unwrap_or_else(PoisonError::into_inner);
        resumed.push(last.unwrap_or_else(|| "none".into()));
        resumed.len()
    };
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    )?;
    chunk(&mut stream, ":ok\n\nretry: 50\n\n")?;
    let cut = connection <= CUTS;
    let end = if cut { (next + UNTIL_CUT).min(EVENTS) } else { EVENTS };
    for event in next..end {
        chunk(&mut stream, &format!("event: message\nid: {}\ndata: {}\n\n", id(event), change(event)))?;
    }
    if !cut {
        return Ok(Some(stream));
    }
    // The id and half of the data of the next event: neither may be taken for the whole.
    chunk(&mut stream, &format!("event: message\nid: {}\ndata: {{\"type\":\"ed", id(end)))?;
    Ok(None)
}

fn chunk(stream: &mut TcpStream, text: &str) -> Result<()> {
    write!(stream, "{:x}\r\n{text}\r\n", text.len())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn a_client_that_resumes_gets_the_rest_and_is_cut_again() -> Result<()> {
        let server = Server::start()?;
        let mut client = TcpStream::connect(server.address)?;
        write!(client, "GET /stream HTTP/1.1\r\nLast-Event-ID: {}\r\n\r\n", id(3))?;
        let mut text = String::new();
        client.read_to_string(&mut text)?;
        assert!(text.contains(&change(4)) && text.contains(&change(6)) && text.contains(&id(7)));
        assert!(!text.contains(&change(3)) && !text.contains(&change(7)));
        assert_eq!(server.resumed(), [id(3)]);
        Ok(())
    }
}
