//! A whole process: its exit codes, and what signals do to it.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn start(what: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_exits"));
    command.arg(what).env("SLIPSTREAM_LOG", "error").stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Its exit code, what it printed, and what it said went wrong.
fn end(mut child: Child, limit: Duration) -> (Option<i32>, String, String) {
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if started.elapsed() > limit {
            let _ = child.kill();
            panic!("it has not ended within {limit:?}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let code = child.wait().unwrap().code();
    let (mut out, mut err) = (String::new(), String::new());
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut out).unwrap();
    }
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    (code, out, err)
}

/// Waits for its first line.
fn first_line(child: &mut Child) {
    let mut line = Vec::new();
    // Byte by byte, so that nothing of what follows is taken away.
    #[allow(clippy::unbuffered_bytes)]
    for byte in child.stdout.as_mut().unwrap().bytes() {
        match byte.unwrap() {
            b'\n' => return,
            byte => line.push(byte),
        }
    }
    panic!("it printed nothing");
}

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    assert!(Command::new("kill").args([name, id.as_str()]).status().unwrap().success());
}

const LONG: Duration = Duration::from_secs(8);

#[test]
fn exit_codes_say_whether_it_ended_failed_or_could_not_run() {
    let (code, out, err) = end(start("ends"), LONG);
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "stopped in order\n", ""));
    let (code, out, err) = end(start("fails"), LONG);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(
        err.contains("error: `fails` stopped at `fails.source` message 2 (handler): one is too many"),
        "{err}"
    );
    let last = err.lines().last().unwrap_or_default();
    assert_eq!(last.matches("one is too many").count(), 1, "{err}");
    assert!(!err.contains('\u{1b}'), "colours are for terminals: {err}");
    let (code, _, err) = end(start("lacks"), LONG);
    assert_eq!(code, Some(2));
    assert!(err.contains("State<u64>") && err.contains("exits.rs:"), "{err}");
}

#[test]
fn it_ends_quietly_when_nobody_reads_what_it_prints() {
    let mut child = start("prints");
    first_line(&mut child);
    drop(child.stdout.take());
    let (code, _, err) = end(child, LONG);
    assert_eq!((code, err.as_str()), (Some(0), ""));
}

#[test]
fn the_first_signal_drains_a_handler_that_sleeps() {
    for name in ["-INT", "-TERM"] {
        let mut child = start("sleeps");
        first_line(&mut child);
        signal(&child, name);
        let (code, out, err) = end(child, LONG);
        assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "done 0\nstopped in order\n", ""), "{name}");
    }
}

#[test]
fn the_second_signal_aborts() {
    let mut child = start("never-ends");
    first_line(&mut child);
    signal(&child, "-INT");
    std::thread::sleep(Duration::from_millis(200));
    assert!(child.try_wait().unwrap().is_none(), "the first one drains");
    signal(&child, "-INT");
    let (code, out, err) = end(child, LONG);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("error: the app was aborted"), "{err}");
}

#[test]
fn a_handler_that_blocks_its_thread_does_not_keep_the_process() {
    let mut child = start("blocks");
    first_line(&mut child);
    signal(&child, "-INT");
    std::thread::sleep(Duration::from_millis(100));
    signal(&child, "-TERM");
    let (code, ..) = end(child, LONG);
    assert_eq!(code, Some(1));
}

#[test]
fn the_second_signal_aborts_a_hook_that_hangs() {
    let mut child = start("hook-hangs");
    // It has ended by itself: its hook may take its time until somebody says otherwise.
    first_line(&mut child);
    first_line(&mut child);
    signal(&child, "-INT");
    std::thread::sleep(Duration::from_millis(200));
    assert!(child.try_wait().unwrap().is_none(), "the first one drains");
    signal(&child, "-INT");
    let (code, _, err) = end(child, LONG);
    assert_eq!(code, Some(1));
    assert!(err.contains("error: the app was aborted"), "{err}");
}

#[test]
fn a_signal_ends_the_process_when_no_app_runs_any_more() {
    for (name, ends_with) in [("-INT", 130), ("-TERM", 143)] {
        let mut child = start("goes-on");
        first_line(&mut child);
        first_line(&mut child);
        signal(&child, name);
        let (code, ..) = end(child, LONG);
        assert_eq!(code, Some(ends_with), "{name}");
    }
}
