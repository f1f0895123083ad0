//! Speaks with a schema registry, by the few calls of its HTTP interface that are needed.

use super::references;
use super::settings::Settings;
use crate::error::{Error, ErrorKind, Result};
use avro_rs::Schema;
use serde_json::{Value, json};
use std::fmt;
use std::time::Duration;
use ureq::Agent;
use ureq::http::Response;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

/// How long one call may take, whatever it waits for.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest answer that is read.
pub(super) const ANSWER: u64 = 8 << 20;

/// Why there is no answer, without what was sent.
#[derive(Debug)]
pub(super) enum Refused {
    /// It may come yet: the registry is down, or something in front of it answers.
    ForNow(String),
    /// The registry itself says no, or what it has cannot be used.
    ForGood(String),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Refused::ForNow(text) | Refused::ForGood(text)) = self;
        f.write_str(text)
    }
}

pub(super) struct Client {
    agent: Agent,
    url: String,
    /// The value of the header `Authorization`.
    auth: Option<String>,
}

const TYPE: &str = "application/vnd.schemaregistry.v1+json";

impl Client {
    pub(super) fn new(settings: &Settings) -> Result<Self> {
        let trusted = settings.authority.as_deref().map_or(Ok(RootCerts::WebPki), trusted)?;
        let config = Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            // What another host says is not what the registry says.
            .max_redirects(0)
            .tls_config(TlsConfig::builder().root_certs(trusted).build());
        let (url, auth) = (settings.url.clone(), settings.authorization());
        Ok(Client { agent: config.build().into(), url, auth })
    }

    /// The schema of an id.
    pub(super) fn schema(&self, id: u32) -> Result<Schema, Refused> {
        let answer = self.get(&format!("/schemas/ids/{id}"))?;
        references::whole(&answer, |path| self.get(path)).map_err(|refused| match refused {
            Refused::ForGood(why) => Refused::ForGood(format!("schema {id} of the registry {why}")),
            refused => refused,
        })
    }

    /// The id of our schema under a subject; it is registered there first if that is asked.
    pub(super) fn id(&self, subject: &str, schema: &Schema, register: bool) -> Result<u32, Refused> {
        let text = serde_json::to_string(schema)
            .map_err(|error| Refused::ForGood(format!("the schema cannot be written: {error}")))?;
        let versions = if register { "/versions" } else { "" };
        let path = format!("/subjects/{}{versions}", encoded(subject));
        let answer = self.post(&path, &json!({ "schema": text }).to_string())?;
        let id = answer.get("id").and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok());
        id.ok_or_else(|| Refused::ForNow("its answer has no `id`".into()))
    }

    /// Whether anybody answers who lets us in.
    pub(super) fn reach(&self) -> Result<(), Refused> {
        match self.get("/schemas/types") {
            // An older one does not know the question.
            Ok(_) | Err(Refused::ForGood(_)) => Ok(()),
            Err(refused) => Err(refused),
        }
    }

    fn get(&self, path: &str) -> Result<Value, Refused> {
        let request = self.agent.get(format!("{}{path}", self.url)).header("Accept", TYPE);
        let request = self.auth.iter().fold(request, |request, auth| request.header("Authorization", auth));
        answer(request.call())
    }

    fn post(&self, path: &str, body: &str) -> Result<Value, Refused> {
        let request =
            self.agent.post(format!("{}{path}", self.url)).content_type(TYPE).header("Accept", TYPE);
        let request = self.auth.iter().fold(request, |request, auth| request.header("Authorization", auth));
        answer(request.send(body))
    }
}

/// The only certificates by which an address with `https` is believed.
fn trusted(path: &str) -> Result<RootCerts> {
    let wrong = |why: String| {
        let text = format!("`avro.registry.ca` names a file of certificates in PEM, and that file {why}");
        Error::new(ErrorKind::Codec, text)
    };
    let text = std::fs::read(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let items: Result<Vec<_>, _> = parse_pem(&text).collect();
    let items = items.map_err(|error| wrong(format!("is damaged: {error}")))?;
    let certificate = |item| if let PemItem::Certificate(found) = item { Some(found) } else { None };
    let certificates: Vec<_> = items.into_iter().filter_map(certificate).collect();
    if certificates.is_empty() {
        return Err(wrong("holds none".into()));
    }
    Ok(RootCerts::from(certificates))
}

/// A refusal counts as the registry's own if it has its form: what stands in front of one answers 404 as well.
fn answer(answer: Result<Response<ureq::Body>, ureq::Error>) -> Result<Value, Refused> {
    let mut answer = answer.map_err(|error| unanswered(&error))?;
    let status = answer.status();
    let body = answer.body_mut().with_config().limit(ANSWER).read_to_string();
    let body = match body {
        Err(ureq::Error::BodyExceedsLimit(_)) if status.is_success() => {
            return Err(Refused::ForGood(format!(
                "the registry's answer has more than {} MiB",
                ANSWER >> 20
            )));
        }
        body => body.map_err(|error| unanswered(&error))?,
    };
    let body: Result<Value, _> = serde_json::from_str(&body);
    match body {
        Ok(body) if status.is_success() => Ok(body),
        Ok(body) if matches!(status.as_u16(), 404 | 409 | 422) && body.get("error_code").is_some() => {
            let said = body.get("message").and_then(Value::as_str).unwrap_or("no");
            Err(Refused::ForGood(format!("the registry says {status}: {said}")))
        }
        Err(_) if status.is_success() => Err(Refused::ForNow("its answer is not JSON".into())),
        _ if status.is_redirection() => {
            let text = format!("it answers {status}: no redirect is followed, set its own address");
            Err(Refused::ForNow(text))
        }
        _ => Err(Refused::ForNow(format!("it answers {status}"))),
    }
}

/// No answer, and what to do about it if its certificate is why.
fn unanswered(error: &ureq::Error) -> Refused {
    let mut text = error.to_string();
    if ["UnknownIssuer", "BadSignature"].iter().any(|why| text.contains(why)) {
        text += ": set `avro.registry.ca` to a file with the certificate of who has issued it";
    }
    Refused::ForNow(text)
}

/// A part of a path.
pub(super) fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
