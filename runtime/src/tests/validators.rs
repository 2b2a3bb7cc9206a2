//! Eras, elections, rewards, and what happens to validators that sign two things at once.

use codec::{Decode, Encode};
use frame_support::{
    assert_noop, assert_ok,
    traits::{fungible::InspectHold, KeyOwnerProofSystem},
};
use pallet_staking::{RewardDestination, UnappliedSlashes, ValidatorPrefs};
use sp_consensus_babe::{
    digests::{CompatibleDigestItem, PreDigest, SecondaryPlainPreDigest},
    runtime_decl_for_babe_api::BabeApi,
};
use sp_consensus_grandpa::runtime_decl_for_grandpa_api::GrandpaApi;
use sp_core::{
    offchain::{testing::TestTransactionPoolExt, TransactionPoolExt},
    ByteArray, Pair,
};
use sp_keyring::{Ed25519Keyring, Sr25519Keyring};
use sp_keystore::{testing::MemoryKeystore, KeystoreExt};
use sp_runtime::{Digest, DigestItem, DispatchError, Perbill};

use super::*;
use crate::configs::governance::origins::Origin;

const STAKE: Balance = 100_000 * SLT;
/// Sessions of 20 slots, two an era.
const ERA: u32 = 40;

fn active_era() -> u32 {
    pallet_staking::ActiveEra::<Runtime>::get().expect("there is an era from genesis on").index
}

fn run_to_era(era: u32) {
    while active_era() < era {
        next_block();
    }
}

fn active_stake(account: &AccountId) -> Balance {
    pallet_staking::Ledger::<Runtime>::get(account).expect("it has a stake").active
}

/// Bob's two headers for one slot, both sealed with his key.
fn two_blocks_by_bob() -> sp_consensus_babe::EquivocationProof<Header> {
    let pair = sp_consensus_babe::AuthorityPair::from(Sr25519Keyring::Bob.pair());
    let authority = Babe::authorities().iter().position(|(id, _)| *id == pair.public()).expect("Bob is an authority");
    let slot = Babe::current_slot();
    let header = |state_root| {
        let pre_digest = PreDigest::SecondaryPlain(SecondaryPlainPreDigest { authority_index: authority as u32, slot });
        let mut header = Header {
            number: System::block_number(),
            parent_hash: Hash::zero(),
            state_root,
            extrinsics_root: Hash::zero(),
            digest: Digest { logs: vec![<DigestItem as CompatibleDigestItem>::babe_pre_digest(pre_digest)] },
        };
        let seal = pair.sign(header.hash().as_ref());
        header.digest.push(<DigestItem as CompatibleDigestItem>::babe_seal(seal));
        header
    };
    sp_consensus_babe::EquivocationProof {
        offender: pair.public(),
        slot,
        first_header: header(Hash::repeat_byte(1)),
        second_header: header(Hash::repeat_byte(2)),
    }
}

/// Bob's two votes in one round.
fn two_votes_by_bob() -> sp_consensus_grandpa::EquivocationProof<Hash, BlockNumber> {
    let (round, set_id) = (1, Grandpa::current_set_id());
    let vote = |target_hash| {
        let vote = finality_grandpa::Prevote { target_hash, target_number: 10 };
        let message = finality_grandpa::Message::Prevote(vote.clone());
        let signature = Ed25519Keyring::Bob.sign(&sp_consensus_grandpa::localized_payload(round, set_id, &message));
        (vote, signature.into())
    };
    sp_consensus_grandpa::EquivocationProof::new(
        set_id,
        sp_consensus_grandpa::Equivocation::Prevote(finality_grandpa::Equivocation {
            round_number: round,
            identity: Ed25519Keyring::Bob.public().into(),
            first: vote(Hash::repeat_byte(1)),
            second: vote(Hash::repeat_byte(2)),
        }),
    )
}

