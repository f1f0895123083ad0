//! A registry that answers wrongly, endlessly, or from elsewhere: no record is lost over it, and no password.

use super::registry::Registry;
use super::*;

/// A record that the registry is asked about; then the registry does something, and is well again.
async fn read_although(harm: impl FnOnce(&Registry)) {
    let (broker, registry) = (Broker::new(), Registry::start());
    ended(app(&broker, &registry).handler(measure)).await;
    harm(&registry);
    let with_password = Config::new().set("avro.registry.auth", "me:canary");
    let running = app(&broker, &registry).config(with_password).handler(see).start().await.unwrap();
    within(secs(15), running.wait()).await.unwrap();
    assert_eq!(running.drain(&SEEN).unwrap().len(), 2);
    assert_eq!(running.report().handler("see").dead, 0);
    let ids = registry.asked().iter().filter(|(line, _)| line == "GET /schemas/ids/1").count();
    assert_eq!(registry.asked().last().unwrap().1.as_deref(), Some("Basic bWU6Y2FuYXJ5"));
    assert_eq!(ids, 2, "it is asked again");
}

#[tokio::test]
async fn a_redirect_to_elsewhere_takes_no_password_along_and_no_answer_from_there() {
    let elsewhere = Registry::start();
    elsewhere.add(r#""long""#);
    read_although(|registry| {
        let to = format!("{}/schemas/ids/1", elsewhere.url());
        let head =
            format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        registry.answer(head.as_bytes());
    })
    .await;
    assert_eq!(elsewhere.asked(), []);
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_asked_for_again() {
    read_although(|registry| registry.answer(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"schema\": "))
        .await;
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_asked_for_again() {
    read_although(|registry| registry.slow_once(secs(60))).await;
}

#[tokio::test]
async fn a_schema_of_ten_megabytes_is_an_error_of_the_message() {
    let (broker, registry) = (Broker::new(), Registry::start());
    let id = registry.add(&format!(r#"{{"type": "long", "doc": "{}"}}"#, "x".repeat(10 << 20)));
    broker.write("weather", KEY, Some(&framed(id, &[0]))).await.unwrap();
    ended(app(&broker, &registry).handler(see)).await;
    let dead = broker.records(&DEAD).unwrap();
    let error = String::from_utf8_lossy(dead[0].headers().get("slipstream-error").unwrap()).into_owned();
    assert!(error.ends_with("the registry's answer has more than 8 MiB"), "{error}");
}

/// With another schema behind the id than it was written by, a record is read as that, or not at all.
#[tokio::test]
async fn another_schema_than_the_writers_does_no_harm() {
    let (broker, registry) = (Broker::new(), Registry::start());
    ended(app(&broker, &registry).handler(measure)).await;
    registry.fail(200, r#"{"id": 7, "schema": "\"bytes\""}"#, 1);
    ended(app(&broker, &registry).handler(see)).await;
    assert_eq!(broker.records(&DEAD).unwrap().len(), 2);
}

#[tokio::test]
async fn an_id_that_is_no_number_is_none() {
    let (broker, registry) = (Broker::new(), Registry::start());
    for id in ["-1", "4294967296", "\"1\"", "null"] {
        registry.fail(200, &format!(r#"{{"id": {id}}}"#), 1);
    }
    let running = ended(app(&broker, &registry).handler(measure).handler(see)).await;
    assert_eq!(running.drain(&SEEN).unwrap().len(), 2);
    let posts = registry.asked().iter().filter(|(line, _)| line.starts_with("POST ")).count();
    assert_eq!(posts, 5, "each is asked again");
}
