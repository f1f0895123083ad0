//! A schema registry over real HTTP, that can be slow, wrong, and down.

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A registry on a port of its own.
pub(super) struct Registry {
    inner: Arc<Inner>,
    pub(super) port: u16,
}

#[derive(Default)]
struct Inner {
    /// Each with its references, as JSON.
    schemas: Mutex<Vec<(String, String)>>,
    subjects: Mutex<BTreeMap<String, usize>>,
    /// What the next requests are answered with instead, byte by byte.
    faults: Mutex<Vec<Vec<u8>>>,
    /// How long it takes, and how often still.
    slow: Mutex<(Duration, usize)>,
    /// The request lines that came, with the header `authorization`.
    asked: Mutex<Vec<(String, Option<String>)>>,
}

impl Registry {
    pub(super) fn start() -> Self {
        Registry::on(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    pub(super) fn on(listener: TcpListener) -> Self {
        Registry::serve(listener, None)
    }

    /// With `https`.
    pub(super) fn secure(config: ServerConfig) -> Self {
        Registry::serve(TcpListener::bind("127.0.0.1:0").unwrap(), Some(Arc::new(config)))
    }

    fn serve(listener: TcpListener, secure: Option<Arc<ServerConfig>>) -> Self {
        let inner = Arc::new(Inner::default());
        let port = listener.local_addr().unwrap().port();
        let serving = inner.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (inner, secure) = (serving.clone(), secure.clone());
                std::thread::spawn(move || match secure {
                    None => inner.serve(stream),
                    Some(config) => {
                        inner.serve(StreamOwned::new(ServerConnection::new(config).unwrap(), stream));
                    }
                });
            }
        });
        Registry { inner, port }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Adds a schema, and gives its id.
    pub(super) fn add(&self, schema: &str) -> u32 {
        self.add_with(schema, &[])
    }

    /// Adds a schema that refers to others, each by its name, which is that of its subject as well, and its id, which is
    /// its version.
    pub(super) fn add_with(&self, schema: &str, others: &[(&str, u32)]) -> u32 {
        let others: Vec<_> = others
            .iter()
            .map(|(name, id)| serde_json::json!({ "name": name, "subject": name, "version": id }))
            .collect();
        let mut schemas = self.inner.schemas.lock().unwrap();
        schemas.push((schema.to_owned(), serde_json::Value::from(others).to_string()));
        schemas.len() as u32
    }

    /// The next requests but those for `/schemas/types` are answered so.
    pub(super) fn fail(&self, status: u16, body: &str, times: usize) {
        self.inner.faults.lock().unwrap().extend(vec![http(status, body); times]);
    }

    /// The next such request is answered by these bytes.
    pub(super) fn answer(&self, bytes: &[u8]) {
        self.inner.faults.lock().unwrap().push(bytes.to_vec());
    }

    pub(super) fn slow(&self, by: Duration) {
        *self.inner.slow.lock().unwrap() = (by, usize::MAX);
    }

    /// Before it answers the next request but for `/schemas/types`.
    pub(super) fn slow_once(&self, by: Duration) {
        *self.inner.slow.lock().unwrap() = (by, 1);
    }

    pub(super) fn asked(&self) -> Vec<(String, Option<String>)> {
        self.inner.asked.lock().unwrap().clone()
    }

    pub(super) fn subjects(&self) -> Vec<String> {
        self.inner.subjects.lock().unwrap().keys().cloned().collect()
    }
}

impl Inner {
    fn serve(&self, mut stream: impl Read + Write) {
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
        if line != "GET /schemas/types" {
            self.dawdle();
        }
        // Who asked may have gone away.
        let _ = stream.write_all(&self.answer(&line, &body));
    }

    fn dawdle(&self) {
        let by = {
            let (by, times) = &mut *self.slow.lock().unwrap();
            if *times == 0 {
                return;
            }
            *times -= 1;
            *by
        };
        std::thread::sleep(by);
    }

    fn answer(&self, line: &str, body: &str) -> Vec<u8> {
        if line == "GET /schemas/types" {
            return http(200, r#"["AVRO"]"#);
        }
        if let Some(fault) = self.faults.lock().unwrap().pop() {
            return fault;
        }
        let unknown = || http(404, r#"{"error_code": 40403, "message": "Schema not found"}"#);
        let mut schemas = self.schemas.lock().unwrap();
        let version = || {
            let line = line.strip_prefix("GET /subjects/")?.strip_suffix("?deleted=true")?;
            Some(line.split_once("/versions/")?.1)
        };
        if let Some(id) = line.strip_prefix("GET /schemas/ids/").or_else(version) {
            let schema = id.parse::<usize>().unwrap().checked_sub(1).and_then(|at| schemas.get(at));
            return schema.map_or_else(unknown, |(schema, others)| {
                let schema = serde_json::Value::from(schema.as_str());
                http(200, &format!(r#"{{"schema": {schema}, "references": {others}}}"#))
            });
        }
        let Some(subject) = line.strip_prefix("POST /subjects/") else { return http(404, "no") };
        let schema =
            serde_json::from_str::<serde_json::Value>(body).unwrap()["schema"].as_str().unwrap().to_owned();
        let known = schemas.iter().position(|(known, _)| *known == schema);
        let Some(subject) = subject.strip_suffix("/versions") else {
            return known.map_or_else(unknown, |at| http(200, &format!(r#"{{"id": {}}}"#, at + 1)));
        };
        let at = known.unwrap_or_else(|| {
            schemas.push((schema, "[]".to_owned()));
            schemas.len() - 1
        });
        self.subjects.lock().unwrap().insert(subject.to_owned(), at);
        http(200, &format!(r#"{{"id": {}}}"#, at + 1))
    }
}

fn http(status: u16, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").into_bytes()
}

fn header(head: &str, name: &str) -> Option<String> {
    let mut all = head.lines().filter_map(|line| line.split_once(": "));
    all.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
}
