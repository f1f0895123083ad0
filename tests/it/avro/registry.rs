//! A schema registry over real HTTP, that can be slow, wrong, and down.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A registry on a port of its own.
pub(super) struct Registry {
    inner: Arc<Inner>,
    pub(super) port: u16,
}

#[derive(Default)]
struct Inner {
    schemas: Mutex<Vec<String>>,
    subjects: Mutex<BTreeMap<String, usize>>,
    /// What the next requests are answered with instead: status and body.
    faults: Mutex<Vec<(u16, String)>>,
    slow: Mutex<Duration>,
    /// The request lines that came, with the header `authorization`.
    asked: Mutex<Vec<(String, Option<String>)>>,
}

impl Registry {
    pub(super) fn start() -> Self {
        Registry::on(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    pub(super) fn on(listener: TcpListener) -> Self {
        let inner = Arc::new(Inner::default());
        let port = listener.local_addr().unwrap().port();
        let serving = inner.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let inner = serving.clone();
                std::thread::spawn(move || inner.serve(stream));
            }
        });
        Registry { inner, port }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Adds a schema, and gives its id.
    pub(super) fn add(&self, schema: &str) -> u32 {
        let mut schemas = self.inner.schemas.lock().unwrap();
        schemas.push(schema.to_owned());
        schemas.len() as u32
    }

    /// The next requests but those for `/schemas/types` are answered so.
    pub(super) fn fail(&self, status: u16, body: &str, times: usize) {
        self.inner.faults.lock().unwrap().extend(vec![(status, body.to_owned()); times]);
    }

    pub(super) fn slow(&self, by: Duration) {
        *self.inner.slow.lock().unwrap() = by;
    }

    pub(super) fn asked(&self) -> Vec<(String, Option<String>)> {
        self.inner.asked.lock().unwrap().clone()
    }

    pub(super) fn subjects(&self) -> Vec<String> {
        self.inner.subjects.lock().unwrap().keys().cloned().collect()
    }
}

impl Inner {
    fn serve(&self, mut stream: TcpStream) {
        let mut read = Vec::new();
        let mut chunk = [0; 4096];
        let (head, body) = loop {
            let n = stream.read(&mut chunk).unwrap_or(0);
            read.extend(&chunk[..n]);
            let text = String::from_utf8_lossy(&read).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                if n == 0 {
                    return;
                }
                continue;
            };
            let length = header(head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            if body.len() >= length {
                break (head.to_owned(), body.to_owned());
            }
        };
        let line = head.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
        self.asked.lock().unwrap().push((line.clone(), header(&head, "authorization")));
        std::thread::sleep(*self.slow.lock().unwrap());
        let (status, body) = self.answer(&line, &body);
        let answer = format!(
            "HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        let _ = stream.write_all(answer.as_bytes());
    }

    fn answer(&self, line: &str, body: &str) -> (u16, String) {
        if line == "GET /schemas/types" {
            return (200, r#"["AVRO"]"#.to_owned());
        }
        if let Some(fault) = self.faults.lock().unwrap().pop() {
            return fault;
        }
        let mut schemas = self.schemas.lock().unwrap();
        if let Some(id) = line.strip_prefix("GET /schemas/ids/").and_then(|id| id.parse::<usize>().ok()) {
            let unknown = || (404, r#"{"error_code": 40403, "message": "Schema not found"}"#.to_owned());
            let schema = id.checked_sub(1).and_then(|at| schemas.get(at));
            return schema
                .map_or_else(unknown, |schema| (200, serde_json::json!({ "schema": schema }).to_string()));
        }
        let Some(subject) = line.strip_prefix("POST /subjects/") else { return (404, "no".to_owned()) };
        let schema =
            serde_json::from_str::<serde_json::Value>(body).unwrap()["schema"].as_str().unwrap().to_owned();
        let known = schemas.iter().position(|known| *known == schema);
        let Some(subject) = subject.strip_suffix("/versions") else {
            return match known {
                Some(at) => (200, format!(r#"{{"id": {}}}"#, at + 1)),
                None => (404, r#"{"error_code": 40403, "message": "Schema not found"}"#.to_owned()),
            };
        };
        let at = known.unwrap_or_else(|| {
            schemas.push(schema);
            schemas.len() - 1
        });
        self.subjects.lock().unwrap().insert(subject.to_owned(), at);
        (200, format!(r#"{{"id": {}}}"#, at + 1))
    }
}

fn header(head: &str, name: &str) -> Option<String> {
    let mut all = head.lines().filter_map(|line| line.split_once(": "));
    all.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
}
