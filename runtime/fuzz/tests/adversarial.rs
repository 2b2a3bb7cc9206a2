//! Those who mean ill, where it takes more than one pallet to stop them.

use frame_support::{
    assert_noop, assert_ok,
    traits::{ChangeMembers, Get},
};
use pallet_commitment_snapshots::NextToCommit;
use pallet_promise_settlement::Sessions;
use pallet_service_staking::Nodes;
use smartlayer_primitives::{
    agreement::Standing,
    commitment::{Commitment, Equivocation},
    merkle::{prove, MerkleProof},
    notary::{channel_id, Allocation},
    payload::Payload,
    promise::{session_id, Claim, Promise, SignedPromise},
    quorum::{attestation, QuorumCertificate},
    report::ReportEntry,
    session::Beneficiary,
    sla::{Objectives, PenaltySchedule, Template, TestResult},
    traits::Snapshots,
    AccountId, Balance, Period, SessionId, SLT,
};
use smartlayer_runtime::{
    configs::{governance::ElectedAnchors, system::EXISTENTIAL_DEPOSIT},
    Anchors, Balances, CommitmentSnapshots, PromiseSettlement, Runtime, RuntimeOrigin, ServiceStaking, SlaRegistry,
    System,
};
use smartlayer_runtime_fuzz::{
    cast::cast,
    world::{
        active, certify, commitment, genesis, genesis_hash, next_block, next_blocks, quorum, register_node, set_up,
        try_state, Memory, ANCHOR_BOND, NODE_BOND,
    },
};
use sp_runtime::Permill;

/// What the template that these tests use costs for a breach.
const SLASH: Permill = Permill::from_percent(60);

/// Runs on a chain with registered anchors and nodes, and checks every pallet at the end.
fn on_a_chain(test: impl FnOnce()) {
    genesis().execute_with(|| {
        set_up();
        test();
        assert_ok!(try_state());
    });
}

fn by(who: &AccountId) -> RuntimeOrigin {
    RuntimeOrigin::signed(who.clone())
}

fn node() -> AccountId {
    cast().nodes[0].clone()
}

fn anyone() -> AccountId {
    cast().others[0].clone()
}

fn now() -> Period {
    CommitmentSnapshots::current_period()
}

/// Lets blocks pass until this period is running.
fn wait_for(period: Period) {
    while now() < period {
        next_block();
    }
}

/// Terms under which every breach costs [`SLASH`].
fn set_template() {
    let penalty = PenaltySchedule { persistent_after: 1, slash: SLASH };
    let template = Template { floor: Objectives::default(), reward_weight: 1, penalty };
    assert_ok!(SlaRegistry::set_template(RuntimeOrigin::root(), 7, template));
}

/// Brings the node to a tested agreement that it may activate.
fn negotiate(node: &AccountId) -> TestResult {
    set_template();
    assert_ok!(SlaRegistry::propose(by(node), 7, Objectives::default()));
    let answering = SlaRegistry::answering(node.clone()).unwrap();
    assert_ok!(SlaRegistry::accept_proposal(by(&answering), node.clone()));
    let terms = SlaRegistry::agreement(node.clone()).unwrap().negotiation.unwrap().terms;
    TestResult { node: node.clone(), terms, period: now(), passed: true }
}

/// Brings the node's agreement into force; it holds from the next period on, which is running afterwards.
fn agree(node: &AccountId) {
    let result = negotiate(node);
    let certificate = certify(cast(), result.payload_hash(&genesis_hash()), 0..quorum());
    assert_ok!(SlaRegistry::record_test(by(&anyone()), result, certificate));
    assert_ok!(SlaRegistry::activate(by(node)));
    wait_for(now() + 1);
}

fn entry(node: &AccountId, period: Period, breaches: u16) -> ReportEntry {
    ReportEntry {
        period,
        node: node.clone(),
        availability: Permill::zero(),
        p95_latency_ms: 0,
        served_value: 0,
        score: Permill::zero(),
        breaches,
        reward_weight: 1,
    }
}

/// What the next period's first writer would submit, with as many signatures as it takes. Lets it end first.
fn next_commitment(report: &[ReportEntry]) -> (AccountId, Commitment, QuorumCertificate) {
    let period = NextToCommit::<Runtime>::get();
    wait_for(period + 1);
    let writer = CommitmentSnapshots::duty(period).remove(0);
    let commitment = commitment(period, report, writer.clone());
    let certificate = certify(cast(), commitment.payload_hash(&genesis_hash()), 0..quorum());
    (writer, commitment, certificate)
}

