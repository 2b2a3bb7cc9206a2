//! A referendum on each track does what it was for, and nothing else.

use codec::Encode;
use frame_support::{
    assert_noop, assert_ok,
    traits::{schedule::DispatchTime, Bounded, StorePreimage},
};
use pallet_conviction_voting::{AccountVote, Conviction, Vote};
use pallet_referenda::{ReferendumInfo, ReferendumInfoFor, TracksInfo};
use sp_keyring::Sr25519Keyring;
use sp_runtime::{
    traits::{BlakeTwo256, Hash as _},
    DispatchError, DispatchResult,
};

use super::*;
use crate::{
    configs::governance::{origins::Origin, track, Tracks},
    parameters::dynamic_params::{governance, promise_settlement},
};

/// Submits a referendum in Alice's name.
fn submit(origin: impl Into<OriginCaller>, call: impl Into<RuntimeCall>) -> u32 {
    let index = pallet_referenda::ReferendumCount::<Runtime>::get();
    let call: Bounded<RuntimeCall, BlakeTwo256> = Preimage::bound(call.into()).expect("the call is short");
    assert_ok!(Referenda::submit(signed("Alice"), Box::new(origin.into()), call, DispatchTime::After(0)));
    assert_ok!(Referenda::place_decision_deposit(signed("Alice"), index));
    index
}

/// The well-known accounts vote with nine tenths of what they have, which is two fifths of all there is.
fn vote(index: u32, aye: bool) {
    for voter in Sr25519Keyring::well_known() {
        let vote = Vote { aye, conviction: Conviction::Locked1x };
        let vote = AccountVote::Standard { vote, balance: 900_000 * SLT };
        assert_ok!(ConvictionVoting::vote(RuntimeOrigin::signed(voter.to_account_id()), index, vote));
    }
}

/// Makes blocks until a scheduled call is dispatched, and gives its result.
fn dispatched() -> DispatchResult {
    for _ in 0..40 {
        next_block();
        for record in System::events() {
            if let RuntimeEvent::Scheduler(pallet_scheduler::Event::Dispatched { id: Some(_), result, .. }) =
                record.event
            {
                // The referendum's own alarms have no name.
                return result;
            }
        }
    }
    panic!("nothing was dispatched");
}

fn decide(origin: impl Into<OriginCaller>, call: impl Into<RuntimeCall>) -> DispatchResult {
    let index = submit(origin, call);
    vote(index, true);
    let result = dispatched();
    assert!(matches!(ReferendumInfoFor::<Runtime>::get(index), Some(ReferendumInfo::Approved(..))));
    result
}

fn burn_rate(percent: u32) -> RuntimeCall {
    let rate = promise_settlement::Parameters::BurnRate(
        promise_settlement::BurnRate,
        Some(sp_runtime::Permill::from_percent(percent)),
    );
    pallet_parameters::Call::set_parameter { key_value: RuntimeParameters::PromiseSettlement(rate) }.into()
}

fn decision_period(blocks: u32) -> RuntimeCall {
    let period = governance::Parameters::DecisionPeriod(governance::DecisionPeriod, Some(blocks));
    pallet_parameters::Call::set_parameter { key_value: RuntimeParameters::Governance(period) }.into()
}

fn in_development(test: impl FnOnce()) {
    genesis("development").execute_with(|| {
        next_block();
        test();
    });
}

#[test]
fn root_authorises_a_new_code() {
    in_development(|| {
        let code_hash = Hash::repeat_byte(7);
        let call = frame_system::Call::authorize_upgrade { code_hash };
        assert_eq!(decide(frame_system::RawOrigin::Root, call), Ok(()));
        assert_eq!(System::authorized_upgrade().map(|upgrade| *upgrade.code_hash()), Some(code_hash));
    });
}

