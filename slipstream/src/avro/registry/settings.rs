//! What is set about a schema registry.

use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};
use avro_rs::Schema;

/// How the subject is named that a topic's schema is registered under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Topic,
    Record,
    TopicRecord,
}

/// It has no `Debug`: an address may have a password in it, too.
pub(super) struct Settings {
    pub(super) url: String,
    /// `USER:PASSWORD`.
    auth: Option<String>,
    /// A file with the certificates that its own must be issued by.
    pub(super) authority: Option<String>,
    subject: Subject,
    pub(super) register: bool,
}

impl Settings {
    /// The settings, if there is a registry.
    pub(super) fn of(config: &Config) -> Result<Option<Self>> {
        let Some(url) = config.get("avro.registry.url") else { return Ok(None) };
        let wrong = |name: &str, what: &str| Err(Error::new(ErrorKind::Codec, config.wrong(name, what)));
        let Some((scheme, rest)) =
            url.split_once("://").filter(|(scheme, _)| ["http", "https"].contains(scheme))
        else {
            return wrong("avro.registry.url", "is an address as `http://HOST:PORT`");
        };
        let inside = rest.split('/').next().and_then(|host| host.rsplit_once('@'));
        let auth = inside.map(|(auth, _)| auth).or(config.get("avro.registry.auth")).map(str::to_owned);
        let host = inside.map_or(rest, |(auth, _)| &rest[auth.len() + 1..]);
        let subject = match config.get("avro.registry.subject") {
            None | Some("topic") => Subject::Topic,
            Some("record") => Subject::Record,
            Some("topic-record") => Subject::TopicRecord,
            Some(_) => return wrong("avro.registry.subject", "is `topic`, `record` or `topic-record`"),
        };
        let register = match config.get("avro.registry.register") {
            None | Some("true") => true,
            Some("false") => false,
            Some(_) => return wrong("avro.registry.register", "is `true` or `false`"),
        };
        let authority = config.get("avro.registry.ca").map(str::to_owned);
        if authority.is_some() && scheme != "https" {
            return wrong("avro.registry.ca", "is for an `avro.registry.url` that begins with `https`");
        }
        let url = format!("{scheme}://{}", host.trim_end_matches('/'));
        Ok(Some(Settings { url, auth, authority, subject, register }))
    }

    /// The subject of a topic's values.
    pub(super) fn subject(&self, topic: &str, schema: &Schema) -> Result<String> {
        let record = || match schema.name() {
            Some(name) => Ok(name.to_string()),
            None => {
                let text = "`avro.registry.subject` asks for the name of a record, and the schema is none";
                Err(Error::new(ErrorKind::Codec, text))
            }
        };
        Ok(match self.subject {
            Subject::Topic => format!("{topic}-value"),
            Subject::Record => record()?,
            Subject::TopicRecord => format!("{topic}-{}", record()?),
        })
    }

    /// Basic authentication, which is the only one there is here.
    pub(super) fn authorization(&self) -> Option<String> {
        Some(format!("Basic {}", base64(self.auth.as_ref()?.as_bytes())))
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let number = chunk.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        let number = number << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let at = (number >> (18 - 6 * digit)) as usize & 63;
            text.push(if digit > chunk.len() { '=' } else { char::from(DIGITS[at]) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Settings, Subject, base64};
    use crate::config::Config;
    use avro_rs::Schema;

    #[test]
    fn base64_is_that_of_everybody() {
        for (plain, coded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("fooba", "Zm9vYmE=")]
        {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn an_address_may_have_the_password_in_it() {
        let config = Config::new().set("avro.registry.url", "http://me:p@ss@host:8081/api/");
        let settings = Settings::of(&config).unwrap().unwrap();
        assert_eq!(settings.url, "http://host:8081/api");
        assert_eq!(settings.auth.as_deref(), Some("me:p@ss"));
    }

    #[test]
    fn subjects_are_named_by_one_of_three_strategies() {
        let named = Schema::parse_str(r#"{"type": "fixed", "name": "a.B", "size": 1}"#).unwrap();
        for (set, subject) in [("topic", "t-value"), ("record", "a.B"), ("topic-record", "t-a.B")] {
            let config = Config::new().set("avro.registry.url", "http://h").set("avro.registry.subject", set);
            let settings = Settings::of(&config).unwrap().unwrap();
            assert_eq!(settings.subject("t", &named).unwrap(), subject);
            assert_eq!(settings.subject("t", &Schema::Long).is_ok(), settings.subject == Subject::Topic);
        }
        let config = Config::new().set("avro.registry.url", "canary");
        assert!(!Settings::of(&config).err().unwrap().to_string().contains("canary"));
    }
}
