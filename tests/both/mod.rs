//! What holds of topics wherever they lie: `it` runs all of it over memory, `kafka` over a broker.

pub(crate) mod partitions;
pub(crate) mod sending;
pub(crate) mod settings;
pub(crate) mod start;

use slipstream::prelude::*;

/// The topics of these tests, by their names in the program.
#[allow(dead_code)] // only a broker's need names of their own
pub(crate) const TOPICS: [&str; 10] = [
    "from-offsets",
    "from-the-latest",
    "from-nowhere",
    "sent-unnamed",
    "parted",
    "parted-on",
    "shaped",
    "dried",
    "burnt",
    "told",
];

/// Makes apps over the same topics, in the same group, with the same state.
pub(crate) type Place = Box<dyn Fn() -> App + Send + Sync>;

/// One test for each, over the places that a function of the test's name gives, if there is any.
macro_rules! over {
    ($place:expr) => {
        $crate::both::over!(
            $place;
            start, an_offset_is_where_reading_starts_once;
            start, who_began_at_the_latest_and_has_seen_nothing_goes_on_there;
            partitions, each_partition_has_a_lane_and_a_pipe_of_its_own;
            partitions, a_partitions_pipe_holds_only_its_own_position_back;
            partitions, lanes_of_partitions_are_exact_over_aborts;
            partitions, a_lane_that_fails_drains_the_others_and_each_position_is_kept;
            settings, settings_say_whether_a_topic_is_made_and_how;
            sending, nothing_goes_to_a_dry_topic_and_all_is_counted;
            sending, what_describes_a_record_and_tombstones_arrive_as_they_were_sent;
            sending, an_app_whose_handlers_name_no_topic_sends_all_the_same
        );
    };
    ($place:expr; $($module:ident, $test:ident);+) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            let Some(place) = $place(stringify!($test)) else { return };
            $crate::both::$module::$test(place).await;
        })+
    };
}
pub(crate) use over;

/// Runs an app to its end, and checks its books.
pub(crate) async fn ended(app: App) -> Running {
    let running = app.start().await.unwrap();
    tokio::time::timeout(secs(60), running.wait()).await.expect("it ends in time").unwrap();
    running.assert_conserved();
    running
}

/// Sends from outside of any handler.
pub(crate) async fn outside<T>(place: &Place, sent: impl Future<Output = Result<T>>) -> T {
    let idle = place().start_idle().await.unwrap();
    let done = idle.scope(sent).await.unwrap();
    idle.stop().await.unwrap();
    done
}
