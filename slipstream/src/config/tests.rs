//! Layers against each other, and each kind of rubbish in each of them.

use super::process::{Given, of};
use super::{Config, KNOWN};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

const CANARY: &str = "canary-4711";

/// What a process was given: a file's text, variables, flags.
fn given(file: &str, variables: &[(&str, &str)], flags: &[(&str, &str)]) -> Config {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("slipstream.toml");
    std::fs::write(&path, file).unwrap();
    let variables = variables.iter().map(|(name, value)| (OsString::from(*name), OsString::from(*value)));
    let settings = flags.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    of(variables, Some(&Given { file: Some(path), settings }))
}

/// The same problems, with the file called as usual.
fn problems(config: &Config) -> String {
    let text = config.problems().join("\n");
    let words = text.split(' ').map(|word| match word.find("slipstream.toml") {
        Some(at) => &word[at..],
        None => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

fn secret(dir: &Path, bytes: &[u8]) -> String {
    let path = dir.join("secret");
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn debug_shows_no_value() {
    let config = given("app.id = \"canary\"", &[("SLIPSTREAM_LOG", "canary")], &[("state.dir", "canary")])
        .set("kafka.sasl.password", "canary");
    let shown = format!("{config:?}");
    assert!(
        shown.contains("state.dir") && shown.contains("sasl.password") && !shown.contains("canary"),
        "{shown}"
    );
}

#[test]
fn all_that_the_table_has_is_known() {
    let table = include_str!("mod.rs").lines().filter_map(|line| line.strip_prefix("/// | `"));
    let names: Vec<&str> = table.filter_map(|line| line.split('`').next()).collect();
    assert!(names.len() > KNOWN.len());
    let config = names.iter().fold(Config::new(), |config, name| config.set(name.replace("NAME", "a.b"), ""));
    assert_eq!(config.unknown(&["a.b"]), [""; 0]);
}

#[test]
fn what_nothing_reads_is_told_with_its_layer_and_what_is_near() {
    let variables = [
        ("SLIPSTREAM_STATE_DRI", ""),
        ("SLIPSTREAM_TOPIC_WORDS_NAME", ""),
        ("SLIPSTREAM_KAFKA_LINGER_MS", ""),
    ];
    let config = given("\n[topic.wrods]\nname = 1", &variables, &[("far.off", "")]);
    let told = config.set("comit.interval.ms", CANARY).unknown(&["words"]).join("\n");
    for part in [
        "`comit.interval.ms`, set by the program, is no setting, did you mean `commit.interval.ms`?",
        "slipstream.toml:3, is no setting, did you mean `topic.words.name`?",
        "`SLIPSTREAM_STATE_DRI`, set by the variable `SLIPSTREAM_STATE_DRI`, is no setting, did you mean \
         `SLIPSTREAM_STATE_DIR`?",
        "`far.off`, set by the flag `--far.off`, is no setting",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(told.lines().count() == 4 && !told.contains(CANARY), "{told}");
}

#[test]
fn what_main_and_the_file_are_named_by_is_known_in_the_environment() {
    let variables = [("SLIPSTREAM_LOG", "debug"), ("SLIPSTREAM_CONFIG", "elsewhere.toml")];
    assert_eq!(given("", &variables, &[]).unknown(&[]), [""; 0]);
}

#[test]
fn below_gives_the_rest_of_the_name_of_the_highest_layer() {
    let file = "[kafka]\nlinger.ms = 5\n\"client.id\" = \"file\"\nenable.idempotence = true";
    let config = given(file, &[("SLIPSTREAM_KAFKA_LINGER_MS", "6")], &[("kafka.client.id", "flag")]);
    let below = config.set("kafka.acks", "all").set("app.id", "x").below("kafka.");
    let expected =
        [("acks", "all"), ("client.id", "flag"), ("enable.idempotence", "true"), ("linger.ms", "6")];
    assert_eq!(below.iter().map(|(name, value)| (&**name, &**value)).collect::<Vec<_>>(), expected);
}

#[test]
fn each_layer_is_above_the_one_before_and_an_error_names_it() {
    let file = "[commit]\ninterval.ms = \"file\"";
    let variable = ("SLIPSTREAM_COMMIT_INTERVAL_MS", "variable");
    let flag = ("commit.interval.ms", "flag");
    for (config, value, place) in [
        (given("", &[], &[]), "program", "by the program"),
        (given(file, &[], &[]), "file", "slipstream.toml:2"),
        (given(file, &[variable], &[]), "variable", "by the variable `SLIPSTREAM_COMMIT_INTERVAL_MS`"),
        (given(file, &[variable], &[flag]), "flag", "by the flag `--commit.interval.ms`"),
    ] {
        let config = config.set("commit.interval.ms", "program");
        assert_eq!(config.get("commit.interval.ms"), Some(value));
        let text = config.millis("commit.interval.ms", 1).unwrap_err();
        assert!(text.starts_with("`commit.interval.ms` is a number of milliseconds; it is set "), "{text}");
        assert!(text.ends_with(place), "{text}");
        assert_eq!(problems(&config), "");
    }
}

#[test]
fn values_of_a_file_are_texts_numbers_and_truths() {
    let file = "topics.create = false\nstate.memory.mib = 1_024\nlog = '''de\nbug'''\n\
                [topic.\"a b\".create]\nmin.cleanable.dirty.ratio = 0.5\nx = 0x10\ny = -3";
    let config = given(file, &[], &[]);
    for (name, value) in [
        ("topics.create", "false"),
        ("state.memory.mib", "1024"),
        ("log", "de\nbug"),
        ("topic.a b.create.min.cleanable.dirty.ratio", "0.5"),
        ("topic.a b.create.x", "16"),
        ("topic.a b.create.y", "-3"),
    ] {
        assert_eq!(config.get(name), Some(value), "{name}");
    }
    assert_eq!(problems(&config), "");
}

#[test]
fn values_of_other_types_are_problems_with_their_line_unless_a_higher_layer_has_one() {
    let file = "[kafka]\nbootstrap.servers = [\"canary-4711\"]\n\n[app]\nid = 2026-11-01\n\
                [state]\nmemory.mib = 99999999999999999999999999999999999999999999999999";
    let told = problems(&given(file, &[], &[]));
    for part in [
        "`kafka.bootstrap.servers` is a text, a number, `true` or `false`; it is set in slipstream.toml:2",
        "`app.id` is a text, a number, `true` or `false`; it is set in slipstream.toml:5",
        "`state.memory.mib` is a number that is too large; it is set in slipstream.toml:7",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!told.contains(CANARY), "{told}");
    let above = [("SLIPSTREAM_APP_ID", "x"), ("SLIPSTREAM_STATE_MEMORY_MIB", "64")];
    let told = problems(&given(file, &above, &[("kafka.bootstrap.servers", "memory")]));
    assert_eq!(told, "");
}

#[test]
fn a_broken_file_is_one_problem_with_its_line_and_without_its_text() {
    for (file, line) in [
        ("\n[kafka]\nsasl.password = canary-4711", 3),
        ("[kafka\nsasl.password = \"canary-4711\"", 1),
        ("a = \"canary-4711", 1),
        ("a = 1\n\na = \"canary-4711\"", 3),
        ("a = 1\na.b = \"canary-4711\"", 2),
        ("[a]\n[a]\n", 2),
        ("\u{0}", 1),
    ] {
        let told = problems(&given(file, &[], &[]));
        assert!(told.starts_with(&format!("slipstream.toml:{line} is no TOML: ")), "{file:?}: {told}");
        assert!(!told.contains(CANARY) && told.lines().count() == 1, "{told}");
    }
}

#[test]
fn a_file_that_is_asked_for_must_be_there_and_be_a_file_of_text() {
    let dir = tempfile::tempdir().unwrap();
    let read = |path: PathBuf| {
        let given = Given { file: Some(path), settings: Vec::new() };
        of(std::iter::empty(), Some(&given)).problems().join("\n")
    };
    assert!(read(dir.path().join("none.toml")).contains("none.toml cannot be read: No such file"));
    assert!(read(dir.path().to_owned()).contains("cannot be read: Is a directory"));
    std::fs::write(dir.path().join("bytes"), [b'a', 0xff]).unwrap();
    assert!(read(dir.path().join("bytes")).ends_with("cannot be read: it is not UTF-8"));
    #[cfg(target_os = "linux")]
    assert!(read("/dev/zero".into()).contains("it has more than 1048576 bytes"));
    let variable = (OsString::from("SLIPSTREAM_CONFIG"), OsString::from("/no/such.toml"));
    assert!(of([variable].into_iter(), None).problems()[0].contains("/no/such.toml cannot be read"));
    // The one that nobody asked for may be missing.
    assert_eq!(of(std::iter::empty(), None).problems(), [""; 0]);
}

#[test]
fn a_secret_is_read_from_the_file_that_any_layer_names() {
    let dir = tempfile::tempdir().unwrap();
    for bytes in ["canary-4711", "canary-4711\n", "canary-4711\r\n"] {
        let path = secret(dir.path(), bytes.as_bytes());
        let file = format!("[kafka]\nsasl.password.file = {path:?}");
        for config in [
            given(&file, &[], &[]),
            given("", &[("SLIPSTREAM_KAFKA_SASL_PASSWORD_FILE", &path)], &[]),
            given("", &[], &[("kafka.sasl.password.file", &path)]),
            Config::new().set("kafka.sasl.password.file", &path),
        ] {
            assert_eq!(config.get("kafka.sasl.password"), Some(CANARY));
            assert_eq!(config.below("kafka.")["sasl.password"], CANARY);
            assert!(!format!("{config:?}").contains(CANARY) && config.problems().is_empty());
        }
    }
    // One end of a line, and no other space.
    let path = secret(dir.path(), b" a\n\n");
    assert_eq!(Config::new().set("app.id.file", path).get("app.id"), Some(" a\n"));
}

#[test]
fn a_secret_that_is_missing_empty_or_no_text_is_a_problem_unless_a_higher_layer_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("none").to_str().unwrap().to_owned();
    let folder = dir.path().to_str().unwrap().to_owned();
    let (empty, blank, bytes) = ("empty", "blank", "bytes");
    for (name, content) in [(empty, &b""[..]), (blank, b"\n"), (bytes, b"canary-4711\xff")] {
        std::fs::write(dir.path().join(name), content).unwrap();
    }
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    for (path, why) in [
        (missing, "which cannot be read: No such file"),
        (folder, "which cannot be read: Is a directory"),
        (at(empty), "which is empty"),
        (at(blank), "which is empty"),
        (at(bytes), "which cannot be read: it is not UTF-8"),
    ] {
        let variable = ("SLIPSTREAM_AVRO_REGISTRY_AUTH_FILE", &*path);
        let config = given("", &[variable], &[]);
        let told = problems(&config);
        assert!(told.starts_with("`SLIPSTREAM_AVRO_REGISTRY_AUTH` is in the file "), "{told}");
        assert!(
            told.contains(why) && told.contains("the variable `SLIPSTREAM_AVRO_REGISTRY_AUTH_FILE`"),
            "{told}"
        );
        assert!(!told.contains(CANARY) && config.get("avro.registry.auth").is_none(), "{told}");
        let config = given("", &[variable], &[("avro.registry.auth", "me:x")]);
        assert_eq!((config.get("avro.registry.auth"), &*problems(&config)), (Some("me:x"), ""));
    }
}

#[test]
fn a_layer_without_an_order_that_says_two_things_is_asked_to_leave_one() {
    let file = "a.b = \"canary-4711\"\n\"a.b\" = 2\n[c]\nd = 1\nd.file = \"/x\"";
    let told = problems(&given(file, &[], &[]));
    assert!(told.contains("is no TOML"), "{told}");
    let told = problems(&given("a.b = \"canary-4711\"\n\"a.b\" = 2\n", &[], &[]));
    assert!(told.contains("`a.b` has two values: leave one; it is set in slipstream.toml:"), "{told}");
    assert!(told.contains("slipstream.toml:1") && told.contains("slipstream.toml:2"), "{told}");
    let told = problems(&given("", &[("SLIPSTREAM_A", CANARY), ("SLIPSTREAM_A_FILE", "/x")], &[]));
    assert!(told.contains("`SLIPSTREAM_A` has two values") && !told.contains(CANARY), "{told}");
    // Of two flags the later one counts.
    assert_eq!(given("", &[], &[("a.b", "1"), ("a.b", "2")]).get("a.b"), Some("2"));
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_no_text_is_a_problem() {
    use std::os::unix::ffi::OsStringExt as _;
    let bytes = OsString::from_vec(vec![b'x', 0xff]);
    let config = of([("SLIPSTREAM_APP_ID".into(), bytes.clone()), (bytes.clone(), bytes)].into_iter(), None);
    let expected = "`SLIPSTREAM_APP_ID` is not UTF-8; it is set by the variable `SLIPSTREAM_APP_ID`";
    assert_eq!(config.problems(), [expected]);
}