/// Commits to all periods up to this one, in whose report the node breached its terms. Returns its line with proof.
fn breach(node: &AccountId, period: Period) -> (ReportEntry, MerkleProof) {
    while NextToCommit::<Runtime>::get() < period {
        let (writer, commitment, certificate) = next_commitment(&[]);
        assert_ok!(CommitmentSnapshots::submit(by(&writer), Box::new(commitment), certificate));
    }
    let report = [entry(node, period, 1)];
    let (writer, commitment, certificate) = next_commitment(&report);
    assert_ok!(CommitmentSnapshots::submit(by(&writer), Box::new(commitment), certificate));
    (report[0].clone(), prove(&report, 0).unwrap())
}

fn report(node: &AccountId, period: Period) {
    let (entry, proof) = breach(node, period);
    assert_ok!(ServiceStaking::report_breach(by(&anyone()), entry, proof));
}

fn stake(node: &AccountId) -> Balance {
    let node = Nodes::<Runtime>::get(node).unwrap();
    node.bond + node.unbonding.iter().map(|chunk| chunk.amount).sum::<Balance>()
}

#[test]
fn withdraw_racing_a_slash() {
    on_a_chain(|| {
        let node = node();
        agree(&node);
        let offence = now();
        assert_ok!(ServiceStaking::unbond(by(&node), NODE_BOND));
        wait_for(offence + 1);
        // The report comes in the last block in which it can.
        let (entry, proof) = breach(&node, offence);
        next_blocks(30);
        assert_noop!(ServiceStaking::withdraw(by(&node)), pallet_service_staking::Error::<Runtime>::NothingToWithdraw);
        assert_ok!(ServiceStaking::report_breach(by(&anyone()), entry, proof));
        // The chunk's time comes while the slash is deferred, and long before anybody applies it.
        next_blocks(60);
        assert_eq!(ServiceStaking::withdrawable(node.clone()), NODE_BOND - SLASH * NODE_BOND);
        assert_ok!(ServiceStaking::withdraw(by(&node)));
        assert_noop!(ServiceStaking::withdraw(by(&node)), pallet_service_staking::Error::<Runtime>::SlashPending);
        assert_eq!(stake(&node), SLASH * NODE_BOND);
        assert_ok!(ServiceStaking::apply_slash(by(&anyone()), node.clone(), offence));
        assert_eq!(stake(&node), 0);
        assert_ok!(ServiceStaking::withdraw(by(&node)));
        assert!(!Nodes::<Runtime>::contains_key(&node));
    });
}

#[test]
fn a_slash_racing_another() {
    for first_applied_first in [true, false] {
        on_a_chain(|| {
            let node = node();
            agree(&node);
            let (first, second) = (now(), now() + 1);
            report(&node, first);
            report(&node, second);
            // Both are of the whole stake, and together more than there is.
            assert_eq!(ServiceStaking::deferred_slashes(node.clone()), 2 * (SLASH * NODE_BOND));
            next_blocks(8);
            let (one, other) = if first_applied_first { (first, second) } else { (second, first) };
            assert_ok!(ServiceStaking::apply_slash(by(&anyone()), node.clone(), one));
            assert_eq!(stake(&node), NODE_BOND - SLASH * NODE_BOND);
            assert_noop!(
                ServiceStaking::apply_slash(by(&anyone()), node.clone(), one),
                pallet_service_staking::Error::<Runtime>::NotDeferred
            );
            assert_ok!(ServiceStaking::apply_slash(by(&anyone()), node.clone(), other));
            assert_eq!(stake(&node), 0);
            assert!(matches!(SlaRegistry::standing(node), Some(Standing::Suspended { .. })));
        });
    }
}

#[test]
fn ending_the_agreement_does_not_dodge_a_slash() {
    on_a_chain(|| {
        let node = node();
        agree(&node);
        let offence = now();
        assert_ok!(SlaRegistry::end(by(&node)));
        wait_for(offence + 2);
        assert_eq!(SlaRegistry::active_terms(node.clone()), None);
        report(&node, offence);
        next_blocks(8);
        assert_ok!(ServiceStaking::apply_slash(by(&anyone()), node.clone(), offence));
        assert_eq!(stake(&node), NODE_BOND - SLASH * NODE_BOND);
    });
}