/// The state of four validators, and the transactions that the runtime submits to its node's pool.
fn with_pool(test: impl FnOnce(&dyn Fn() -> Vec<UncheckedExtrinsic>)) {
    let mut ext = genesis("local_four");
    let (pool, state) = TestTransactionPoolExt::new();
    ext.register_extension(TransactionPoolExt::new(pool));
    let take = || {
        let submitted = core::mem::take(&mut state.write().transactions);
        submitted.iter().map(|bytes| UncheckedExtrinsic::decode(&mut &bytes[..]).expect("it was encoded")).collect()
    };
    ext.execute_with(|| test(&take));
}

/// Bob is disabled, his slash waits, and takes effect in full once it has waited; the treasury gains what he loses.
fn bob_is_slashed() {
    let bob = account("Bob");
    let seat = Session::validators().iter().position(|validator| *validator == bob).expect("Bob validates") as u32;
    assert_eq!(Session::disabled_validators(), vec![seat]);
    let era = active_era();
    assert_eq!(UnappliedSlashes::<Runtime>::get(era + 2).len(), 1);
    run_to_era(era + 1);
    assert_eq!(active_stake(&bob), STAKE, "it waits for an era");

    // One of four: (3 / 4)².
    let slash = Perbill::from_rational(9u32, 16) * STAKE;
    let (treasury, issuance) = (Balances::free_balance(Treasury::account_id()), Balances::total_issuance());
    run_to_era(era + 2);
    assert_eq!(active_stake(&bob), STAKE - slash);
    assert_eq!(Balances::free_balance(Treasury::account_id()), treasury + slash);
    assert_eq!(Balances::total_issuance(), issuance);
    for honest in ["Alice", "Charlie", "Dave"] {
        assert_eq!(active_stake(&account(honest)), STAKE);
    }
}

#[test]
fn who_makes_two_blocks_in_a_slot_is_slashed() {
    with_pool(|pool| {
        run_to_era(1);
        let proof = two_blocks_by_bob();
        // What a node does that sees both.
        let submit = |proof: sp_consensus_babe::EquivocationProof<Header>| {
            let owner = <Runtime as BabeApi<Block>>::generate_key_ownership_proof(proof.slot, proof.offender.clone())
                .expect("Bob's key is one of this session's");
            <Runtime as BabeApi<Block>>::submit_report_equivocation_unsigned_extrinsic(proof, owner)
                .expect("the report is submitted");
            pool()
        };
        assert_eq!(next_block_with(submit(proof.clone())), vec![Ok(Ok(()))]);
        // Known already: it cannot even be included.
        assert!(next_block_with(submit(proof))[0].is_err());
        bob_is_slashed();
    });
}

#[test]
fn who_votes_twice_in_a_round_is_slashed() {
    with_pool(|pool| {
        run_to_era(1);
        let proof = two_votes_by_bob();
        let submit = |proof: sp_consensus_grandpa::EquivocationProof<Hash, BlockNumber>| {
            let offender = proof.offender().clone();
            let owner = <Runtime as GrandpaApi<Block>>::generate_key_ownership_proof(proof.set_id(), offender)
                .expect("Bob's key is one of this session's");
            <Runtime as GrandpaApi<Block>>::submit_report_equivocation_unsigned_extrinsic(proof, owner)
                .expect("the report is submitted");
            pool()
        };
        assert_eq!(next_block_with(submit(proof.clone())), vec![Ok(Ok(()))]);
        assert!(next_block_with(submit(proof))[0].is_err());
        bob_is_slashed();
    });
}

#[test]
fn what_happened_in_an_earlier_era_is_slashed_as_long_as_the_stake_is_bonded() {
    genesis("local_four").execute_with(|| {
        run_to_era(1);
        let proof = two_votes_by_bob();
        let owner = Historical::prove((sp_consensus_grandpa::KEY_TYPE, proof.offender())).unwrap();
        run_to_era(3);
        assert_ok!(Staking::chill(signed("Bob")));
        assert_ok!(Staking::unbond(signed("Bob"), STAKE));
        assert_ok!(Grandpa::report_equivocation_unsigned(RuntimeOrigin::none(), Box::new(proof), owner));
        assert!(Session::disabled_validators().is_empty());
        // It would have been applied already: the next era takes it, before what was unbonded with the offence can go.
        assert!(UnappliedSlashes::<Runtime>::get(3).is_empty());
        run_to_era(4);
        assert!(UnappliedSlashes::<Runtime>::iter().next().is_none());
        let left = pallet_staking::Ledger::<Runtime>::get(account("Bob")).expect("something is left").total;
        assert_eq!(left, STAKE - Perbill::from_rational(9u32, 16) * STAKE);
    });
    genesis("local_four").execute_with(|| {
        run_to_era(1);
        let proof = two_votes_by_bob();
        let owner = Historical::prove((sp_consensus_grandpa::KEY_TYPE, proof.offender())).unwrap();
        // Bonding lasts four eras.
        run_to_era(7);
        assert!(Grandpa::report_equivocation_unsigned(RuntimeOrigin::none(), Box::new(proof), owner).is_err());
    });
}

