//! The calls that this project sends. Each function makes a [`Call`]; [`crate::ChainClient::submit`] signs and sends it.

use codec::{Compact, Encode};
use smartlayer_primitives::{
    commitment::{Commitment, Equivocation},
    merkle::MerkleProof,
    node::{Endpoint, PeerId},
    notary::SignedAllocation,
    promise::Claim,
    quorum::{AnchorKey, AnchorSignature, QuorumCertificate},
    report::ReportEntry,
    session::Beneficiary,
    sla::{Objectives, TestResult},
    token::{ScriptUri, TokenSpec},
    AccountId, Balance, BlockNumber, Hash, Period, SessionId, Signature, TemplateId, TokenTypeId,
};
use sp_runtime::Permill;

/// A call, ready to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call(pub(crate) Content);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// A call by its names, with its arguments encoded one after the other.
    Plain { pallet: String, name: String, args: Vec<u8> },
    /// `Utility.batch_all` over these.
    Batch(Vec<Call>),
}

impl Call {
    /// A call of any pallet: `args` are its arguments' SCALE encodings, one after the other. They are checked against the chain's
    /// metadata before anything is signed.
    pub fn raw(pallet: impl Into<String>, name: impl Into<String>, args: Vec<u8>) -> Self {
        Self(Content::Plain { pallet: pallet.into(), name: name.into(), args })
    }

    /// All of these in one transaction, or none of them.
    pub fn batch_all(calls: impl IntoIterator<Item = Call>) -> Self {
        Self(Content::Batch(calls.into_iter().collect()))
    }

