//! register, update, rotate_key, chill, reenter.

use super::*;

#[test]
fn register_holds_the_bond_and_knows_the_key() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        assert_eq!(last_event(), Event::Registered { node: account(1), bond: MIN_BOND });
        assert_eq!(held(1), MIN_BOND);
        assert!(bonded(1));
        assert_eq!(ServiceStaking::acting_for(&account(1)), Some(account(1)));
        assert_eq!(ServiceStaking::acting_for(&service_key(1)), Some(account(1)));
        assert_eq!(ServiceStaking::acting_for(&account(2)), None);
        assert_eq!(ServiceStaking::stake_at(account(1), 0), MIN_BOND);
        assert_eq!(ServiceStaking::stake_at(account(2), 0), 0);
        assert!(ServiceStaking::is_available(&account(1)));
        assert!(!ServiceStaking::is_available(&account(2)));
        assert!(!bonded(2));
    });
}

#[test]
fn register_refuses_a_second_time() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        assert_noop!(register_with(1, &hot(2), MIN_BOND), Error::<Test>::AlreadyRegistered);
    });
}

#[test]
fn register_refuses_keys_that_speak_for_others() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        assert_noop!(register_with(2, &hot(1), MIN_BOND), Error::<Test>::KeyInUse);
        assert_noop!(register_with(2, &pair(1), MIN_BOND), Error::<Test>::KeyInUse);
        assert_ok!(register_with(2, &pair(50), MIN_BOND));
        assert_noop!(register_with(50, &hot(3), MIN_BOND), Error::<Test>::AccountIsKey);
        // Its own account's key is nobody else's.
        assert_ok!(register_with(3, &pair(3), MIN_BOND));
    });
}

#[test]
fn register_refuses_a_proof_for_another_account_chain_or_key() {
    ExtBuilder::build_and_execute(|| {
        let attempt = |proof| {
            let (endpoint, peer) = address("e", "p");
            ServiceStaking::register(origin(1), endpoint, peer, service_key(1), proof, MIN_BOND)
        };
        assert_noop!(attempt(proof(&hot(1), &account(2))), Error::<Test>::BadProof);
        assert_noop!(attempt(proof(&hot(2), &account(1))), Error::<Test>::BadProof);
        let right = proof(&hot(1), &account(1));
        frame_system::BlockHash::<Test>::insert(0, Hash::zero());
        assert_noop!(attempt(right.clone()), Error::<Test>::BadProof);
        frame_system::BlockHash::<Test>::insert(0, GENESIS);
        assert_ok!(attempt(right));
    });
}

#[test]
fn register_takes_keys_of_every_scheme() {
    use smartlayer_primitives::{node::KeyOwnership, payload::Payload};
    use sp_core::{ecdsa, ed25519, Pair};
    use sp_runtime::{traits::IdentifyAccount, MultiSigner};

    ExtBuilder::build_and_execute(|| {
        let payload = |n| KeyOwnership { account: account(n) }.signing_payload(&GENESIS);
        let edwards = ed25519::Pair::from_seed(&[1; 32]);
        let koblitz = ecdsa::Pair::from_seed(&[1; 32]);
        let keys = [
            (MultiSigner::from(edwards.public()).into_account(), edwards.sign(&payload(1)).into()),
            (MultiSigner::from(koblitz.public()).into_account(), koblitz.sign(&payload(2)).into()),
        ];
        for (n, (key, proof)) in (1..).zip(keys) {
            let (endpoint, peer) = address("e", "p");
            assert_ok!(ServiceStaking::register(origin(n), endpoint, peer, key.clone(), proof, MIN_BOND));
            assert_eq!(ServiceStaking::acting_for(&key), Some(account(n)));
        }
    });
}

#[test]
fn register_refuses_what_nobody_can_reach() {
    ExtBuilder::build_and_execute(|| {
        let attempt = |endpoint: &[u8], peer| {
            let (endpoint, peer) = address(endpoint, peer);
            let key = service_key(1);
            ServiceStaking::register(origin(1), endpoint, peer, key, proof(&hot(1), &account(1)), MIN_BOND)
        };
        assert_noop!(attempt(b"", "p"), Error::<Test>::BadEndpoint);
        assert_noop!(attempt(&[0xff], "p"), Error::<Test>::BadEndpoint);
        assert_noop!(attempt(b"e", ""), Error::<Test>::BadPeerId);
    });
}

