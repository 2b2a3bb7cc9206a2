//! A grant, its signers, and what is asked under it.

use k256::ecdsa::SigningKey;
use smartlayer_grants::*;
use smartlayer_primitives::{payload::blake2_256, AccountId, Hash, InstanceId, Signature};
use sp_core::{ecdsa, ed25519, sr25519, Pair};

pub const NOW: u64 = 1_790_000_000;
pub const INSTANCE: InstanceId = InstanceId { token_type: 3, index: 7 };
pub const NODE: AccountId = AccountId::new([9; 32]);

pub const GENESIS: Hash = sp_core::H256([0xab; 32]);

/// A key of any kind that can own a token or be granted something.
#[derive(Clone)]
#[allow(clippy::large_enum_variant, reason = "there are only ever a few")]
pub enum Key {
    Sr25519(sr25519::Pair),
    Ed25519(ed25519::Pair),
    Ecdsa(ecdsa::Pair),
    Ethereum(SigningKey),
}

impl Key {
    pub fn all(seed: u8) -> [Self; 4] {
        [
            Self::Sr25519(sr25519::Pair::from_seed(&[seed; 32])),
            Self::Ed25519(ed25519::Pair::from_seed(&[seed; 32])),
            Self::Ecdsa(ecdsa::Pair::from_seed(&[seed; 32])),
            Self::Ethereum(SigningKey::from_slice(&[seed; 32]).unwrap()),
        ]
    }

    pub fn ethereum(seed: u8) -> Self {
        Self::Ethereum(SigningKey::from_slice(&[seed; 32]).unwrap())
    }

    pub fn sr25519(seed: u8) -> Self {
        Self::Sr25519(sr25519::Pair::from_seed(&[seed; 32]))
    }

    pub fn principal(&self) -> Principal {
        match self {
            Self::Sr25519(pair) => Principal::Substrate(pair.public().into()),
            Self::Ed25519(pair) => Principal::Substrate(pair.public().into()),
            Self::Ecdsa(pair) => Principal::Substrate(blake2_256(&pair.public().0).0.into()),
            Self::Ethereum(key) => Principal::Ethereum(alloy_primitives::Address::from_private_key(key).into_array()),
        }
    }

    /// Signs raw bytes as a Substrate account does, or a digest as a wallet does.
    pub fn sign_bytes(&self, bytes: &[u8], digest: &[u8; 32]) -> StatementSignature {
        StatementSignature::Substrate(match self {
            Self::Sr25519(pair) => Signature::Sr25519(pair.sign(bytes)),
            Self::Ed25519(pair) => Signature::Ed25519(pair.sign(bytes)),
            Self::Ecdsa(pair) => Signature::Ecdsa(pair.sign(bytes)),
            Self::Ethereum(key) => {
                let (signature, recovery) = key.sign_prehash_recoverable(digest).unwrap();
                let mut bytes = [0; 65];
                bytes[..64].copy_from_slice(&signature.to_bytes());
                bytes[64] = 27 + u8::from(recovery.is_y_odd());
                return StatementSignature::Eip712(bytes);
            }
        })
    }

    pub fn sign(&self, statement: &impl Statement) -> StatementSignature {
        self.sign_bytes(&statement.signing_payload(), &statement.typed_hash())
    }
}

/// Who owns the token, and who calls.
pub struct Case {
    pub owner: Key,
    pub grantee: Key,
    pub grant: Grant,
    pub usage: Use,
}

impl Case {
    /// A grant of two attributes and an action at one node, for five uses.
    pub fn of(owner: Key, grantee: Key) -> Self {
        let grant = Grant {
            genesis: GENESIS,
            instance: INSTANCE,
            owner: owner.principal(),
            grantee: grantee.principal(),
            audience: Audience::Node(NODE),
            attributes: vec!["row".into(), "seat".into()],
            actions: vec!["enter".into()],
            not_before: NOW - 60,
            expires_at: NOW + 3600,
            uses: Some(5),
            nonce: Hash::repeat_byte(1),
        };
        let usage = Use { grant: grant.id(), node: NODE, sequence: 10, issued_at: NOW, request: request() };
        Self { owner, grantee, grant, usage }
    }

    pub fn new() -> Self {
        Self::of(Key::sr25519(1), Key::sr25519(2))
    }

    /// Changes the grant before it is signed; the use follows it.
    pub fn grant(mut self, change: impl FnOnce(&mut Grant)) -> Self {
        change(&mut self.grant);
        self.usage.grant = self.grant.id();
        self
    }

    /// Changes the use before it is signed.
    pub fn usage(mut self, change: impl FnOnce(&mut Use)) -> Self {
        change(&mut self.usage);
        self
    }

    /// Both, signed by who should.
    pub fn signed(&self) -> Authorisation {
        Authorisation {
            grant: self.grant.clone(),
            signature: self.owner.sign(&self.grant),
            usage: self.usage.clone(),
            use_signature: self.grantee.sign(&self.usage.on(&self.grant.genesis)),
        }
    }
}

pub fn request() -> Hash {
    request_hash("token_call", &serde_json::Map::new()).unwrap()
}

/// Checks at [`NOW`], of a node that knows nothing yet.
pub fn checked<'a>(authorisation: &'a Authorisation, ask: impl FnOnce(&mut Ask<'a>)) -> Result<Permit, Refusal> {
    checked_after(authorisation, &Known::default(), NOW, ask)
}

pub fn checked_after<'a>(
    authorisation: &'a Authorisation,
    known: &Known,
    now: u64,
    change: impl FnOnce(&mut Ask<'a>),
) -> Result<Permit, Refusal> {
    let mut ask = Ask {
        genesis: &GENESIS,
        node: &NODE,
        instance: INSTANCE,
        owner: Some(&authorisation.grant.owner),
        attributes: &["seat"],
        action: Some("enter"),
        request: request(),
    };
    change(&mut ask);
    check(authorisation, &ask, known, now)
}