#[test]
fn neither_new_terms_nor_an_expired_agreement_nor_a_new_registration_dodge_a_slash() {
    on_a_chain(|| {
        let node = node();
        agree(&node);
        let offence = now();
        // New terms that cost nothing are in force from the next period on.
        let result = negotiate(&node);
        let certificate = certify(cast(), result.payload_hash(&genesis_hash()), 0..quorum());
        assert_ok!(SlaRegistry::record_test(by(&anyone()), result, certificate));
        assert_ok!(SlaRegistry::activate(by(&node)));
        assert_ok!(ServiceStaking::unbond(by(&node), NODE_BOND));
        wait_for(offence + 1);
        // The node's stake is on its way out, so that anybody may end its agreement, but for the time in which it is needed.
        assert_noop!(
            SlaRegistry::expire(by(&anyone()), node.clone()),
            pallet_sla_registry::Error::<Runtime>::TermsStillReportable
        );
        let (entry, proof) = breach(&node, offence);
        assert_noop!(ServiceStaking::withdraw(by(&node)), pallet_service_staking::Error::<Runtime>::NothingToWithdraw);
        assert_ok!(ServiceStaking::report_breach(by(&anyone()), entry, proof));
        assert_eq!(ServiceStaking::deferred_slashes(node), SLASH * NODE_BOND);
    });
}

#[test]
fn what_is_bonded_after_the_offence_is_not_slashed_for_it() {
    on_a_chain(|| {
        let node = node();
        agree(&node);
        let offence = now();
        wait_for(offence + 1);
        assert_ok!(ServiceStaking::bond_more(by(&node), 10 * NODE_BOND));
        report(&node, offence);
        next_blocks(8);
        assert_ok!(ServiceStaking::apply_slash(by(&anyone()), node.clone(), offence));
        assert_eq!(stake(&node), 11 * NODE_BOND - SLASH * NODE_BOND);
    });
}

#[test]
fn boundaries_of_periods_and_windows() {
    on_a_chain(|| {
        let node = node();
        let result = negotiate(&node);
        let certificate = certify(cast(), result.payload_hash(&genesis_hash()), 0..quorum());
        assert_ok!(SlaRegistry::record_test(by(&anyone()), result, certificate));
        // In the last block before the next period.
        let period = now();
        let clock = pallet_commitment_snapshots::Clock::<Runtime>::get().unwrap();
        next_blocks(clock.started_at + clock.length - 1 - System::block_number());
        assert_eq!(now(), period);
        assert_ok!(SlaRegistry::activate(by(&node)));
        next_block();
        assert_eq!(now(), period + 1);

        // What was activated in a period does not hold for it.
        let (entry, proof) = breach(&node, period);
        assert_noop!(
            ServiceStaking::report_breach(by(&anyone()), entry, proof),
            pallet_service_staking::Error::<Runtime>::NoBreach
        );
        // The first period that it holds for, in the last block in which that can be reported.
        let (entry, proof) = breach(&node, period + 1);
        let committed = CommitmentSnapshots::committed_at(period + 1).unwrap();
        next_blocks(committed + 30 - System::block_number());
        frame_support::hypothetically!({
            next_block();
            assert_noop!(
                ServiceStaking::report_breach(by(&anyone()), entry.clone(), proof.clone()),
                pallet_service_staking::Error::<Runtime>::NotReportable
            );
        });
        assert_ok!(ServiceStaking::report_breach(by(&anyone()), entry, proof));
        // In the last block of the deferral, and in the first after it.
        next_blocks(7);
        assert_noop!(
            ServiceStaking::apply_slash(by(&anyone()), node.clone(), period + 1),
            pallet_service_staking::Error::<Runtime>::NotDueYet
        );
        next_block();
        assert_ok!(ServiceStaking::apply_slash(by(&anyone()), node.clone(), period + 1));
        assert_eq!(stake(&node), NODE_BOND - SLASH * NODE_BOND);
    });
}

