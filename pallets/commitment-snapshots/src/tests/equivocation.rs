//! Anchors that sign against themselves, and those who say so of others.

use super::*;
use smartlayer_primitives::{commitment::Equivocation, quorum::attestation, traits::AnchorBonds as _};

/// Two commitments of the running period by the anchor `writer` that contradict each other.
fn contradiction(writer: u8) -> (Commitment, Commitment) {
    let first = commitment(CommitmentSnapshots::current_period(), &account(writer));
    let second = Commitment { operations: Default::default(), ..first.clone() };
    (first, second)
}

fn evidence(anchor: u8) -> Equivocation {
    // Whoever wrote them: who signs answers.
    let (first, second) = contradiction(2);
    signed_both(&anchor_pair(&account(anchor)), &first, &second)
}

fn report(evidence: Equivocation) -> DispatchResult {
    CommitmentSnapshots::report_equivocation(origin(&anyone()), Box::new(evidence)).map(|_| ()).map_err(|e| e.error)
}

#[docify::export]
#[test]
fn who_signs_against_itself_pays() {
    run(|| {
        // Anchor 1 signs two stories of period 0, and somebody finds both.
        let (first, second) = contradiction(2);
        let evidence = signed_both(&anchor_pair(&account(1)), &first, &second);
        let done = CommitmentSnapshots::report_equivocation(origin(&anyone()), Box::new(evidence)).unwrap();
        assert_eq!(done.pays_fee, Pays::No);

        // Half of its bond is taken, and it is no anchor until the next election.
        assert_eq!(Slashed::get(), [(account(1), anyone())]);
        assert!(ActiveSet::get().position(&account(1)).is_none());
        let (anchor, reporter) = (account(1), anyone());
        let proven = Event::EquivocationProven { anchor, period: 0, slashed: BOND / 2, suspended: true, reporter };
        assert_eq!(events().last(), Some(&proven));
    });
}

#[test]
fn weighs_the_keys_that_a_slash_forgets() {
    run(|| {
        let call = crate::Call::<Test>::report_equivocation { evidence: Box::new(evidence(1)) };
        let weight = frame_support::dispatch::GetDispatchInfo::get_dispatch_info(&call).call_weight;
        let without = <() as crate::WeightInfo>::report_equivocation();
        assert!(weight.all_gte(without.saturating_add(Bonds::weight())));
    });
}

#[test]
fn reported_twice() {
    run(|| {
        assert_ok!(report(evidence(1)));
        assert_noop!(report(evidence(1)), Error::<Test>::AlreadyReported);
        // In the other order, or with another pair, it is the same offence.
        let other = evidence(1);
        let turned = Equivocation {
            first: other.second.clone(),
            first_signature: other.second_signature,
            second: other.first.clone(),
            second_signature: other.first_signature,
            ..other
        };
        assert_noop!(report(turned), Error::<Test>::AlreadyReported);
        let (first, _) = contradiction(2);
        let third = Commitment { assignments: Default::default(), ..first.clone() };
        let pair = anchor_pair(&account(1));
        assert_noop!(report(signed_both(&pair, &first, &third)), Error::<Test>::AlreadyReported);
        assert_eq!(Slashed::get().len(), 1);

        // Another anchor, and another period, are other offences.
        assert_ok!(report(evidence(2)));
        run_to(10);
        assert_ok!(report(evidence(1)));
        assert_eq!(Slashed::get().len(), 3);
    });
}

#[test]
fn by_a_rotated_key() {
    run(|| {
        // The key was the organisation's when it signed, and is remembered as long as the bond could not be gone.
        let old = sp_core::sr25519::Pair::from_seed(&[200; 32]);
        FormerKeys::set(vec![(old.public(), account(1))]);
        let (first, second) = contradiction(2);
        assert_ok!(report(signed_both(&old, &first, &second)));
        assert_eq!(Slashed::get(), [(account(1), anyone())]);
        // One key after the other, and still one offence.
        assert_noop!(report(evidence(1)), Error::<Test>::AlreadyReported);
        // One commitment with each key is none at all: each key speaks for itself in the evidence.
        run_to(10);
        let (first, second) = contradiction(2);
        let mixed = Equivocation {
            second_signature: anchor_pair(&account(1)).sign(&attestation(&genesis(), second.payload_hash(&genesis()))),
            ..signed_both(&old, &first, &second)
        };
        assert_noop!(report(mixed), Error::<Test>::NotAnEquivocation);
    });
}

