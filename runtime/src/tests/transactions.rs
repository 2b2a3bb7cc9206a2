//! What a transaction carries, and the ones that nobody signs.

use codec::{Decode, Encode};
use frame_system::offchain::CreateAuthorizedTransaction;
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

#[test]
fn a_signed_transaction_is_applied() {
    genesis("development").execute_with(|| {
        next_block();
        let call: RuntimeCall =
            pallet_balances::Call::transfer_keep_alive { dest: account("Bob").into(), value: SLT }.into();
        // The same extension: a nonce of 0, no tip, and no end.
        let extension = <Runtime as CreateAuthorizedTransaction<RuntimeCall>>::create_extension();
        let payload = SignedPayload::new(call.clone(), extension.clone()).unwrap();
        let signature = payload.using_encoded(|bytes| Sr25519Keyring::Alice.sign(bytes));
        let transaction = UncheckedExtrinsic::new_signed(call, account("Alice").into(), signature.into(), extension);
        assert_eq!(next_block_with(vec![transaction]), vec![Ok(Ok(()))]);
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