#[test]
fn a_quorum_short_by_one_or_with_one_signer_twice() {
    on_a_chain(|| {
        let issuance = Balances::total_issuance();
        let (writer, commitment, good) = next_commitment(&[entry(&node(), 0, 0)]);
        let hash = commitment.payload_hash(&genesis_hash());
        let short = certify(cast(), hash, 0..quorum() - 1);
        let submit = |certificate| CommitmentSnapshots::submit(by(&writer), Box::new(commitment.clone()), certificate);
        assert_noop!(submit(short.clone()), pallet_commitment_snapshots::Error::<Runtime>::QuorumTooFew);
        // One signature more, by somebody who signed already: without a bit, with the bit of somebody else.
        let mut twice = short.clone();
        twice.signatures.try_push(short.signatures[0]).unwrap();
        assert_noop!(submit(twice.clone()), pallet_commitment_snapshots::Error::<Runtime>::QuorumSignatureCount);
        twice.signers = good.signers.clone();
        assert_noop!(submit(twice), pallet_commitment_snapshots::Error::<Runtime>::QuorumBadSignature);
        assert_eq!(Balances::total_issuance(), issuance, "nothing was minted");
        assert_ok!(submit(good));
        assert!(Balances::total_issuance() > issuance);

        let result = negotiate(&node());
        let hash = result.payload_hash(&genesis_hash());
        let short = certify(cast(), hash, 0..quorum() - 1);
        assert_noop!(
            SlaRegistry::record_test(by(&anyone()), result.clone(), short.clone()),
            pallet_sla_registry::Error::<Runtime>::QuorumTooFew
        );
        let mut twice = certify(cast(), hash, 0..quorum());
        *twice.signatures.last_mut().unwrap() = short.signatures[0];
        assert_noop!(
            SlaRegistry::record_test(by(&anyone()), result, twice),
            pallet_sla_registry::Error::<Runtime>::QuorumBadSignature
        );
    });
}

#[test]
fn an_election_between_signing_and_submitting() {
    on_a_chain(|| {
        let (_, mut commitment, old) = next_commitment(&[]);
        let before: Vec<_> = pallet_anchors::Elected::<Runtime>::get().into_inner();
        // One that signed is voted out.
        let leaves = active().members[0].account.clone();
        let after: Vec<_> = before.iter().filter(|account| **account != leaves).cloned().collect();
        ElectedAnchors::change_members_sorted(&[], &[leaves], &after);
        Anchors::set_prime(None);

        let period = commitment.period;
        let writer = CommitmentSnapshots::duty(period).remove(0);
        commitment.writer = writer.clone();
        let submit = |certificate| CommitmentSnapshots::submit(by(&writer), Box::new(commitment.clone()), certificate);
        assert_noop!(submit(old.clone()), pallet_commitment_snapshots::Error::<Runtime>::QuorumOtherSet);
        // Old signatures under the new set's number are of other members.
        let renamed = QuorumCertificate { set_id: active().id, ..old };
        assert_noop!(submit(renamed), pallet_commitment_snapshots::Error::<Runtime>::QuorumBadSignature);
        // Nobody who stayed loses anything: they sign again.
        let again = certify(cast(), commitment.payload_hash(&genesis_hash()), 0..quorum());
        assert_ok!(submit(again));
    });
}

#[test]
fn an_anchor_that_left_still_pays_for_what_it_signed() {
    on_a_chain(|| {
        let member = active().members[0].clone();
        let first = commitment(now(), &[], member.account.clone());
        let mut second = first.clone();
        second.totals.operations = 1;
        let sign = |commitment: &Commitment| {
            let message = attestation(&genesis_hash(), commitment.payload_hash(&genesis_hash()));
            cast().sign_as_anchor(&member.key, &message)
        };
        let evidence = Equivocation {
            key: member.key,
            first_signature: sign(&first),
            second_signature: sign(&second),
            first,
            second,
        };
        let before: Vec<_> = pallet_anchors::Elected::<Runtime>::get().into_inner();
        let after: Vec<_> = before.iter().filter(|account| **account != member.account).cloned().collect();
        ElectedAnchors::change_members_sorted(&[], std::slice::from_ref(&member.account), &after);
        assert_ok!(Anchors::deregister(by(&member.account)));
        next_blocks(19);
        assert_noop!(Anchors::withdraw_bond(by(&member.account)), pallet_anchors::Error::<Runtime>::NotReleasedYet);
        assert_ok!(CommitmentSnapshots::report_equivocation(by(&anyone()), Box::new(evidence)));
        System::set_block_number(System::block_number() + <Runtime as pallet_anchors::Config>::BondDelay::get() - 19);
        let before = Balances::free_balance(&member.account);
        assert_ok!(Anchors::withdraw_bond(by(&member.account)));
        assert_eq!(Balances::free_balance(&member.account), before + ANCHOR_BOND - ANCHOR_BOND / 10);
    });
}

