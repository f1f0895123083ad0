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
