//! Durations, sizes and attempts, as other tools write them.

use super::super::fields::is_digits;
use super::super::tree::Node;
use super::{child, number, text};
use crate::model::{Ms, Size};

/// What other tools and people write for the units of a duration.
const UNITS: &[(&str, &[&str])] = &[
    ("ms", &["ms", "msec", "msecs", "millisecond", "milliseconds"]),
    ("s", &["s", "sec", "secs", "second", "seconds"]),
    ("m", &["m", "min", "mins", "minute", "minutes"]),
    ("h", &["h", "hr", "hrs", "hour", "hours"]),
    ("d", &["d", "day", "days"]),
];

/// Returns a duration that is written with spaces or long units as it is written here.
pub(crate) fn duration(text: &str) -> Option<String> {
    let mut written = String::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        let after = after.trim_start();
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let unit = unit.to_ascii_lowercase();
        let (unit, _) = UNITS.iter().find(|(_, names)| names.contains(&&*unit))?;
        written.push_str(number);
        written.push_str(unit);
        rest = after.trim_start_matches([' ', ',']);
    }
    written.parse::<Ms>().is_ok().then_some(written)
}

/// Returns a size with a short unit as it is written here: `8G` of others is 8 times 1024³ bytes, too.
pub(crate) fn size(text: &str) -> Option<String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).filter(|digits| *digits > 0)?;
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim().to_ascii_lowercase().as_str() {
        "k" | "kb" | "ki" | "kib" => "KiB",
        "m" | "mb" | "mi" | "mib" => "MiB",
        "g" | "gb" | "gi" | "gib" => "GiB",
        "t" | "tb" | "ti" | "tib" => "TiB",
        _ => return None,
    };
    let written = format!("{number}{unit}");
    written.parse::<Size>().is_ok().then_some(written)
}

/// Returns a number of seconds, or what is a duration already.
pub(super) fn seconds(node: &Node<'_>) -> Option<String> {
    in_unit(node.scalar()?, 1)
}

/// Returns a number in a unit of so many seconds as a duration.
fn in_unit(given: &str, unit: u64) -> Option<String> {
    let Ok(number) = given.parse::<f64>() else { return duration(given) };
    if is_digits(given) {
        return Some(format!("{given}{}", if unit == 60 { "m" } else { "s" }));
    }
    // Parts of a minute are no parts of ten, for people.
    let is_sound = number.is_finite() && (0.0..1e9).contains(&number);
    let seconds = number * unit as f64;
    match is_sound {
        true if unit == 60 && seconds.fract() == 0.0 && seconds >= 60.0 => {
            Some(format!("{}m{}s", seconds as u64 / 60, seconds as u64 % 60))
        }
        true => Some(format!("{seconds}s")),
        false => None,
    }
}

pub(super) fn timeout(name: &str, node: &Node<'_>) -> Option<String> {
    let given = node.scalar()?;
    let unit = if name.contains("min") { 60 } else { 1 };
    if given.contains("${{") {
        let given = text(given)?;
        let example = if unit == 60 { "10m" } else { "10s" };
        return Some(format!("write `timeout: {given}`, and its value with a unit: `{example}`"));
    }
    Some(format!("write `timeout: {}`", in_unit(given, unit)?))
}

pub(super) fn retry(node: &Node<'_>) -> Option<String> {
    if let Some(number) = number(node) {
        return Some(number.to_owned());
    }
    let of = |keys: &[&str]| keys.iter().find_map(|key| child(node, key)?.scalar());
    let max = of(&["max", "limit", "max_attempts", "attempts", "maximumAttempts"])?;
    let pause = of(&["interval_sec", "intervalSec", "delay", "interval", "wait"]);
    match pause.map(|pause| in_unit(pause, 1)) {
        _ if !is_digits(max) => None,
        Some(pause) => Some(format!("{{max: {max}, delay: {}}}", pause?)),
        None => Some(max.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_people_are_understood() {
        let check = |text, expected| assert_eq!(duration(text).as_deref(), expected, "{text}");
        check("1h 30m", Some("1h30m"));
        check("5min", Some("5m"));
        check("3sec", Some("3s"));
        check("300 ms", Some("300ms"));
        check("1 hour 30 minutes", Some("1h30m"));
        check("1 hour, 30 minutes", Some("1h30m"));
        check("1.5 h", Some("1.5h"));
        check("30m 1h", None);
        check("soon", None);
        check("5", None);
        check("", None);
    }

    #[test]
    fn sizes_of_others_are_understood() {
        let check = |text, expected| assert_eq!(size(text).as_deref(), expected, "{text}");
        check("8G", Some("8GiB"));
        check("512 mb", Some("512MiB"));
        check("4Gi", Some("4GiB"));
        check("G", None);
        check("8", None);
        check("8X", None);
    }

    #[test]
    fn numbers_get_their_unit() {
        let check = |text, unit, expected| {
            assert_eq!(in_unit(text, unit).as_deref(), Some(expected), "{text}");
        };
        check("10", 60, "10m");
        check("0.5", 60, "30s");
        check("10.5", 60, "10m30s");
        check("0.01", 60, "0.6s");
        check("1.5", 1, "1.5s");
        check("90", 1, "90s");
        check("2min", 1, "2m");
    }
}