/// Opens a session of the first payer.
fn open(beneficiary: Beneficiary, deposit: Balance) -> SessionId {
    let payer = cast().payers[0].clone();
    let nonce = PromiseSettlement::next_nonce(payer.clone()).unwrap();
    let id = session_id(&genesis_hash(), &payer, beneficiary.account(), nonce);
    let signer = cast().signers[0].clone();
    assert_ok!(PromiseSettlement::open(by(&payer), beneficiary, signer, None, deposit, nonce, 100));
    id
}

fn promise(session: SessionId, cumulative: Balance) -> SignedPromise {
    let promise = Promise { session, cumulative, call_hash: Default::default(), ticks: None };
    Memory::default().promise(promise, &cast().signers[0])
}

/// Empties the first payer's free balance.
fn empty_the_payer() {
    let dest = cast().issuers[0].clone().into();
    assert_ok!(Balances::transfer_all(by(&cast().payers[0]), dest, false));
}

#[test]
fn payer_insolvent() {
    on_a_chain(|| {
        let (one, other) = (cast().nodes[0].clone(), cast().nodes[1].clone());
        let deposit = 10 * SLT;
        let (a, b) = (open(Beneficiary::Node(one.clone()), deposit), open(Beneficiary::Node(other.clone()), deposit));
        empty_the_payer();
        // More than there is: all that this session holds, and nothing of the other's.
        let before = Balances::free_balance(&one);
        assert_ok!(PromiseSettlement::claim(by(&anyone()), Box::new(promise(a, 100 * SLT).into())));
        let session = Sessions::<Runtime>::get(a).unwrap();
        assert_eq!((session.claimed(), session.held()), (deposit, 0));
        assert_eq!(Balances::free_balance(&one), before + session.paid);
        assert_noop!(
            PromiseSettlement::claim(by(&anyone()), Box::new(promise(a, 200 * SLT).into())),
            pallet_promise_settlement::Error::<Runtime>::OverDeposit
        );
        assert_eq!(Sessions::<Runtime>::get(b).unwrap().held(), deposit);
        // It can neither add to a session nor open one.
        assert!(PromiseSettlement::top_up(by(&cast().payers[0]), a, SLT).is_err());
        assert_ok!(PromiseSettlement::close(by(&other), b, Some(Box::new(promise(b, 3 * SLT).into()))));
        // What was held for the room of both sessions stays the payer's.
        assert_ok!(PromiseSettlement::close(by(&one), a, None));
        let payer = &cast().payers[0];
        assert!(Balances::free_balance(payer) > 7 * SLT);
        assert_eq!(System::account(payer).data.reserved, 0);
    });
}

#[test]
fn a_notary_pays_what_an_insolvent_payers_deposit_cannot() {
    on_a_chain(|| {
        let member = active().members[0].clone();
        let deposit = 10 * SLT;
        let beneficiary = Beneficiary::Network { notary: member.account.clone(), max_nodes: 2 };
        let session = open(beneficiary, deposit);
        empty_the_payer();
        let mut memory = Memory::default();
        let mut claim = |node: &AccountId| Claim {
            promise: promise(channel_id(&session, 0, node), deposit),
            ticks: None,
            allocation: Some(
                memory.allocate(Allocation { session, round: 0, node: node.clone(), cap: deposit }, &member.key),
            ),
        };
        let (one, other) = (cast().nodes[0].clone(), cast().nodes[1].clone());
        let (first, second) = (claim(&one), claim(&other));
        let before = Balances::free_balance(&other);
        assert_ok!(PromiseSettlement::claim(by(&anyone()), Box::new(first.clone())));
        assert_ok!(PromiseSettlement::claim(by(&anyone()), Box::new(second.clone())));
        assert_eq!(Balances::free_balance(&other), before + deposit, "of the bond nothing is burned");
        let bond = |account: &AccountId| pallet_anchors::Organisations::<Runtime>::get(account).unwrap().bond;
        assert_eq!(bond(&member.account), ANCHOR_BOND - deposit);
        // And it is slashed for it, once.
        let mut evidence = vec![first.allocation.unwrap(), second.allocation.unwrap()];
        evidence.sort_by(|a, b| a.allocation.node.cmp(&b.allocation.node));
        let evidence: frame_support::BoundedVec<_, _> = evidence.try_into().unwrap();
        assert_ok!(PromiseSettlement::report_over_allocation(by(&anyone()), session, evidence.clone()));
        assert_eq!(bond(&member.account), (ANCHOR_BOND - deposit) - (ANCHOR_BOND - deposit) / 10);
        assert_noop!(
            PromiseSettlement::report_over_allocation(by(&anyone()), session, evidence),
            pallet_promise_settlement::Error::<Runtime>::AlreadyReported
        );
    });
}

