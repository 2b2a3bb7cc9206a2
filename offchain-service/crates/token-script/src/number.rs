//! Exact comparison of numbers of any size.

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
}
