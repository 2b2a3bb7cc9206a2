//! What the calls do.

use frame_support::{
    ensure,
    pallet_prelude::{DispatchError, DispatchResult, Get},
    storage::with_storage_layer,
    traits::{
        fungible::{Inspect, MutateHold},
        tokens::{DepositConsequence, Fortitude, Precision, Provenance, Restriction},
    },
};
use smartlayer_primitives::{
    fees,
    promise::{session_id, SignedPromise},
    session::Session,
    traits::ServiceNodes,
    AccountId, Balance, Hash, SessionId,
};

use crate::{Config, Error, Event, HoldReason, LastNonce, Pallet, Sessions};

impl<T: Config> Pallet<T> {
    pub(crate) fn do_open(
        payer: AccountId,
        node: AccountId,
        signer: AccountId,
        deposit: Balance,
        nonce: u64,
    ) -> DispatchResult {
        ensure!(T::ServiceNodes::is_bonded(&node), Error::<T>::NodeNotBonded);
        ensure!(deposit >= T::MinDeposit::get(), Error::<T>::DepositTooLow);
        ensure!(LastNonce::<T>::get(&payer).is_none_or(|last| nonce > last), Error::<T>::NonceNotHigher);
        let session = session_id(&Self::genesis(), &payer, &node, nonce);
        ensure!(!Sessions::<T>::contains_key(session), Error::<T>::SessionExists);

        T::Currency::hold(&HoldReason::Session.into(), &payer, deposit)?;
        LastNonce::<T>::insert(&payer, nonce);
        Sessions::<T>::insert(
            session,
            Session {
                payer: payer.clone(),
                node: node.clone(),
                signer,
                deposit,
                paid: 0,
                burned: 0,
                burn_rate: T::BurnRate::get(),
                challenge_window: T::ChallengeWindow::get(),
                closing_at: None,
            },
        );
        Self::deposit_event(Event::Opened { session, payer, node, deposit });
        Ok(())
    }

    pub(crate) fn do_top_up(payer: AccountId, id: SessionId, amount: Balance) -> DispatchResult {
        ensure!(amount > 0, Error::<T>::NothingToAdd);
        let mut session = Self::session_of_payer(&payer, id)?;
        ensure!(session.closing_at.is_none(), Error::<T>::Closing);
        session.deposit = session.deposit.checked_add(amount).ok_or(Error::<T>::DepositOverflow)?;

        T::Currency::hold(&HoldReason::Session.into(), &payer, amount)?;
        let deposit = session.deposit;
        Sessions::<T>::insert(id, session);
        Self::deposit_event(Event::ToppedUp { session: id, amount, deposit });
        Ok(())
    }

    pub(crate) fn do_claim(promise: &SignedPromise) -> DispatchResult {
        let id = promise.promise.session;
        let mut session = Sessions::<T>::get(id).ok_or(Error::<T>::NoSuchSession)?;
        Self::settle(&mut session, promise)?;
        Sessions::<T>::insert(id, session);
        Ok(())
    }

    pub(crate) fn do_claim_batch(promises: &[SignedPromise]) {
        for promise in promises {
            // A layer each, so that a claim that fails half-way leaves nothing behind.
            if let Err(error) = with_storage_layer(|| Self::do_claim(promise)) {
                Self::deposit_event(Event::ClaimFailed { session: promise.promise.session, error });
            }
        }
    }

    pub(crate) fn do_close(who: AccountId, id: SessionId, last: Option<SignedPromise>) -> DispatchResult {
        let mut session = Sessions::<T>::get(id).ok_or(Error::<T>::NoSuchSession)?;
        ensure!(T::ServiceNodes::acting_for(&who).as_ref() == Some(&session.node), Error::<T>::NotTheNode);
        if let Some(promise) = last {
            ensure!(promise.promise.session == id, Error::<T>::OtherSession);
            // A watchtower may have been faster with the same promise; the node still wants to close.
            if promise.promise.cumulative > session.claimed() {
                Self::settle(&mut session, &promise)?;
            }
        }
        Self::refund_and_remove(id, session)
    }

    pub(crate) fn do_request_close(payer: AccountId, id: SessionId) -> DispatchResult {
        let mut session = Self::session_of_payer(&payer, id)?;
        ensure!(session.closing_at.is_none(), Error::<T>::Closing);
        let at = frame_system::Pallet::<T>::block_number().saturating_add(session.challenge_window);
        session.closing_at = Some(at);
        Sessions::<T>::insert(id, session);
        Self::deposit_event(Event::CloseRequested { session: id, at });
        Ok(())
    }