#[test]
fn an_account_emptied_while_others_rely_on_its_holds() {
    on_a_chain(|| {
        let (payer, node) = (cast().payers[0].clone(), node());
        let session = open(Beneficiary::Node(node.clone()), SLT);
        empty_the_payer();
        assert!(System::account_exists(&payer), "what is held keeps the account alive");
        assert_ok!(PromiseSettlement::claim(by(&anyone()), Box::new(promise(session, SLT / 2).into())));
        // The node's own account is emptied as well, but for its bond.
        let dest = cast().issuers[0].clone().into();
        assert_ok!(Balances::transfer_all(by(&node), dest, false));
        assert_ok!(PromiseSettlement::claim(by(&anyone()), Box::new(promise(session, SLT - 1).into())));
        assert!(Nodes::<Runtime>::contains_key(&node));
        // All but a planck is settled, and the storage deposit comes back.
        assert_ok!(PromiseSettlement::close(by(&node), session, None));
        assert_eq!(System::account(&payer).data.reserved, 0);
        assert!(Balances::free_balance(&payer) >= EXISTENTIAL_DEPOSIT);
    });
}

#[test]
fn the_last_planck_of_a_deposit_does_not_become_dust() {
    on_a_chain(|| {
        // Without storage deposits, nothing but a planck comes back.
        use smartlayer_runtime::parameters::{dynamic_params::promise_settlement, RuntimeParameters};
        let none = promise_settlement::Parameters::StorageDeposit(promise_settlement::StorageDeposit, Some(0));
        let set = pallet_parameters::Pallet::<Runtime>::set_parameter;
        assert_ok!(set(RuntimeOrigin::root(), RuntimeParameters::PromiseSettlement(none)));
        let (payer, node) = (cast().payers[0].clone(), node());
        let session = open(Beneficiary::Node(node.clone()), SLT);
        empty_the_payer();
        assert_eq!(Balances::free_balance(&payer), EXISTENTIAL_DEPOSIT, "who has something held keeps this");
        let issuance = Balances::total_issuance();
        assert_ok!(PromiseSettlement::claim(by(&anyone()), Box::new(promise(session, SLT - 1).into())));
        let burned = Sessions::<Runtime>::get(session).unwrap().burned;
        assert_ok!(PromiseSettlement::close(by(&node), session, None));
        assert_eq!(Balances::free_balance(&payer), EXISTENTIAL_DEPOSIT + 1);
        assert_eq!(Balances::total_issuance(), issuance - burned);
    });
}

#[test]
fn a_node_that_comes_back_is_not_judged_for_its_former_stake() {
    on_a_chain(|| {
        let node = node();
        agree(&node);
        let offence = now();
        report(&node, offence);
        next_blocks(8);
        assert_ok!(ServiceStaking::apply_slash(by(&anyone()), node.clone(), offence));
        let left = stake(&node);
        assert_ok!(ServiceStaking::unbond(by(&node), left));
        // Governance looks away; periods are committed to in time, so that the chunk's time comes.
        while !System::events().is_empty() && Nodes::<Runtime>::contains_key(&node) {
            let (writer, commitment, certificate) = next_commitment(&[]);
            assert_ok!(CommitmentSnapshots::submit(by(&writer), Box::new(commitment), certificate));
            let _ = ServiceStaking::withdraw(by(&node));
        }
        register_node(&node, &cast().service_keys[0], NODE_BOND);
        assert_eq!(ServiceStaking::stake_at(node.clone(), offence), 0);
        assert_eq!(ServiceStaking::deferred_slashes(node.clone()), 0);
        assert_eq!(stake(&node), NODE_BOND);
    });
}