/// An offence in the last block of an era is of that era, and one in the first block of the next is of the next. An unbonding and a withdrawal
/// count by the era that is planned, which the last session of an era does for the next. A slash is applied in an era's first block.
#[test]
fn era_boundaries() {
    let bob = account("Bob");
    let ledger = || pallet_staking::Ledger::<Runtime>::get(&bob).expect("something is left");
    let to_last_block = |era| {
        next_blocks(ERA - 1);
        assert_eq!(active_era(), era);
    };
    let to_first_block = |era| {
        assert_eq!(active_era(), era - 1);
        next_block();
        assert_eq!(active_era(), era);
    };
    let offend = || {
        let proof = two_votes_by_bob();
        let owner = Historical::prove((sp_consensus_grandpa::KEY_TYPE, proof.offender())).unwrap();
        (proof, owner)
    };
    let report = |(proof, owner): (sp_consensus_grandpa::EquivocationProof<Hash, BlockNumber>, _)| {
        assert_ok!(Grandpa::report_equivocation_unsigned(RuntimeOrigin::none(), Box::new(proof), owner));
    };
    let booked = || UnappliedSlashes::<Runtime>::iter().map(|(era, _)| era).collect::<Vec<_>>();
    let slash = Perbill::from_rational(9u32, 16) * STAKE;
    let (early, late, later) = (STAKE / 4, STAKE / 8, STAKE / 16);

    genesis("local_four").execute_with(|| {
        run_to_era(1);
        assert_ok!(Staking::unbond(signed("Bob"), early));
        to_last_block(1);
        assert_ok!(Staking::unbond(signed("Bob"), late));
        let offence = offend();
        to_first_block(2);
        assert_ok!(Staking::unbond(signed("Bob"), later));
        report(offence);
        // It was in the era that is over: nobody is disabled in this one, and one era lies between the two.
        assert!(Session::disabled_validators().is_empty());
        assert_eq!(booked(), [3]);
        let waiting: Vec<_> = ledger().unlocking.iter().map(|chunk| (chunk.value, chunk.era)).collect();
        assert_eq!(waiting, [(early, 5), (late + later, 6)], "four eras each");

        to_last_block(2);
        assert_eq!(ledger().total, STAKE);
        to_first_block(3);
        assert_eq!(ledger().total, STAKE - slash);
        let cancelled = Staking::cancel_deferred_slash(Origin::SlashCanceller.into(), 3, vec![0]);
        assert_eq!(cancelled, Err(pallet_staking::Error::<Runtime>::InvalidSlashIndex.into()));

        // The last session of the fourth era plans the fifth.
        run_to_era(4);
        next_blocks(ERA / 2 - 1);
        for era in [5, 6] {
            let before = ledger();
            assert_ok!(Staking::withdraw_unbonded(signed("Bob"), 10));
            assert_eq!(ledger().total, before.total, "{era} is not planned yet");
            next_block();
            assert_ok!(Staking::withdraw_unbonded(signed("Bob"), 10));
            let due: Balance = before.unlocking.iter().filter(|chunk| chunk.era == era).map(|chunk| chunk.value).sum();
            assert!(due > 0);
            assert_eq!(ledger().total, before.total - due);
            next_blocks(ERA - 1);
        }
        assert!(ledger().unlocking.is_empty());
    });
    // In the last block before it is applied a slash can still be cancelled.
    genesis("local_four").execute_with(|| {
        run_to_era(1);
        to_last_block(1);
        let offence = offend();
        to_first_block(2);
        report(offence);
        to_last_block(2);
        assert_ok!(Staking::cancel_deferred_slash(Origin::SlashCanceller.into(), 3, vec![0]));
        to_first_block(3);
        assert_eq!(ledger().total, STAKE);
    });
    // What happens in the first block is of the new era: whoever does it is disabled, and the slash waits for an era more.
    genesis("local_four").execute_with(|| {
        run_to_era(1);
        to_last_block(1);
        to_first_block(2);
        report(offend());
        assert_eq!(Session::disabled_validators().len(), 1);
        assert_eq!(booked(), [4]);
    });
}