#[test]
fn a_call_too_long_for_the_queue_comes_from_its_preimage() {
    in_development(|| {
        let call: RuntimeCall =
            frame_system::Call::set_storage { items: vec![(b"key".to_vec(), vec![7; 10_000])] }.into();
        let bytes = call.encode();
        let hash = BlakeTwo256::hash(&bytes);
        assert_ok!(Preimage::note_preimage(signed("Alice"), bytes.clone()));
        let proposal = Bounded::Lookup { hash, len: bytes.len() as u32 };
        let root: OriginCaller = frame_system::RawOrigin::Root.into();
        assert_ok!(Referenda::submit(signed("Alice"), Box::new(root), proposal, DispatchTime::After(0)));
        assert_ok!(Referenda::place_decision_deposit(signed("Alice"), 0));
        vote(0, true);
        assert_eq!(dispatched(), Ok(()));
        assert_eq!(sp_io::storage::get(b"key").map(|value| value.len()), Some(10_000));
    });
}

#[test]
fn the_admin_track_sets_numbers_but_not_the_rules() {
    in_development(|| {
        assert_eq!(decide(Origin::Admin, burn_rate(20)), Ok(()));
        assert_eq!(promise_settlement::BurnRate::get(), sp_runtime::Permill::from_percent(20));
        assert_eq!(decide(Origin::Admin, decision_period(30)), Err(DispatchError::BadOrigin));
        assert_eq!(
            decide(Origin::Admin, frame_system::Call::set_heap_pages { pages: 1 }),
            Err(DispatchError::BadOrigin)
        );
    });
}

#[test]
fn the_treasury_pays_what_was_decided() {
    in_development(|| {
        assert_ok!(Balances::transfer_keep_alive(signed("Bob"), Treasury::account_id().into(), 10_000 * SLT));
        let spend = |amount| pallet_treasury::Call::spend {
            asset_kind: Box::new(()),
            amount,
            beneficiary: Box::new(account("User").into()),
            valid_from: None,
        };
        let too_much = decide(Origin::Treasurer, spend(100_001 * SLT));
        assert_eq!(too_much, Err(pallet_treasury::Error::<Runtime>::InsufficientPermission.into()));
        assert_eq!(decide(Origin::Treasurer, spend(5_000 * SLT)), Ok(()));
        let before = Balances::free_balance(account("User"));
        assert_ok!(Treasury::payout(signed("Dapp"), 0));
        assert_eq!(Balances::free_balance(account("User")), before + 5_000 * SLT);
    });
}

#[test]
fn an_anchor_is_recalled() {
    in_development(|| {
        let recall =
            || configs::governance::origins::Call::recall_anchor { who: account("Anchor1").into(), slash_bond: false };
        assert_eq!(decide(Origin::Admin, recall()), Err(DispatchError::BadOrigin));
        assert_eq!(decide(Origin::Recaller, recall()), Ok(()));
        let gone = account("Anchor1");
        assert!(!pallet_elections_phragmen::Members::<Runtime>::get().iter().any(|seat| seat.who == gone));
        assert_eq!(pallet_collective::Members::<Runtime>::get().len(), 3);
        assert!(!pallet_collective::Members::<Runtime>::get().contains(&gone));
        let again = decide(Origin::Recaller, recall());
        assert_eq!(again, Err(pallet_elections_phragmen::Error::<Runtime>::NotMember.into()));
    });
}

