//! The command line of a program: what it is asked, what it answers, and that it then does nothing else.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

const PLAN: &str = include_str!("commands/plan.txt");
const MERMAID: &str = include_str!("commands/plan.mmd");

/// A run in a directory of its own.
struct Run {
    dir: tempfile::TempDir,
    command: Command,
}

fn wired<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Run {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_wired"));
    // Whatever the tests themselves are given.
    let given = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SLIPSTREAM_"));
    given.for_each(|(name, _)| drop(command.env_remove(name)));
    command.args(arguments).current_dir(dir.path()).env("SLIPSTREAM_LOG", "error");
    Run { dir, command }
}

impl Run {
    fn file(self, name: &str, text: &str) -> Self {
        std::fs::write(self.dir.path().join(name), text).unwrap();
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Its exit code, what it printed, and what it said went wrong.
    fn end(mut self) -> (Option<i32>, String, String) {
        let output = self.command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    /// What it printed, when all was well and it has left nothing behind.
    fn prints(self) -> String {
        let Run { dir, mut command } = self;
        let before = files(dir.path());
        let output = command.output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), err.as_str()), (Some(0), ""));
        assert_eq!(files(dir.path()), before, "it has left something");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What it said when it could not run.
    fn refuses(self) -> String {
        let (code, out, err) = self.end();
        assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
        err
    }
}

fn files(dir: &Path) -> Vec<std::ffi::OsString> {
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().file_name()).collect();
    files.sort();
    files
}

#[test]
fn a_plan_is_the_same_each_time_without_a_broker() {
    for _ in 0..2 {
        assert_eq!(wired(["plan"]).prints(), PLAN);
        assert_eq!(wired(["plan", "--format", "mermaid"]).prints(), MERMAID);
    }
    // Not even one that is set is asked, and no state is opened.
    let away = wired(["plan", "--kafka.bootstrap.servers=localhost:1", "--state.dir=/no/such"]);
    assert_eq!(away.prints(), PLAN);
}

#[test]
fn a_plan_has_what_the_program_chose_and_says_what_topics_are_called_elsewhere() {
    let text = wired(["plan", "again", "--topic.quakes.name=there", "--app.id=other"]).prints();
    assert!(text.starts_with("app other\n\nhandler again, "), "{text}");
    assert!(
        !text.contains("handler feed") && text.contains("quakes: called \"there\" on the broker"),
        "{text}"
    );
}

#[test]
fn handlers_by_hand_are_looked_at_and_do_not_run_either() {
    let text = wired(["plan", "by-hand"]).prints();
    assert!(text.contains("handler again") && !text.contains("it ran"), "{text}");
    let memory = "--kafka.bootstrap.servers=memory";
    assert_eq!(wired(["check", "by-hand", memory]).prints(), "it can run: 1 handler\n");
    assert_eq!(wired(["check", "again", memory]).prints(), "it can run: 1 handler\n");
    assert_eq!(wired(["run", "again", memory]).prints(), "it ran\n");
    assert_eq!(wired(["again", memory]).prints(), "it ran\n");
}

#[test]
fn what_cannot_be_drawn_is_a_problem() {
    let text = wired(["plan", "none"]).refuses();
    assert!(text.contains("the app was given no handlers"), "{text}");
    let text = wired(["plan", "misspelt"]).refuses();
    assert!(text.contains("there is no handler `cuont` to choose"), "{text}");
    let text = wired(["plan", "settings"]).end();
    assert_eq!(text.0, Some(2));
    assert!(text.2.contains("the program has started no app"), "{}", text.2);
    // What the app lacks is no part of the picture.
    assert_eq!(wired(["plan", "without"]).prints(), PLAN);
}

#[test]
fn a_check_says_all_that_is_wrong_and_changes_nothing() {
    assert_eq!(wired(["check", "--kafka.bootstrap.servers=memory"]).prints(), "it can run: 6 handlers\n");
    let text = wired(["check", "without", "--commit.interval.ms", "soon"]).refuses();
    for part in [
        "for 3 reasons",
        "State<u64>",
        "`kafka.bootstrap.servers` is not set",
        "`commit.interval.ms` is a number of milliseconds; it is set by the flag `--commit.interval.ms`",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_state_that_another_process_has_is_said_by_check_and_one_that_was_left_is_free() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state/x");
    std::fs::create_dir_all(&state).unwrap();
    let held = std::fs::File::create(state.join("LOCK")).unwrap();
    held.lock().unwrap();
    let app = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_exits"));
        command.args(["check", "keeps", "--app.id=x"]).current_dir(dir.path()).output().unwrap()
    };
    let output = app();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("state/x is in use by another process"), "{text}");
    drop(held);
    assert_eq!(app().status.code(), Some(0));
}

