//! What is sent where no handler names the topic.

use super::{Place, ended, outside};
use slipstream::prelude::*;
use slipstream::testing::Output;

static SENT: Topic<String, u64> = Topic::new("sent-unnamed").start(Start::Earliest).until_end();
static SEEN: Output<u64> = Output::new("seen unnamed");

#[handle(source = 0..3_u64)]
async fn sends_by_itself(n: u64) -> Result<()> {
    let receipt = SENT.send(("key".to_owned(), n)).await?;
    assert_eq!(receipt, None, "inside of a handler it goes out with the step");
    Ok(())
}

#[handle(source = SENT, sink = [SEEN])]
fn reads(n: u64) -> u64 {
    n
}

pub(crate) async fn an_app_whose_handlers_name_no_topic_sends_all_the_same(place: Place) {
    ended(place().handler(sends_by_itself)).await;
    let receipt = outside(&place, SENT.send(("key".to_owned(), 3))).await.expect("outside there is one");
    assert_eq!((receipt.partition, receipt.offset), (0, 3));
    assert_eq!(ended(place().handler(reads)).await.drain(&SEEN).unwrap(), [0, 1, 2, 3]);
}

static DRIED: Topic<String, u64> = Topic::new("dried").start(Start::Earliest).until_end();
static BURNT: Topic<String, u64> = Topic::new("burnt").dry();
static DRIED_SEEN: Output<u64> = Output::new("seen dried");

#[handle(source = 0..4_u64, sink = [DRIED, BURNT], on_error = dead_letter(&BURNT))]
async fn sends_dry(n: u64) -> Result<(String, u64)> {
    BURNT.send(("beside".to_owned(), n)).await?;
    if n == 3 { Err(Error::msg("three")) } else { Ok(("key".to_owned(), n)) }
}

#[handle(source = DRIED, sink = [DRIED_SEEN])]
fn reads_dried(n: u64) -> u64 {
    n
}

pub(crate) async fn nothing_goes_to_a_dry_topic_and_all_is_counted(place: Place) {
    let dry = |is: &str| Config::new().set("topic.dried.dry", is).set("topic.burnt.create.partitions", "2");
    for (is, went) in [("true", 0), ("false", 3)] {
        ended(place().config(dry("false")).handler(reads_dried)).await;
        let running = ended(place().config(dry(is)).handler(sends_dry)).await;
        for sink in ["DRIED", "BURNT"] {
            assert_eq!(running.report().sink("sends_dry", sink).delivered, 3);
        }
        assert_eq!(running.report().handler("sends_dry").dead, 1);
        drop(running);
        assert_eq!(ended(place().handler(reads_dried)).await.drain(&DRIED_SEEN).unwrap().len(), went);
    }
    // It was never made: so another number of partitions is none that does not fit.
    let app = place().config(Config::new().set("topic.burnt.create.partitions", "3")).handler(sends_dry);
    ended(app).await;
    let idle = place().config(dry("true")).start_idle().await.unwrap();
    assert_eq!(idle.scope(DRIED.send(("key".to_owned(), 9))).await.unwrap(), None);
    idle.stop().await.unwrap();
}

static TOLD: Topic<Option<String>, Option<u64>> = Topic::new("told").start(Start::Earliest).until_end();

#[handle(source = [1_u32, 2], sink = [TOLD])]
fn tells(n: u32) -> Record<Option<String>, Option<u64>> {
    let at = DateTime::from_timestamp(1_700_000_000 + i64::from(n), 5_000_000).unwrap();
    let key = (n == 1).then(|| "key".to_owned());
    Record::new(key, (n == 2).then_some(7))
        .header("by", "tells")
        .header("by", vec![0xff, 0])
        .header("empty", "")
        .at(at)
}

static TOLD_SEEN: Output<String> = Output::new("seen told");

#[handle(source = TOLD, sink = [TOLD_SEEN])]
fn hears(record: Record<Option<String>, Option<u64>>, headers: Headers, at: EventTime) -> String {
    let headers: Vec<_> = headers.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{:?} {:?} {} {}", record.key, record.value, headers.join(" "), at.0.timestamp_millis())
}

/// Headers of one name in order, also bytes that are no text; times to the millisecond; no key, and no value.
pub(crate) async fn what_describes_a_record_and_tombstones_arrive_as_they_were_sent(place: Place) {
    ended(place().handler(tells)).await;
    let headers = "by=[116, 101, 108, 108, 115] by=[255, 0] empty=[]";
    assert_eq!(
        ended(place().handler(hears)).await.drain(&TOLD_SEEN).unwrap(),
        [
            format!("Some(\"key\") None {headers} 1700000001005"),
            format!("None Some(7) {headers} 1700000002005"),
        ]
    );
}
