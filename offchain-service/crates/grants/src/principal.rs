//! Who signs, and for which node it is meant.

use std::{fmt, str::FromStr};

use alloy_primitives::Address;
use codec::{Decode, Encode};
use serde::{Deserialize, Serialize};
use smartlayer_primitives::{receipt::Owner, AccountId};
use sp_core::crypto::{Ss58AddressFormat, Ss58Codec};

/// The longest text that is read as an address; a 32-byte account in SS58 has at most 50 characters.
const MAX_TEXT: usize = 64;

/// The audience that stands for every node that serves the instance.
const ANY: &str = "any";

/// Someone who holds a key: the token's owner, or the website that is granted something.
///
/// As text, in JSON and in typed data alike: an Ethereum address as `0x` and 40 hex digits with the EIP-55 checksum (read also in
/// lower case), a Substrate account in SS58 with the generic prefix 42 (read with any prefix).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Principal {
    /// An externally owned account of Ethereum. It signs typed data (EIP-712).
    Ethereum([u8; 20]),
    /// An account of this chain. It signs raw bytes with sr25519, ed25519 or ecdsa.
    Substrate(AccountId),
}

/// Why a text is not an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an address is 0x and 40 hex digits (with a right EIP-55 checksum, or in lower case), or an account in SS58")]
pub struct BadAddress;

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ethereum(address) => f.write_str(&Address::from(*address).to_checksum(None)),
            Self::Substrate(account) => f.write_str(&account_text(account)),
        }
    }
}

impl FromStr for Principal {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        if let Some(digits) = text.strip_prefix("0x") {
            let mut address = [0u8; 20];
            hex::decode_to_slice(digits, &mut address).map_err(|_| BadAddress)?;
            let lower = !digits.bytes().any(|b| b.is_ascii_uppercase());
            let right = lower || Address::from(address).to_checksum(None) == text;
            return right.then_some(Self::Ethereum(address)).ok_or(BadAddress);
        }
        read_account(text).map(Self::Substrate)
    }
}

impl TryFrom<String> for Principal {
    type Error = BadAddress;

    fn try_from(text: String) -> Result<Self, BadAddress> {
        text.parse()
    }
}

impl From<Principal> for String {
    fn from(principal: Principal) -> Self {
        principal.to_string()
    }
}

impl From<Principal> for Owner {
    fn from(principal: Principal) -> Self {
        match principal {
            Principal::Ethereum(address) => Self::Ethereum(address),
            Principal::Substrate(account) => Self::Account(account),
        }
    }
}

impl From<Owner> for Principal {
    fn from(owner: Owner) -> Self {
        match owner {
            Owner::Ethereum(address) => Self::Ethereum(address),
            Owner::Account(account) => Self::Substrate(account),
        }
    }
}

/// Which nodes a grant is good at. As text: the node's account in SS58, or `any`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Audience {
    /// Only the service node with this account.
    Node(AccountId),
    /// Every node that serves the instance.
    Any,
}

impl Audience {
    /// Whether the node with this account is meant.
    pub fn admits(&self, node: &AccountId) -> bool {
        match self {
            Self::Node(named) => named == node,
            Self::Any => true,
        }
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(account) => f.write_str(&account_text(account)),
            Self::Any => f.write_str(ANY),
        }
    }
}

/// Why a text is not an audience.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an audience is the account of a service node in SS58, or \"any\"")]
pub struct BadAudience;

impl FromStr for Audience {
    type Err = BadAudience;

    fn from_str(text: &str) -> Result<Self, BadAudience> {
        if text == ANY {
            return Ok(Self::Any);
        }
        read_account(text).map(Self::Node).map_err(|BadAddress| BadAudience)
    }
}

impl TryFrom<String> for Audience {
    type Error = BadAudience;

    fn try_from(text: String) -> Result<Self, BadAudience> {
        text.parse()
    }
}

impl From<Audience> for String {
    fn from(audience: Audience) -> Self {
        audience.to_string()
    }
}

/// An account in SS58 with the generic prefix 42, whatever prefix the process prefers: the text is signed.
pub(crate) fn account_text(account: &AccountId) -> String {
    account.to_ss58check_with_version(Ss58AddressFormat::custom(42))
}

fn read_account(text: &str) -> Result<AccountId, BadAddress> {
    if text.len() > MAX_TEXT {
        return Err(BadAddress);
    }
    AccountId::from_ss58check_with_version(text).map(|(account, _)| account).map_err(|_| BadAddress)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sp_keyring::Sr25519Keyring::Alice;

    #[test]
    fn addresses_have_one_text_and_wrong_checksums_are_refused() {
        // The first example of EIP-55.
        let text = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
        let address: Principal = text.parse().unwrap();
        assert_eq!(address.to_string(), text);
        assert_eq!(text.to_lowercase().parse(), Ok(address));
        assert_eq!("0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed".parse::<Principal>(), Err(BadAddress));

        let account = Principal::Substrate(Alice.to_account_id());
        assert_eq!(account.to_string(), "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY");
        // The same account with Polkadot's prefix.
        assert_eq!("15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5".parse(), Ok(account));
        let long = "5".repeat(1_000_000);
        for bad in ["", "0x", "any", "5Grw", "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beae", "0xzz", &long] {
            assert_eq!(bad.parse::<Principal>(), Err(BadAddress), "{}", bad.len());
        }
    }

    #[test]
    fn an_audience_is_one_node_or_any() {
        let node = Audience::Node(Alice.to_account_id());
        assert_eq!(node.to_string().parse(), Ok(node.clone()));
        assert_eq!("any".parse(), Ok(Audience::Any));
        assert_eq!("Any".parse::<Audience>(), Err(BadAudience));
        assert!(node.admits(&Alice.to_account_id()) && !node.admits(&[0; 32].into()));
        assert!(Audience::Any.admits(&[0; 32].into()));
    }
}