    pub(crate) fn do_finish(id: SessionId) -> DispatchResult {
        let session = Sessions::<T>::get(id).ok_or(Error::<T>::NoSuchSession)?;
        let at = session.closing_at.ok_or(Error::<T>::NotClosing)?;
        ensure!(frame_system::Pallet::<T>::block_number() >= at, Error::<T>::WindowOpen);
        Self::refund_and_remove(id, session)
    }

    /// Moves the money that `promise` owes beyond what `session` paid before, and says so. The caller stores `session`.
    fn settle(session: &mut Session, promise: &SignedPromise) -> DispatchResult {
        let cumulative = promise.promise.cumulative;
        ensure!(cumulative <= session.deposit, Error::<T>::OverDeposit);
        let amount = cumulative.checked_sub(session.claimed()).filter(|new| *new > 0).ok_or(Error::<T>::NothingNew)?;
        ensure!(promise.verify(&Self::genesis(), &session.signer), Error::<T>::BadSignature);

        let fees::Settlement { burned, paid } = fees::settle(amount, session.burn_rate);
        let reason = HoldReason::Session.into();
        ensure!(
            T::Currency::can_deposit(&session.node, paid, Provenance::Extant) == DepositConsequence::Success,
            Error::<T>::NodeCannotReceive
        );
        T::Currency::burn_held(&reason, &session.payer, burned, Precision::Exact, Fortitude::Force)?;
        T::Currency::transfer_on_hold(
            &reason,
            &session.payer,
            &session.node,
            paid,
            Precision::Exact,
            Restriction::Free,
            Fortitude::Force,
        )?;
        session.burned = session.burned.saturating_add(burned);
        session.paid = session.paid.saturating_add(paid);
        Self::deposit_event(Event::Claimed {
            session: promise.promise.session,
            node: session.node.clone(),
            paid,
            burned,
            cumulative,
        });
        Ok(())
    }

    /// Gives the payer back what is still held, forgets the session, and says so.
    fn refund_and_remove(id: SessionId, session: Session) -> DispatchResult {
        let refunded = session.held();
        T::Currency::release(&HoldReason::Session.into(), &session.payer, refunded, Precision::Exact)?;
        Sessions::<T>::remove(id);
        let Session { payer, node, deposit, paid, burned, .. } = session;
        Self::deposit_event(Event::Closed { session: id, node, payer, deposit, paid, burned, refunded });
        Ok(())
    }

    fn session_of_payer(payer: &AccountId, id: SessionId) -> Result<Session, DispatchError> {
        let session = Sessions::<T>::get(id).ok_or(Error::<T>::NoSuchSession)?;
        ensure!(session.payer == *payer, Error::<T>::NotThePayer);
        Ok(session)
    }

    /// What binds signatures and identifiers to this chain.
    pub(crate) fn genesis() -> Hash {
        frame_system::Pallet::<T>::block_hash(0)
    }
}

#[cfg(any(feature = "try-runtime", test))]
impl<T: Config> Pallet<T> {
    /// Checks what must be true after every call.
    pub(crate) fn do_try_state() -> Result<(), sp_runtime::TryRuntimeError> {
        use frame_support::traits::fungible::InspectHold;

        let mut held = alloc::collections::BTreeMap::<AccountId, Balance>::new();
        for session in Sessions::<T>::iter_values() {
            let parts = session.paid.checked_add(session.burned).and_then(|p| p.checked_add(session.held()));
            ensure!(parts == Some(session.deposit), "a session's deposit is not paid + burned + held");
            ensure!(LastNonce::<T>::contains_key(&session.payer), "a payer without a last nonce");
            let sum = held.entry(session.payer).or_default();
            *sum = sum
                .checked_add(session.deposit.saturating_sub(session.paid).saturating_sub(session.burned))
                .ok_or("holds overflow")?;
        }
        // Everyone who ever opened a session, so that a hold left behind shows too.
        for payer in LastNonce::<T>::iter_keys() {
            let expected = held.get(&payer).copied().unwrap_or(0);
            let actual = T::Currency::balance_on_hold(&HoldReason::Session.into(), &payer);
            ensure!(actual == expected, "a payer's hold is not the sum of what its sessions hold");
        }
        Ok(())
    }
}
