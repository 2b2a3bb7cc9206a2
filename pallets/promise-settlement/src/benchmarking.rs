//! What `frame-omni-bencher` measures: every call at its most expensive, and the parts that calls are weighed by.

use alloc::{boxed::Box, vec::Vec};
use frame_benchmarking::v2::*;
use frame_support::{
    traits::{
        fungible::{BalancedHold, Mutate},
        Authorize,
    },
    BoundedVec,
};
use frame_system::RawOrigin;
use smartlayer_primitives::{
    notary::{channel_id, Allocation, SignedAllocation, MAX_SESSION_NODES},
    payload::Payload,
    promise::{session_id, tick_hash, Claim, Promise, SignedPromise, TickCommitment, Ticks, MAX_TICKS},
    quorum::{AnchorKey, Member, MAX_ANCHORS},
    session::Beneficiary,
    traits::{Anchors, ServiceNodes, TokenTypes},
    AccountId, Balance, Hash, SessionId, TokenTypeId,
};
use sp_core::crypto::KeyTypeId;
use sp_runtime::{
    traits::{Get, IdentifyAccount},
    transaction_validity::TransactionSource,
    MultiSigner, Permill,
};

use crate::{settle::Payouts, Call, Channels, Config, HoldReason, Pallet, Reported, Sessions, MAX_BATCH, MAX_EVIDENCE};

const KEY_TYPE: KeyTypeId = KeyTypeId(*b"prms");

/// A deposit from which every claim pays more than any existential deposit.
fn deposit<T: Config>() -> Balance {
    T::MinDeposit::get().saturating_add(smartlayer_primitives::SLT.saturating_mul(1_000))
}

/// Enough for a session with room for all the nodes there can be, and its storage.
fn funds<T: Config>() -> Balance {
    let room = T::ChannelDeposit::get().saturating_mul(MAX_SESSION_NODES.into());
    deposit::<T>().saturating_add(room).saturating_add(T::StorageDeposit::get()).saturating_mul(4)
}

fn rich<T: Config>(name: &'static str, n: u32) -> AccountId {
    let who: AccountId = account(name, n, 0);
    T::Currency::set_balance(&who, funds::<T>());
    who
}

fn node<T: Config>() -> AccountId {
    let node = rich::<T>("node", 0);
    if !T::ServiceNodes::is_available(&node) {
        T::ServiceNodes::register_for_benchmark(&node);
    }
    node
}

fn issuer<T: Config>() -> TokenTypeId {
    T::TokenTypes::register_for_benchmark(&rich::<T>("issuer", 0), Permill::from_percent(10))
}

/// A notary among as many anchors as there can be.
fn notary<T: Config>() -> (AccountId, AnchorKey) {
    let anchor = |n| Member { account: account("anchor", n, 0), key: sp_io::crypto::sr25519_generate(KEY_TYPE, None) };
    let notary = anchor(0);
    let mut members: Vec<Member> = (1..MAX_ANCHORS).map(anchor).collect();
    members.push(notary.clone());
    members.sort_by(|a, b| a.account.cmp(&b.account));
    T::Anchors::activate_for_benchmark(members);
    (notary.account, notary.key)
}

fn key() -> sp_core::ecdsa::Public {
    sp_io::crypto::ecdsa_generate(KEY_TYPE, None)
}

/// An open session, and all that it takes to claim from it.
struct Opened<T> {
    payer: AccountId,
    id: SessionId,
    signer: sp_core::ecdsa::Public,
    notary: Option<AnchorKey>,
    config: core::marker::PhantomData<T>,
}

impl<T: Config> Opened<T> {
    fn open(n: u32, beneficiary: Beneficiary, issuer: Option<TokenTypeId>) -> Result<Self, BenchmarkError> {
        let (payer, signer) = (rich::<T>("payer", n), key());
        let account = MultiSigner::from(signer).into_account();
        let id = session_id(&Pallet::<T>::genesis(), &payer, beneficiary.account(), 0);
        Pallet::<T>::do_open(payer.clone(), beneficiary, account, issuer, deposit::<T>(), 0, 1)?;
        Ok(Self { payer, id, signer, notary: None, config: core::marker::PhantomData })
    }

