//! What a transaction carries, and the ones that nobody signs.

use codec::{Decode, Encode};
use frame_support::{assert_ok, dispatch::DispatchClass};
use frame_system::offchain::CreateAuthorizedTransaction;
use smartlayer_primitives::{
    node::KeyOwnership,
    payload::Payload,
    promise::{session_id, Claim, Promise, SignedPromise},
    session::Beneficiary,
};
use sp_core::{sr25519, Pair};
use sp_keyring::Sr25519Keyring;
use sp_runtime::{
    traits::TransactionExtension,
    transaction_validity::{InvalidTransaction, TransactionValidityError},
};

use super::*;

/// Another extension at the front must not change what wallets sign and send.
#[test]
fn authorising_adds_no_byte_to_a_signed_transaction() {
    let extension = frame_system::AuthorizeCall::<Runtime>::new();
    assert_eq!(extension.encode(), Vec::<u8>::new());
    let implicit = TransactionExtension::<RuntimeCall>::implicit(&extension);
    assert_eq!(implicit.map(|implicit| implicit.encode()), Ok(Vec::new()));
    assert_eq!(<TxExtension as TransactionExtension<RuntimeCall>>::metadata()[0].identifier, "AuthorizeCall");
}

/// The first transaction of `signer`.
fn sign(signer: Sr25519Keyring, call: impl Into<RuntimeCall>) -> UncheckedExtrinsic {
    let call = call.into();
    // The same extension as of an authorised one: a nonce of 0, no tip, and no end.
    let extension = <Runtime as CreateAuthorizedTransaction<RuntimeCall>>::create_extension();
    let payload = SignedPayload::new(call.clone(), extension.clone()).unwrap();
    let signature = payload.using_encoded(|bytes| signer.sign(bytes));
    UncheckedExtrinsic::new_signed(call, signer.to_account_id().into(), signature.into(), extension)
}

fn transfer() -> pallet_balances::Call<Runtime> {
    pallet_balances::Call::transfer_keep_alive { dest: account("Bob").into(), value: SLT }
}

#[test]
fn a_signed_transaction_is_applied() {
    genesis("development").execute_with(|| {
        next_block();
        assert_eq!(next_block_with(vec![sign(Sr25519Keyring::Alice, transfer())]), vec![Ok(Ok(()))]);
    });
}

/// A service node that has its bond, and signs with its account's key.
fn register_node() -> AccountId {
    let pair = sr25519::Pair::from_string("//Node1", None).expect("it is a derivation");
    let node = AccountId::from(pair.public());
    let proof = pair.sign(&KeyOwnership { account: node.clone() }.signing_payload(&System::block_hash(0)));
    let text = |text: &str| text.as_bytes().to_vec();
    assert_ok!(ServiceStaking::register(
        signed("Node1"),
        text("http://node").try_into().expect("it is short"),
        text("peer").try_into().expect("it is short"),
        node.clone(),
        proof.into(),
        1_000 * SLT,
    ));
    node
}

/// Whoever fills blocks must not keep nodes from claiming before a challenge window is over.
#[test]
fn a_claim_fits_in_a_block_that_is_full() {
    genesis("development").execute_with(|| {
        next_block();
        let (payer, node) = (Sr25519Keyring::Dave, register_node());
        let nonce = PromiseSettlement::next_nonce(payer.to_account_id()).expect("not all are used");
        assert_ok!(PromiseSettlement::open(
            signed("Dave"),
            Beneficiary::Node(node.clone()),
            payer.to_account_id(),
            None,
            10 * SLT,
            nonce,
            HOURS,
        ));
        let genesis = System::block_hash(0);
        let session = session_id(&genesis, &payer.to_account_id(), &node, nonce);
        let promise = Promise { session, cumulative: SLT, call_hash: Hash::zero(), ticks: None };
        let signature = payer.sign(&promise.signing_payload(&genesis)).into();
        let claim: Claim = SignedPromise { promise, signature }.into();

        begin_block();
        let normal = DispatchClass::Normal;
        let most = configs::system::RuntimeBlockWeights::get()
            .get(normal)
            .max_total
            .expect("ordinary transactions have a limit");
        System::register_extra_weight_unchecked(most.saturating_sub(*System::block_weight().get(normal)), normal);
        let refused = Executive::apply_extrinsic(sign(Sr25519Keyring::Alice, transfer()));
        assert_eq!(refused, Err(TransactionValidityError::Invalid(InvalidTransaction::ExhaustsResources)));
        let before = Balances::free_balance(&node);
        let call = pallet_promise_settlement::Call::claim { claim: Box::new(claim) };
        assert_eq!(Executive::apply_extrinsic(sign(Sr25519Keyring::Bob, call)), Ok(Ok(())));
        assert_eq!(Balances::free_balance(&node), before + SLT * 95 / 100);
    });
}

#[test]
fn a_transaction_that_nobody_signed_needs_a_call_that_authorises_itself() {
    genesis("development").execute_with(|| {
        next_block();
        let call = frame_system::Call::<Runtime>::remark { remark: vec![] };
        type Creator = dyn Fn(RuntimeCall) -> UncheckedExtrinsic;
        let create: &Creator =
            &<Runtime as CreateAuthorizedTransaction<frame_system::Call<Runtime>>>::create_authorized_transaction;
        let transaction = create(call.into());
        let decoded = UncheckedExtrinsic::decode(&mut &transaction.encode()[..]);
        assert_eq!(decoded.as_ref().map(Encode::encode), Ok(transaction.encode()));
        let refused = Err(TransactionValidityError::Invalid(InvalidTransaction::UnknownOrigin));
        assert_eq!(next_block_with(vec![transaction]), vec![refused]);
    });
}
