//! Durations and moments, in milliseconds.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A duration in milliseconds, or a moment counted from the start of a run on a monotonic clock.
///
/// Its arithmetic saturates: times out of a damaged record must not panic.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Ms(pub u64);

/// Text that is no duration, or too long; the message says what one looks like.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDuration {
    /// It is not written as one.
    #[error("`{}` is not a duration; {}", .0, way_out(.0))]
    NoDuration(String),
    /// It is longer than any may be.
    #[error("`{0}` is too long; the longest duration is a century, `{LONGEST_DURATION}`")]
    TooLong(String),
}

/// Says what to write instead of a text that is not a duration.
fn way_out(text: &str) -> String {
    match !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => format!("give it a unit: `{text}s` for seconds, `{text}m` for minutes"),
        false => "write numbers with units: `250ms`, `10s`, `10m`, `1h30m`, `7d`".to_owned(),
    }
}

/// The longest duration that can be written: additions to it stay in range.
pub const LONGEST_DURATION: &str = "36500d";

const LONGEST: Ms = Ms(36_500 * 86_400_000);

const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl Ms {
    /// Returns so many seconds.
    pub const fn secs(seconds: u64) -> Ms {
        Ms(seconds.saturating_mul(1000))
    }

    /// Returns the duration as the standard library's.
    pub fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl From<Duration> for Ms {
    fn from(duration: Duration) -> Ms {
        Ms(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }
}

impl Add for Ms {
    type Output = Ms;
    fn add(self, other: Ms) -> Ms {
        Ms(self.0.saturating_add(other.0))
    }
}

impl Sub for Ms {
    type Output = Ms;
    fn sub(self, other: Ms) -> Ms {
        Ms(self.0.saturating_sub(other.0))
    }
}

impl FromStr for Ms {
    type Err = BadDuration;

    /// Parses `1h30m`: whole numbers with units, the largest first, each unit once; `1.5s` for a
    /// lone number of seconds, minutes, hours or days.
    fn from_str(text: &str) -> Result<Ms, BadDuration> {
        match parse(text) {
            Some(duration) if duration <= LONGEST => Ok(duration),
            Some(_) => Err(BadDuration::TooLong(text.to_owned())),
            None => Err(BadDuration::NoDuration(text.to_owned())),
        }
    }
}

/// What is too long for a number becomes the largest one.
fn parse(text: &str) -> Option<Ms> {
    let mut rest = text;
    let mut total: u64 = 0;
    let mut smallest = u64::MAX;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
        if *factor >= smallest {
            return None;
        }
        smallest = *factor;
        let is_digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        let part = match number.split_once('.') {
            None if !is_digits(number) => return None,
            None => number.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(*factor),
            Some((whole, fraction)) => {
                let lone = digits + letters == text.len();
                if !lone || !is_digits(whole) || !is_digits(fraction) {
                    return None;
                }
                (number.parse::<f64>().ok()? * *factor as f64).round() as u64
            }
        };
        total = total.saturating_add(part);
        rest = after;
    }
    (!text.is_empty()).then_some(Ms(total))
}

impl fmt::Display for Ms {
    /// Writes the duration for people: `12 ms`, `1.2 s`, `2m10s`, `1h05m`, `3d04h`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0;
        let (seconds, minutes, hours) = (ms / 1000, ms / 60_000, ms / 3_600_000);
        match ms {
            0..1_000 => write!(f, "{ms} ms"),
            1_000..60_000 => write!(f, "{seconds}.{} s", ms % 1000 / 100),
            60_000..3_600_000 => write!(f, "{minutes}m{:02}s", seconds % 60),
            3_600_000..86_400_000 => write!(f, "{hours}h{:02}m", minutes % 60),
            _ => write!(f, "{}d{:02}h", hours / 24, hours % 24),
        }
    }
}

/// A moment on the wall clock: milliseconds since 1970, UTC; RFC 3339 on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wall(pub i64);

impl Wall {
    /// Returns the moment `after` this one.
    pub fn plus(self, after: Ms) -> Wall {
        Wall(self.0.saturating_add(i64::try_from(after.0).unwrap_or(i64::MAX)))
    }

    /// Returns the moment `before` this one.
    pub fn minus(self, before: Ms) -> Wall {
        Wall(self.0.saturating_sub(i64::try_from(before.0).unwrap_or(i64::MAX)))
    }

    /// Returns how long before `later` this moment was; zero where it was not.
    pub fn until(self, later: Wall) -> Ms {
        Ms(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0))
    }

    /// Returns the moment as a timestamp; the earliest or the latest one there is where it lies
    /// beyond them.
    pub fn timestamp(self) -> Timestamp {
        Timestamp::from_millisecond(self.0).unwrap_or(if self.0 < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        })
    }
}

impl From<std::time::SystemTime> for Wall {
    fn from(time: std::time::SystemTime) -> Wall {
        let since = time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Wall(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Wall {
    /// Writes RFC 3339 with milliseconds, in UTC: `2026-03-01T12:00:00.250Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.timestamp())
    }
}

impl Serialize for Wall {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Wall {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Wall, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let timestamp: Timestamp = text.parse().map_err(serde::de::Error::custom)?;
        Ok(Wall(timestamp.as_millisecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_units() {
        let good = [
            ("250ms", 250),
            ("10s", 10_000),
            ("1h30m", 5_400_000),
            ("7d", 604_800_000),
            ("1.5s", 1_500),
            ("0s", 0),
        ];
        for (text, ms) in good {
            assert_eq!(text.parse(), Ok(Ms(ms)), "{text}");
        }
        for bad in
            ["", "10", "s", "-1s", "1m1m", "1s1m", "1h1.5m", "1 s", ".s", "1.s", "9999999999999999"]
        {
            assert_eq!(bad.parse::<Ms>(), Err(BadDuration::NoDuration(bad.into())), "{bad}");
        }
        for long in ["9999999999999999d", "99999999999999999999h", "36500.5d", "36500d1ms"] {
            assert_eq!(long.parse::<Ms>(), Err(BadDuration::TooLong(long.into())), "{long}");
        }
        assert_eq!(LONGEST_DURATION.parse(), Ok(LONGEST));
    }

    #[test]
    fn durations_read_well() {
        let good = [
            (12, "12 ms"),
            (1_204, "1.2 s"),
            (130_000, "2m10s"),
            (3_900_000, "1h05m"),
            (273_600_000, "3d04h"),
        ];
        for (ms, text) in good {
            assert_eq!(Ms(ms).to_string(), text);
        }
    }

    #[test]
    fn moments_are_rfc_3339() {
        let moment = Wall(1_772_366_400_250);
        assert_eq!(moment.to_string(), "2026-03-01T12:00:00.250Z");
        let json = serde_json::to_string(&moment).expect("a moment is text");
        assert_eq!(serde_json::from_str::<Wall>(&json).expect("and back"), moment);
    }
}