    fn to_node(n: u32, issuer: Option<TokenTypeId>) -> Result<Self, BenchmarkError> {
        Self::open(n, Beneficiary::Node(node::<T>()), issuer)
    }

    fn to_network(
        n: u32,
        notary: &(AccountId, AnchorKey),
        issuer: Option<TokenTypeId>,
    ) -> Result<Self, BenchmarkError> {
        let beneficiary = Beneficiary::Network { notary: notary.0.clone(), max_nodes: MAX_SESSION_NODES };
        Ok(Self { notary: Some(notary.1), ..Self::open(n, beneficiary, issuer)? })
    }

    /// A claim of half the deposit, signed with the slowest scheme; without ticks.
    fn claim(&self) -> Result<Claim, BenchmarkError> {
        self.claim_for(&node::<T>(), deposit::<T>() / 2)
    }

    fn claim_for(&self, node: &AccountId, cumulative: Balance) -> Result<Claim, BenchmarkError> {
        let allocation = self.notary.map(|_| self.allocation(node, cumulative)).transpose()?;
        let session = allocation.as_ref().map_or(self.id, |_| channel_id(&self.id, 0, node));
        let promise = Promise { session, cumulative, call_hash: Hash::repeat_byte(1), ticks: None };
        let bytes = promise.signing_payload(&Pallet::<T>::genesis());
        let signature = sp_io::crypto::ecdsa_sign(KEY_TYPE, &self.signer, &bytes)
            .ok_or(BenchmarkError::Stop("the key store does not sign"))?
            .into();
        Ok(Claim { promise: SignedPromise { promise, signature }, ticks: None, allocation })
    }

    fn allocation(&self, node: &AccountId, cap: Balance) -> Result<SignedAllocation, BenchmarkError> {
        let allocation = Allocation { session: self.id, round: 0, node: node.clone(), cap };
        let key = self.notary.ok_or(BenchmarkError::Stop("no network session"))?;
        let bytes = allocation.signing_payload(&Pallet::<T>::genesis());
        let signature = sp_io::crypto::sr25519_sign(KEY_TYPE, &key, &bytes)
            .ok_or(BenchmarkError::Stop("the key store does not sign"))?;
        Ok(SignedAllocation { allocation, signature })
    }

    /// Makes so many nodes claim from the network.
    fn fill(&self, count: u32) -> Result<(), BenchmarkError> {
        for n in 0..count {
            let claim = self.claim_for(&rich::<T>("filler", n), deposit::<T>() / 1_000)?;
            Pallet::<T>::do_claim(&claim).map_err(|error| error.error)?;
        }
        Ok(())
    }

    fn claimed(&self) -> Balance {
        Sessions::<T>::get(self.id).map_or(0, |session| session.claimed())
    }
}

fn pass<T: Config>(blocks: u32) {
    frame_system::Pallet::<T>::set_block_number(Pallet::<T>::now().saturating_add(blocks));
}

fn anyone() -> RawOrigin<AccountId> {
    RawOrigin::Signed(account("anyone", 0, 0))
}

#[benchmarks]
mod benchmarks {
    use super::*;

    #[benchmark]
    fn open_node() -> Result<(), BenchmarkError> {
        let (payer, beneficiary) = (rich::<T>("payer", 0), Beneficiary::Node(node::<T>()));
        let id = session_id(&Pallet::<T>::genesis(), &payer, beneficiary.account(), 0);
        let token_type = Some(issuer::<T>());
        #[extrinsic_call]
        open(RawOrigin::Signed(payer.clone()), beneficiary, payer.clone(), token_type, deposit::<T>(), 0, 1);
        assert!(Sessions::<T>::contains_key(id));
        Ok(())
    }

