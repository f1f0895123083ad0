//! Values behind the ids of a schema registry, in Confluent's form: a zero, four bytes of the id, and the datum.
//!
//! Only `wait` asks the registry while messages flow, off the lane's thread; it goes on asking until there is an answer,
//! since no message is at fault if the registry is down. What is known is kept.

mod client;
mod references;
mod settings;

use super::known::{Known, Other};
use crate::codec::{AtWork, Opened, Opening, Wait};
use crate::error::{BoxError, Error, ErrorKind, Result};
use bytes::Bytes;
use client::{Client, Refused};
use serde::Serialize;
use serde::de::DeserializeOwned;
use settings::Settings;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// What every value begins with.
const MAGIC: u8 = 0;

/// How many schemas of others are kept, and how many ids that there are not; behind that it begins anew.
const KEPT: usize = 1000;

/// How long an id that the registry does not know is not asked for again.
const UNKNOWN: Duration = Duration::from_secs(10);

/// How long a registry that is down is waited for at the start.
const AT_START: Duration = Duration::from_secs(10);

/// The first pause before the registry is asked again; each is twice the last, up to [`PAUSES`].
const PAUSE: Duration = Duration::from_millis(100);

/// The longest pause.
const PAUSES: Duration = Duration::from_secs(10);

/// The registry of an app, if it is set, for one topic.
pub(super) fn open<T>(opening: &Opening<'_>, known: Arc<Known>) -> Result<Option<Opened<T>>>
where
    T: Serialize + DeserializeOwned + 'static,
{
    let Some(settings) = Settings::of(opening.config)? else { return Ok(None) };
    let subject = settings.subject(opening.topic, known.schema)?;
    let client = Client::new(&settings)?;
    at_start(|| client.reach())?;
    let seen = Arc::new(Seen { client, topic: opening.topic.to_owned(), schemas: RwLock::default() });
    let registry = Registered { known, seen, subject, register: settings.register, own: Mutex::default() };
    Ok(Some(Arc::new(registry)))
}

struct Registered {
    known: Arc<Known>,
    seen: Arc<Seen>,
    subject: String,
    register: bool,
    /// What our values begin with, once the registry has said it.
    own: Mutex<Option<[u8; 5]>>,
}

/// What the registry has said of ids.
struct Seen {
    client: Client,
    topic: String,
    schemas: RwLock<HashMap<u32, Said>>,
}

#[derive(Clone)]
enum Said {
    /// It is our own schema.
    Ours,
    Other(Arc<Other>),
    /// There is none that could be used, as of this moment.
    None(String, Instant),
}

impl Registered {
    /// The prefix of what we write: asked for once.
    fn prefix(&self) -> Result<[u8; 5]> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(prefix) = *own {
            return Ok(prefix);
        }
        let ask = || self.seen.client.id(&self.subject, self.known.schema, self.register);
        let id = at_start(ask).map_err(|error| {
            let text = format!("no id for the subject `{}`: {error}", self.subject);
            Error::caused(ErrorKind::Codec, text, error)
        })?;
        let [a, b, c, d] = id.to_be_bytes();
        Ok(*own.insert([MAGIC, a, b, c, d]))
    }
}

impl<T: Serialize + DeserializeOwned> AtWork<T> for Registered {
    fn ready_to_write(&self) -> Result<(), BoxError> {
        Ok(self.prefix().map(drop)?)
    }

    fn write(&self, value: &T) -> Result<Option<Bytes>, BoxError> {
        Ok(self.known.write(value, &self.prefix()?)?)
    }

    fn wait(&self, bytes: Option<&[u8]>) -> Option<Wait> {
        let (id, _) = split(bytes?)?;
        if self.seen.said(id).is_some() {
            return None;
        }
        let (seen, known) = (self.seen.clone(), self.known.clone());
        Some(Box::pin(async move { seen.ask(id, known).await }))
    }

    fn read(&self, bytes: Option<&[u8]>) -> Result<T, BoxError> {
        let Some(bytes) = bytes else { return Ok(self.known.read_nothing()?) };
        let wrong = |text: String| Error::new(ErrorKind::Codec, text).into();
        let Some((id, datum)) = split(bytes) else {
            return Err(wrong("it does not begin with the id of a schema".to_owned()));
        };
        match self.seen.said(id) {
            Some(Said::Ours) => Ok(self.known.read(datum)?),
            Some(Said::Other(other)) => Ok(self.known.read_other(&other, datum)?),
            Some(Said::None(why, _)) => Err(wrong(why)),
            None => Err(wrong(format!("schema {id} is not known"))),
        }
    }
}

impl Seen {
    fn said(&self, id: u32) -> Option<Said> {
        let said = self.schemas.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        said.filter(|said| !matches!(said, Said::None(_, at) if at.elapsed() > UNKNOWN))
    }

    /// Asks until there is an answer.
    async fn ask(self: Arc<Self>, id: u32, known: Arc<Known>) {
        let mut pause = PAUSE;
        let said = loop {
            let (seen, known) = (self.clone(), known.clone());
            let ask = move || seen.client.schema(id).map(|schema| other(schema, &known));
            let why = match tokio::task::spawn_blocking(ask).await {
                Ok(Ok(said)) => break said,
                Ok(Err(Refused::ForGood(why))) => break Said::None(why, Instant::now()),
                Ok(Err(Refused::ForNow(why))) => why,
                Err(error) => error.to_string(),
            };
            tracing::warn!(
                topic = self.topic,
                "the schema registry does not say what schema {id} is: {why}; the topic waits for it"
            );
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSES);
        };
        let mut schemas = self.schemas.write().unwrap_or_else(PoisonError::into_inner);
        if schemas.len() >= KEPT {
            schemas.clear();
        }
        schemas.insert(id, said);
    }
}

fn other(schema: avro_rs::Schema, known: &Known) -> Said {
    match Other::of(schema) {
        Ok(other) if other.is(known) => Said::Ours,
        Ok(other) => Said::Other(Arc::new(other)),
        Err(error) => Said::None(error.to_string(), Instant::now()),
    }
}

/// The id and the datum behind it.
fn split(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (&[MAGIC, a, b, c, d], datum) = bytes.split_first_chunk::<5>()? else { return None };
    Some((u32::from_be_bytes([a, b, c, d]), datum))
}

/// Asks until there is an answer, for as long as an app may take to start. It blocks.
fn at_start<T>(ask: impl Fn() -> Result<T, Refused>) -> Result<T> {
    let (started, mut pause) = (Instant::now(), PAUSE);
    loop {
        let why = match ask() {
            Ok(answer) => return Ok(answer),
            Err(Refused::ForNow(_)) if started.elapsed() + pause < AT_START => {
                std::thread::sleep(pause);
                pause *= 2;
                continue;
            }
            Err(why) => why,
        };
        return Err(Error::new(ErrorKind::Codec, format!("the schema registry does not help: {why}")));
    }
}
