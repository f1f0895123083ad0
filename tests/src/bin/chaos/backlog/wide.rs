//! An app over very many partitions: fifty topics, each with a handler.

use super::config;
use crate::{app, say};
use slipstream::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

static READ: AtomicU64 = AtomicU64::new(0);

fn count(n: u64) {
    READ.fetch_add(n, Relaxed);
}

macro_rules! topics {
    ($($name:ident)*) => {
        pub(super) const TOPICS: &[&str] = &[$(stringify!($name)),*];

        $(mod $name {
            use super::*;

            static TOPIC: Topic<u64, u64> = Topic::new(stringify!($name)).start(Start::Earliest).until_end();

            #[handle(source = TOPIC, sink = [count])]
            pub(super) fn $name(n: u64) -> u64 {
                n
            }
        })*

        fn handled(app: App) -> App {
            app$(.handler($name::$name))*
        }
    };
}

topics! {
    t00 t01 t02 t03 t04 t05 t06 t07 t08 t09 t10 t11 t12 t13 t14 t15 t16 t17 t18 t19 t20 t21 t22 t23 t24
    t25 t26 t27 t28 t29 t30 t31 t32 t33 t34 t35 t36 t37 t38 t39 t40 t41 t42 t43 t44 t45 t46 t47 t48 t49
}

/// Reads all topics to their ends: one record of each partition.
pub(super) async fn run(servers: &str, prefix: &str, dir: &str, settings: &[&str]) -> Result<()> {
    let mut config = config(servers, prefix, settings)?;
    for topic in TOPICS {
        config = config.set(format!("topic.{topic}.name"), format!("{prefix}-{topic}"));
    }
    let begun = Instant::now();
    let running = handled(app(dir).config(config)).start().await?;
    let started = begun.elapsed();
    running.wait().await?;
    running.assert_conserved();
    let (read, took) = (READ.load(Relaxed), begun.elapsed());
    say(&format!("read {read} started {} took {}", started.as_millis(), took.as_millis()));
    Ok(())
}