    /// `Pallet.call`.
    pub fn name(&self) -> String {
        match &self.0 {
            Content::Plain { pallet, name, .. } => format!("{pallet}.{name}"),
            Content::Batch(calls) => {
                format!("Utility.batch_all({})", calls.iter().map(Call::name).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// `sp_runtime::MultiAddress::Id`, which is all that this chain uses of it.
struct Address<'a>(&'a AccountId);

impl Encode for Address<'_> {
    fn encode_to<T: codec::Output + ?Sized>(&self, out: &mut T) {
        out.push_byte(0);
        self.0.encode_to(out);
    }
}

macro_rules! calls {
    ($($(#[doc = $module_doc:literal])+ $module:ident = $pallet:literal {
        $($(#[doc = $doc:literal])+ fn $name:ident($($arg:ident: $type:ty),* $(,)?);)+
    })+) => {
        $($(#[doc = $module_doc])+
        pub mod $module {
            use super::*;
            $($(#[doc = $doc])+
            #[allow(clippy::too_many_arguments)]
            pub fn $name($($arg: $type),*) -> Call {
                #[allow(unused_mut)]
                let mut args: Vec<u8> = Vec::new();
                $($arg.encode_to(&mut args);)*
                Call::raw($pallet, stringify!($name), args)
            })+
        })+

        /// Every call above: pallet, name, number of arguments.
        const DECLARED: &[(&str, &str, usize)] =
            &[$($(($pallet, stringify!($name), <[&str]>::len(&[$(stringify!($arg)),*])),)+)+];
    };
}

calls! {
    /// Calls of the pallet `Anchors`.
    anchors = "Anchors" {
        /// Registers the signing account as an organisation. `proof` is the key's signature over its ownership.
        fn register(name: String, endpoint: Endpoint, peer_id: PeerId, key: AnchorKey, proof: AnchorSignature, bond: Balance);
        /// Changes where the organisation's anchor answers.
        fn update(endpoint: Endpoint, peer_id: PeerId);
        /// Replaces the organisation's signing key.
        fn rotate_key(key: AnchorKey, proof: AnchorSignature);
        /// Ends the organisation's registration; not while it is elected.
        fn deregister();
        /// Bonds more, in planck.
        fn bond_more(amount: Balance);
        /// Takes the bond back once the delay after deregistering is over.
        fn withdraw_bond();
        /// Looks again at whether the organisation is fit to be active: anyone may ask.
        fn refresh(account: AccountId);
    }
    /// Calls of the pallet `ServiceStaking`.
    service_staking = "ServiceStaking" {
        /// Registers the signing account as a service node. `proof` is the service key's signature over its ownership.
        fn register(endpoint: Endpoint, peer_id: PeerId, service_key: AccountId, proof: Signature, bond: Balance);
        /// Changes where the node answers.
        fn update(endpoint: Endpoint, peer_id: PeerId);
        /// Replaces the node's service key.
        fn rotate_key(service_key: AccountId, proof: Signature);
        /// Bonds more, in planck.
        fn bond_more(amount: Balance);
        /// Starts to take out of the bond, in planck.
        fn unbond(amount: Balance);
        /// Takes out what is released.
        fn withdraw();
        /// Pays a node its reward for the period of `entry`, which `proof` shows in the period's report.
        fn claim_reward(entry: ReportEntry, proof: MerkleProof);
        /// Pays the anchor its reward for having signed the period's commitment.
        fn claim_anchor_reward(period: Period);
        /// Reports the persistent breach that `entry` is, which `proof` shows in its period's report. Whoever does earns a bounty once the
        /// slash is taken.
        fn report_breach(entry: ReportEntry, proof: MerkleProof);
        /// Takes the slash of a reported breach whose deferral is over.
        fn apply_slash(node: AccountId, period: Period);
        /// Takes no new work until [`reenter`].
        fn chill();
        /// Takes new work again.
        fn reenter();
    }
    /// Calls of the pallet `SmartTokens`.
    smart_tokens = "SmartTokens" {
        /// Registers a token type and pays its rent for so many periods.
        fn register(spec: TokenSpec, periods: Period);
        /// Replaces the token type's script.
        fn update_script(token_type: TokenTypeId, script_hash: Hash, script_uris: Vec<ScriptUri>);
        /// Pays the token type's rent for so many periods more.
        fn fund_rent(token_type: TokenTypeId, periods: Period);
        /// Changes the issuer's share in what calls of the token type pay; open sessions keep theirs.
        fn set_revenue_share(token_type: TokenTypeId, share: Permill);
    }
    /// Calls of the pallet `SlaRegistry`.
    sla_registry = "SlaRegistry" {
        /// The node proposes terms.
        fn propose(template: TemplateId, objectives: Objectives);
        /// An anchor proposes other objectives to the node.
        fn counter(node: AccountId, objectives: Objectives);
        /// An anchor accepts what the node proposed.
        fn accept_proposal(node: AccountId);
        /// The node accepts what the anchor proposed.
        fn accept_counter();
        /// Brings the result of the node's serviceability test.
        fn record_test(result: TestResult, certificate: QuorumCertificate);
        /// The node puts its tested agreement into force.
        fn activate();
        /// The node ends its agreement.
        fn end();
        /// Removes a negotiation that has lapsed, or the agreement of a node that is no longer bonded.
        fn expire(node: AccountId);
        /// The node announces that it will not serve for so many periods.
        fn declare_maintenance(from: Period, periods: Period);
    }
    /// Calls of the pallet `PromiseSettlement`.
    promise_settlement = "PromiseSettlement" {
        /// Opens a session: holds `deposit` planck, spent by promises that `signer` signs. Calls of a token type whose issuer has a
        /// share are paid from a session for that type. It expires after `lifetime` blocks.
        fn open(
            beneficiary: Beneficiary,
            signer: AccountId,
            token_type: Option<TokenTypeId>,
            deposit: Balance,
            nonce: u64,
            lifetime: BlockNumber,
        );
        /// Holds more, in planck.
        fn top_up(session: SessionId, amount: Balance);
        /// Pays the node what the claim's promise owes beyond what was claimed.
        fn claim(claim: Claim);
        /// As [`claim`], for several sessions.
        fn claim_batch(claims: Vec<Claim>);
        /// The node settles the last promise and gives the payer the rest back, at once.
        fn close(session: SessionId, last: Option<Claim>);
        /// The payer asks to close, or anyone once the session expired; nodes have the challenge window to claim.
        fn request_close(session: SessionId);
        /// Ends a session whose challenge window is over.
        fn finish(session: SessionId);
        /// The payer of a network session names another notary.
        fn change_notary(session: SessionId, notary: AccountId);
        /// Shows that a notary allocated more than the session had.
        fn report_over_allocation(session: SessionId, allocations: Vec<SignedAllocation>);
    }
    /// Calls of the pallet `CommitmentSnapshots`.
    commitment_snapshots = "CommitmentSnapshots" {
        /// Writes a period's commitment.
        fn submit(commitment: Commitment, certificate: QuorumCertificate);
        /// Shows that an anchor signed two commitments that contradict each other.
        fn report_equivocation(evidence: Equivocation);
    }
}

/// Calls of the pallet `Balances`.
pub mod balances {
    use super::*;

    /// Transfers, and refuses to leave the sender below the existential deposit.
    pub fn transfer_keep_alive(to: &AccountId, amount: Balance) -> Call {
        Call::raw("Balances", "transfer_keep_alive", (Address(to), Compact(amount)).encode())
    }
}

/// Calls of the pallet `Elections`.
pub mod elections {
    use super::*;

    /// Votes with `stake` planck for these candidates, best first.
    pub fn vote(candidates: Vec<AccountId>, stake: Balance) -> Call {
        Call::raw("Elections", "vote", (candidates, Compact(stake)).encode())
    }

    /// Stands for election. `candidates` is how many there are now, or more.
    pub fn submit_candidacy(candidates: u32) -> Call {
        Call::raw("Elections", "submit_candidacy", Compact(candidates).encode())
    }
}

/// Every call that this project may send: pallet, name, number of arguments.
pub(crate) fn required() -> impl Iterator<Item = (&'static str, &'static str, usize)> {
    let foreign = [
        ("Balances", "transfer_keep_alive", 2),
        ("Elections", "vote", 2),
        ("Elections", "submit_candidacy", 1),
        ("Utility", "batch_all", 1),
    ];
    DECLARED.iter().copied().chain(foreign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_encoded_in_order() {
        let node = Beneficiary::Node(AccountId::new([1; 32]));
        let call = promise_settlement::open(node, AccountId::new([2; 32]), Some(7), 3, 4, 5);
        let Content::Plain { pallet, name, args } = call.0 else { panic!("not plain") };
        assert_eq!((pallet.as_str(), name.as_str()), ("PromiseSettlement", "open"));
        let expected =
            [&[0][..], &[1; 32], &[2; 32], &[1, 7, 0, 0, 0], &3u128.to_le_bytes(), &4u64.to_le_bytes(), &[5, 0, 0, 0]];
        let expected = expected.concat();
        assert_eq!(args, expected);
    }

    #[test]
    fn a_transfer_is_what_wallets_send() {
        let Content::Plain { args, .. } = balances::transfer_keep_alive(&AccountId::new([7; 32]), 1).0 else {
            panic!("not plain")
        };
        assert_eq!(args, [&[0u8][..], &[7; 32], &[4]].concat());
    }

    #[test]
    fn a_batch_names_what_it_does() {
        let batch = Call::batch_all([service_staking::withdraw(), sla_registry::end()]);
        assert_eq!(batch.name(), "Utility.batch_all(ServiceStaking.withdraw, SlaRegistry.end)");
        assert!(required().any(|r| r == ("Anchors", "register", 6)));
    }
}
