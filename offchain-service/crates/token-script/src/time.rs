//! Exact times: instants, and the periods that partial dates name.

use std::{cmp::Ordering, fmt};

use alloy_primitives::{I256, U256};

/// 0000-01-01T00:00:00Z
const FIRST: i64 = -62_167_219_200;
/// 10000-01-01T00:00:00Z, which no text of four digits for the year reaches.
const END: i64 = 253_402_300_800;
const NANOSECONDS: u32 = 1_000_000_000;

/// An instant of the years 0000 to 9999, exact to the nanosecond.
///
/// [Displayed](fmt::Display), and written into filters for `${attribute}`, it is a GeneralizedTime in UTC
/// (`20260131120000Z`), as scripts write times; in JSON it is a time of RFC 3339 (`2026-01-31T12:00:00Z`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time {
    seconds: i64,
    nanoseconds: u32,
}

impl Time {
    /// The instant so many seconds after 1970-01-01T00:00:00Z; none outside the years 0000 to 9999.
    pub fn from_unix(seconds: i64) -> Option<Self> {
        (FIRST..END).contains(&seconds).then_some(Time { seconds, nanoseconds: 0 })
    }

    pub(crate) fn from_uint(seconds: U256) -> Option<Self> {
        Self::from_unix(i64::try_from(seconds).ok()?)
    }

    pub(crate) fn from_int(seconds: I256) -> Option<Self> {
        Self::from_unix(i64::try_from(seconds).ok()?)
    }

    /// Whole seconds since 1970-01-01T00:00:00Z.
    pub fn unix_seconds(&self) -> i64 {
        self.seconds
    }

    /// Reads a GeneralizedTime (`20260131120000Z`, `202601311200+0800`, `20260131120000.5Z`), a date and time of RFC 3339, or
    /// a part of either down to the year (`20260131`, `2026-01`). What is left out is the first possible; without a zone
    /// it is UTC.
    pub fn parse(text: &str) -> Option<Self> {
        Period::parse(text).map(|period| period.start)
    }

    /// As RFC 3339 writes it.
    pub fn rfc3339(&self) -> String {
        let (year, month, day, hour, minute, second) = self.fields();
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{}Z", self.fraction())
    }

    fn fields(&self) -> (i64, i64, i64, i64, i64, i64) {
        let (days, of_day) = (self.seconds.div_euclid(86_400), self.seconds.rem_euclid(86_400));
        let (year, month, day) = date(days);
        (year, month, day, of_day / 3600, of_day / 60 % 60, of_day % 60)
    }

    fn fraction(&self) -> String {
        match self.nanoseconds {
            0 => String::new(),
            n => format!(".{}", format!("{n:09}").trim_end_matches('0')),
        }
    }
}

/// As GeneralizedTime.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day, hour, minute, second) = self.fields();
        write!(f, "{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}{}Z", self.fraction())
    }
}

/// What a written time means: an instant, or all instants of a year, month, day, hour or minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Period {
    pub(crate) start: Time,
    /// The first instant behind it; none for an instant.
    end: Option<Time>,
    /// Whether it was written down to the hour at least and with its zone: nothing else looks like that.
    pub(crate) unmistakable: bool,
}

