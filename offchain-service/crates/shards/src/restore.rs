//! From shards back to the state object. Nothing unchecked reaches the decoder.

use std::collections::BTreeMap;

use raptorq::{EncodingPacket, PayloadId, SourceBlockDecoder};
use smartlayer_primitives::{
    assignment::{Coding, Holding},
    payload::blake2_256,
    Hash,
};

use crate::{
    chunk::shard_root,
    coding::{check_coding, first_symbol, shard_length, source_symbols, CodingError},
    encode::transmission,
};

/// A shard that is what its assignment says. Only [`verify`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedShard {
    number: u32,
    first_symbol: u32,
    coding: Coding,
    bytes: Vec<u8>,
}

impl VerifiedShard {
    /// The shard's number.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The shard's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The shard's bytes, for storing them.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Why some bytes are not the shard that they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShardError {
    /// The assignment's coding, or the shard's number under it, is out of bounds.
    #[error(transparent)]
    Coding(#[from] CodingError),
    /// A shard of this coding has another length.
    #[error("a shard has {expected} bytes, not {found}")]
    Length {
        /// What the coding says.
        expected: usize,
        /// What came.
        found: usize,
    },
    /// The bytes are not those that the assignment commits to; ask another holder.
    #[error("the bytes of shard {number} don't have the root that its assignment states")]
    Root {
        /// The shard's number.
        number: u32,
    },
}

/// Why the state can't be restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// The coding is out of bounds.
    #[error(transparent)]
    Coding(#[from] CodingError),
    /// A shard was verified under another coding.
    #[error("shard {number} belongs to another coding")]
    OtherCoding {
        /// The shard's number.
        number: u32,
    },
    /// Too few different shards, or, once in a million times, an unlucky selection: fetch one more.
    #[error("{found} shards don't restore the state; {needed} are needed, fetch another one")]
    TooFew {
        /// How many different shards there were.
        found: usize,
        /// How many it takes, this unlucky time one more than the threshold.
        needed: usize,
    },
    /// What came out is not the state that was asked for: the assignment's roots don't belong to its state hash.
    #[error("the restored state doesn't have the hash that its assignment states")]
    Hash,
}

/// Checks that `bytes` are the shard that `holding` says. Everything that a holder sends goes through here.
pub fn verify(bytes: Vec<u8>, coding: &Coding, holding: &Holding) -> Result<VerifiedShard, ShardError> {
    check_coding(coding)?;
    let first_symbol = first_symbol(coding, holding.shard)?;
    let expected = shard_length(coding);
    if bytes.len() != expected {
        return Err(ShardError::Length { expected, found: bytes.len() });
    }
    if shard_root(&bytes) != holding.root {
        return Err(ShardError::Root { number: holding.shard });
    }
    Ok(VerifiedShard { number: holding.shard, first_symbol, coding: *coding, bytes })
}

/// The state with the hash `state_hash`, from any `coding.threshold` different shards; more do no harm.
///
/// While the shards that are the state itself are among them, nothing is decoded.
pub fn restore(
    coding: &Coding,
    state_hash: &Hash,
    shards: impl IntoIterator<Item = VerifiedShard>,
) -> Result<Vec<u8>, RestoreError> {
    check_coding(coding)?;
    let mut different = BTreeMap::new();
    for shard in shards {
        if shard.coding != *coding {
            return Err(RestoreError::OtherCoding { number: shard.number });
        }
        different.insert(shard.number, shard);
    }
    let mut state = match joined(coding, &different) {
        Some(state) => state,
        None => decoded(coding, &different)?,
    };
    state.truncate(coding.length as usize);
    if blake2_256(&state) != *state_hash {
        return Err(RestoreError::Hash);
    }
    Ok(state)
}

/// The source symbols one after the other, if all are there.
fn joined(coding: &Coding, shards: &BTreeMap<u32, VerifiedShard>) -> Option<Vec<u8>> {
    let systematic = source_symbols(coding).div_ceil(coding.symbols_per_shard.into());
    let mut state = Vec::with_capacity(systematic as usize * shard_length(coding));
    for number in 0..systematic {
        state.extend_from_slice(&shards.get(&number)?.bytes);
    }
    Some(state)
}

fn decoded(coding: &Coding, shards: &BTreeMap<u32, VerifiedShard>) -> Result<Vec<u8>, RestoreError> {
    let (found, threshold) = (shards.len(), usize::from(coding.threshold));
    if found < threshold {
        return Err(RestoreError::TooFew { found, needed: threshold });
    }
    let block = u64::from(source_symbols(coding)) * u64::from(coding.symbol_size);
    let mut decoder = SourceBlockDecoder::new(0, &transmission(coding), block);
    let packets = shards.values().flat_map(|shard| {
        let symbols = shard.bytes.chunks(coding.symbol_size.into()).map(<[u8]>::to_vec);
        (shard.first_symbol..).zip(symbols).map(|(id, data)| EncodingPacket::new(PayloadId::new(0, id), data))
    });
    decoder.decode(packets).ok_or(RestoreError::TooFew { found, needed: found + 1 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        encode::{encode, shard, Shard},
        CHUNK_BYTES,
    };
    use proptest::{prelude::*, sample::subsequence};
    use smartlayer_primitives::{assignment::MAX_STATE_BYTES, token::Redundancy, AccountId};

    fn state(length: usize, seed: u64) -> Vec<u8> {
        let mut x = seed | 1;
        (0..length)
            .map(|_| {
                x ^= x << 13;
                x ^= x >> 7;
                x ^= x << 17;
                x as u8
            })
            .collect()
    }

    fn holding(shard: &Shard) -> Holding {
        Holding { node: AccountId::new([0; 32]), shard: shard.number, root: shard.root }
    }

    fn checked(coding: &Coding, shard: &Shard) -> VerifiedShard {
        verify(shard.bytes.clone(), coding, &holding(shard)).unwrap()
    }

    fn shape() -> impl Strategy<Value = (Redundancy, Vec<u32>)> {
        (1u8..12).prop_flat_map(|threshold| (Just(threshold), threshold..24)).prop_flat_map(|(threshold, shards)| {
            let numbers: Vec<u32> = (0..shards.into()).collect();
            (
                Just(Redundancy { serving: 1, shards, threshold }),
                subsequence(numbers, usize::from(threshold)).prop_shuffle(),
            )
        })
    }

    proptest! {
        #[test]
        fn any_k_of_n_restore(length in 1usize..20_000, seed: u64, (redundancy, chosen) in shape()) {
            let state = state(length, seed);
            let (coding, shards) = encode(&state, &redundancy).unwrap();
            let hash = blake2_256(&state);
            let some: Vec<_> = chosen.iter().map(|i| checked(&coding, &shards[*i as usize])).collect();
            prop_assert_eq!(restore(&coding, &hash, some.clone()), Ok(state));
            // The same shard twice is one shard.
            let mut short = some[1..].to_vec();
            short.extend(short.clone());
            match restore(&coding, &hash, short) {
                Ok(restored) => prop_assert_eq!(blake2_256(&restored), hash),
                Err(error) => {
                    let (found, needed) = (usize::from(redundancy.threshold) - 1, usize::from(redundancy.threshold));
                    prop_assert_eq!(error, RestoreError::TooFew { found, needed });
                }
            }
        }

        #[test]
        fn fresh_replacements_restore(length in 1usize..5_000, seed: u64, threshold in 1u8..8, from in 0u32..3_000, step in 1u32..50) {
            let state = state(length, seed);
            let (coding, _) = encode(&state, &Redundancy { serving: 1, shards: threshold, threshold }).unwrap();
            let fresh: Vec<_> = (0..threshold.into())
                .map(|i| checked(&coding, &shard(&state, &coding, from + i * step).unwrap()))
                .collect();
            prop_assert_eq!(restore(&coding, &blake2_256(&state), fresh), Ok(state));
        }

        #[test]
        fn one_flipped_bit_never_reaches_the_decoder(length in 1usize..20_000, bit: prop::sample::Index, which in 0usize..5) {
            let state = state(length, 5);
            let (coding, shards) = encode(&state, &Redundancy { serving: 1, shards: 5, threshold: 3 }).unwrap();
            let mut bytes = shards[which].bytes.clone();
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            let refused = verify(bytes, &coding, &holding(&shards[which]));
            prop_assert_eq!(refused, Err(ShardError::Root { number: which as u32 }));
        }

        #[test]
        fn hostile_input_never_panics(
            length: u32, symbol_size: u16, symbols_per_shard: u16, threshold: u8, number: u32, root: [u8; 32],
            bytes in prop::collection::vec(any::<u8>(), 0..3 * CHUNK_BYTES),
        ) {
            let coding = Coding { length, symbol_size, symbols_per_shard, threshold };
            let node = AccountId::new([0; 32]);
            let lie = Holding { node: node.clone(), shard: number, root: root.into() };
            prop_assert!(verify(bytes.clone(), &coding, &lie).is_err());
            // A hostile assignment may well state the true root of senseless bytes.
            let consistent = Holding { node, shard: number, root: shard_root(&bytes) };
            if let Ok(shard) = verify(bytes, &coding, &consistent) {
                prop_assert!(restore(&coding, &Hash::zero(), [shard]).is_err());
            }
        }

        /// Codings within their bounds, shards with true roots of senseless bytes at any number: the decoder runs, nothing panics.
        #[test]
        fn hostile_shards_with_true_roots_decode_to_an_error(
            length in 1u32..3_000, symbol_size in 1u16..200, extra in 0u16..4, threshold in 1u8..6,
            numbers in prop::collection::btree_set(0u32..5_000, 1..8), seed: u64,
        ) {
            let source = length.div_ceil(symbol_size.into());
            let symbols_per_shard = (source + 2).div_ceil(threshold.into()) as u16 + extra;
            let coding = Coding { length, symbol_size, symbols_per_shard, threshold };
            prop_assume!(check_coding(&coding).is_ok());
            let shards: Vec<_> = numbers
                .into_iter()
                .map(|number| {
                    let bytes = state(shard_length(&coding), seed ^ u64::from(number));
                    let root = shard_root(&bytes);
                    checked(&coding, &Shard { number, bytes, root })
                })
                .collect();
            prop_assert!(restore(&coding, &Hash::zero(), shards).is_err());
        }
    }

    #[test]
    fn the_smallest_and_the_largest_state() {
        for length in [1, 2, 3, 17, MAX_STATE_BYTES as usize] {
            let state = state(length, 9);
            for (shards, threshold) in [(1, 1), (6, 3), (255, 200)] {
                let (coding, shards) = encode(&state, &Redundancy { serving: 1, shards, threshold }).unwrap();
                let last = shards.iter().rev().take(threshold.into()).map(|s| checked(&coding, s));
                assert_eq!(restore(&coding, &blake2_256(&state), last).as_ref(), Ok(&state));
                let first = shards.iter().take(threshold.into()).map(|s| checked(&coding, s));
                assert_eq!(restore(&coding, &blake2_256(&state), first).as_ref(), Ok(&state));
            }
        }
    }

    #[test]
    fn shards_of_another_coding_or_state_are_refused() {
        let redundancy = Redundancy { serving: 1, shards: 4, threshold: 2 };
        let (coding, shards) = encode(&state(500, 1), &redundancy).unwrap();
        let (other_coding, other) = encode(&state(900, 1), &redundancy).unwrap();
        let hash = blake2_256(&state(500, 1));
        let mixed = [checked(&coding, &shards[0]), checked(&other_coding, &other[1])];
        assert_eq!(restore(&coding, &hash, mixed), Err(RestoreError::OtherCoding { number: 1 }));

        let (_, same_shape) = encode(&state(500, 2), &redundancy).unwrap();
        let mixed = [checked(&coding, &shards[2]), checked(&coding, &same_shape[3])];
        assert_eq!(restore(&coding, &hash, mixed), Err(RestoreError::Hash));
        assert_eq!(restore(&coding, &hash, []), Err(RestoreError::TooFew { found: 0, needed: 2 }));
    }
}
