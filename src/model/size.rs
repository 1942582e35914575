//! Sizes in bytes, always written with a unit.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A number of bytes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Size(pub u64);

/// Text that is no size, or too large; the message says what one looks like.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSize {
    /// It is not written as one.
    #[error("`{0}` is not a size; write a number with a unit: `64KiB`, `20MiB`, `1GiB`, `500B`")]
    NoSize(String),
    /// It is larger than any can be.
    #[error("`{0}` is too large; the largest size is `{LARGEST_SIZE}`")]
    TooLarge(String),
}

/// The largest size, in its largest unit.
pub const LARGEST_SIZE: &str = "16777215TiB";

/// The most digits after a point: those of no sensible size are more.
const LONGEST_PART: usize = 12;

const UNITS: [(&str, u64); 8] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
];

impl FromStr for Size {
    type Err = BadSize;

    fn from_str(text: &str) -> Result<Size, BadSize> {
        let bad = || BadSize::NoSize(text.to_owned());
        let (digits, unit) = UNITS
            .iter()
            .find_map(|(name, bytes)| text.strip_suffix(name).map(|digits| (digits, *bytes)))
            .ok_or_else(bad)?;
        let digits = digits.trim_end();
        let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
        let is_number =
            |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || !is_number(part) || part.len() > LONGEST_PART {
            return Err(bad());
        }
        // `1.5GiB` is a whole number of bytes; `1.5B` and `0.0001kB` are none.
        let parts = part.parse::<u128>().map_err(|_| bad())? * u128::from(unit);
        let bytes_in = 10_u128.pow(part.len() as u32);
        if parts % bytes_in != 0 {
            return Err(bad());
        }
        let size = whole.parse().ok().and_then(|count: u64| count.checked_mul(unit));
        let size = size.and_then(|size| size.checked_add(u64::try_from(parts / bytes_in).ok()?));
        size.map(Size).ok_or_else(|| BadSize::TooLarge(text.to_owned()))
    }
}

impl fmt::Display for Size {
    /// Writes the size for people: `812 B`, `3.9 GiB`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut value = self.0 as f64;
        for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
            if value < 1024.0 || unit == "TiB" {
                return if unit == "B" {
                    write!(f, "{} B", self.0)
                } else {
                    write!(f, "{value:.1} {unit}")
                };
            }
            value /= 1024.0;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_need_a_unit() {
        assert_eq!("20MiB".parse(), Ok(Size(20 << 20)));
        assert_eq!("500B".parse(), Ok(Size(500)));
        assert_eq!("1kB".parse(), Ok(Size(1000)));
        assert_eq!("1.5GiB".parse(), Ok(Size(3 << 29)));
        assert_eq!("0.25KiB".parse(), Ok(Size(256)));
        for bad in ["20", "MiB", "-1B", "1.5B", "1.0001KiB", "1.GiB", ".5GiB", "1.5.5GiB", "1 KiBs"]
        {
            assert_eq!(bad.parse::<Size>(), Err(BadSize::NoSize(bad.into())), "{bad}");
        }
        for large in ["99999999999TiB", "16777216TiB", "99999999999999999999B"] {
            assert_eq!(large.parse::<Size>(), Err(BadSize::TooLarge(large.into())), "{large}");
        }
        assert!(LARGEST_SIZE.parse::<Size>().is_ok());
        assert_eq!(Size(812).to_string(), "812 B");
        assert_eq!(Size(4_187_593_114).to_string(), "3.9 GiB");
    }
}