#[test]
fn register_refuses_a_bond_too_low_or_not_there() {
    ExtBuilder::build_and_execute(|| {
        assert_noop!(register(1, MIN_BOND - 1), Error::<Test>::BondTooLow);
        // The existential deposit stays free.
        assert_noop!(register(1, RICH), TokenError::FundsUnavailable);
        assert_ok!(register(1, RICH - EXISTENTIAL_DEPOSIT));
    });
}

#[test]
fn update_by_account_or_key() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        for sender in [account(1), service_key(1)] {
            let (endpoint, peer) = address(sender.to_string(), "new peer");
            let origin = RuntimeOrigin::signed(sender.clone());
            assert_ok!(ServiceStaking::update(origin, endpoint.clone(), peer.clone()));
            let node = Nodes::<Test>::get(account(1)).unwrap();
            assert_eq!((node.endpoint, node.peer_id), (endpoint, peer));
            assert_eq!(last_event(), Event::Updated { node: account(1) });
        }
    });
}

#[test]
fn update_refuses_strangers_and_nonsense() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        let attempt = |n, endpoint: &str, peer| {
            let (endpoint, peer) = address(endpoint, peer);
            ServiceStaking::update(origin(n), endpoint, peer)
        };
        assert_noop!(attempt(2, "e", "p"), Error::<Test>::NotRegistered);
        assert_noop!(attempt(1, "", "p"), Error::<Test>::BadEndpoint);
        assert_noop!(attempt(1, "e", ""), Error::<Test>::BadPeerId);
    });
}

#[test]
fn rotate_key_replaces_and_frees_the_key() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        assert_ok!(ServiceStaking::rotate_key(origin(1), service_key(2), proof(&hot(2), &account(1))));
        assert_eq!(last_event(), Event::KeyRotated { node: account(1), service_key: service_key(2) });
        assert_eq!(ServiceStaking::acting_for(&service_key(1)), None);
        assert_eq!(ServiceStaking::acting_for(&service_key(2)), Some(account(1)));
        assert_ok!(register_with(2, &hot(1), MIN_BOND));
    });
}

#[test]
fn rotate_key_only_by_the_account_and_to_a_free_key() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        assert_ok!(register(2, MIN_BOND));
        let rotate = |sender: AccountId, pair: &sp_core::sr25519::Pair, account: u8| {
            let key = sp_core::Pair::public(pair).into();
            let proof = proof(pair, &crate::mock::account(account));
            ServiceStaking::rotate_key(RuntimeOrigin::signed(sender), key, proof)
        };
        assert_noop!(rotate(service_key(1), &hot(3), 1), Error::<Test>::NotRegistered);
        assert_noop!(rotate(account(1), &hot(2), 1), Error::<Test>::KeyInUse);
        assert_noop!(rotate(account(1), &hot(1), 1), Error::<Test>::KeyInUse);
        assert_noop!(rotate(account(1), &pair(2), 1), Error::<Test>::KeyInUse);
        assert_noop!(rotate(account(1), &hot(3), 2), Error::<Test>::BadProof);
        assert_ok!(rotate(account(1), &pair(1), 1));
    });
}

#[test]
fn who_chills_takes_no_new_work_until_it_reenters() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        let hot = || RuntimeOrigin::signed(service_key(1));
        let available = || ServiceStaking::is_available(&account(1));
        assert_noop!(ServiceStaking::reenter(origin(1)), Error::<Test>::NotChilled);
        for (chill, reenter) in [(origin(1), hot()), (hot(), origin(1))] {
            assert_ok!(ServiceStaking::chill(chill.clone()));
            assert_eq!(last_event(), Event::Chilled { node: account(1) });
            assert!(!available() && bonded(1));
            assert_noop!(ServiceStaking::chill(chill), Error::<Test>::AlreadyChilled);
            assert_ok!(ServiceStaking::reenter(reenter));
            assert_eq!(last_event(), Event::Reentered { node: account(1) });
            assert!(available());
        }
        assert_noop!(ServiceStaking::chill(origin(2)), Error::<Test>::NotRegistered);
        assert_noop!(ServiceStaking::reenter(origin(2)), Error::<Test>::NotRegistered);
        // Without the minimum bond it is not available, chilled or not.
        assert_ok!(ServiceStaking::unbond(origin(1), MIN_BOND));
        assert!(!available());
    });
}
