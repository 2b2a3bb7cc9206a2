//! Chains by their CAIP-2 names.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An Ethereum-compatible chain, by its EIP-155 number. Its text is CAIP-2's: `eip155:1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainId(pub u64);

/// A text that names no Ethereum-compatible chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no chain: it must be eip155: and the chain's number, like eip155:1")]
pub struct NotAChainId(pub String);

impl fmt::Display for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "eip155:{}", self.0)
    }
}

impl FromStr for ChainId {
    type Err = NotAChainId;

    fn from_str(text: &str) -> Result<Self, NotAChainId> {
        let number = text.strip_prefix("eip155:").and_then(|digits| digits.parse().ok()).map(ChainId);
        // One spelling for each chain: no sign, no leading zeros.
        number.filter(|id| id.to_string() == text).ok_or_else(|| NotAChainId(text.into()))
    }
}

impl Serialize for ChainId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ChainId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_has_one_name() {
        assert_eq!("eip155:137".parse(), Ok(ChainId(137)));
        assert_eq!(ChainId(1).to_string(), "eip155:1");
        for wrong in
            ["", "1", "eip155:", "eip155:01", "eip155:+1", "eip155:-1", "eip155:99999999999999999999", "bip122:1"]
        {
            assert_eq!(wrong.parse::<ChainId>(), Err(NotAChainId(wrong.into())));
        }
    }
}
