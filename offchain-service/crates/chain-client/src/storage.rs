//! Where the chain keeps what this crate reads: names and types of the storages, and the keys of their entries.

use std::marker::PhantomData;

use codec::{Decode, Encode};
use smartlayer_primitives::{
    agreement::Agreement,
    commitment::{PeriodClock, PeriodRecord, StoredCommitment},
    node::{Breach, PeriodReward, ServiceNode},
    organisation::Organisation,
    quorum::AnchorSet,
    session::{Channel, Session},
    sla::Template,
    token::TokenType,
    AccountId, Balance, BlockNumber, Hash, Period, SessionId, TemplateId, TokenTypeId,
};
use sp_crypto_hashing::{blake2_128, blake2_256, twox_128, twox_256, twox_64};
use subxt::metadata::StorageHasher;

/// The key of an entry: its parts, SCALE-encoded one by one.
pub(crate) trait Key: Sized {
    /// How many parts: the number of hashers that the metadata must name.
    const PARTS: usize;
    /// The parts.
    fn parts(&self) -> Vec<Vec<u8>>;
    /// The key again, from the bytes that follow the map's prefix. Nothing if a hasher does not keep its input.
    fn from_suffix(bytes: &[u8], hashers: &[StorageHasher]) -> Option<Self>;
}

impl Key for () {
    const PARTS: usize = 0;

    fn parts(&self) -> Vec<Vec<u8>> {
        Vec::new()
    }

    fn from_suffix(_: &[u8], _: &[StorageHasher]) -> Option<Self> {
        Some(())
    }
}

/// A key of one part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct One<A>(pub A);

impl<A: Encode + Decode> Key for One<A> {
    const PARTS: usize = 1;

    fn parts(&self) -> Vec<Vec<u8>> {
        vec![self.0.encode()]
    }

    fn from_suffix(bytes: &[u8], hashers: &[StorageHasher]) -> Option<Self> {
        let mut rest = bytes.get(kept_hash_len(hashers.first()?)?..)?;
        A::decode(&mut rest).ok().filter(|_| rest.is_empty()).map(Self)
    }
}

/// A key of two parts.
impl<A: Encode + Decode, B: Encode + Decode> Key for (A, B) {
    const PARTS: usize = 2;

    fn parts(&self) -> Vec<Vec<u8>> {
        vec![self.0.encode(), self.1.encode()]
    }

    fn from_suffix(bytes: &[u8], hashers: &[StorageHasher]) -> Option<Self> {
        let [first, second] = hashers else { return None };
        let mut rest = bytes.get(kept_hash_len(first)?..)?;
        let a = A::decode(&mut rest).ok()?;
        let mut rest = rest.get(kept_hash_len(second)?..)?;
        let b = B::decode(&mut rest).ok()?;
        rest.is_empty().then_some((a, b))
    }
}

/// How many bytes of hash come before the key itself, for hashers that keep the key.
fn kept_hash_len(hasher: &StorageHasher) -> Option<usize> {
    match hasher {
        StorageHasher::Blake2_128Concat => Some(16),
        StorageHasher::Twox64Concat => Some(8),
        StorageHasher::Identity => Some(0),
        _ => None,
    }
}

/// What one part of a key becomes.
pub(crate) fn hash_part(hasher: &StorageHasher, part: &[u8]) -> Vec<u8> {
    match hasher {
        StorageHasher::Blake2_128 => blake2_128(part).to_vec(),
        StorageHasher::Blake2_256 => blake2_256(part).to_vec(),
        StorageHasher::Blake2_128Concat => [&blake2_128(part)[..], part].concat(),
        StorageHasher::Twox128 => twox_128(part).to_vec(),
        StorageHasher::Twox256 => twox_256(part).to_vec(),
        StorageHasher::Twox64Concat => [&twox_64(part)[..], part].concat(),
        StorageHasher::Identity => part.to_vec(),
    }
}

/// The 32 bytes that all keys of one storage begin with.
pub(crate) fn prefix(pallet: &str, name: &str) -> Vec<u8> {
    [twox_128(pallet.as_bytes()), twox_128(name.as_bytes())].concat()
}

/// A storage: a single value where the key is `()`, else a map.
pub(crate) struct Storage<K, V> {
    pub pallet: &'static str,
    pub name: &'static str,
    types: PhantomData<(K, V)>,
}

impl<K, V> Storage<K, V> {
    const fn new(pallet: &'static str, name: &'static str) -> Self {
        Self { pallet, name, types: PhantomData }
    }
}

impl<K: Key, V: Decode> Storage<K, V> {
    /// The whole key of the entry `key`, hashed as the metadata says.
    pub fn key(&self, key: &K, hashers: &[StorageHasher]) -> Vec<u8> {
        self.key_of(&key.parts(), hashers)
    }

    /// What the keys of all entries begin with whose first parts are these.
    pub fn key_of(&self, parts: &[Vec<u8>], hashers: &[StorageHasher]) -> Vec<u8> {
        let mut bytes = prefix(self.pallet, self.name);
        for (part, hasher) in parts.iter().zip(hashers) {
            bytes.extend(hash_part(hasher, part));
        }
        bytes
    }
}

