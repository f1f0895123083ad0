//! The command line of `#[slipstream::main]`.
//!
//! It is read by hand: any setting's name is an option, which a parser with a list of options could not say, and what is
//! left are three words and three options. `cache`, `--only`, `--from` and `--dry-run` are to come, each as a line of
//! `COMMANDS` or of `parse`.

use crate::app::{Format, Question};
use crate::config::{Given, KNOWN, near};
use std::ffi::OsString;

/// What a command line says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) wanted: Wanted,
    pub(super) given: Given,
    /// The program's own.
    pub(super) words: Vec<String>,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Run,
    Answer(Question),
    Help,
}

const COMMANDS: [(&str, &str, Wanted); 3] = [
    ("run", "runs the handlers; what is done if no command is given", Wanted::Run),
    (
        "plan",
        "says how they are wired, without running them and without a broker",
        Wanted::Answer(Question::Plan(Format::Text)),
    ),
    (
        "check",
        "says whether they could run: names, settings, topics and state; asks the broker, changes nothing",
        Wanted::Answer(Question::Check),
    ),
];

/// Reads what stands behind the program's name. Words that are not ours are the program's, if it takes some.
pub(super) fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    takes_words: bool,
) -> Result<Line, String> {
    let mut line = Line { wanted: Wanted::Run, given: Given::default(), words: Vec::new() };
    let (mut format, mut is_first, mut was_setting) = (None, true, false);
    let mut arguments = arguments.into_iter().enumerate().map(|(at, argument)| {
        // What it is instead is not shown: it may be a secret.
        argument.into_string().map_err(|_| format!("argument {} is not UTF-8", at + 1))
    });
    while let Some(argument) = arguments.next() {
        let argument = argument?;
        let is_word_of_ours = std::mem::take(&mut is_first);
        let is_behind_a_setting = std::mem::take(&mut was_setting);
        if is_word_of_ours && let Some((.., wanted)) = COMMANDS.iter().find(|(word, ..)| *word == argument) {
            line.wanted = *wanted;
            continue;
        }
        match argument.as_str() {
            "--" if takes_words => {
                line.words.extend(arguments.by_ref().collect::<Result<Vec<_>, _>>()?);
                break;
            }
            "-h" | "--help" => {
                line.wanted = Wanted::Help;
                return Ok(line);
            }
            "--" => {
                return Err(
                    "this program takes no words of its own, so that nothing stands behind `--`".to_owned()
                );
            }
            _ => {}
        }
        let option = argument.strip_prefix("--").unwrap_or_default();
        let (name, value) =
            option.split_once('=').map_or((option, None), |(name, value)| (name, Some(value)));
        if !is_ours(name) {
            if !takes_words {
                // The word is its value, most likely, and a secret perhaps.
                let empty =
                    line.given.settings.last().filter(|(_, value)| is_behind_a_setting && value.is_empty());
                return Err(match empty {
                    Some((name, _)) => {
                        format!("a word follows `--{name}=`: write `--{name}=VALUE`, without a blank")
                    }
                    None => unknown(&argument, name),
                });
            }
            line.words.push(argument);
            continue;
        }
        let value = match value {
            Some(value) => value.to_owned(),
            None => match arguments.next().transpose()? {
                Some(value) if !value.starts_with("--") => value,
                _ => return Err(format!("the option `--{name}` needs a value: write `--{name}=VALUE`")),
            },
        };
        match name {
            "config" => line.given.file = Some(value.into()),
            "format" => format = Some(value),
            _ => {
                line.given.settings.push((name.to_owned(), value));
                was_setting = true;
            }
        }
    }
    match (format, &mut line.wanted) {
        (None, _) => {}
        (Some(word), Wanted::Answer(Question::Plan(format))) => {
            let known = Format::ALL.iter().find(|(known, _)| *known == word);
            *format = known.ok_or("`--format` is `text` or `mermaid`")?.1;
        }
        (Some(_), _) => return Err("`--format` goes with `plan`".to_owned()),
    }
    Ok(line)
}

/// Names of settings have dots; the others are listed.
fn is_ours(name: &str) -> bool {
    let is_setting = name.contains('.') && !name.starts_with('.') && !name.ends_with('.');
    is_setting || KNOWN.contains(&name) || ["config", "format"].contains(&name)
}

/// Of an option only the name is shown: what follows it may be a secret.
fn unknown(argument: &str, name: &str) -> String {
    let mut commands = COMMANDS.iter().map(|(word, ..)| *word);
    if commands.clone().any(|word| word == argument) {
        return format!("`{argument}` is a command, and a command is the first word");
    }
    let shown = argument.split('=').next().unwrap_or_default();
    let what = if shown.starts_with('-') {
        // Of `-xVALUE` the letter, as others read it.
        let short = shown.trim_start_matches('-').chars().take(1).collect();
        let is_short = !shown.starts_with("--") && !shown.contains('.');
        let rest = || shown.trim_start_matches('-').to_owned();
        let name = if !name.is_empty() {
            name.to_owned()
        } else if is_short {
            short
        } else {
            rest()
        };
        let name = format!("--{name}");
        let options = ["config", "format", "help"].into_iter().chain(KNOWN);
        let options: Vec<String> = options.map(|option| format!("--{option}")).collect();
        format!("there is no option {name:?}{}", near(&name, options.iter().map(String::as_str)))
    } else {
        format!("there is no command {shown:?}{}", near(shown, &mut commands))
    };
    let end = if what.ends_with('?') { " " } else { "; " };
    format!("{what}{end}`--help` says what there is")
}

/// The text of `--help`.
pub(super) fn help(program: &str, takes_words: bool) -> String {
    let words = if takes_words { " [WORD]..." } else { "" };
    let mut text = format!("Usage: {program} [COMMAND] [OPTION]...{words}\n\nCommands:\n");
    for (word, what, _) in COMMANDS {
        text += &format!("  {word:<16}  {what}\n");
    }
    text += "\nOptions:
  --NAME=VALUE      a setting, as `--app.id=quakes`; `--NAME.file=PATH` reads it from a file, for a secret
  --config FILE     the file of settings, instead of `slipstream.toml` in the working directory
  --format FORMAT   of `plan`: `text` or `mermaid`
  -h, --help        this text
";
    if takes_words {
        text += "\nOther words are the program's own; all behind `--` are.\n";
    }
    text += "\nThe command line counts before the environment (`SLIPSTREAM_APP_ID` is `app.id`), that before the file, and
that before what the program sets. The settings, which the documentation of `Config` explains:
";
    for name in KNOWN.into_iter().chain(["kafka.*", "topic.NAME.*"]) {
        text += &format!("  {name}\n");
    }
    text
}

#[cfg(test)]
mod tests;