#[test]
fn of_nobody() {
    run(|| {
        let (first, second) = contradiction(2);
        let stranger = sp_core::sr25519::Pair::from_seed(&[251; 32]);
        assert_noop!(report(signed_both(&stranger, &first, &second)), Error::<Test>::UnknownKey);
        assert_noop!(
            CommitmentSnapshots::report_equivocation(RuntimeOrigin::none(), Box::new(evidence(1))),
            DispatchError::BadOrigin
        );
    });
}

#[test]
fn fabricated() {
    run(|| {
        let pair = anchor_pair(&account(1));
        let (first, second) = contradiction(2);
        let good = signed_both(&pair, &first, &second);
        let refused = |evidence: Equivocation| {
            assert_noop!(report(evidence), Error::<Test>::NotAnEquivocation);
        };
        // The same thing twice.
        refused(signed_both(&pair, &first, &first));
        // After a writer fell silent, an anchor signs its stand-in's commitment as well.
        refused(signed_both(&pair, &first, &Commitment { writer: account(3), ..first.clone() }));
        // Two periods.
        run_to(10);
        refused(signed_both(&pair, &first, &Commitment { period: 1, ..first.clone() }));
        // Another commitment, or another's signature, under either of the two.
        refused(Equivocation { second: Commitment { report: Default::default(), ..first.clone() }, ..good.clone() });
        refused(Equivocation { first: Commitment { report: Default::default(), ..first.clone() }, ..good.clone() });
        refused(Equivocation { second_signature: good.first_signature, ..good.clone() });
        refused(Equivocation { first_signature: good.second_signature, ..good.clone() });
        refused(Equivocation { key: anchor_pair(&account(3)).public(), ..good.clone() });
        // Signed, but on another chain, or outside an attestation.
        let sign = |message: &[u8]| pair.sign(message);
        let away = Hash::repeat_byte(9);
        refused(Equivocation {
            second_signature: sign(&attestation(&away, second.payload_hash(&away))),
            ..good.clone()
        });
        refused(Equivocation { second_signature: sign(&second.signing_payload(&genesis())), ..good.clone() });
        assert!(Slashed::get().is_empty() && Suspended::get().is_empty());
        assert_ok!(report(good));
    });
}

#[test]
fn of_a_period_that_is_not_kept() {
    run(|| {
        let early = evidence(1);
        let (first, second) = contradiction(2);
        let ahead = |commitment: &Commitment| Commitment { period: 1, ..commitment.clone() };
        let future = signed_both(&anchor_pair(&account(1)), &ahead(&first), &ahead(&second));
        assert_noop!(report(future.clone()), Error::<Test>::PeriodNotKept);
        run_to(59);
        assert_ok!(report(early.clone()));
        assert_ok!(report(future));
        assert!(Equivocators::<Test>::contains_key(0));
        run_to(60);
        assert!(!Equivocators::<Test>::contains_key(0));
        assert_noop!(report(early), Error::<Test>::PeriodNotKept);
        assert_noop!(report(signed_both(&anchor_pair(&account(2)), &first, &second)), Error::<Test>::PeriodNotKept);
    });
}

#[test]
fn suspends_never_too_many() {
    run(|| {
        for anchor in 1..=4 {
            assert_ok!(report(evidence(anchor)));
        }
        // All four pay; one of four can be suspended.
        assert_eq!(Slashed::get().len(), 4);
        assert_eq!(Suspended::get(), [account(1)]);
        let last = events().pop();
        assert!(matches!(last, Some(Event::EquivocationProven { suspended: false, .. })), "{last:?}");
    });
}

#[test]
fn of_more_than_can_be_remembered() {
    run(|| {
        let full = (0..crate::MAX_EQUIVOCATORS).map(|n| {
            let mut bytes = [0xff; 32];
            bytes[..4].copy_from_slice(&n.to_le_bytes());
            AccountId::new(bytes)
        });
        Equivocators::<Test>::insert(0, sp_runtime::BoundedVec::truncate_from(full.collect::<Vec<_>>()));
        assert_noop!(report(evidence(1)), Error::<Test>::TooManyReports);
    });
}