impl Period {
    /// How an instant lies to it; equal if it is inside.
    pub(crate) fn order(&self, instant: Time) -> Ordering {
        match self.end {
            _ if instant < self.start => Ordering::Less,
            Some(end) if instant >= end => Ordering::Greater,
            None if instant > self.start => Ordering::Greater,
            _ => Ordering::Equal,
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if !text.is_ascii() || text.len() > 64 {
            return None;
        }
        let mut rest = Rest(text);
        let dashed = text.as_bytes().get(4) == Some(&b'-') && text.len() > 5;
        let year = rest.number(4)?;
        let (mut parts, mut count) = ([1, 1, 0, 0, 0], 0);
        for (i, separator) in ["-", "-", "T", ":", ":"].into_iter().enumerate() {
            let begins = match dashed {
                // RFC 3339 lets a space stand for the T, and either be small.
                true if i == 2 => rest.skip("T") || rest.skip("t") || rest.skip(" "),
                true => rest.skip(separator),
                false => rest.0.as_bytes().first().is_some_and(u8::is_ascii_digit),
            };
            if !begins {
                break;
            }
            *parts.get_mut(i)? = rest.number(2)?;
            count = i + 1;
        }
        let nanoseconds = match count {
            5 => rest.nanoseconds()?,
            _ => 0,
        };
        let (offset, zone) = match (rest.0, count) {
            ("", _) => (0, false),
            (zone, 3..) => (offset(zone)?, true),
            // A date is in no zone.
            _ => return None,
        };
        let [month, day, hour, minute, second] = parts;
        if !(1..=days_in(year, month)?).contains(&day) || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let at = |year, month, day, hour, minute, second| {
            let seconds = days_since_epoch(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
            (FIRST..=END).contains(&seconds).then_some(Time { seconds, nanoseconds })
        };
        let end = match count {
            0 => Some(at(year + 1, 1, 1, 0, 0, 0)?),
            1 if month == 12 => Some(at(year + 1, 1, 1, 0, 0, 0)?),
            1 => Some(at(year, month + 1, 1, 0, 0, 0)?),
            2 => Some(at(year, month, day + 1, 0, 0, 0)?),
            3 => Some(at(year, month, day, hour + 1, 0, 0)?),
            4 => Some(at(year, month, day, hour, minute + 1, 0)?),
            _ => None,
        };
        let start = at(year, month, day, hour, minute, second).filter(|start| start.seconds < END)?;
        Some(Period { start, end, unmistakable: zone || (dashed && count >= 3) })
    }
}

/// What of a text has yet to be read. The text is ASCII.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    fn skip(&mut self, prefix: &str) -> bool {
        let rest = self.0.strip_prefix(prefix);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn number(&mut self, digits: usize) -> Option<i64> {
        let number = self.0.get(..digits).filter(|s| s.bytes().all(|b| b.is_ascii_digit()))?;
        self.0 = &self.0[digits..];
        number.parse().ok()
    }

    /// A fraction of a second, if there is one.
    fn nanoseconds(&mut self) -> Option<u32> {
        if !self.skip(".") && !self.skip(",") {
            return Some(0);
        }
        let length = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let digits = self.0.get(..length).filter(|_| (1..=9).contains(&length))?;
        self.0 = &self.0[length..];
        format!("{digits:0<9}").parse().ok().filter(|n| *n < NANOSECONDS)
    }
}

/// Seconds that a zone (`Z`, `+08`, `+0800`, `+08:00`) is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let mut rest = Rest(zone);
    let sign = match (rest.skip("+"), rest.skip("-")) {
        (true, _) => 1,
        (_, true) => -1,
        _ => return None,
    };
    let hours = rest.number(2)?;
    rest.skip(":");
    let minutes = if rest.0.is_empty() && !zone.ends_with(':') { 0 } else { rest.number(2)? };
    (rest.0.is_empty() && hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn days_in(year: i64, month: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    usize::try_from(month - 1).ok().and_then(|m| days.get(m)).copied()
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    // Count from 0000-03-01, so that a leap day ends its year.
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The year, month and day that lie so many days after 1970-01-01.
fn date(days: i64) -> (i64, i64, i64) {
    // A year that is not too late, and from there on in steps that don't pass the right one.
    let mut year = 1970 + days.div_euclid(if days < 0 { 365 } else { 366 });
    while days_since_epoch(year + 1, 1, 1) <= days {
        year += 1 + (days - days_since_epoch(year + 1, 1, 1)) / 366;
    }
    let mut of_year = days - days_since_epoch(year, 1, 1);
    let mut month = 1;
    while let Some(length) = days_in(year, month).filter(|length| of_year >= *length) {
        of_year -= length;
        month += 1;
    }
    (year, month, of_year + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn t(text: &str) -> Time {
        Time::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn times_are_instants() {
        assert_eq!(t("19700101000000Z").unix_seconds(), 0);
        assert_eq!(t("20260131120000Z").unix_seconds(), 1_769_860_800);
        assert_eq!(t("20000229000000Z").unix_seconds(), 951_782_400);
        assert_eq!(t("202601311200+0800"), t("20260131040000Z"));
        assert_eq!(t("20260131120000"), t("20260131120000Z"));
        assert_eq!(t("2026-01-31T12:00:00Z"), t("20260131120000Z"));
        assert_eq!(t("2026-01-31 12:00:00.25+01:00"), t("20260131110000.25Z"));
        assert_eq!(t("2026-01"), t("20260101000000Z"));
        assert!(t("20260131120000.5Z") > t("20260131120000Z"));
        for bad in [
            "",
            "202",
            "20261",
            "20261301000000Z",
            "20260230000000Z",
            "20260131250000Z",
            "20260131120000X",
            "20260131120000+1",
            "20260131120000+08:",
            "20260131120000.Z",
            "20260131120000.0000000001Z",
            "2026Z",
            "20260131+08",
            "2026-01-31T12:00:00+25:00",
            "202601311200001",
            "2026-01-31T",
            "٢٠٢٦",
            "0000-01-01T00:00+01",
        ] {
            assert_eq!(Time::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn partial_dates_are_periods() {
        let order = |period: &str, instant: &str| Period::parse(period).unwrap().order(t(instant));
        for (period, before, inside, after) in [
            ("2023", "20221231235959.9Z", "20231231235959.9Z", "20240101000000Z"),
            ("202302", "20230131235959Z", "20230228235959Z", "20230301000000Z"),
            ("202312", "20231130235959Z", "20231231235959Z", "20240101000000Z"),
            ("20240229", "20240228235959Z", "20240229235959Z", "20240301000000Z"),
            ("2024-02-29", "20240228235959Z", "20240229000000Z", "20240301000000Z"),
            ("2024022910", "20240229095959Z", "20240229105959Z", "20240229110000Z"),
            ("202402291030+0100", "20240229092959Z", "20240229093059Z", "20240229093100Z"),
            ("20240229103000Z", "20240229102959Z", "20240229103000Z", "20240229103000.1Z"),
        ] {
            let orders = [before, inside, after].map(|instant| order(period, instant));
            assert_eq!(orders, [Ordering::Less, Ordering::Equal, Ordering::Greater], "{period}");
        }
        assert_eq!(order("9999", "99991231235959Z"), Ordering::Equal, "the last year ends");
    }

    #[test]
    fn instants_outside_four_digits_of_a_year_are_none() {
        assert_eq!(Time::from_unix(END), None);
        assert_eq!(Time::from_unix(FIRST - 1), None);
        assert_eq!(Time::from_unix(END - 1).unwrap().rfc3339(), "9999-12-31T23:59:59Z");
        assert_eq!(Time::from_unix(FIRST).unwrap().to_string(), "00000101000000Z");
        assert_eq!(Time::from_uint(U256::MAX), None);
    }

    proptest! {
        #[test]
        fn both_forms_are_read_back(seconds in FIRST..END, nanoseconds in prop_oneof![Just(0), 0..NANOSECONDS]) {
            let time = Time { seconds, nanoseconds };
            prop_assert_eq!(t(&time.to_string()), time);
            prop_assert_eq!(t(&time.rfc3339()), time);
        }

        #[test]
        fn reading_never_panics(text in "[0-9TZ:+. -]{0,30}") {
            if let Some(period) = Period::parse(&text) {
                prop_assert_eq!(period.order(period.start), Ordering::Equal);
            }
        }
    }
}