#[test]
fn the_longest_bonding_ends_before_an_offence_costs_nothing() {
    let numbers = serde_json::json!({
        "consensus": { "epochDuration": 10, "sessionsPerEra": 1, "bondingDuration": u32::MAX, "slashDeferDuration": 1 },
    });
    for (era, costs) in [(84, true), (85, false)] {
        genesis_with("local_four", numbers.clone()).execute_with(|| {
            run_to_era(1);
            let proof = two_blocks_by_bob();
            let owner = Historical::prove((sp_consensus_babe::KEY_TYPE, &proof.offender)).unwrap();
            run_to_era(era);
            let reported = Babe::report_equivocation_unsigned(RuntimeOrigin::none(), Box::new(proof), owner);
            assert_eq!((reported.is_ok(), UnappliedSlashes::<Runtime>::iter().count()), (costs, costs.into()));
        });
    }
}

#[test]
fn a_report_that_proves_nothing_takes_no_room() {
    with_pool(|pool| {
        run_to_era(1);
        let mut proof = two_blocks_by_bob();
        // Without its seal.
        proof.second_header.digest.pop();
        let owner = <Runtime as BabeApi<Block>>::generate_key_ownership_proof(proof.slot, proof.offender.clone())
            .expect("Bob's key is one of this session's");
        assert!(<Runtime as BabeApi<Block>>::submit_report_equivocation_unsigned_extrinsic(proof, owner).is_none());
        assert!(pool().is_empty());
    });
}

#[test]
fn a_report_of_nothing_is_refused() {
    genesis("local_four").execute_with(|| {
        run_to_era(1);
        let mut proof = two_blocks_by_bob();
        let owner = Historical::prove((sp_consensus_babe::KEY_TYPE, &proof.offender)).unwrap();
        proof.second_header = proof.first_header.clone();
        assert_noop!(
            Babe::report_equivocation_unsigned(RuntimeOrigin::none(), Box::new(proof), owner),
            pallet_babe::Error::<Runtime>::InvalidEquivocationProof
        );
        // Alice's key for Bob's deed.
        let proof = two_blocks_by_bob();
        let alice = sp_consensus_babe::AuthorityId::from(Sr25519Keyring::Alice.public());
        let owner = Historical::prove((sp_consensus_babe::KEY_TYPE, &alice)).unwrap();
        assert_noop!(
            Babe::report_equivocation_unsigned(RuntimeOrigin::none(), Box::new(proof), owner),
            pallet_babe::Error::<Runtime>::InvalidKeyOwnershipProof
        );
    });
}

#[test]
fn a_cancelled_slash_is_not_applied() {
    genesis("local_four").execute_with(|| {
        run_to_era(1);
        let proof = two_blocks_by_bob();
        let owner = Historical::prove((sp_consensus_babe::KEY_TYPE, &proof.offender)).unwrap();
        assert_ok!(Babe::report_equivocation_unsigned(RuntimeOrigin::none(), Box::new(proof), owner));
        for stranger in [signed("Bob"), Origin::Admin.into(), Origin::Treasurer.into(), RuntimeOrigin::none()] {
            assert_noop!(Staking::cancel_deferred_slash(stranger, 3, vec![0]), DispatchError::BadOrigin);
        }
        assert_ok!(Staking::cancel_deferred_slash(Origin::SlashCanceller.into(), 3, vec![0]));
        run_to_era(5);
        assert_eq!(active_stake(&account("Bob")), STAKE);
        assert_eq!(Balances::free_balance(Treasury::account_id()), configs::system::EXISTENTIAL_DEPOSIT);
    });
}

