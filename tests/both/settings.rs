//! What settings say of topics: whether they are made, and with how many partitions.

use super::{Place, ended};
use slipstream::prelude::*;

static SHAPED: Topic<String, u64> = Topic::new("shaped").partitions(2);

#[handle(source = 0..20_u64, sink = [SHAPED])]
fn send(n: u64) -> (String, u64) {
    (n.to_string(), n)
}

pub(crate) async fn settings_say_whether_a_topic_is_made_and_how(place: Place) {
    let refused = async |name: &str, value: &str| {
        let app = place().config(Config::new().set(name, value)).handler(send);
        let error = app.start().await.err().expect("a setting is wrong");
        assert_eq!(error.exit_code(), 2);
        error.to_string()
    };
    let error = refused("topics.create", "false").await;
    assert!(error.contains("is not there, and `topics.create` is `false`: make it first"), "{error}");
    let error = refused("topics.create", "canary").await;
    assert!(error.contains("`topics.create` is `true` or `false`") && !error.contains("canary"), "{error}");
    let error = refused("topic.shaped.create.partitions", "canary").await;
    assert!(
        error.contains("`topic.shaped.create.partitions` is a number") && !error.contains("canary"),
        "{error}"
    );
    let by_settings = Config::new().set("topic.shaped.create.partitions", "3");
    ended(place().config(by_settings.clone()).handler(send)).await;
    // It is there now, and what the program says of it does not fit.
    let error = place().handler(send).start().await.err().expect("it has three").to_string();
    assert!(error.contains("has 3 partitions, and the program says 2"), "{error}");
    ended(place().config(by_settings.set("topics.create", "false")).handler(send)).await;
}
