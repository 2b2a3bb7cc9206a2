//! Who acts, and the keys that everybody has.

use std::{collections::BTreeMap, sync::OnceLock};

use smartlayer_primitives::{
    quorum::{AnchorKey, AnchorSignature},
    AccountId, Signature,
};
use sp_core::{ecdsa, ed25519, sr25519, Pair};
use sp_runtime::{traits::IdentifyAccount, MultiSigner};

/// All actors. Those of the development preset, and some more.
pub struct Cast {
    /// May be service nodes; all but the last have money.
    pub nodes: Vec<AccountId>,
    /// May be service keys.
    pub service_keys: Vec<AccountId>,
    /// May be anchors; all but the last have a judged identity.
    pub organisations: Vec<AccountId>,
    /// May be anchors' signing keys.
    pub anchor_keys: Vec<AnchorKey>,
    /// Open sessions.
    pub payers: Vec<AccountId>,
    /// Sign promises; of all three schemes.
    pub signers: Vec<AccountId>,
    /// Register token types.
    pub issuers: Vec<AccountId>,
    /// Call what anybody may call. The last has no account.
    pub others: Vec<AccountId>,
    /// Judges identities.
    pub registrar: AccountId,
    pairs: BTreeMap<AccountId, Keys>,
}

// There are a few dozen of them.
#[allow(clippy::large_enum_variant)]
enum Keys {
    Sr(sr25519::Pair),
    Ed(ed25519::Pair),
    Ecdsa(ecdsa::Pair),
}

/// The cast is always the same.
pub fn cast() -> &'static Cast {
    static CAST: OnceLock<Cast> = OnceLock::new();
    CAST.get_or_init(Cast::new)
}

impl Cast {
    fn new() -> Self {
        let mut pairs = BTreeMap::new();
        let mut named = |names: &[&str]| -> Vec<AccountId> {
            let one = |name: &&str| {
                let pair = sr25519::Pair::from_string(&format!("//{name}"), None).expect("a name is a path; qed");
                let account = AccountId::from(pair.public());
                pairs.insert(account.clone(), Keys::Sr(pair));
                account
            };
            names.iter().map(one).collect()
        };
        let nodes = named(&["Node1", "Node2", "Node3", "Node4", "Node5", "Node6", "Node7", "Node9"]);
        let organisations =
            named(&["Anchor1", "Anchor2", "Anchor3", "Anchor4", "Anchor5", "Anchor6", "Anchor7", "Anchor8", "Anchor9"]);
        let payers = named(&["Dapp", "User", "Ferdie"]);
        let issuers = named(&["Issuer", "Eve"]);
        let others = named(&["Bob", "Charlie", "Nobody"]);
        let registrar = named(&["Alice"]).remove(0);

        let mut from_seed = |kind: u8, number: u8| -> AccountId {
            let mut seed = [kind; 32];
            seed[0] = number;
            let (signer, keys): (MultiSigner, Keys) = match kind {
                b'e' => {
                    let pair = ed25519::Pair::from_seed(&seed);
                    (pair.public().into(), Keys::Ed(pair))
                }
                b'c' => {
                    let pair = ecdsa::Pair::from_seed(&seed);
                    (pair.public().into(), Keys::Ecdsa(pair))
                }
                _ => {
                    let pair = sr25519::Pair::from_seed(&seed);
                    (pair.public().into(), Keys::Sr(pair))
                }
            };
            let account = signer.into_account();
            pairs.insert(account.clone(), keys);
            account
        };
        let service_keys = (0..12).map(|number| from_seed(b'k', number)).collect();
        let signers = [b's', b'e', b'c'].map(|kind| from_seed(kind, 0)).to_vec();
        let anchor_keys =
            (0..24).map(|number| AnchorKey::from_raw(*AsRef::<[u8; 32]>::as_ref(&from_seed(b'a', number)))).collect();
        Self { nodes, service_keys, organisations, anchor_keys, payers, signers, issuers, others, registrar, pairs }
    }

    /// Everybody who has money from the beginning.
    pub fn endowed(&self) -> Vec<AccountId> {
        let groups = [&self.nodes[..self.nodes.len() - 1], &self.organisations, &self.payers, &self.issuers];
        let mut all: Vec<_> = groups.into_iter().flatten().cloned().collect();
        all.extend(self.others[..self.others.len() - 1].iter().cloned());
        all.push(self.registrar.clone());
        all
    }

    /// Everybody with an account of their own, or none.
    pub fn everybody(&self) -> Vec<AccountId> {
        let groups = [&self.nodes, &self.organisations, &self.payers, &self.issuers, &self.others];
        groups.into_iter().flatten().cloned().collect()
    }

    /// The signature of somebody of the cast.
    pub fn sign(&self, who: &AccountId, message: &[u8]) -> Signature {
        match self.pairs.get(who).expect("everybody who signs is of the cast; qed") {
            Keys::Sr(pair) => pair.sign(message).into(),
            Keys::Ed(pair) => pair.sign(message).into(),
            Keys::Ecdsa(pair) => pair.sign(message).into(),
        }
    }

    /// The signature of one of [`Cast::anchor_keys`].
    pub fn sign_as_anchor(&self, key: &AnchorKey, message: &[u8]) -> AnchorSignature {
        match self.pairs.get(&AccountId::from(*key)) {
            Some(Keys::Sr(pair)) => pair.sign(message),
            _ => unreachable!("anchors' keys are of the cast and of one scheme; qed"),
        }
    }
}
