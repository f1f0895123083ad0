//! Timer: the local time each second, until it is told to end.

use super::example::Example;
use anyhow::{Context, Result, bail};
use std::time::{Duration, SystemTime};

pub(super) fn ticks() -> Result<()> {
    // Started in the middle of a second, it ticks there: a beat on the very edge could show 0 or 2 seconds.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.subsec_millis();
    std::thread::sleep(Duration::from_millis(u64::from((1400 - now) % 1000)));
    let mut timer = Example::new("timer")?.start()?;
    timer.wait_for_lines(3, Duration::from_millis(4500));
    let ended = timer.terminate()?;
    ended.with_code(0)?;
    if ended.lines.len() < 3 {
        bail!("three ticks take three seconds, but after 4.5 s it had printed {:?}", ended.lines);
    }
    let times = ended.lines.iter().map(|line| seconds(line)).collect::<Result<Vec<_>>>()?;
    if times.windows(2).any(|pair| pair[1] != (pair[0] + 1) % 86_400) {
        bail!("each line should be one second after the one before, but it printed {:?}", ended.lines);
    }
    Ok(())
}

/// `HH:MM:SS` as a second of the day.
pub(super) fn seconds(line: &str) -> Result<u32> {
    let parts: Vec<&str> = line.split(':').collect();
    let number = |part: &str, below: u32| {
        let number = part.parse::<u32>().ok().filter(|number| part.len() == 2 && *number < below);
        number.with_context(|| format!("`{line}` is not a time as HH:MM:SS"))
    };
    match parts[..] {
        [h, m, s] => Ok((number(h, 24)? * 60 + number(m, 60)?) * 60 + number(s, 60)?),
        _ => bail!("`{line}` is not a time as HH:MM:SS"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_a_time_of_day_is_taken() {
        assert_eq!(super::seconds("23:59:59").ok(), Some(86_399));
        for bad in ["24:00:00", "1:00:00", "12:00", "12:00:0x", ""] {
            assert!(super::seconds(bad).is_err(), "{bad}");
        }
    }
}
