//! The parameters of an encoding: chosen for our own states, checked for everybody else's.

use smartlayer_primitives::assignment::{Coding, MAX_STATE_BYTES};

/// How many symbols more than the source has must come together before we call a state restorable.
///
/// RFC 6330 codes fail to decode with a probability below 10⁻² at no extra symbol, 10⁻⁴ at one and 10⁻⁶ at two. So `threshold`
/// shards fail to restore at most once in a million times; one shard more then helps.
pub const OVERHEAD: u32 = 2;
/// The largest symbol, in bytes. Larger symbols code faster, smaller ones waste less.
pub const MAX_SYMBOL_SIZE: u16 = 4096;
/// The most source symbols that a state is cut into. Bounds the time that a hostile coding can cost.
pub const MAX_SOURCE_SYMBOLS: u32 = 4096;

/// How many symbols a shard should have: enough that the overhead costs little, few enough that coding stays fast.
const SYMBOLS_PER_SHARD: u32 = 16;
/// Symbol numbers have 24 bits in RFC 6330. The reserve is for the padding symbols between a block's size and the next one that
/// the RFC tabulates.
const MAX_SYMBOLS: u64 = (1 << 24) - (1 << 16);

/// Why a coding, or a shard number under it, is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodingError {
    /// The state's length is zero or above the limit.
    #[error("a state has 1 to {MAX_STATE_BYTES} bytes, not {0}")]
    Length(u32),
    /// The symbol size is zero or above the limit.
    #[error("a symbol has 1 to {MAX_SYMBOL_SIZE} bytes, not {0}")]
    SymbolSize(u16),
    /// The state would be cut into too many symbols.
    #[error("a state has at most {MAX_SOURCE_SYMBOLS} symbols, not {0}; use larger ones")]
    SourceSymbols(u32),
    /// So many shards of so many symbols can't restore the state, or a shard is larger than it can have to be.
    #[error("{threshold} shards of {symbols_per_shard} symbols don't fit a state of {source_symbols}")]
    Shape {
        /// How many shards are said to restore.
        threshold: u8,
        /// How many symbols each has.
        symbols_per_shard: u16,
        /// How many source symbols there are.
        source_symbols: u32,
    },
    /// RaptorQ has no symbols for a shard of this number.
    #[error("no symbols are left for shard {0}; encode the state anew")]
    ShardNumber(u32),
}

/// The coding for a state of `length` bytes of which `threshold` shards shall restore it.
///
/// Shards have about 16 symbols, so that the [`OVERHEAD`] stays small beside them; symbols have at most [`MAX_SYMBOL_SIZE`] bytes.
pub fn choose_coding(length: u32, threshold: u8) -> Result<Coding, CodingError> {
    let wanted = (u32::from(threshold.max(1)) * SYMBOLS_PER_SHARD - OVERHEAD).min(MAX_SOURCE_SYMBOLS);
    let symbol_size = length.div_ceil(wanted).clamp(1, MAX_SYMBOL_SIZE.into());
    let source_symbols = length.div_ceil(symbol_size);
    let symbols_per_shard = (source_symbols + OVERHEAD).div_ceil(u32::from(threshold.max(1)));
    let coding = Coding {
        length,
        symbol_size: symbol_size as u16,
        // The check below refuses lengths for which this would not fit.
        symbols_per_shard: symbols_per_shard.min(u16::MAX.into()) as u16,
        threshold,
    };
    check_coding(&coding).map(|()| coding)
}

/// Whether a coding keeps the bounds that the decoder relies on. Everything in this crate that takes a coding calls this first.
pub fn check_coding(coding: &Coding) -> Result<(), CodingError> {
    if !(1..=MAX_STATE_BYTES).contains(&coding.length) {
        return Err(CodingError::Length(coding.length));
    }
    if !(1..=MAX_SYMBOL_SIZE).contains(&coding.symbol_size) {
        return Err(CodingError::SymbolSize(coding.symbol_size));
    }
    let source_symbols = source_symbols(coding);
    if source_symbols > MAX_SOURCE_SYMBOLS {
        return Err(CodingError::SourceSymbols(source_symbols));
    }
    let needed = source_symbols + OVERHEAD;
    let together = u32::from(coding.threshold) * u32::from(coding.symbols_per_shard);
    if together < needed || u32::from(coding.symbols_per_shard) > needed {
        return Err(CodingError::Shape {
            threshold: coding.threshold,
            symbols_per_shard: coding.symbols_per_shard,
            source_symbols,
        });
    }
    Ok(())
}

/// How many symbols the state itself has. The coding's symbol size must not be zero.
pub(crate) fn source_symbols(coding: &Coding) -> u32 {
    coding.length.div_ceil(coding.symbol_size.into())
}

/// The length of every shard of this coding, in bytes.
pub fn shard_length(coding: &Coding) -> usize {
    usize::from(coding.symbol_size) * usize::from(coding.symbols_per_shard)
}

/// The number of a shard's first symbol, if all of the shard's symbols have one.
pub(crate) fn first_symbol(coding: &Coding, number: u32) -> Result<u32, CodingError> {
    let first = u64::from(number) * u64::from(coding.symbols_per_shard);
    if first + u64::from(coding.symbols_per_shard) > MAX_SYMBOLS {
        return Err(CodingError::ShardNumber(number));
    }
    Ok(first as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_state_has_a_coding_that_passes_the_check(length in 1..=MAX_STATE_BYTES, threshold in 1u8..) {
            let coding = choose_coding(length, threshold).unwrap();
            let together = shard_length(&coding) as u64 * u64::from(threshold);
            prop_assert!(together >= u64::from(length));
            // Beyond the overhead, a set of threshold shards wastes less than a symbol a shard and a part of the last symbol.
            let waste = u64::from(coding.symbol_size) * (u64::from(OVERHEAD) + u64::from(threshold) + 1);
            prop_assert!(together <= u64::from(length) + waste);
        }
    }

    #[test]
    fn overhead_is_small_for_large_states() {
        for threshold in [2, 3, 10, 100, 255] {
            let coding = choose_coding(MAX_STATE_BYTES, threshold).unwrap();
            let stored = shard_length(&coding) * usize::from(threshold);
            assert!(stored * 100 <= MAX_STATE_BYTES as usize * 108, "{threshold}: {stored}");
        }
    }

    #[test]
    fn hostile_codings_are_refused() {
        let good = choose_coding(1000, 3).unwrap();
        assert_eq!(check_coding(&good), Ok(()));
        let refused = [
            Coding { length: 0, ..good },
            Coding { length: MAX_STATE_BYTES + 1, ..good },
            Coding { length: u32::MAX, ..good },
            Coding { symbol_size: 0, ..good },
            Coding { symbol_size: MAX_SYMBOL_SIZE + 1, ..good },
            Coding { length: MAX_STATE_BYTES, symbol_size: 1, ..good },
            Coding { threshold: 0, ..good },
            Coding { threshold: 1, ..good },
            Coding { symbols_per_shard: 0, ..good },
            Coding { symbols_per_shard: u16::MAX, ..good },
        ];
        for coding in refused {
            assert!(check_coding(&coding).is_err(), "{coding:?}");
        }
        assert_eq!(choose_coding(0, 1), Err(CodingError::Length(0)));
        assert!(choose_coding(u32::MAX, 1).is_err());
        assert!(choose_coding(1, 0).is_err());
        assert_eq!(first_symbol(&good, u32::MAX), Err(CodingError::ShardNumber(u32::MAX)));
    }
}
