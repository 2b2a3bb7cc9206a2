//! A binary logarithm in integers: the same bits on every machine.

/// Fraction bits of the result.
const FRACTION: u32 = 57;

/// `-log2((x + 1) / 2^64)` as a fixed-point number with 57 fraction bits, at most 2^63; falls as `x` grows.
///
/// Digit by digit: squaring a mantissa doubles its logarithm, so each squaring yields one more bit (C. S. Turner, "A Fast Binary
/// Logarithm Algorithm", IEEE Signal Processing Magazine 27(5), 2010). Every step rounds down; what matters is that all round alike.
pub fn neg_log2(x: u64) -> u64 {
    let value = u128::from(x) + 1;
    let exponent = value.ilog2();
    // The mantissa, in [1, 2) with 63 fraction bits.
    let mut mantissa = if exponent > 63 { value >> (exponent - 63) } else { value << (63 - exponent) };
    let mut log = u128::from(exponent);
    for _ in 0..FRACTION {
        mantissa = (mantissa * mantissa) >> 63;
        let bit = mantissa >> 64;
        mantissa >>= bit;
        log = (log << 1) | bit;
    }
    ((64u128 << FRACTION) - log) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_the_logarithm(x: u64, shift in 0u32..64) {
            let x = x >> shift;
            let expected = 64.0 - (x as f64 + 1.0).log2();
            let found = neg_log2(x) as f64 / (1u64 << FRACTION) as f64;
            prop_assert!((found - expected).abs() < 1e-12, "{} {}", found, expected);
        }

        #[test]
        fn it_never_rises(x in 1u64.., by in 1u64..1000) {
            prop_assert!(neg_log2(x) <= neg_log2(x - 1));
            prop_assert!(neg_log2(x.saturating_add(by)) <= neg_log2(x));
        }
    }

    #[test]
    fn golden() {
        assert_eq!(neg_log2(0), 64 << FRACTION);
        assert_eq!(neg_log2(1), 63 << FRACTION);
        assert_eq!(neg_log2((1 << 63) - 1), 1 << FRACTION);
        assert_eq!(neg_log2(u64::MAX), 0);
        assert_eq!(neg_log2(0x0123_4567_89ab_cdef), GOLDEN);
    }

    const GOLDEN: u64 = 1_126_084_545_955_828_431;
}
