//! Signing keys: whose they are, and for a while whose they were.

use frame_support::{defensive, ensure, traits::Get};
use smartlayer_primitives::{
    node::KeyOwnership,
    payload::Payload,
    quorum::{AnchorKey, AnchorSignature},
    AccountId,
};
use sp_runtime::{traits::Verify, BoundedVec, DispatchResult};

use crate::pallet::*;

type FormerKeyList = BoundedVec<AccountId, sp_core::ConstU32<MAX_FORMER_KEYS>>;

impl<T: Config> Pallet<T> {
    /// The organisation whose word a signature by `key` is.
    pub(crate) fn owner(key: &AnchorKey) -> Option<AccountId> {
        let key = AccountId::from(*key);
        Keys::<T>::get(&key).or_else(|| Self::former_owner(&key))
    }

    /// The organisation that gave this key up less than the bond's delay ago.
    fn former_owner(key: &AccountId) -> Option<AccountId> {
        let (owner, until) = FormerKeys::<T>::get(key)?;
        (Self::now() < until).then_some(owner)
    }

    /// Whether `key` may become the key of `account`: nobody's yet, nobody else's account, nobody else's until not long ago, and its
    /// holder agrees.
    pub(crate) fn check_key(account: &AccountId, key: &AnchorKey, proof: &AnchorSignature) -> DispatchResult {
        let key_account = AccountId::from(*key);
        let is_an_account = key_account != *account && Organisations::<T>::contains_key(&key_account);
        let was_anothers = Self::former_owner(&key_account).is_some_and(|owner| owner != *account);
        ensure!(!is_an_account && !was_anothers && !Keys::<T>::contains_key(&key_account), Error::<T>::KeyInUse);
        let payload = KeyOwnership { account: account.clone() }.signing_payload(&Self::genesis_hash());
        ensure!(proof.verify(&payload[..], key), Error::<T>::BadProof);
        Ok(())
    }

    /// Makes `key` the key of `account`, and whosever it was before is forgotten.
    pub(crate) fn take_key(account: &AccountId, key: &AnchorKey) {
        let key = AccountId::from(*key);
        if let Some((owner, _)) = FormerKeys::<T>::take(&key) {
            let mut keys = FormerKeysOf::<T>::get(&owner);
            keys.retain(|former| *former != key);
            Self::put_former_keys(&owner, keys);
        }
        Keys::<T>::insert(key, account);
    }

    /// Takes the key of `account` away, and remembers that it was its.
    pub(crate) fn give_up_key(account: &AccountId, key: &AnchorKey) {
        let key = AccountId::from(*key);
        Keys::<T>::remove(&key);
        let mut keys = FormerKeysOf::<T>::get(account);
        if keys.try_push(key.clone()).is_err() {
            // Registering and rotating leave room for the key that they bring.
            defensive!("an organisation has more keys than there is room for");
            return;
        }
        Self::put_former_keys(account, keys);
        FormerKeys::<T>::insert(key, (account, Self::now().saturating_add(T::BondDelay::get())));
    }

    /// Forgets what is due of the keys that `account` gave up, and makes sure that it can give up `more` keys and then one more.
    pub(crate) fn ensure_room_for_keys(account: &AccountId, more: usize) -> DispatchResult {
        Self::forget_due_keys(account);
        let room = (MAX_FORMER_KEYS as usize).saturating_sub(FormerKeysOf::<T>::get(account).len());
        ensure!(room > more, Error::<T>::TooManyFormerKeys);
        Ok(())
    }

    /// Forgets what is due of the keys that `account` gave up; all of them, if nothing of it is bonded any more.
    pub(crate) fn forget_due_keys(account: &AccountId) {
        let mut keys = FormerKeysOf::<T>::get(account);
        if keys.is_empty() {
            return;
        }
        let is_gone = !Organisations::<T>::contains_key(account) && !Departing::<T>::contains_key(account);
        let now = Self::now();
        keys.retain(|key| {
            let is_due = is_gone || FormerKeys::<T>::get(key).is_none_or(|(_, until)| until <= now);
            if is_due {
                FormerKeys::<T>::remove(key);
            }
            !is_due
        });
        Self::put_former_keys(account, keys);
    }

    fn put_former_keys(account: &AccountId, keys: FormerKeyList) {
        if keys.is_empty() {
            FormerKeysOf::<T>::remove(account);
        } else {
            FormerKeysOf::<T>::insert(account, keys);
        }
    }
}