#[test]
fn an_election_picks_those_with_the_most_behind_them() {
    genesis("local_four").execute_with(|| {
        next_block();
        assert_eq!(Session::validators().len(), 4);
        assert_ok!(Staking::set_validator_count(RuntimeOrigin::root(), 2));
        assert_ok!(Staking::bond(signed("Ferdie"), 50_000 * SLT, RewardDestination::Staked));
        let names = ["Charlie", "Dave"].map(|name| account(name).into());
        assert_ok!(Staking::nominate(signed("Ferdie"), names.to_vec()));
        assert_eq!(
            Balances::balance_on_hold(&pallet_staking::HoldReason::Staking.into(), &account("Ferdie")),
            50_000 * SLT
        );
        run_to_era(2);

        let mut elected = Session::validators();
        elected.sort();
        let mut expected = vec![account("Charlie"), account("Dave")];
        expected.sort();
        assert_eq!(elected, expected);
        assert_eq!((Babe::authorities().len(), Grandpa::grandpa_authorities().len()), (2, 2));
        let exposures = expected.iter().map(|validator| Staking::eras_stakers(2, validator));
        let nominated = exposures.map(|exposure| {
            assert_eq!(exposure.own, STAKE);
            assert_eq!(exposure.others[0].who, account("Ferdie"));
            exposure.others[0].value
        });
        assert_eq!(nominated.sum::<Balance>(), 50_000 * SLT);
    });
}

#[test]
fn a_newcomer_with_proved_keys_becomes_a_validator() {
    let mut ext = genesis("local_four");
    ext.register_extension(KeystoreExt::new(MemoryKeystore::new()));
    ext.execute_with(|| {
        next_block();
        let eve = account("Eve");
        assert_ok!(Staking::bond(signed("Eve"), 2 * STAKE, RewardDestination::Staked));
        assert_ok!(Staking::validate(signed("Eve"), ValidatorPrefs::default()));
        assert_ok!(Staking::set_validator_count(RuntimeOrigin::root(), 5));

        // What `author_rotateKeysWithOwner` answers.
        let generated = SessionKeys::generate(&eve.encode(), None);
        let proof = generated.proof.encode();
        for (thief, proof) in [("Ferdie", proof.clone()), ("Eve", vec![]), ("Eve", proof[1..].to_vec())] {
            assert_noop!(
                Session::set_keys(signed(thief), generated.keys.clone(), proof),
                pallet_session::Error::<Runtime>::InvalidProof
            );
        }
        assert_ok!(Session::set_keys(signed("Eve"), generated.keys.clone(), proof));
        run_to_era(2);
        assert!(Session::validators().contains(&eve));
        assert!(Babe::authorities().iter().any(|(id, _)| id.to_raw_vec() == generated.keys.babe.to_raw_vec()));
    });
}

#[test]
fn an_era_pays_the_governed_reward_when_it_is_claimed() {
    genesis("local_four").execute_with(|| {
        run_to_era(1);
        let (reward, issuance) = (600 * SLT, Balances::total_issuance());
        next_blocks(ERA);
        assert_eq!(Balances::total_issuance(), issuance, "nothing is minted when an era ends");
        for validator in Session::validators() {
            let before = active_stake(&validator);
            assert_ok!(Staking::payout_stakers(signed("Ferdie"), validator.clone(), 1));
            assert!(active_stake(&validator) > before);
            assert!(Staking::payout_stakers(signed("Ferdie"), validator, 1).is_err(), "once");
        }
        let minted = Balances::total_issuance() - issuance;
        assert!(minted <= reward && minted > reward - SLT / 1_000, "{minted}");
    });
}

#[test]
fn the_voter_list_has_its_bags_in_order() {
    let thresholds = <Runtime as pallet_bags_list::Config>::BagThresholds::get();
    assert!(thresholds.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(*thresholds.last().unwrap() > u64::MAX / 2);
}