    #[benchmark]
    fn open_network() -> Result<(), BenchmarkError> {
        let (payer, (notary, _)) = (rich::<T>("payer", 0), notary::<T>());
        let beneficiary = Beneficiary::Network { notary, max_nodes: MAX_SESSION_NODES };
        let id = session_id(&Pallet::<T>::genesis(), &payer, beneficiary.account(), 0);
        let token_type = Some(issuer::<T>());
        #[extrinsic_call]
        open(RawOrigin::Signed(payer.clone()), beneficiary, payer.clone(), token_type, deposit::<T>(), 0, 1);
        assert!(Sessions::<T>::contains_key(id));
        Ok(())
    }

    #[benchmark]
    fn top_up() -> Result<(), BenchmarkError> {
        let session = Opened::<T>::to_node(0, None)?;
        #[extrinsic_call]
        _(RawOrigin::Signed(session.payer), session.id, 1);
        assert_eq!(Sessions::<T>::get(session.id).map(|s| s.deposit), Some(deposit::<T>() + 1));
        Ok(())
    }

    #[benchmark]
    fn claim() -> Result<(), BenchmarkError> {
        let session = Opened::<T>::to_node(0, Some(issuer::<T>()))?;
        let good = Box::new(session.claim()?);
        #[extrinsic_call]
        _(anyone(), good);
        assert_eq!(session.claimed(), deposit::<T>() / 2);
        Ok(())
    }

    #[benchmark]
    fn claim_network() -> Result<(), BenchmarkError> {
        let session = Opened::<T>::to_network(0, &notary::<T>(), Some(issuer::<T>()))?;
        let good = Box::new(session.claim()?);
        #[extrinsic_call]
        claim(anyone(), good);
        assert_eq!(session.claimed(), deposit::<T>() / 2);
        Ok(())
    }

    #[benchmark]
    fn claim_batch(n: Linear<0, MAX_BATCH>) -> Result<(), BenchmarkError> {
        let sessions = (0..n).map(|i| Opened::<T>::to_node(i, None)).collect::<Result<Vec<_>, _>>()?;
        let claims = sessions.iter().map(Opened::claim).collect::<Result<Vec<_>, _>>()?;
        #[extrinsic_call]
        _(anyone(), BoundedVec::truncate_from(claims));
        assert!(sessions.iter().all(|session| session.claimed() > 0));
        Ok(())
    }

    #[benchmark]
    fn claim_batch_network(n: Linear<0, MAX_BATCH>) -> Result<(), BenchmarkError> {
        let notary = notary::<T>();
        let sessions = (0..n).map(|i| Opened::<T>::to_network(i, &notary, None)).collect::<Result<Vec<_>, _>>()?;
        let claims = sessions.iter().map(Opened::claim).collect::<Result<Vec<_>, _>>()?;
        #[extrinsic_call]
        claim_batch(anyone(), BoundedVec::truncate_from(claims));
        assert!(sessions.iter().all(|session| session.claimed() > 0));
        Ok(())
    }

    #[benchmark]
    fn payouts(r: Linear<0, { MAX_BATCH * 2 }>) -> Result<(), BenchmarkError> {
        let session = Opened::<T>::to_node(0, None)?;
        let mut parts = Payouts::<T>::default();
        for n in 0..r {
            let part = deposit::<T>() / 1_000;
            let (credit, _) = T::Currency::slash(&HoldReason::Session.into(), &session.payer, part);
            parts.add(&rich::<T>("receiver", n), credit);
        }
        let paid;
        #[block]
        {
            paid = parts.pay();
        }
        assert_eq!(paid, (r, 0));
        Ok(())
    }

    #[benchmark]
    fn ticks(t: Linear<0, MAX_TICKS>) -> Result<(), BenchmarkError> {
        let preimage = Hash::repeat_byte(1);
        let root = (0..t).fold(preimage, |hash, _| tick_hash(&hash));
        let commitment = TickCommitment { root, unit: 1, length: t };
        let good;
        #[block]
        {
            good = commitment.verify(&Ticks { count: t, preimage });
        }
        assert!(good);
        Ok(())
    }