#[test]
fn the_layers_are_above_each_other_and_the_command_line_is_the_highest() {
    let file = "[app]\nid = \"file\"";
    let id = |run: Run| run.prints();
    assert_eq!(id(wired(["settings"])), "Some(\"program\")\n");
    assert_eq!(id(wired(["settings"]).file("slipstream.toml", file)), "Some(\"file\")\n");
    let both = |run: Run| run.file("slipstream.toml", file).env("SLIPSTREAM_APP_ID", "environment");
    assert_eq!(id(both(wired(["settings"]))), "Some(\"environment\")\n");
    assert_eq!(id(both(wired(["settings", "--app.id=flag"]))), "Some(\"flag\")\n");
    let other = wired(["settings", "--config", "other.toml"]).file("other.toml", "app.id = \"other\"");
    assert_eq!(id(other.file("slipstream.toml", file)), "Some(\"other\")\n");
    let other = wired(["settings"]).env("SLIPSTREAM_CONFIG", "other.toml");
    assert_eq!(id(other.file("other.toml", "app.id = \"named\"")), "Some(\"named\")\n");
}

#[test]
fn what_is_wrong_with_the_file_stops_the_start_with_its_line_and_without_its_text() {
    let text = wired(["again"]).file("slipstream.toml", "\n[kafka]\nsasl.password = canary").refuses();
    assert!(text.contains("slipstream.toml:3 is no TOML") && !text.contains("canary"), "{text}");
    let file = "[kafka]\nbootstrap.servers = \"memory\"\n[state]\nmemory.mib = \"canary\"";
    let text = wired(["again"]).file("slipstream.toml", file).refuses();
    assert!(text.contains("it is set in slipstream.toml:4") && !text.contains("canary"), "{text}");
    let run = wired(["again"]);
    std::fs::create_dir(run.dir.path().join("slipstream.toml")).unwrap();
    let text = run.refuses();
    assert!(text.contains("slipstream.toml cannot be read: Is a directory"), "{text}");
    let text = wired(["again", "--config=none.toml"]).refuses();
    assert!(text.contains("none.toml cannot be read: No such file"), "{text}");
}

#[test]
fn a_secret_is_in_no_log_and_no_error() {
    for level in ["trace", "error"] {
        let run = wired(["again", "--kafka.bootstrap.servers=memory", "--avro.registry.auth.file=auth"]);
        let run = run.file("auth", "canary\n").env("SLIPSTREAM_LOG", level);
        let (code, out, err) = run.env("SLIPSTREAM_KAFKA_SASL_PASSWORD_FILE", "auth").end();
        assert_eq!((code, out.as_str()), (Some(0), "it ran\n"), "{err}");
        assert!(!err.contains("canary"), "{err}");
    }
    let run = wired(["again"]).env("SLIPSTREAM_KAFKA_SASL_PASSWORD_FILE", "none");
    let text = run.refuses();
    let place = "set by the variable `SLIPSTREAM_KAFKA_SASL_PASSWORD_FILE`";
    assert!(text.contains("is in the file \"none\", which cannot be read") && text.contains(place), "{text}");
}

#[test]
fn what_nothing_reads_is_warned_about_with_its_place() {
    let run = wired(["again"]).file("slipstream.toml", "kafka.bootstrap.servers = \"memory\"\nstate.dri = 1");
    let (code, _, err) = run.env("SLIPSTREAM_LOG", "warn").end();
    assert_eq!(code, Some(0));
    let told = "`state.dri`, set in slipstream.toml:2, is no setting, did you mean `state.dir`?";
    assert!(err.contains(told) && err.lines().count() == 1, "{err}");
}

#[test]
fn what_is_logged_is_a_setting_of_every_layer() {
    let run = |arguments: &[&str]| {
        let mut run = wired(arguments);
        run.command.env_remove("SLIPSTREAM_LOG").env_remove("RUST_LOG");
        run.file("slipstream.toml", "log = \"off\"\nkafka.bootstrap.servers = \"memory\"").end()
    };
    assert_eq!(run(&["again"]).2, "");
    assert!(run(&["again", "--log=info"]).2.contains("topics are in memory"));
}

#[test]
fn a_command_line_that_is_wrong_is_refused_before_anything_runs() {
    let exits =
        |arguments: &[&str]| Command::new(env!("CARGO_BIN_EXE_handles")).args(arguments).output().unwrap();
    for (arguments, told) in [
        (
            &["pln"][..],
            "error: there is no command \"pln\", did you mean `plan`? `--help` says what there is\n",
        ),
        (&["run", "--app.id"], "error: the option `--app.id` needs a value: write `--app.id=VALUE`\n"),
        (&["plan", "--format=json"], "error: `--format` is `text` or `mermaid`\n"),
    ] {
        let output = exits(arguments);
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &b""[..]));
        assert_eq!(String::from_utf8(output.stderr).unwrap(), told);
    }
    let output = exits(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("Usage: handles [COMMAND] [OPTION]...\n"));
}

#[cfg(unix)]
#[test]
fn an_argument_that_is_no_text_is_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    let text = wired([OsStr::new("plan"), OsStr::from_bytes(b"--app.id=\xff")]).refuses();
    assert_eq!(text, "error: argument 2 is not UTF-8\n");
}
