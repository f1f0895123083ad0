//! A registry behind `https`: its own authority is trusted by a setting, and everybody else is refused.

use super::registry::Registry;
use super::*;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivateKeyDer;
use std::io::Write as _;
use std::sync::Arc;

/// An authority of the test.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: tempfile::NamedTempFile,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(params.self_signed(&key).unwrap().pem().as_bytes()).unwrap();
        Authority { issuer: Issuer::new(params, key), file }
    }

    /// What a server of this name has to show, until the end of this year.
    fn server(&self, name: &str, until: i32) -> ServerConfig {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_after = date_time_ymd(until, 12, 31);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        builder.with_single_cert(vec![certificate.der().clone()], key).unwrap()
    }

    fn path(&self) -> String {
        self.file.path().to_string_lossy().into_owned()
    }
}

fn config(registry: &Registry, authority: Option<String>) -> Config {
    let config = Config::new()
        .set("avro.registry.url", format!("https://127.0.0.1:{}", registry.port))
        .set("avro.registry.auth", "me:canary");
    authority.into_iter().fold(config, |config, path| config.set("avro.registry.ca", path))
}

async fn refused(config: Config) -> String {
    let error = Broker::new().app().config(config).handler(see).start().await.err().unwrap();
    assert_eq!(error.exit_code(), 2);
    format!("{error}")
}

#[tokio::test]
async fn a_registry_with_an_authority_of_its_own_is_trusted_by_a_setting() {
    let authority = Authority::new();
    let registry = Registry::secure(authority.server("127.0.0.1", 4000));
    let broker = Broker::new();
    let app = broker.app().config(config(&registry, Some(authority.path())));
    let running = ended(app.handler(measure).handler(see)).await;
    assert_eq!(running.drain(&SEEN).unwrap(), [weather("Delft"), weather("Leiden")]);
    assert_eq!(registry.subjects(), ["weather-value"]);
}

/// All at once, since each is asked for some seconds whether it gets well.
#[tokio::test]
async fn a_registry_with_a_certificate_that_is_wrong_is_refused() {
    let (ours, other) = (Authority::new(), Authority::new());
    let right = Registry::secure(ours.server("127.0.0.1", 4000));
    let elsewhere = Registry::secure(ours.server("registry.example", 4000));
    let expired = Registry::secure(ours.server("127.0.0.1", 2000));
    let (mozillas, others, named, late) = tokio::join!(
        refused(config(&right, None)),
        refused(config(&right, Some(other.path()))),
        refused(config(&elsewhere, Some(ours.path()))),
        refused(config(&expired, Some(ours.path()))),
    );
    // The other authority is called the same.
    for (unknown, why) in [(mozillas, "UnknownIssuer"), (others, "BadSignature")] {
        assert!(unknown.contains(&format!("invalid peer certificate: {why}")), "{unknown}");
        assert!(
            unknown.contains("set `avro.registry.ca` to a file with the certificate of who has issued it"),
            "{unknown}"
        );
    }
    assert!(
        named.contains("invalid peer certificate: certificate not valid for name \"127.0.0.1\""),
        "{named}"
    );
    assert!(late.contains("invalid peer certificate: certificate expired"), "{late}");
    for registry in [right, elsewhere, expired] {
        assert_eq!(registry.asked(), [], "nobody was told the password");
    }
}

#[tokio::test]
async fn a_file_of_authorities_that_holds_none_is_found_at_the_start() {
    let registry = Registry::start();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_string_lossy().into_owned();
    let none = refused(config(&registry, Some(path.clone()))).await;
    assert!(
        none.contains("`avro.registry.ca` names a file of certificates in PEM, and that file holds none"),
        "{none}"
    );
    file.write_all(b"-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n").unwrap();
    let damaged = refused(config(&registry, Some(path))).await;
    assert!(damaged.contains("that file is damaged: "), "{damaged}");
    let lost = refused(config(&registry, Some("no/such.pem".to_owned()))).await;
    assert!(lost.contains("that file cannot be read: "), "{lost}");
    // It would protect nothing.
    let config = Config::new().set("avro.registry.url", registry.url()).set("avro.registry.ca", "ca.pem");
    let plain = refused(config).await;
    assert!(plain.contains("`avro.registry.url` that begins with `https`"), "{plain}");
}