macro_rules! storages {
    ($($pallet:literal { $($constant:ident = $name:literal: $key:ty => $value:ty;)+ })+) => {
        $($(pub(crate) const $constant: Storage<$key, $value> = Storage::new($pallet, $name);)+)+

        /// Every storage that is read: pallet, name, number of key parts.
        pub(crate) const REQUIRED: &[(&str, &str, usize)] =
            &[$($(($pallet, $name, <$key as Key>::PARTS),)+)+];
    };
}

storages! {
    "System" {
        ACCOUNT = "Account": One<AccountId> => AccountInfo;
    }
    "Balances" {
        TOTAL_ISSUANCE = "TotalIssuance": () => Balance;
    }
    "Timestamp" {
        NOW = "Now": () => u64;
    }
    "Anchors" {
        ORGANISATIONS = "Organisations": One<AccountId> => Organisation;
        ANCHOR_KEYS = "Keys": One<AccountId> => AccountId;
        ELECTED = "Elected": () => Vec<AccountId>;
        ACTIVE_SET = "ActiveSet": () => AnchorSet;
        DEPARTING = "Departing": One<AccountId> => (Balance, BlockNumber);
    }
    "ServiceStaking" {
        NODES = "Nodes": One<AccountId> => ServiceNode;
        SERVICE_KEYS = "ServiceKeys": One<AccountId> => AccountId;
        REWARDS = "Rewards": One<Period> => PeriodReward;
        CLAIMED = "Claimed": (Period, AccountId) => ();
        REWARD_SIGNERS = "RewardSigners": One<Period> => Vec<AccountId>;
        BREACHES = "Breaches": One<AccountId> => Vec<Breach>;
    }
    "SlaRegistry" {
        TEMPLATES = "Templates": One<TemplateId> => Template;
        AGREEMENTS = "Agreements": One<AccountId> => Agreement;
    }
    "PromiseSettlement" {
        SESSIONS = "Sessions": One<SessionId> => Session;
        CHANNELS = "Channels": (SessionId, SessionId) => Channel;
        LAST_NONCE = "LastNonce": One<AccountId> => u64;
    }
    "CommitmentSnapshots" {
        CLOCK = "Clock": () => PeriodClock;
        PERIODS = "Periods": One<Period> => PeriodRecord;
        NEXT_TO_COMMIT = "NextToCommit": () => Period;
        LAST_HASH = "LastHash": () => Hash;
        COMMITMENTS = "Commitments": One<Period> => StoredCommitment;
        STRIKES = "Strikes": One<AccountId> => u32;
    }
    "SmartTokens" {
        TOKENS = "Tokens": One<TokenTypeId> => TokenType;
        NEXT_TOKEN_TYPE = "NextTokenType": () => TokenTypeId;
    }
}

/// `frame_system`'s record of an account, with the data of `pallet_balances`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Decode)]
pub(crate) struct AccountInfo {
    pub nonce: u32,
    pub consumers: u32,
    pub providers: u32,
    pub sufficients: u32,
    pub free: Balance,
    pub reserved: Balance,
    pub frozen: Balance,
    pub flags: u128,
}

#[cfg(test)]
mod tests {
    use super::*;
    use sp_core::{crypto::Ss58Codec, sr25519, Pair};

    #[test]
    fn keys_are_those_that_every_substrate_chain_has() {
        // The published key of System.Account for the development account Alice.
        let alice: AccountId = sr25519::Pair::from_string("//Alice", None).unwrap().public().into();
        assert_eq!(alice.to_ss58check(), "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY");
        let key = ACCOUNT.key(&One(alice.clone()), &[StorageHasher::Blake2_128Concat]);
        assert_eq!(
            hex::encode(&key),
            "26aa394eea5630e07c48ae0c9558cef7b99d880ec681799c0cf30e8886371da9de1e86a9a8c739864cf3cc5ec2bea59f\
             d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d"
        );
        assert_eq!(One::<AccountId>::from_suffix(&key[32..], &[StorageHasher::Blake2_128Concat]), Some(One(alice)));
        assert_eq!(
            hex::encode(prefix("Balances", "TotalIssuance")),
            "c2261276cc9d1f8598ea4b6a74b15c2f57c875e4cff74148e4628f264b974c80"
        );
    }

    #[test]
    fn keys_of_two_parts_come_back() {
        let hashers = [StorageHasher::Twox64Concat, StorageHasher::Blake2_128Concat];
        let key = (7u32, AccountId::new([3; 32]));
        let bytes = CLAIMED.key(&key, &hashers);
        assert_eq!(bytes.len(), 32 + 8 + 4 + 16 + 32);
        assert_eq!(<(u32, AccountId)>::from_suffix(&bytes[32..], &hashers), Some(key));
        assert_eq!(<(u32, AccountId)>::from_suffix(&bytes[32..bytes.len() - 1], &hashers), None);
        assert_eq!(One::<u32>::from_suffix(&[1, 2, 3], &[StorageHasher::Twox128]), None);
        assert_eq!(One::<u32>::from_suffix(&[1, 2, 3, 4, 5], &[StorageHasher::Identity]), None);
    }
}
