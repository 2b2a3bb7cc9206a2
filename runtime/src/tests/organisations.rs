use frame_support::{assert_noop, assert_ok, weights::Weight, BoundedVec};
use pallet_identity::{legacy::IdentityInfo, Data, Judgement};
use smartlayer_primitives::{session::Beneficiary, traits::JudgedIdentity as _};
use sp_keyring::Sr25519Keyring;
use sp_runtime::{
    traits::{BlakeTwo256, Hash as _},
    DispatchError,
};

use super::*;
use crate::configs::organisations::{Judged, ProxyType};

fn info(name: &str) -> IdentityInfo<frame_support::traits::ConstU32<10>> {
    IdentityInfo {
        display: Data::Raw(BoundedVec::truncate_from(name.as_bytes().to_vec())),
        additional: Default::default(),
        legal: Data::None,
        web: Data::None,
        riot: Data::None,
        email: Data::None,
        pgp_fingerprint: None,
        image: Data::None,
        twitter: Data::None,
    }
}

fn judge(registrar: &str, index: u32, target: &str, judgement: Judgement<Balance>) {
    let hash = BlakeTwo256::hash_of(&pallet_identity::IdentityOf::<Runtime>::get(account(target)).unwrap().info);
    assert_ok!(Identity::provide_judgement(signed(registrar), index, account(target).into(), judgement, hash));
}

#[test]
fn development_anchors_are_judged() {
    genesis("development").execute_with(|| {
        for anchor in ["Anchor1", "Anchor2", "Anchor3", "Anchor4"] {
            assert!(Judged::is_judged(&account(anchor)));
        }
        assert!(!Judged::is_judged(&account("Alice")));
    });
}

#[test]
fn an_identity_is_judged_by_a_registrar_that_governance_named() {
    genesis("development").execute_with(|| {
        assert_ok!(Identity::set_identity(signed("Bob"), Box::new(info("Bob"))));
        assert!(!Judged::is_judged(&account("Bob")), "nobody has judged");
        for (judgement, good) in [
            (Judgement::Reasonable, true),
            (Judgement::KnownGood, true),
            (Judgement::LowQuality, false),
            (Judgement::OutOfDate, false),
            (Judgement::Unknown, false),
        ] {
            judge("Alice", 0, "Bob", judgement);
            assert_eq!(Judged::is_judged(&account("Bob")), good, "{judgement:?}");
        }

        judge("Alice", 0, "Bob", Judgement::KnownGood);
        assert_noop!(Identity::add_registrar(signed("Eve"), account("Eve").into()), DispatchError::BadOrigin);
        let admin = configs::governance::origins::Origin::Admin;
        assert_ok!(Identity::add_registrar(admin.into(), account("Eve").into()));
        judge("Eve", 1, "Bob", Judgement::Erroneous);
        assert!(!Judged::is_judged(&account("Bob")), "one registrar's veto");
        judge("Eve", 1, "Bob", Judgement::Reasonable);
        assert!(Judged::is_judged(&account("Bob")));

        assert_ok!(Identity::set_identity(signed("Bob"), Box::new(info("Somebody else"))));
        assert!(!Judged::is_judged(&account("Bob")), "the judgement was for another name");
    });
}

