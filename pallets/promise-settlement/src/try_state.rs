//! What must be true after every call.

use alloc::collections::{BTreeMap, BTreeSet};
use frame_support::{ensure, traits::fungible::InspectHold};
use smartlayer_primitives::{
    session::{Payee, Session},
    AccountId, Balance, SessionId,
};
use sp_runtime::TryRuntimeError;

use crate::{Channels, Config, FreeClaims, HoldReason, LastNonce, Pallet, Reported, Sessions};

impl<T: Config> Pallet<T> {
    /// Checks that every deposit adds up, that what is held is exactly what sessions believe is held, and that nothing
    /// is stored for sessions that are gone.
    pub fn do_try_state() -> Result<(), TryRuntimeError> {
        let mut deposits = BTreeMap::<AccountId, Balance>::new();
        let mut storage = BTreeMap::<AccountId, Balance>::new();
        let mut counts = BTreeSet::<SessionId>::new();
        for (id, session) in Sessions::<T>::iter() {
            ensure!(LastNonce::<T>::contains_key(&session.payer), "a payer without a last nonce");
            add(&mut deposits, &session.payer, still_held(&session)?)?;
            add(&mut storage, &session.payer, session.storage_deposit)?;
            Self::check_channels(id, &session)?;
            if session.closing_at.is_some() {
                counts.insert(id);
            }
            let running = Self::running_round(&session);
            let ending = Channels::<T>::iter_prefix(id)
                .filter(|(_, channel)| session.closing_at.is_some() || Some(channel.round) != running);
            counts.extend(ending.map(|(channel, _)| channel));
        }
        // Everyone who ever opened a session, so that a hold left behind shows too.
        for payer in LastNonce::<T>::iter_keys() {
            for (reason, sums) in [(HoldReason::Session, &deposits), (HoldReason::SessionStorage, &storage)] {
                let expected = sums.get(&payer).copied().unwrap_or(0);
                let actual = T::Currency::balance_on_hold(&reason.into(), &payer);
                ensure!(actual == expected, "a payer's hold is not the sum of what its sessions hold");
            }
        }
        ensure!(
            Channels::<T>::iter_keys().all(|(id, _)| Sessions::<T>::contains_key(id)),
            "a channel without a session"
        );
        ensure!(Reported::<T>::iter_keys().all(Sessions::<T>::contains_key), "a report without a session");
        ensure!(
            FreeClaims::<T>::iter_keys().all(|id| counts.contains(&id)),
            "a free claim of a count that did not end"
        );
        Ok(())
    }

    fn running_round(session: &Session) -> Option<u16> {
        match &session.payee {
            Payee::Network(notary) => Some(notary.current.number),
            Payee::Node(_) => None,
        }
    }

    fn check_channels(id: SessionId, session: &Session) -> Result<(), TryRuntimeError> {
        let count = Channels::<T>::iter_prefix(id).count();
        let Payee::Network(notary) = &session.payee else {
            ensure!(count == 0, "a session with one node has channels");
            return Ok(());
        };
        ensure!(count == usize::from(notary.nodes), "a session counts other channels than there are");
        ensure!(notary.nodes <= notary.max_nodes, "a session has more channels than room");
        for round in notary.former.iter().chain([&notary.current]) {
            let before = round.before.unwrap_or_default();
            ensure!(before.claimed <= session.claimed(), "a round began with more than was ever claimed");
            ensure!(before.nodes <= notary.max_nodes, "a round began with more nodes than room");
        }
        ensure!(
            Channels::<T>::iter_prefix(id)
                .all(|(_, channel)| channel.claimed > 0 && channel.round <= notary.current.number),
            "a channel of nothing, or of a round that never was"
        );
        Ok(())
    }
}

/// What is held by the record, which must add up with all that was paid out of it.
fn still_held(session: &Session) -> Result<Balance, TryRuntimeError> {
    let Session { deposit, paid, burned, issuer_paid, .. } = session;
    let out = paid.checked_add(*burned).and_then(|sum| sum.checked_add(*issuer_paid)).ok_or("claims overflow")?;
    deposit.checked_sub(out).ok_or("a session's deposit is not paid + burned + issuer's part + held".into())
}

fn add(sums: &mut BTreeMap<AccountId, Balance>, payer: &AccountId, amount: Balance) -> Result<(), TryRuntimeError> {
    let sum = sums.entry(payer.clone()).or_default();
    *sum = sum.checked_add(amount).ok_or("holds overflow")?;
    Ok(())
}
