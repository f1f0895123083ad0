//! What cannot be read, handled or sent: where the app stops by default, and what a changed policy then does.

use super::app;
use slipstream::prelude::*;
use slipstream::testing::Output;

static PILLS: Topic<String, Vec<u8>, Raw> = Topic::new("words").partitions(1);
static WORDS: Topic<String, String> = Topic::new("words").start(Start::Earliest).until_end();
static SIZES: Topic<String, String> = Topic::new("totals").partitions(1);
static DEAD: Topic<String, Vec<u8>, Raw> = Topic::new("dead").start(Start::Earliest).until_end();
static READ: Output<String> = Output::new("read");
static BURIED: Output<usize> = Output::new("buried");

#[handle(source = WORDS, sink = [READ])]
fn read(word: String) -> String {
    word
}

#[handle(source = WORDS, sink = [READ], name = "read", on_error = skip)]
fn read_on(word: String) -> String {
    word
}

#[handle(source = WORDS, sink = [READ], on_error = dead_letter(&DEAD))]
fn bury(word: String) -> String {
    word
}

#[handle(source = WORDS, sink = [SIZES], on_error = dead_letter(&DEAD))]
fn swell(word: String) -> (String, String) {
    (word.clone(), word.repeat(1_000_000))
}

#[handle(source = DEAD, sink = [BURIED])]
fn exhume(letter: Record<String, Vec<u8>>) -> usize {
    letter.value.len()
}

#[handle(source = [0_u8; 0], sink = [PILLS])]
fn nothing(_: u8) -> Option<(String, Vec<u8>)> {
    None
}

/// Fills the topic with these bytes, in one partition.
async fn fill(app: App, pills: Vec<Vec<u8>>) {
    let send = async move || {
        for pill in &pills {
            PILLS.send(("key".to_owned(), pill.clone())).await?;
        }
        Ok(())
    };
    let roomy = Config::new().set("kafka.message.max.bytes", "2000000");
    app.config(roomy).handler(nothing).on_start(send).run().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_names_the_place_and_a_changed_policy_goes_on_behind_it() {
    let Some((filler, config)) = app("stops") else { return };
    fill(filler, vec![b"\"a\"".to_vec(), b"{".to_vec(), b"\"b\"".to_vec()]).await;
    let again = || App::new().config(config.clone());
    for (run, read_before) in [(1, vec!["a"]), (2, vec![])] {
        let running = again().handler(read).start().await.unwrap();
        let error = running.wait().await.unwrap_err();
        let text = error.to_string();
        assert_eq!((error.kind(), error.exit_code()), (slipstream::ErrorKind::Stopped, 1), "{text}");
        for told in ["`words` partition 0 offset 1", "(source)", "`on_error = skip`"] {
            assert!(text.contains(told), "run {run}: {told} is not in: {text}");
        }
        assert_eq!(running.drain(&READ).unwrap(), read_before, "run {run}");
    }
    let running = again().handler(read_on).start().await.unwrap();
    running.wait().await.unwrap();
    assert_eq!(running.drain(&READ).unwrap(), ["b"]);
    assert_eq!(running.report().handler("read").skipped, 1);
    drop(running);
    // The verdict was committed: whatever the policy is from here on, the record is behind it.
    let running = again().handler(read).start().await.unwrap();
    running.wait().await.unwrap();
    assert!(running.drain(&READ).unwrap().is_empty());
}

/// What a broker takes by default, in one record; librdkafka's own default is less.
const TAKEN: usize = 1_047_000;

#[tokio::test(flavor = "multi_thread")]
async fn what_could_be_read_can_be_buried_however_large_it_is() {
    let Some((filler, config)) = app("large") else { return };
    fill(filler, vec![vec![b'{'; TAKEN]]).await;
    let running = App::new().config(config).handler(bury).handler(exhume).start().await.unwrap();
    running.wait().await.unwrap();
    assert_eq!(running.drain(&BURIED).unwrap(), [TAKEN]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_is_too_large_stops_the_app_and_says_of_which_record() {
    let Some((filler, config)) = app("larger") else { return };
    fill(filler, vec![b"{".to_vec(), vec![b'{'; TAKEN + 1_300]]).await;
    let running = App::new().config(config).handler(bury).start().await.unwrap();
    let text = running.wait().await.unwrap_err().to_string();
    for told in ["`words` partition 0 offset 1", "max.message.bytes", "kafka.message.max.bytes"] {
        assert!(text.contains(told), "{told} is not in: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_is_too_large_is_a_sink_that_fails() {
    let Some((filler, config)) = app("swells") else { return };
    fill(filler, vec![b"\"ab\"".to_vec(), b"\"\"".to_vec()]).await;
    let running = App::new().config(config).handler(swell).handler(exhume).start().await.unwrap();
    running.wait().await.unwrap();
    assert_eq!(running.drain(&BURIED).unwrap(), [4]);
    let counts = running.report().handler("swell");
    assert_eq!((counts.dead, counts.done), (1, 1));
    running.assert_conserved();
}
