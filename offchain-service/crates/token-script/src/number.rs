//! Exact comparison of numbers of any size and of times.

use std::cmp::Ordering;

use alloy_primitives::U256;

/// A decimal number as digits, without needless zeros, so that comparison is exact whatever the size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Number {
    negative: bool,
    whole: String,
    fraction: String,
}

impl Number {
    /// Reads `-12`, `+3.50` or `0xff`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let hex = digits.strip_prefix("0x").or(digits.strip_prefix("0X")).map(parse_hex);
        let digits = match hex {
            Some(value) => value?.to_string(),
            None => digits.to_string(),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
        let is_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        let zero = whole.is_empty() && fraction.is_empty();
        Some(Number { negative: negative && !zero, whole: whole.into(), fraction: fraction.into() })
    }
}

fn parse_hex(digits: &str) -> Option<U256> {
    let valid = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
    valid.then(|| U256::from_str_radix(digits, 16).ok()).flatten()
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let magnitude = |a: &Self, b: &Self| {
            (a.whole.len().cmp(&b.whole.len()))
                .then_with(|| a.whole.cmp(&b.whole))
                .then_with(|| a.fraction.cmp(&b.fraction))
        };
        match (self.negative, other.negative) {
            (false, false) => magnitude(self, other),
            (true, true) => magnitude(other, self),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// An RFC 4517 GeneralizedTime, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time {
    seconds: i64,
    nanoseconds: u32,
}

impl Time {
    /// Reads `20260131120000Z`, `202601311200+0800`, `20260131120000.5Z`. Scripts also leave the zone out; that is read as
    /// UTC and reported as `false`.
    pub(crate) fn parse(text: &str) -> Option<(Self, bool)> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        if !text.is_ascii() || !matches!(digits, 10 | 12 | 14) {
            return None;
        }
        let field = |at: usize, length: usize| text.get(at..at + length).and_then(|s| s.parse::<i64>().ok());
        let (year, month, day) = (field(0, 4)?, field(4, 2)?, field(6, 2)?);
        let optional = |at: usize| if digits > at { field(at, 2) } else { Some(0) };
        let (hour, minute, second) = (field(8, 2)?, optional(10)?, optional(12)?);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let valid_day = *usize::try_from(month - 1).ok().and_then(|m| days.get(m))?;
        if !(1..=valid_day).contains(&day) || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let mut rest = &text[digits..];
        let mut nanoseconds = 0;
        if let Some(fraction) = rest.strip_prefix(['.', ',']) {
            let length = fraction.bytes().take_while(u8::is_ascii_digit).count();
            if length == 0 || length > 9 || digits != 14 {
                return None;
            }
            nanoseconds = format!("{:0<9}", &fraction[..length]).parse().ok()?;
            rest = &fraction[length..];
        }
        let (offset, zone) = match rest.as_bytes() {
            [] => (0, false),
            [b'Z'] => (0, true),
            [sign @ (b'+' | b'-'), zone @ ..] if matches!(zone.len(), 2 | 4) && zone.iter().all(u8::is_ascii_digit) => {
                let number = |at: usize| rest.get(at..at + 2).and_then(|s| s.parse::<i64>().ok());
                let seconds = number(1)? * 3600 + if zone.len() == 4 { number(3)? * 60 } else { 0 };
                (if *sign == b'-' { -seconds } else { seconds }, true)
            }
            _ => return None,
        };
        let seconds = days_since_epoch(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
        Some((Time { seconds, nanoseconds }, zone))
    }
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    // Count from 0000-03-01, so that a leap day ends its year.
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_exactly() {
        let n = |s: &str| Number::parse(s).unwrap();
        assert_eq!(n("0010"), n("10.00"));
        assert_eq!(n("-0"), n("0"));
        assert_eq!(n("0xff"), n("255"));
        assert!(n("115792089237316195423570985008687907853269984665640564039457584007913129639936") > n("2"));
        assert!(n("9") < n("10") && n("-9") > n("-10") && n("-1") < n("0"));
        assert!(n("1.5") > n("1.05") && n("1.5") < n("1.51") && n("0.3") == n(".3"));
        for bad in ["", ".", "1e5", "0x", "1.2.3", "--1", "1 2", "٣"] {
            assert_eq!(Number::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn times_are_instants() {
        let t = |s: &str| Time::parse(s).unwrap();
        assert_eq!(t("19700101000000Z").0, Time { seconds: 0, nanoseconds: 0 });
        assert_eq!(t("20260131120000Z").0.seconds, 1_769_860_800);
        assert_eq!(t("20000229000000Z").0.seconds, 951_782_400);
        assert_eq!(t("202601311200+0800").0, t("20260131040000Z").0);
        assert_eq!(t("20260131120000"), (t("20260131120000Z").0, false));
        assert!(t("20260131120000.5Z").0 > t("20260131120000Z").0);
        for bad in
            ["2026", "20261301000000Z", "20260230000000Z", "20260131250000Z", "20260131120000X", "20260131120000+1"]
        {
            assert_eq!(Time::parse(bad), None, "{bad:?}");
        }
    }
}
