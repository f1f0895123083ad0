//! The two builds that tests and recipes share: each other set of packages or features would be one more build of
//! everything, since cargo joins the features of what is built together.

/// What most users build: no librdkafka. Without the tests package, whose own features would be joined in.
pub(crate) const DEFAULT: &[&str] =
    &["-p", "slipstream-rs", "-p", "slipstream-macros", "-p", "examples", "-p", "examples-net"];
/// Everything, with topics on a broker and values in Avro.
pub(crate) const KAFKA: &[&str] = &["--workspace", "--features", "kafka,avro"];
