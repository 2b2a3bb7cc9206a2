//! The watchtower: claims that chain nodes make, without fee, for service nodes whose sessions or rounds are ending.

use alloc::{boxed::Box, vec::Vec};
use frame_support::{
    ensure,
    pallet_prelude::{InvalidTransaction, TransactionValidityWithRefund, ValidTransaction, Weight},
    storage::{with_transaction, TransactionOutcome},
};
use frame_system::offchain::SubmitTransaction;
use smartlayer_primitives::{
    promise::Claim,
    watchtower::{claim_key, Index, Kept, WatchtowerError, INDEX_KEY},
    Balance, BlockNumber, SessionId,
};
use sp_runtime::{
    helpers_128bit::multiply_by_rational_with_rounding, offchain::storage::StorageValueRef,
    traits::SaturatedConversion, Rounding,
};

use crate::{settle::Payouts, Call, Config, Error, Pallet, Sessions, FORGET_AFTER};

/// The priority of a free claim that pays the whole deposit; others have the part of it that they pay of theirs. Among
/// what waits for a block that is below what the consensus sends and above transactions without a tip.
const PRIORITY: u128 = 1 << 48;
/// How many blocks a free claim waits at most before the worker has to send it again.
const LONGEVITY: u64 = 64;

impl<T: Config> Pallet<T> {
    /// Whether the claim is valid as the watchtower's, how urgent it is, and what it must not be together with in a
    /// pool.
    pub(crate) fn authorize_claim(claim: &Claim) -> TransactionValidityWithRefund {
        let id = claim.session();
        let mut session = Sessions::<T>::get(id).ok_or(InvalidTransaction::Stale)?;
        let ends_at = session.ends_at(claim.round(), Self::now()).ok_or(InvalidTransaction::Future)?;
        let due = Self::examine(id, &session, claim, &Self::genesis()).map_err(|error| match error {
            Error::NothingNew | Error::OverDeposit | Error::RoundOver => InvalidTransaction::Stale,
            Error::RoundNotStarted => InvalidTransaction::Future,
            _ => InvalidTransaction::BadProof,
        })?;
        ensure!(Self::earns_a_free_claim(claim, &session, &due), InvalidTransaction::ExhaustsResources);

        // The greater part of the deposit it pays, the sooner; so a better claim of the same count takes the place of a
        // worse one.
        let priority =
            multiply_by_rational_with_rounding(due.new.min(session.deposit), PRIORITY, session.deposit, Rounding::Down);
        let window = ends_at.saturating_sub(Self::now());
        // What would fail, for want of an account or a bond to pay it, would fail again in every block, for nothing.
        with_transaction(|| {
            let settled = Self::settle(id, &mut session, due, &mut Payouts::<T>::default());
            TransactionOutcome::Rollback(settled)
        })
        .map_err(|_| InvalidTransaction::Call)?;
        let valid = ValidTransaction::with_tag_prefix("PromiseSettlement")
            .and_provides(claim.promise.promise.session)
            .priority(priority.unwrap_or_default().saturated_into())
            .longevity(u64::from(window).clamp(1, LONGEVITY))
            .propagate(true)
            .build()?;
        Ok((valid, Weight::zero()))
    }

    /// What a claim is worth that a chain node is given to keep. Implements
    /// [`WatchtowerApi::check_claim`](smartlayer_primitives::watchtower::WatchtowerApi).
    pub fn check_claim(claim: Claim) -> Result<Balance, WatchtowerError> {
        let id = claim.session();
        let session = Sessions::<T>::get(id).ok_or(WatchtowerError::NoSuchSession)?;
        match Self::examine(id, &session, &claim, &Self::genesis()) {
            Ok(due) => Ok(due.worth),
            Err(Error::NothingNew | Error::OverDeposit) => Err(WatchtowerError::NothingNew),
            Err(Error::RoundNotStarted) => Err(WatchtowerError::TooEarly),
            Err(_) => Err(WatchtowerError::BadClaim),
        }
    }

    /// What the off-chain worker does in each block: claims for the sessions and rounds that are ending, and forgets those that
    /// are gone.
    pub(crate) fn watch(now: BlockNumber) {
        let storage = StorageValueRef::persistent(INDEX_KEY);
        // Nothing was given to keep, or by somebody who keeps it in another way.
        let Ok(Some(mut index)) = storage.get::<Index>() else { return };
        for kept in &index {
            if Sessions::<T>::get(kept.session).is_some_and(|session| session.ends_at(None, now).is_some()) {
                Self::claim_kept(kept);
            }
        }

        if !Self::age(&mut index, now).changed {
            return;
        }
        // Again on what is there by now: a claim may have been added meanwhile. If that happens once more, the next
        // block ages it.
        let mut forgotten = Vec::new();
        let aged = storage.mutate::<Index, (), _>(|index| {
            let mut index = index.ok().flatten().ok_or(())?;
            forgotten = Self::age(&mut index, now).forgotten;
            Ok(index)
        });
        if aged.is_ok() {
            for id in forgotten {
                StorageValueRef::persistent(&claim_key(&id)).clear();
            }
        }
    }

    /// Submits a kept claim if it pays more than what was settled.
    fn claim_kept(kept: &Kept) {
        let Ok(Some(claim)) = StorageValueRef::persistent(&claim_key(&kept.id)).get::<Claim>() else { return };
        if Self::authorize_claim(&claim).is_err() {
            return;
        }
        let call = Call::claim_authorized { claim: Box::new(claim) };
        let transaction = T::create_authorized_transaction(call.into());
        // The pool refuses what waits there already, which is as good; the next block tries again.
        let _ = SubmitTransaction::<T, Call<T>>::submit_transaction(transaction);
    }

    /// Notes which sessions are missing, and takes out those that have been for long.
    fn age(index: &mut Index, now: BlockNumber) -> Aged {
        let mut aged = Aged { changed: false, forgotten: Vec::new() };
        index.retain(|kept| {
            let gone = kept.missing_since.is_some_and(|since| now.saturating_sub(since) >= FORGET_AFTER);
            let keep = Sessions::<T>::contains_key(kept.session) || !gone;
            if !keep {
                aged.changed = true;
                aged.forgotten.push(kept.id);
            }
            keep
        });
        for kept in index.iter_mut() {
            let missing_since = match Sessions::<T>::contains_key(kept.session) {
                true => None,
                false => kept.missing_since.or(Some(now)),
            };
            aged.changed |= kept.missing_since != missing_since;
            kept.missing_since = missing_since;
        }
        aged
    }
}

/// What became of an index.
struct Aged {
    changed: bool,
    forgotten: Vec<SessionId>,
}
