//! From a state object to shards.

use raptorq::{ObjectTransmissionInformation, SourceBlockEncoder};
use smartlayer_primitives::{assignment::Coding, token::Redundancy, Hash};

use crate::{
    chunk::shard_root,
    coding::{check_coding, choose_coding, first_symbol, shard_length, source_symbols, CodingError},
};

/// One shard of a state object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Its number: its symbols start at `number × symbols_per_shard`.
    pub number: u32,
    /// Its symbols, one after the other.
    pub bytes: Vec<u8>,
    /// The Merkle root over its chunks.
    pub root: Hash,
}

/// Why a state can't be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The redundancy contradicts itself.
    #[error("redundancy needs 1 to 16 serving nodes and 1 to as many shards as there are to restore from")]
    Redundancy,
    /// The state or the shard's number is out of bounds.
    #[error(transparent)]
    Coding(#[from] CodingError),
    /// The coding is for a state of another length.
    #[error("the coding is for a state of {expected} bytes, not {found}")]
    OtherLength {
        /// The coding's length.
        expected: u32,
        /// The state's.
        found: usize,
    },
}

/// Encodes a state into the shards 0 to `redundancy.shards - 1`.
///
/// The first shards are the state itself, cut in pieces: while their holders answer, nothing has to be decoded.
pub fn encode(state: &[u8], redundancy: &Redundancy) -> Result<(Coding, Vec<Shard>), EncodeError> {
    if !redundancy.is_valid() {
        return Err(EncodeError::Redundancy);
    }
    let length = u32::try_from(state.len()).unwrap_or(u32::MAX);
    let coding = choose_coding(length, redundancy.threshold)?;
    let encoder = encoder(state, &coding);
    let shards = (0..redundancy.shards.into()).map(|number| one(&encoder, state, &coding, number));
    Ok((coding, shards.collect::<Result<_, _>>()?))
}

/// One shard of any number: the way to make a replacement out of fresh symbols.
pub fn shard(state: &[u8], coding: &Coding, number: u32) -> Result<Shard, EncodeError> {
    check_coding(coding)?;
    if state.len() != coding.length as usize {
        return Err(EncodeError::OtherLength { expected: coding.length, found: state.len() });
    }
    one(&encoder(state, coding), state, coding, number)
}

/// What RaptorQ is told about a coding that passed [`check_coding`]: one source block, no sub-blocks.
pub(crate) fn transmission(coding: &Coding) -> ObjectTransmissionInformation {
    ObjectTransmissionInformation::new(coding.length.into(), coding.symbol_size, 1, 1, 1)
}

fn encoder(state: &[u8], coding: &Coding) -> SourceBlockEncoder {
    let mut padded = state.to_vec();
    padded.resize(source_symbols(coding) as usize * usize::from(coding.symbol_size), 0);
    SourceBlockEncoder::new(0, &transmission(coding), &padded)
}

fn one(encoder: &SourceBlockEncoder, state: &[u8], coding: &Coding, number: u32) -> Result<Shard, EncodeError> {
    let first = first_symbol(coding, number)?;
    let end = first + u32::from(coding.symbols_per_shard);
    let source = source_symbols(coding);
    let size = usize::from(coding.symbol_size);

    let mut bytes = Vec::with_capacity(shard_length(coding));
    if first < source {
        let from = first as usize * size;
        let to = end.min(source) as usize * size;
        bytes.extend_from_slice(&state[from..to.min(state.len())]);
        bytes.resize(to - from, 0);
    }
    if end > source {
        let repair_from = first.max(source);
        for packet in encoder.repair_packets(repair_from - source, end - repair_from) {
            bytes.extend_from_slice(packet.data());
        }
    }
    Ok(Shard { number, root: shard_root(&bytes), bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use smartlayer_primitives::assignment::MAX_STATE_BYTES;

    #[test]
    fn out_of_bounds_is_an_error() {
        let good = Redundancy { serving: 1, shards: 3, threshold: 2 };
        assert_eq!(encode(&[], &good).unwrap_err(), EncodeError::Coding(CodingError::Length(0)));
        let large = vec![0; MAX_STATE_BYTES as usize + 1];
        assert!(matches!(encode(&large, &good), Err(EncodeError::Coding(CodingError::Length(_)))));
        assert!(encode(&large[1..], &good).is_ok());
        let crossed = Redundancy { threshold: 4, ..good };
        assert_eq!(encode(&[1], &crossed).unwrap_err(), EncodeError::Redundancy);
        let (coding, _) = encode(&[1, 2, 3], &good).unwrap();
        assert!(matches!(shard(&[1, 2], &coding, 0), Err(EncodeError::OtherLength { expected: 3, found: 2 })));
        assert!(shard(&[1, 2, 3], &coding, u32::MAX).is_err());
    }

    #[test]
    fn the_first_shards_are_the_state() {
        let state: Vec<u8> = (0..1000u32).map(|i| i as u8).collect();
        let (coding, shards) = encode(&state, &Redundancy { serving: 1, shards: 5, threshold: 3 }).unwrap();
        let mut joined: Vec<u8> = shards.iter().flat_map(|s| s.bytes.clone()).collect();
        joined.truncate(state.len());
        assert_eq!(joined, state);
        for s in shards {
            assert_eq!(s, shard(&state, &coding, s.number).unwrap());
        }
    }

    /// Shards must be the same on every machine and in every version, or replacements would not fit what others hold.
    #[test]
    fn golden_roots() {
        let state: Vec<u8> = (0..5000u32).map(|i| (i * i) as u8).collect();
        let (coding, shards) = encode(&state, &Redundancy { serving: 1, shards: 4, threshold: 2 }).unwrap();
        assert_eq!((coding.symbol_size, coding.symbols_per_shard), (167, 16));
        let fresh = shard(&state, &coding, 1000).unwrap();
        let roots: Vec<String> = shards.iter().chain([&fresh]).map(|s| format!("{:?}", s.root)).collect();
        assert_eq!(roots, GOLDEN);
    }

    const GOLDEN: [&str; 5] = [
        "0x2aa25d883dbcb3a53a83ac3aba4dd5149232dd8bfa9b4e973b20836874afd713",
        "0x4dbb93c837a0a59be4135f4faace702fc4e3512f4a83302b3cab46aae69800c4",
        "0x1fdcfac1ae463f050e3ab383bf8f05cb79071f62022eac00a3d858036ce18d1f",
        "0xc23ec0fa83099cc798d4bd39aef7af8dac377d11a08599cb42447b4464b82df8",
        "0xc51637052ca4927201788f7c39f128f77edc21b482592f944d66f286b4948aa5",
    ];
}
