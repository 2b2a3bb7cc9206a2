//! What `frame-omni-bencher` measures: every call at its most expensive.

use alloc::vec::Vec;
use frame_benchmarking::v2::*;
use frame_system::RawOrigin;
use smartlayer_primitives::{
    agreement::{Agreement, Stage},
    payload::Payload,
    quorum::{attestation, AnchorKey, Member, QuorumCertificate, MAX_ANCHORS},
    sla::{Objectives, PenaltySchedule, Template, Terms, TestResult},
    traits::{Anchors, ServiceNodes, Snapshots},
    AccountId, TemplateId,
};
use sp_core::crypto::KeyTypeId;
use sp_runtime::Permill;

use crate::{Agreements, Call, Config, Pallet, Templates};

const KEY_TYPE: KeyTypeId = KeyTypeId(*b"anch");
const TEMPLATE: TemplateId = TemplateId::MAX;

fn terms<T: Config>() -> Terms {
    let penalty = PenaltySchedule { persistent_after: 1, slash: Permill::one() };
    let template = Template { floor: Objectives::default(), reward_weight: 1, penalty };
    Templates::<T>::insert(TEMPLATE, template);
    Terms { template: TEMPLATE, objectives: Objectives::default(), reward_weight: 1, penalty }
}

fn node<T: Config>() -> AccountId {
    let node: AccountId = account("node", 0, 0);
    T::ServiceNodes::register_for_benchmark(&node);
    node
}

/// A node with an agreement at this stage.
fn agreed<T: Config>(stage: Stage) -> AccountId {
    let node = node::<T>();
    Agreements::<T>::insert(&node, Agreement { terms: terms::<T>(), stage });
    node
}

/// Makes `count` anchors active; returns them with their keys, ordered by account.
fn anchors<T: Config>(count: u32) -> Vec<Member> {
    let mut members: Vec<Member> = (0..count)
        .map(|n| Member { account: account("anchor", n, 0), key: sp_io::crypto::sr25519_generate(KEY_TYPE, None) })
        .collect();
    members.sort_by(|a, b| a.account.cmp(&b.account));
    T::Anchors::activate_for_benchmark(members.clone());
    members
}

fn anchor<T: Config>() -> Result<AccountId, BenchmarkError> {
    Ok(anchors::<T>(MAX_ANCHORS).pop().ok_or(BenchmarkError::Stop("no anchors"))?.account)
}

fn certificate<T: Config>(members: &[Member], message: &[u8]) -> Result<QuorumCertificate, BenchmarkError> {
    let sign = |key: &AnchorKey| sp_io::crypto::sr25519_sign(KEY_TYPE, key, message);
    let signatures = members.iter().map(|m| sign(&m.key)).collect::<Option<Vec<_>>>();
    let signatures = signatures.ok_or(BenchmarkError::Stop("the key store does not sign"))?;
    Ok(T::Anchors::active().certificate(signatures.into_iter().enumerate()))
}

#[benchmarks]
mod benchmarks {
    use super::*;

    #[benchmark]
    fn propose() -> Result<(), BenchmarkError> {
        let node = agreed::<T>(Stage::Countered { by: account("anchor", 0, 0) });
        #[extrinsic_call]
        _(RawOrigin::Signed(node.clone()), TEMPLATE, Objectives::default());
        assert_eq!(Agreements::<T>::get(node).map(|a| a.stage), Some(Stage::Proposed));
        Ok(())
    }

    #[benchmark]
    fn counter() -> Result<(), BenchmarkError> {
        let (node, by) = (agreed::<T>(Stage::Proposed), anchor::<T>()?);
        #[extrinsic_call]
        _(RawOrigin::Signed(by.clone()), node.clone(), Objectives::default());
        assert_eq!(Agreements::<T>::get(node).map(|a| a.stage), Some(Stage::Countered { by }));
        Ok(())
    }

    #[benchmark]
    fn accept_proposal() -> Result<(), BenchmarkError> {
        let (node, anchor) = (agreed::<T>(Stage::Proposed), anchor::<T>()?);
        #[extrinsic_call]
        _(RawOrigin::Signed(anchor), node.clone());
        assert_eq!(Agreements::<T>::get(node).map(|a| a.stage), Some(Stage::Accepted));
        Ok(())
    }

    #[benchmark]
    fn accept_counter() -> Result<(), BenchmarkError> {
        let node = agreed::<T>(Stage::Countered { by: account("anchor", 0, 0) });
        #[extrinsic_call]
        _(RawOrigin::Signed(node.clone()));
        assert_eq!(Agreements::<T>::get(node).map(|a| a.stage), Some(Stage::Accepted));
        Ok(())
    }

    #[benchmark]
    fn record_test(n: Linear<1, MAX_ANCHORS>) -> Result<(), BenchmarkError> {
        let node = agreed::<T>(Stage::Accepted);
        let members = anchors::<T>(n);
        let period = T::Snapshots::current_period();
        let result = TestResult { node: node.clone(), terms: terms::<T>(), period, passed: true };
        let genesis = frame_system::Pallet::<T>::block_hash(0);
        let certificate = certificate::<T>(&members, &attestation(&genesis, result.payload_hash(&genesis)))?;
        #[extrinsic_call]
        _(RawOrigin::Signed(account("anyone", 0, 0)), result, certificate);
        assert_eq!(Agreements::<T>::get(node).map(|a| a.stage), Some(Stage::Tested));
        Ok(())
    }

    #[benchmark]
    fn activate() -> Result<(), BenchmarkError> {
        let node = agreed::<T>(Stage::Tested);
        #[extrinsic_call]
        _(RawOrigin::Signed(node.clone()));
        assert!(Agreements::<T>::get(node).is_some_and(|a| matches!(a.stage, Stage::Active { .. })));
        Ok(())
    }

    #[benchmark]
    fn end() -> Result<(), BenchmarkError> {
        let node = agreed::<T>(Stage::Proposed);
        #[extrinsic_call]
        _(RawOrigin::Signed(node.clone()));
        assert!(!Agreements::<T>::contains_key(node));
        Ok(())
    }

    #[benchmark]
    fn expire() -> Result<(), BenchmarkError> {
        // A node that never registered is as good as one that withdrew.
        let node: AccountId = account("gone", 0, 0);
        Agreements::<T>::insert(&node, Agreement { terms: terms::<T>(), stage: Stage::Proposed });
        #[extrinsic_call]
        _(RawOrigin::Signed(account("anyone", 0, 0)), node.clone());
        assert!(!Agreements::<T>::contains_key(node));
        Ok(())
    }

    impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}
