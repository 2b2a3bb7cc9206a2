//! Amounts as people write them: `1.5SLT`. Exact, never through floating point.

use smartlayer_primitives::{Balance, SLT};

/// SLT has this many decimals.
const DECIMALS: usize = 12;

/// Why a text is not an amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an amount; write 1.5SLT, or a whole number of planck such as 1500000000000planck")]
pub struct BadAmount(String);

/// Reads `1.5SLT`, `10 SLT`, `0.000001SLT` or `1500planck` as planck. The unit is required, so that nobody is off by 10^12.
pub fn parse(text: &str) -> Result<Balance, BadAmount> {
    parsed(text.trim()).ok_or_else(|| BadAmount(text.to_owned()))
}

fn parsed(text: &str) -> Option<Balance> {
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if let Some(planck) = text.strip_suffix("planck").map(str::trim_end) {
        return digits(planck).then(|| planck.parse().ok()).flatten();
    }
    let number = text.strip_suffix("SLT")?.trim_end();
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if !digits(whole) || !digits(fraction) || fraction.len() > DECIMALS {
        return None;
    }
    let fraction: Balance = format!("{fraction:0<DECIMALS$}").parse().ok()?;
    whole.parse::<Balance>().ok()?.checked_mul(SLT)?.checked_add(fraction)
}

/// Writes planck as [`parse`] reads it: as SLT, with as many decimals as it takes.
pub fn format(planck: Balance) -> String {
    let (whole, fraction) = (planck / SLT, planck % SLT);
    if fraction == 0 {
        return format!("{whole} SLT");
    }
    let fraction = format!("{fraction:0>DECIMALS$}");
    format!("{whole}.{} SLT", fraction.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_again(planck: u128) {
            prop_assert_eq!(parse(&format(planck)), Ok(planck));
            prop_assert_eq!(parse(&format!("{planck}planck")), Ok(planck));
        }
    }

    #[test]
    fn amounts_are_exact_or_refused() {
        assert_eq!(parse("1.5SLT"), Ok(1_500_000_000_000));
        assert_eq!(parse(" 10 SLT "), Ok(10 * SLT));
        assert_eq!(parse("0.000000000001SLT"), Ok(1));
        assert_eq!(format(1), "0.000000000001 SLT");
        assert_eq!(format(10 * SLT), "10 SLT");
        for bad in [
            "",
            "SLT",
            "1",
            "1.5",
            ".5SLT",
            "1.SLT",
            "-1SLT",
            "+1SLT",
            "1e3SLT",
            "1,5SLT",
            "1.5planck",
            "0.0000000000001SLT",
            "340282366920938463463374607431769SLT",
            "1 000SLT",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
