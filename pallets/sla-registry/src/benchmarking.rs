//! What `frame-omni-bencher` measures: every call at its most expensive.

use alloc::vec::Vec;
use frame_benchmarking::v2::*;
use frame_support::traits::{EnsureOrigin, Get};
use frame_system::RawOrigin;
use smartlayer_primitives::{
    agreement::{Agreement, FormerTerms, InForce, Maintenance, Negotiation, Standing, Step},
    payload::Payload,
    quorum::{attestation, AnchorKey, Member, QuorumCertificate, MAX_ANCHORS},
    report::ReportEntry,
    sla::{Objectives, PenaltySchedule, Template, Terms, TestResult},
    traits::{Agreements as _, Anchors, ServiceNodes, Snapshots},
    AccountId, BlockNumber, Hash, TemplateId,
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

/// An agreement with everything in it that there can be, and a negotiation at this step.
///
/// The terms in force begin with the next period, so that former terms can stay where they are; whether those can be
/// reported is looked up all the same.
fn agreement<T: Config>(step: Step) -> Agreement {
    let (terms, now) = (terms::<T>(), T::Snapshots::current_period());
    let block = frame_system::Pallet::<T>::block_number();
    let in_force = InForce { terms, since: now.saturating_add(1), standing: Standing::Breached { period: now } };
    let negotiation = Negotiation { terms, step, since: block, until: BlockNumber::MAX, seed: Hash::zero() };
    // So far from each other that they are never counted together.
    let apart = T::MaintenanceSpan::get().max(1).saturating_mul(3);
    let maintenance =
        (0..4).map(|n: u32| Maintenance { from: apart.saturating_mul(n), periods: 1 }).collect::<Vec<_>>();
    Agreement {
        in_force: Some(in_force),
        negotiation: Some(negotiation),
        former: Some(FormerTerms { terms, since: 0, until: now.saturating_add(1) }),
        maintenance: maintenance.try_into().unwrap_or_default(),
    }
}

/// A node with an agreement with a negotiation at this step.
fn agreed<T: Config>(step: Step) -> AccountId {
    let node = node::<T>();
    Agreements::<T>::insert(&node, agreement::<T>(step));
    node
}

fn step_of<T: Config>(node: &AccountId) -> Option<Step> {
    Agreements::<T>::get(node)?.negotiation.map(|negotiation| negotiation.step)
}

fn countered() -> Step {
    Step::Countered { by: account("anchor", 0, 0) }
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

/// As many anchors as there can be; the one whose turn it is to answer the node.
fn answering<T: Config>(node: &AccountId) -> Result<AccountId, BenchmarkError> {
    anchors::<T>(MAX_ANCHORS);
    Pallet::<T>::answering(node.clone()).ok_or(BenchmarkError::Stop("nobody answers"))
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
        let node = agreed::<T>(countered());
        #[extrinsic_call]
        _(RawOrigin::Signed(node.clone()), TEMPLATE, Objectives::default());
        assert_eq!(step_of::<T>(&node), Some(Step::Proposed));
        Ok(())
    }

    #[benchmark]
    fn counter() -> Result<(), BenchmarkError> {
        let node = agreed::<T>(Step::Proposed);
        let by = answering::<T>(&node)?;
        #[extrinsic_call]
        _(RawOrigin::Signed(by.clone()), node.clone(), Objectives::default());
        assert_eq!(step_of::<T>(&node), Some(Step::Countered { by }));
        Ok(())
    }

    #[benchmark]
    fn accept_proposal() -> Result<(), BenchmarkError> {
        let node = agreed::<T>(Step::Proposed);
        let by = answering::<T>(&node)?;
        #[extrinsic_call]
        _(RawOrigin::Signed(by), node.clone());
        assert_eq!(step_of::<T>(&node), Some(Step::Accepted));
        Ok(())
    }

    #[benchmark]
    fn accept_counter() -> Result<(), BenchmarkError> {
        let node = agreed::<T>(countered());
        #[extrinsic_call]
        _(RawOrigin::Signed(node.clone()));
        assert_eq!(step_of::<T>(&node), Some(Step::Accepted));
        Ok(())
    }

    #[benchmark]
    fn record_test(n: Linear<1, MAX_ANCHORS>) -> Result<(), BenchmarkError> {
        let node = agreed::<T>(Step::Accepted);
        let members = anchors::<T>(n);
        let period = T::Snapshots::current_period();
        let result = TestResult { node: node.clone(), terms: terms::<T>(), period, passed: true };
        let genesis = frame_system::Pallet::<T>::block_hash(0);
        let certificate = certificate::<T>(&members, &attestation(&genesis, result.payload_hash(&genesis)))?;
        #[extrinsic_call]
        _(RawOrigin::Signed(account("anyone", 0, 0)), result, certificate);
        assert_eq!(step_of::<T>(&node), Some(Step::Tested));
        Ok(())
    }

    #[benchmark]
    fn activate() -> Result<(), BenchmarkError> {
        let node = agreed::<T>(Step::Tested);
        #[extrinsic_call]
        _(RawOrigin::Signed(node.clone()));
        let in_force = Agreements::<T>::get(node).and_then(|agreement| agreement.in_force);
        assert!(in_force.is_some_and(|in_force| in_force.standing == Standing::Good));
        Ok(())
    }

    #[benchmark]
    fn end() -> Result<(), BenchmarkError> {
        let node = agreed::<T>(Step::Tested);
        #[extrinsic_call]
        _(RawOrigin::Signed(node.clone()));
        assert!(Agreements::<T>::get(node).is_none_or(|a| a.in_force.is_none() && a.negotiation.is_none()));
        Ok(())
    }

    #[benchmark]
    fn expire() -> Result<(), BenchmarkError> {
        // A node that never registered is as good as one that withdrew.
        let node: AccountId = account("gone", 0, 0);
        Agreements::<T>::insert(&node, agreement::<T>(Step::Tested));
        #[extrinsic_call]
        _(RawOrigin::Signed(account("anyone", 0, 0)), node.clone());
        assert!(Agreements::<T>::get(node).is_none_or(|a| a.in_force.is_none() && a.negotiation.is_none()));
        Ok(())
    }

    #[benchmark]
    fn declare_maintenance() -> Result<(), BenchmarkError> {
        let node = agreed::<T>(Step::Tested);
        let from = T::Snapshots::current_period().saturating_add(T::MaintenanceSpan::get().max(1));
        // One place must be free.
        Agreements::<T>::mutate(&node, |agreement| {
            if let Some(agreement) = agreement {
                agreement.maintenance.truncate(3);
            }
        });
        #[extrinsic_call]
        _(RawOrigin::Signed(node.clone()), from, 1);
        assert!(Agreements::<T>::get(node).is_some_and(|agreement| agreement.in_maintenance(from)));
        Ok(())
    }

    #[benchmark]
    fn set_template() -> Result<(), BenchmarkError> {
        let origin = T::AdminOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)?;
        let penalty = PenaltySchedule { persistent_after: 1, slash: Permill::one() };
        let template = Template { floor: Objectives::default(), reward_weight: 1, penalty };
        #[extrinsic_call]
        _(origin as T::RuntimeOrigin, TEMPLATE, template);
        assert_eq!(Templates::<T>::get(TEMPLATE), Some(template));
        Ok(())
    }

    #[benchmark]
    fn judge() -> Result<(), BenchmarkError> {
        let node = agreed::<T>(Step::Tested);
        let now = T::Snapshots::current_period();
        // Held for the running period, out of maintenance, and with a breach before: all is looked at, and the standing
        // changes.
        let breached = Standing::Breached { period: now.saturating_add(1) };
        Agreements::<T>::mutate(&node, |agreement| {
            if let Some(agreement) = agreement {
                agreement.in_force = Some(InForce { terms: terms::<T>(), since: 0, standing: breached });
                agreement.maintenance.iter_mut().for_each(|m| m.from = m.from.saturating_add(now).saturating_add(1));
            }
        });
        let entry = ReportEntry {
            period: now,
            node: node.clone(),
            availability: Permill::zero(),
            p95_latency_ms: u32::MAX,
            served_value: 0,
            score: Permill::zero(),
            breaches: 1,
            reward_weight: 0,
        };
        let penalty;
        #[block]
        {
            penalty = Pallet::<T>::penalty(&entry);
            Pallet::<T>::on_breach(&node, now);
        }
        assert_eq!(penalty, Some(Permill::one()));
        Ok(())
    }

    impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}