    #[benchmark]
    fn close() -> Result<(), BenchmarkError> {
        let session = Opened::<T>::to_node(0, Some(issuer::<T>()))?;
        let last = Some(Box::new(session.claim()?));
        #[extrinsic_call]
        _(RawOrigin::Signed(node::<T>()), session.id, last);
        assert!(!Sessions::<T>::contains_key(session.id));
        Ok(())
    }

    #[benchmark]
    fn request_close() -> Result<(), BenchmarkError> {
        let session = Opened::<T>::to_network(0, &notary::<T>(), Some(issuer::<T>()))?;
        #[extrinsic_call]
        _(RawOrigin::Signed(session.payer), session.id);
        assert!(Sessions::<T>::get(session.id).is_some_and(|s| s.closing_at.is_some()));
        Ok(())
    }

    #[benchmark]
    fn finish(n: Linear<0, { MAX_SESSION_NODES as u32 }>) -> Result<(), BenchmarkError> {
        let session = Opened::<T>::to_network(0, &notary::<T>(), None)?;
        session.fill(n)?;
        Pallet::<T>::do_request_close(session.payer, session.id)?;
        pass::<T>(T::ChallengeWindow::get());
        #[extrinsic_call]
        _(anyone(), session.id);
        assert!(!Sessions::<T>::contains_key(session.id));
        assert_eq!(Channels::<T>::iter_prefix(session.id).count(), 0);
        Ok(())
    }

    #[benchmark]
    fn change_notary(n: Linear<0, { MAX_SESSION_NODES as u32 }>) -> Result<(), BenchmarkError> {
        let notary = notary::<T>();
        let session = Opened::<T>::to_network(0, &notary, None)?;
        session.fill(n)?;
        // The second change removes what the first left behind.
        Pallet::<T>::do_change_notary(session.payer.clone(), session.id, notary.0.clone())
            .map_err(|error| error.error)?;
        pass::<T>(T::ChallengeWindow::get());
        #[extrinsic_call]
        _(RawOrigin::Signed(session.payer), session.id, notary.0);
        assert_eq!(Channels::<T>::iter_prefix(session.id).count(), 0);
        Ok(())
    }

    #[benchmark]
    fn report_over_allocation(n: Linear<1, MAX_EVIDENCE>) -> Result<(), BenchmarkError> {
        let session = Opened::<T>::to_network(0, &notary::<T>(), None)?;
        let mut nodes: Vec<AccountId> = (0..n).map(|i| account("node", i, 1)).collect();
        nodes.sort();
        let allocations = nodes.iter().map(|node| session.allocation(node, deposit::<T>() + 1));
        let allocations = BoundedVec::truncate_from(allocations.collect::<Result<Vec<_>, _>>()?);
        #[extrinsic_call]
        _(anyone(), session.id, allocations);
        assert_eq!(Reported::<T>::get(session.id).len(), 1);
        Ok(())
    }

    #[benchmark]
    fn claim_authorized() -> Result<(), BenchmarkError> {
        let session = Opened::<T>::to_network(0, &notary::<T>(), Some(issuer::<T>()))?;
        let good = Box::new(session.claim()?);
        Pallet::<T>::do_request_close(session.payer.clone(), session.id)?;
        #[extrinsic_call]
        _(RawOrigin::Authorized, good);
        assert_eq!(session.claimed(), deposit::<T>() / 2);
        Ok(())
    }

    #[benchmark]
    fn authorize_claim() -> Result<(), BenchmarkError> {
        let session = Opened::<T>::to_network(0, &notary::<T>(), Some(issuer::<T>()))?;
        let call = Call::<T>::claim_authorized { claim: Box::new(session.claim()?) };
        Pallet::<T>::do_request_close(session.payer, session.id)?;
        let validity;
        #[block]
        {
            validity = call.authorize(TransactionSource::External);
        }
        assert!(validity.is_some_and(|validity| validity.is_ok()));
        Ok(())
    }

    impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}
