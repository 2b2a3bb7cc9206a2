//! Claims in batches.

use frame_support::{dispatch::GetDispatchInfo, BoundedVec};
use sp_keyring::Sr25519Keyring;
use sp_runtime::DispatchError;

use super::*;

fn batch(claims: Vec<Claim>) -> DispatchResultWithPostInfo {
    PromiseSettlement::claim_batch(origin(anyone()), BoundedVec::try_from(claims).unwrap())
}

#[test]
fn pays_what_can_be_paid_and_reports_the_rest() {
    run(|| {
        let issuance = Balances::total_issuance();
        let (first, second, network) = (opened(1_000, 0), opened(1_000, 1), opened_network(1_000, 2));
        assert_ok!(batch(vec![
            claim(first, 100),
            claim(SessionId::zero(), 1),
            signed_by(Sr25519Keyring::Bob, promise(second, 100)).into(),
            claim(first, 100),
            network_claim(network, 0, &other_node(), 50, 40),
            claim(first, 2_000),
            claim(second, 200),
            network_claim(network, 1, &other_node(), 90, 90),
        ]));
        let failed = |session, error: Error<Test>| Event::ClaimFailed { session, error: error.into() };
        assert_eq!(
            events()[3..],
            [
                claimed(first, 90, 10, 100),
                failed(SessionId::zero(), Error::NoSuchSession),
                failed(second, Error::BadSignature),
                failed(first, Error::NothingNew),
                Event::Claimed { session: network, node: other_node(), paid: 36, burned: 4, issuer: 0, cumulative: 40 },
                claimed(first, 810, 90, 1_000),
                claimed(second, 180, 20, 200),
                failed(network, Error::RoundOver),
            ]
        );
        assert_eq!(held(&payer()), 800 + 960);
        assert_eq!(Balances::balance(&node()), FUNDS + 1_080);
        assert_eq!(Balances::balance(&other_node()), FUNDS + 36);
        assert_eq!(Balances::total_issuance(), issuance - 124);
    });
}

#[test]
fn an_account_that_is_gone_may_be_brought_back_by_the_sum() {
    run(|| {
        let poor = account(50);
        Available::mutate(|nodes| nodes.push(poor.clone()));
        let sessions = [0, 1, 2].map(|nonce| open(Beneficiary::Node(poor.clone()), None, 1_000, nonce).unwrap());
        // 9 can't bring it back; once 90 have, 9 more are welcome.
        assert_ok!(batch(vec![claim(sessions[0], 10), claim(sessions[1], 100), claim(sessions[2], 10)]));
        let error = Error::<Test>::NodeCannotReceive.into();
        assert_eq!(events()[3], Event::ClaimFailed { session: sessions[0], error });
        assert_eq!(Balances::balance(&poor), 99);
    });
}

#[test]
fn an_empty_batch_does_nothing() {
    run(|| {
        assert_ok!(batch(vec![]));
        assert_noop!(
            PromiseSettlement::claim_batch(RuntimeOrigin::none(), Default::default()),
            DispatchError::BadOrigin
        );
        assert!(events().is_empty());
    });
}

#[test]
fn does_what_single_claims_do() {
    let claims = |sessions: &[SessionId]| -> Vec<Claim> { sessions.iter().map(|id| claim(*id, 333)).collect() };
    let after = |bring_all: fn(Vec<Claim>)| {
        new_test_ext().execute_with(|| {
            let sessions: Vec<_> =
                (0..8).map(|n| open(Beneficiary::Node(node()), Some(n as u32 % 2), 1_000, n).unwrap()).collect();
            bring_all(claims(&sessions));
            PromiseSettlement::do_try_state().unwrap();
            let stored: Vec<_> = sessions.iter().map(|id| PromiseSettlement::session(*id).unwrap()).collect();
            let accounts = [payer(), node(), issuer(), account(GONE_ISSUER)];
            (stored, accounts.map(|who| Balances::total_balance(&who)), Balances::total_issuance())
        })
    };
    let one_by_one = after(|claims| claims.into_iter().for_each(|claim| assert!(bring(claim).is_ok())));
    let together = after(|claims| assert!(batch(claims).is_ok()));
    assert_eq!(one_by_one, together);
}

#[test]
fn a_claim_in_a_batch_weighs_less_than_half_of_a_single_one() {
    run(|| {
        let sessions: Vec<_> = (0..32).map(|nonce| opened(1_000, nonce)).collect();
        let claims: Vec<_> = sessions.iter().map(|id| claim(*id, 100)).collect();
        let single = crate::Call::<Test>::claim { claim: Box::new(claims[0].clone()) }.get_dispatch_info();
        let declared =
            crate::Call::<Test>::claim_batch { claims: claims.clone().try_into().unwrap() }.get_dispatch_info();
        let actual = batch(claims).unwrap().actual_weight.unwrap();
        assert!(actual.all_lt(declared.call_weight), "what was not needed is given back");
        // What every transaction weighs besides is a single claim's alone, and a 32nd of it a batched one's.
        let base = frame_support::weights::constants::ExtrinsicBaseWeight::get().ref_time();
        let (single, batched) = (single.call_weight.ref_time() + base, (actual.ref_time() + base) / 32);
        assert!(batched * 2 < single, "{batched} of {single}");
    });
}

#[test]
fn claims_are_operational() {
    use frame_support::dispatch::DispatchClass;
    let class = |call: crate::Call<Test>| call.get_dispatch_info().class;
    run(|| {
        let one = || Box::new(claim(SessionId::zero(), 1));
        assert_eq!(class(crate::Call::claim { claim: one() }), DispatchClass::Operational);
        assert_eq!(class(crate::Call::claim_batch { claims: Default::default() }), DispatchClass::Operational);
        assert_eq!(class(crate::Call::close { session: SessionId::zero(), last: None }), DispatchClass::Operational);
        assert_eq!(class(crate::Call::claim_authorized { claim: one() }), DispatchClass::Operational);
        assert_eq!(class(crate::Call::request_close { session: SessionId::zero() }), DispatchClass::Normal);
    });
}
