//! A second listener of our broker, beside the plain one: TLS with passwords, by SCRAM and PLAIN.

use crate::machine;
use anyhow::{Context, Result};
use std::path::Path;
use std::process::Command;

/// Who may log in; the tests know it too.
const USER: &str = "alice";
const PASSWORD: &str = "sesame-for-tests";
/// Of the file of keys, which is thrown away with the broker.
const STORE: &str = "slipstream";

/// What `kafka-storage format` is told, so that the user is there from the start.
pub(super) fn scram() -> [String; 2] {
    ["--add-scram".into(), format!("SCRAM-SHA-256=[name={USER},password={PASSWORD}]")]
}

/// Makes a certificate, and gives the settings of the listener. Tests find its address and whom to trust in `secure`.
pub(super) fn settings(data: &Path, port: u16) -> Result<Vec<(&'static str, String)>> {
    let (keys, certificate) = (data.join("keys.p12"), data.join("broker.pem"));
    let mut make = keytool("-genkeypair", &keys);
    make.args(["-keyalg", "RSA", "-keysize", "2048", "-validity", "30", "-dname", "CN=127.0.0.1"]);
    machine::output(make.args(["-ext", "SAN=ip:127.0.0.1", "-ext", "BC=ca:true"]))?;
    machine::output(keytool("-exportcert", &keys).arg("-rfc").arg("-file").arg(&certificate))?;
    let told = format!("127.0.0.1:{port}\n{}\n", certificate.display());
    std::fs::write(data.join("secure"), told).context("cannot write where the secure listener is")?;
    let plain = format!(
        "org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}=\"{PASSWORD}\";"
    );
    let scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
    Ok(vec![
        ("ssl.keystore.type", "PKCS12".into()),
        ("ssl.keystore.location", keys.display().to_string()),
        ("ssl.keystore.password", STORE.into()),
        ("sasl.enabled.mechanisms", "SCRAM-SHA-256,PLAIN".into()),
        ("listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config", scram.into()),
        ("listener.name.sasl_ssl.plain.sasl.jaas.config", plain),
    ])
}

fn keytool(what: &str, keys: &Path) -> Command {
    let mut keytool = Command::new("keytool");
    keytool
        .args([what, "-alias", "broker", "-storetype", "PKCS12", "-storepass", STORE, "-keystore"])
        .arg(keys);
    keytool
}

/// The address of the listener and the certificate to trust, of the broker whose data is here.
pub(super) fn told(data: &Path) -> Option<(String, String)> {
    let told = std::fs::read_to_string(data.join("secure")).ok()?;
    told.split_once('\n').map(|(address, certificate)| (address.to_owned(), certificate.trim().to_owned()))
}
