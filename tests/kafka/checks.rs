//! `check` asks the broker, and changes nothing there; and what librdkafka refuses is told with its layer.

use std::process::Command;

/// A program's exit code, and what it said on both outputs.
fn wired(dir: &tempfile::TempDir, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wired"));
    command.args(arguments).current_dir(dir.path()).env("SLIPSTREAM_LOG", "error");
    let output = command.output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code(), told)
}

#[test]
fn a_check_asks_for_topics_and_makes_none() {
    let Ok(servers) = std::env::var("SLIPSTREAM_TEST_KAFKA") else {
        eprintln!("left out: SLIPSTREAM_TEST_KAFKA is not set");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let unique = dir.path().file_name().unwrap().to_string_lossy().replace('.', "-");
    let file = format!(
        "app.id = \"{unique}\"\n[kafka]\nbootstrap.servers = \"{servers}\"\n[topic.quakes]\nname = \"{unique}\"\n"
    );
    std::fs::write(dir.path().join("slipstream.toml"), file).unwrap();
    for _ in 0..2 {
        assert_eq!(wired(&dir, &["check", "again"]), (Some(0), "it can run: 1 handler\n".to_owned()));
    }
    let (code, told) = wired(&dir, &["check", "again", "--topics.create=false"]);
    assert!(code == Some(2) && told.contains(&format!("the topic `{unique}` is not there")), "{told}");
    assert!(!dir.path().join("state").exists(), "a check keeps nothing");
    assert_eq!(wired(&dir, &["again", "--topic.quakes.create.partitions=3"]).0, Some(0));
    let (code, told) = wired(&dir, &["check", "again"]);
    assert!(code == Some(2) && told.contains("has 3 partitions, and the program says 2"), "{told}");
}

#[test]
fn a_check_does_not_wait_for_a_broker_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let (code, told) = wired(&dir, &["check", "again", "--kafka.bootstrap.servers=localhost:1"]);
    let place = "; it is set by the flag `--kafka.bootstrap.servers`";
    assert!(
        code == Some(2) && told.contains("no broker has answered within 20 s") && told.contains(place),
        "{told}"
    );
}

#[test]
fn what_librdkafka_refuses_is_told_with_its_layer() {
    let dir = tempfile::tempdir().unwrap();
    let file =
        "[kafka]\nbootstrap.servers = \"localhost:1\"\nacks = \"canary\"\n[topic.quakes]\nlinger.mss = 1\n";
    std::fs::write(dir.path().join("slipstream.toml"), file).unwrap();
    let (code, told) = wired(&dir, &["check", "again"]);
    assert!(code == Some(2) && told.contains("`linger.mss` of the topic `quakes`"), "{told}");
    assert!(told.contains("; it is set in slipstream.toml:5"), "{told}");
    std::fs::write(dir.path().join("slipstream.toml"), &file[..file.find("[topic").unwrap()]).unwrap();
    let (code, told) = wired(&dir, &["check", "again"]);
    assert!(
        code == Some(2) && told.contains("the Kafka setting `acks` has a value that librdkafka"),
        "{told}"
    );
    assert!(told.contains("; it is set in slipstream.toml:3") && !told.contains("canary"), "{told}");
    let (code, told) = wired(&dir, &["check", "again", "--kafka.acks=all", "--kafka.linger.ms", "soon"]);
    assert!(code == Some(2) && told.contains("; it is set by the flag `--kafka.linger.ms`"), "{told}");
}
