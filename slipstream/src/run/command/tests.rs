//! Command lines, right and wrong.

use super::{Given, Line, Wanted, help, parse};
use crate::app::{Format, Question};
use std::ffi::OsString;

fn line(arguments: &[&str]) -> Result<Line, String> {
    parse(arguments.iter().map(OsString::from), false)
}

fn with_words(arguments: &[&str]) -> Result<Line, String> {
    parse(arguments.iter().map(OsString::from), true)
}

fn words(arguments: &[&str]) -> Vec<String> {
    with_words(arguments).unwrap().words
}

#[test]
fn the_first_word_is_the_command_and_to_run_is_what_is_done_without() {
    let plan = |format| Wanted::Answer(Question::Plan(format));
    for (arguments, wanted) in [
        (&[][..], Wanted::Run),
        (&["run"], Wanted::Run),
        (&["plan"], plan(Format::Text)),
        (&["plan", "--format", "mermaid"], plan(Format::Mermaid)),
        (&["plan", "--format=text"], plan(Format::Text)),
        (&["check"], Wanted::Answer(Question::Check)),
        (&["check", "-h"], Wanted::Help),
        (&["--help", "--no.matter"], Wanted::Help),
    ] {
        assert_eq!(line(arguments).unwrap().wanted, wanted, "{arguments:?}");
    }
}

#[test]
fn any_setting_is_an_option_with_its_value_in_one_argument_or_two() {
    let read =
        line(&["check", "--app.id=a=b", "--config", "x.toml", "--topic.My Topic.name", "", "--log=off"]);
    let settings = [("app.id", "a=b"), ("topic.My Topic.name", ""), ("log", "off")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    assert_eq!(read.unwrap().given, Given { file: Some("x.toml".into()), settings });
    // A number below zero is a value.
    assert_eq!(line(&["--a.b", "-1"]).unwrap().given.settings, [("a.b".to_owned(), "-1".to_owned())]);
}

#[test]
fn what_is_wrong_is_named_without_any_value() {
    for (arguments, told) in [
        (&["pln"][..], "there is no command \"pln\", did you mean `plan`? `--help` says what there is"),
        (&["feed"], "there is no command \"feed\"; `--help` says what there is"),
        (&["plan", "run"], "`run` is a command, and a command is the first word"),
        (&["pl\nan"], "there is no command \"pl\\nan\", did you mean `plan`? `--help` says what there is"),
        (
            &["--confg=canary"],
            "there is no option \"--confg\", did you mean `--config`? `--help` says what there is",
        ),
        (
            &["-kafka.sasl.password=canary"],
            "there is no option \"--kafka.sasl.password\"; `--help` says what there is",
        ),
        (
            &["kafka.sasl.password=canary"],
            "there is no command \"kafka.sasl.password\"; `--help` says what there is",
        ),
        (
            &["--kafka.sasl.password=", "canary"],
            "a word follows `--kafka.sasl.password=`: write `--kafka.sasl.password=VALUE`, without a blank",
        ),
        (&["-zcanary"], "there is no option \"--z\"; `--help` says what there is"),
        (&["-x"], "there is no option \"--x\"; `--help` says what there is"),
        (&["--", "canary"], "this program takes no words of its own, so that nothing stands behind `--`"),
        (&["--.file=canary"], "there is no option \"--.file\"; `--help` says what there is"),
        (&["--app.id"], "the option `--app.id` needs a value: write `--app.id=VALUE`"),
        (&["--app.id", "--state.dir=canary"], "the option `--app.id` needs a value: write `--app.id=VALUE`"),
        (&["--format=mermaid"], "`--format` goes with `plan`"),
        (&["plan", "--format=canary"], "`--format` is `text` or `mermaid`"),
    ] {
        assert_eq!(line(arguments).unwrap_err(), told, "{arguments:?}");
    }
}

#[cfg(unix)]
#[test]
fn an_argument_that_is_no_text_is_told_by_its_number() {
    use std::os::unix::ffi::OsStringExt as _;
    let bytes = || OsString::from_vec(vec![b'-', b'-', 0xff]);
    for takes_words in [false, true] {
        let told = parse([OsString::from("plan"), bytes()], takes_words).unwrap_err();
        assert_eq!(told, "argument 2 is not UTF-8");
    }
    assert_eq!(parse([OsString::from("--"), bytes()], true).unwrap_err(), "argument 2 is not UTF-8");
}

#[test]
fn a_program_that_takes_words_has_all_that_are_not_ours() {
    assert_eq!(words(&["feed", "plan", "--fast", "-x"]), ["feed", "plan", "--fast", "-x"]);
    assert_eq!(words(&["run", "plan"]), ["plan"]);
    assert_eq!(words(&["feed", "--app.id=x", "--", "--app.id=y", "--"]), ["feed", "--app.id=y", "--"]);
    let read = with_words(&["plan", "feed", "--format", "mermaid"]).unwrap();
    assert_eq!(
        (read.words, read.wanted),
        (vec!["feed".to_owned()], Wanted::Answer(Question::Plan(Format::Mermaid)))
    );
}

#[test]
fn help_has_every_command_and_every_setting() {
    let text = help("quakes", true);
    for part in
        ["Usage: quakes [COMMAND] [OPTION]... [WORD]...", "run", "plan", "check", "--config", "state.on.loss"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!help("quakes", false).contains("WORD"));
}
