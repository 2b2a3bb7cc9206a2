//! What missed turns lead to, and what makes up for them.

use super::*;

/// Brings the commitment of the period that ended last, in the turn of the anchor of this rank, and returns who missed its turn.
fn by_rank(rank: usize) -> Vec<AccountId> {
    let period = NextToCommit::<Test>::get();
    let ranking = CommitmentSnapshots::duty(period);
    run_to((period + 1) * 10 + 3 * rank as u32);
    assert_ok!(bring(period, &ranking[rank]));
    ranking[..rank].to_vec()
}

fn strikes(anchor: &AccountId) -> u32 {
    Strikes::<Test>::get(anchor)
}

#[test]
fn too_many_suspend_and_begin_anew() {
    run(|| {
        MaxStrikes::set(2);
        let lazy = [ranked(0, 0)];
        Strikes::<Test>::insert(&lazy[0], 1);
        assert_eq!(by_rank(1), lazy);
        assert_eq!(Suspended::get(), lazy);
        assert!(!Strikes::<Test>::contains_key(&lazy[0]));
        assert!(ActiveSet::get().position(&lazy[0]).is_none());
        // The set that is left goes on.
        assert_eq!(by_rank(0), []);
    });
}

#[test]
fn who_cannot_be_suspended_is_asked_again() {
    run(|| {
        MaxStrikes::set(1);
        // Of four, only one can be suspended: one of the two that missed their turn.
        let missed = by_rank(2);
        assert_eq!(Suspended::get(), missed[..1]);
        assert_eq!(strikes(&missed[1]), 1);
        // When the others are elected anew, its next miss is enough.
        elect(1..=4);
        Seed::set((Hash::repeat_byte(9), 0));
        while !Suspended::get().contains(&missed[1]) {
            let period = NextToCommit::<Test>::get();
            run_to((period + 1) * 10);
            let rank = CommitmentSnapshots::duty(period).iter().position(|a| *a == missed[1]).unwrap();
            if rank == 0 {
                by_rank(1);
            } else {
                // Its turn does not come.
                by_rank(0);
                assert_eq!(strikes(&missed[1]), 1);
            }
            Seed::set((Hash::repeat_byte(period as u8), 0));
        }
        assert_eq!(strikes(&missed[1]), 0);
    });
}

#[test]
fn no_limit_counts_as_one() {
    run(|| {
        MaxStrikes::set(0);
        let missed = by_rank(1);
        assert_eq!(Suspended::get(), missed);
    });
}

#[test]
fn writing_takes_one_off() {
    run(|| {
        let writer = ranked(0, 0);
        Strikes::<Test>::insert(&writer, 2);
        by_rank(0);
        assert_eq!(strikes(&writer), 1);
        // The seed is the same: only the period makes another ranking.
        while strikes(&writer) > 0 {
            let period = NextToCommit::<Test>::get();
            run_to((period + 1) * 10);
            assert_ok!(bring(period, &ranked(period, 0)));
        }
        assert!(!Strikes::<Test>::contains_key(&writer));
    });
}

#[test]
fn who_is_no_anchor_any_more_has_none() {
    run(|| {
        for n in 1..=4 {
            Strikes::<Test>::insert(account(n), 5);
        }
        elect(3..=6);
        let period = NextToCommit::<Test>::get();
        run_to(10);
        let writer = ranked(period, 0);
        let commitment = commitment(period, &writer);
        let certificate = certified(&commitment, 0..4);
        let info = CommitmentSnapshots::submit(origin(&writer), Box::new(commitment), certificate).unwrap();
        let of = |n: u32| <() as crate::WeightInfo>::submit(n) + <Recorder as OnCommitment>::weight();
        assert_eq!(info.actual_weight, Some(of(4)));
        let left: u32 = Strikes::<Test>::iter_values().sum();
        assert_eq!(left, 10 - u32::from(writer == account(3) || writer == account(4)));

        // Old strikes are part of what it costs to remove them.
        for n in 20..60 {
            Strikes::<Test>::insert(account(n), 1);
        }
        run_to(20);
        let writer = ranked(1, 0);
        let commitment = super::commitment(1, &writer);
        let certificate = certified(&commitment, 0..4);
        let info = CommitmentSnapshots::submit(origin(&writer), Box::new(commitment), certificate).unwrap();
        assert_eq!(info.actual_weight, Some(of(42)));
        assert!(Strikes::<Test>::iter().count() <= 2);
    });
}