#[test]
fn an_emergency_takes_the_anchors_and_a_short_vote() {
    in_development(|| {
        // Only root may do this.
        let call = decision_period(30);
        let hash = BlakeTwo256::hash_of(&call);
        let whitelist: RuntimeCall = pallet_whitelist::Call::whitelist_call { call_hash: hash }.into();
        let dispatch =
            || pallet_whitelist::Call::dispatch_whitelisted_call_with_preimage { call: Box::new(call.clone()) };

        // Decided before it is whitelisted, it is kept for later, and nothing happens.
        assert_eq!(decide(Origin::WhitelistedCaller, dispatch()), Ok(()));
        assert_eq!(governance::DecisionPeriod::get(), 20);

        let (length, weight) = (whitelist.encode().len() as u32, configs::governance::MaxProposalWeight::get());
        let motion = BlakeTwo256::hash_of(&whitelist);
        assert_noop!(
            AnchorCouncil::propose(signed("Alice"), 3, Box::new(whitelist.clone()), length),
            pallet_collective::Error::<Runtime>::NotMember
        );
        assert_ok!(AnchorCouncil::propose(signed("Anchor1"), 3, Box::new(whitelist.clone()), length));
        for anchor in ["Anchor1", "Anchor2"] {
            assert_ok!(AnchorCouncil::vote(signed(anchor), motion, 0, true));
        }
        assert_noop!(
            AnchorCouncil::close(signed("Anchor1"), motion, 0, weight, length),
            pallet_collective::Error::<Runtime>::TooEarly
        );
        assert_ok!(AnchorCouncil::vote(signed("Anchor3"), motion, 0, true));
        assert_ok!(AnchorCouncil::close(signed("Anchor1"), motion, 0, weight, length));
        assert!(pallet_whitelist::WhitelistedCall::<Runtime>::contains_key(hash));

        let started = System::block_number();
        assert_eq!(decide(Origin::WhitelistedCaller, dispatch()), Ok(()));
        assert_eq!(governance::DecisionPeriod::get(), 30);
        let info = Tracks::info(track::ROOT).expect("there is a root track");
        assert!(System::block_number() - started < info.decision_period, "sooner than root");
    });
}

#[test]
fn half_of_the_anchors_whitelist_nothing() {
    in_development(|| {
        let call_hash = Hash::repeat_byte(1);
        for (ayes, passes) in [(2, false), (3, true)] {
            let origin = RuntimeOrigin::from(pallet_collective::RawOrigin::Members(ayes, 4));
            assert_eq!(Whitelist::whitelist_call(origin, call_hash).is_ok(), passes);
        }
    });
}

#[test]
fn what_is_voted_down_does_not_happen() {
    in_development(|| {
        let index = submit(Origin::Admin, burn_rate(20));
        vote(index, false);
        next_blocks(30);
        assert!(matches!(ReferendumInfoFor::<Runtime>::get(index), Some(ReferendumInfo::Rejected(..))));
        assert_eq!(promise_settlement::BurnRate::get(), sp_runtime::Permill::from_percent(5));
    });
}

#[test]
fn a_referendum_acts_as_nobody_but_the_tracks_origins() {
    in_development(|| {
        for origin in [
            frame_system::RawOrigin::Signed(account("Bob")).into(),
            frame_system::RawOrigin::None.into(),
            OriginCaller::AnchorCouncil(pallet_collective::RawOrigin::Members(4, 4)),
        ] {
            let call = Preimage::bound(burn_rate(1)).expect("the call is short");
            assert_noop!(
                Referenda::submit(signed("Alice"), Box::new(origin), call, DispatchTime::After(0)),
                pallet_referenda::Error::<Runtime>::NoTrack
            );
        }
    });
}

#[test]
fn tracks_are_sound_whatever_governance_says() {
    for preset in ["development", "testnet"] {
        genesis(preset).execute_with(|| {
            assert_ok!(Tracks::check_integrity());
            for rules in Tracks::tracks() {
                let info = &rules.info;
                for period in [info.prepare_period, info.confirm_period, info.min_enactment_period] {
                    assert!((1..=info.decision_period).contains(&period), "{rules:?}");
                }
                // All of it, and the vote can still be over before the slash is.
                if rules.id == track::SLASH_CANCELLER && preset == "testnet" {
                    let whole =
                        info.prepare_period + info.decision_period + info.confirm_period + info.min_enactment_period;
                    let era = 6 * 1_200;
                    assert!(whole < configs::validators::SlashDeferDuration::get() * era);
                }
            }
        });
    }
}