#[test]
fn a_proxy_does_what_it_is_for() {
    let session = Hash::zero();
    let open: RuntimeCall = pallet_promise_settlement::Call::open {
        beneficiary: Beneficiary::Node(account("Eve")),
        signer: account("Eve"),
        token_type: None,
        deposit: 900_000 * SLT,
        nonce: 1,
        lifetime: HOURS,
    }
    .into();
    let (key, proof) = (Sr25519Keyring::Eve.public(), Sr25519Keyring::Eve.sign(b""));
    let rotate_anchor_key = pallet_anchors::Call::rotate_key { key, proof }.into();
    let register_anchor = pallet_anchors::Call::register {
        name: Default::default(),
        endpoint: Default::default(),
        peer_id: Default::default(),
        key,
        proof,
        bond: 900_000 * SLT,
    }
    .into();
    let calls: Vec<(RuntimeCall, &[ProxyType])> = vec![
        (
            pallet_balances::Call::transfer_keep_alive { dest: account("Eve").into(), value: SLT }.into(),
            &[ProxyType::Any],
        ),
        (pallet_staking::Call::chill {}.into(), &[ProxyType::Any, ProxyType::Staking]),
        (pallet_elections_phragmen::Call::remove_voter {}.into(), &[ProxyType::Any, ProxyType::Governance]),
        (pallet_anchors::Call::deregister {}.into(), &[ProxyType::Any, ProxyType::Operations]),
        (pallet_service_staking::Call::bond_more { amount: SLT }.into(), &[ProxyType::Any, ProxyType::Operations]),
        (pallet_sla_registry::Call::end {}.into(), &[ProxyType::Any, ProxyType::Operations]),
        (
            pallet_promise_settlement::Call::claim_batch { claims: Default::default() }.into(),
            &[ProxyType::Any, ProxyType::Operations],
        ),
        (
            pallet_promise_settlement::Call::close { session, last: None }.into(),
            &[ProxyType::Any, ProxyType::Operations],
        ),
        (pallet_promise_settlement::Call::finish { session }.into(), &[ProxyType::Any, ProxyType::Operations]),
        (
            pallet_promise_settlement::Call::report_over_allocation { session, allocations: Default::default() }.into(),
            &[ProxyType::Any, ProxyType::Operations],
        ),
        // With these a stolen key would pay its thief's node.
        (open, &[ProxyType::Any]),
        (pallet_promise_settlement::Call::top_up { session, amount: SLT }.into(), &[ProxyType::Any]),
        (pallet_promise_settlement::Call::request_close { session }.into(), &[ProxyType::Any]),
        (pallet_promise_settlement::Call::change_notary { session, notary: account("Eve") }.into(), &[ProxyType::Any]),
        // And with these have it sign what the bond pays for.
        (rotate_anchor_key, &[ProxyType::Any]),
        (register_anchor, &[ProxyType::Any]),
    ];
    for kind in [
        ProxyType::Any,
        ProxyType::Governance,
        ProxyType::Staking,
        ProxyType::Operations,
        ProxyType::RejectAnnouncements,
    ] {
        for (call, allowed) in &calls {
            genesis("development").execute_with(|| {
                System::set_block_number(1);
                assert_ok!(Proxy::add_proxy(signed("Alice"), account("Bob").into(), kind, 0));
                assert_ok!(Proxy::proxy(signed("Bob"), account("Alice").into(), None, Box::new(call.clone())));
                let filtered = Err(frame_system::Error::<Runtime>::CallFiltered.into());
                let was_filtered = System::events()
                    .iter()
                    .any(|record| record.event == pallet_proxy::Event::ProxyExecuted { result: filtered }.into());
                assert_eq!(was_filtered, !allowed.contains(&kind), "{kind:?} {call:?}");
            });
        }
    }
}

#[test]
fn two_of_three_keys_move_an_organisations_money() {
    genesis("development").execute_with(|| {
        System::set_block_number(1);
        let mut others = vec![account("Bob"), account("Charlie")];
        let mut all = others.clone();
        all.push(account("Alice"));
        all.sort();
        let organisation = Multisig::multi_account_id(&all, 2);
        assert_ok!(Balances::transfer_keep_alive(signed("Alice"), organisation.clone().into(), 100 * SLT));

        let call: RuntimeCall =
            pallet_balances::Call::transfer_keep_alive { dest: account("Eve").into(), value: 50 * SLT }.into();
        let weight = Weight::from_parts(1_000_000_000, 100_000);
        others.sort();
        let before = Balances::free_balance(account("Eve"));
        assert_ok!(Multisig::as_multi(signed("Alice"), 2, others, None, Box::new(call.clone()), weight));
        assert_eq!(Balances::free_balance(account("Eve")), before, "one is not enough");
        let point = Some(Multisig::timepoint());
        let mut others = vec![account("Alice"), account("Charlie")];
        others.sort();
        assert_ok!(Multisig::as_multi(signed("Bob"), 2, others, point, Box::new(call), weight));
        assert_eq!(Balances::free_balance(account("Eve")), before + 50 * SLT);
    });
}
