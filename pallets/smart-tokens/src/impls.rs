//! What the calls do, what other pallets ask, and the arithmetic of rent and deposits.

use codec::Encode;
use frame_support::{
    ensure,
    traits::{fungible::hold::Mutate as _, tokens::Precision, Get},
    BoundedVec,
};
use smartlayer_primitives::{
    token::{Redundancy, ScriptUri, TokenSpec, TokenType},
    traits::{RentPool, Snapshots, TokenTypes},
    AccountId, Balance, Hash, Period, TokenTypeId,
};
use sp_core::ConstU32;
use sp_runtime::{DispatchError, DispatchResult, Permill};

use crate::pallet::*;

/// How many copies' worth of data the network keeps of each instance: one for each serving node, and for the shards as
/// many as they could restore, begun ones counted whole. At least one.
pub fn copies(redundancy: &Redundancy) -> u32 {
    let restorable = redundancy.shards.div_ceil(redundancy.threshold.max(1));
    u32::from(redundancy.serving).saturating_add(u32::from(restorable)).max(1)
}

/// The rent of a token type for one period, in planck: `floor` for each of its [`copies`], and so at least `floor`.
/// Nothing if it is more than a balance can be.
pub fn rent_per_period(floor: Balance, redundancy: &Redundancy) -> Option<Balance> {
    floor.checked_mul(copies(redundancy).into())
}

impl<T: Config> Pallet<T> {
    pub(crate) fn do_register(issuer: AccountId, spec: TokenSpec, periods: Period) -> DispatchResult {
        Self::check_uris(&spec.script_uris)?;
        Self::check_operations(&spec)?;
        ensure!(spec.redundancy.is_valid(), Error::<T>::BadRedundancy);
        ensure!(spec.revenue_share <= T::MaxRevenueShare::get(), Error::<T>::RevenueShareTooHigh);
        let token_type = NextTokenType::<T>::get();
        let next = token_type.checked_add(1).ok_or(Error::<T>::NoNumberLeft)?;

        let deposit = Self::deposit(&spec);
        T::Currency::hold(&HoldReason::Registration.into(), &issuer, deposit)?;
        let mut token = TokenType { issuer: issuer.clone(), spec, paid_until: T::Snapshots::current_period() };
        Self::deposit_event(Event::Registered { token_type, issuer: issuer.clone() });
        Self::pay(issuer, token_type, &mut token, periods)?;
        NextTokenType::<T>::put(next);
        Deposits::<T>::insert(token_type, deposit);
        Tokens::<T>::insert(token_type, token);
        Ok(())
    }

    pub(crate) fn do_update_script(
        sender: AccountId,
        token_type: TokenTypeId,
        script_hash: Hash,
        script_uris: BoundedVec<ScriptUri, ConstU32<4>>,
    ) -> DispatchResult {
        Tokens::<T>::try_mutate(token_type, |token| {
            let token = token.as_mut().ok_or(Error::<T>::NoSuchTokenType)?;
            ensure!(token.issuer == sender, Error::<T>::NotIssuer);
            Self::check_uris(&script_uris)?;
            token.spec.script_hash = script_hash;
            token.spec.script_uris = script_uris;
            Self::adjust_deposit(token_type, token)
        })?;
        Self::deposit_event(Event::ScriptUpdated { token_type, script_hash });
        Ok(())
    }

    pub(crate) fn do_fund_rent(sender: AccountId, token_type: TokenTypeId, periods: Period) -> DispatchResult {
        Tokens::<T>::try_mutate(token_type, |token| {
            let token = token.as_mut().ok_or(Error::<T>::NoSuchTokenType)?;
            Self::pay(sender, token_type, token, periods)
        })
    }

    pub(crate) fn do_set_revenue_share(sender: AccountId, token_type: TokenTypeId, share: Permill) -> DispatchResult {
        Tokens::<T>::try_mutate(token_type, |token| {
            let token = token.as_mut().ok_or(Error::<T>::NoSuchTokenType)?;
            ensure!(token.issuer == sender, Error::<T>::NotIssuer);
            ensure!(share <= T::MaxRevenueShare::get(), Error::<T>::RevenueShareTooHigh);
            token.spec.revenue_share = share;
            Self::deposit_event(Event::RevenueShareSet { token_type, share });
            Ok(())
        })
    }

    /// Pays for `periods` more of a token type, from the running period on if rent ran out.
    fn pay(from: AccountId, token_type: TokenTypeId, token: &mut TokenType, periods: Period) -> DispatchResult {
        ensure!(periods > 0, Error::<T>::NoPeriods);
        let start = token.paid_until.max(T::Snapshots::current_period());
        let paid_until = start.checked_add(periods).ok_or(Error::<T>::TooManyPeriods)?;
        let amount = Self::rent(&token.spec.redundancy, periods).ok_or(Error::<T>::TooManyPeriods)?;
        T::RentPool::pay_rent(&from, amount)?;
        token.paid_until = paid_until;
        Self::deposit_event(Event::RentPaid { token_type, from, amount, paid_until });
        Ok(())
    }

    pub(crate) fn rent(redundancy: &Redundancy, periods: Period) -> Option<Balance> {
        rent_per_period(T::RentPerPeriod::get(), redundancy)?.checked_mul(periods.into())
    }

    /// The deposit at the rates of the day. A deposit that is more than a balance can be is one that nobody can pay.
    pub(crate) fn deposit(spec: &TokenSpec) -> Balance {
        T::DepositPerByte::get().saturating_mul(spec.encoded_size() as Balance).saturating_add(T::DepositBase::get())
    }

    /// Holds more or releases some, so that what is held for the token type is its deposit.
    fn adjust_deposit(token_type: TokenTypeId, token: &TokenType) -> Result<(), DispatchError> {
        let (held, due) = (Deposits::<T>::get(token_type), Self::deposit(&token.spec));
        let reason = HoldReason::Registration.into();
        if due > held {
            T::Currency::hold(&reason, &token.issuer, due.saturating_sub(held))?;
        } else if due < held {
            T::Currency::release(&reason, &token.issuer, held.saturating_sub(due), Precision::Exact)?;
        }
        Deposits::<T>::insert(token_type, due);
        Ok(())
    }

    fn check_uris(uris: &[ScriptUri]) -> DispatchResult {
        ensure!(!uris.is_empty(), Error::<T>::NoUri);
        ensure!(uris.iter().all(|uri| is_text(uri)), Error::<T>::BadUri);
        Ok(())
    }

    fn check_operations(spec: &TokenSpec) -> DispatchResult {
        let names = &spec.key_operations;
        ensure!(names.iter().all(|name| is_text(name)), Error::<T>::BadOperationName);
        let unique = names.iter().enumerate().all(|(i, name)| !names.iter().take(i).any(|earlier| earlier == name));
        ensure!(unique, Error::<T>::DuplicateOperation);
        Ok(())
    }

    /// Checks what must always hold.
    #[cfg(any(feature = "std", feature = "try-runtime"))]
    pub fn do_try_state() -> Result<(), sp_runtime::TryRuntimeError> {
        use frame_support::traits::fungible::hold::Inspect;

        let next = NextTokenType::<T>::get();
        ensure!(Tokens::<T>::iter_keys().count() == next as usize, "numbers were not given in order");
        ensure!(Deposits::<T>::iter_keys().count() == next as usize, "a token type has no deposit");
        let mut deposits = alloc::collections::BTreeMap::<AccountId, Balance>::new();
        for (token_type, token) in Tokens::<T>::iter() {
            ensure!(token_type < next, "a number was given ahead of its turn");
            ensure!(token.spec.redundancy.is_valid(), "a redundancy makes no sense");
            ensure!(Self::check_uris(&token.spec.script_uris).is_ok(), "a script can't be fetched");
            ensure!(Self::check_operations(&token.spec).is_ok(), "key operations have bad names");
            let sum = deposits.entry(token.issuer).or_default();
            *sum = sum.saturating_add(Deposits::<T>::get(token_type));
        }
        for (issuer, sum) in deposits {
            let held = T::Currency::balance_on_hold(&HoldReason::Registration.into(), &issuer);
            ensure!(held == sum, "what is held of an issuer is not its deposits");
        }
        Ok(())
    }
}

impl<T: Config> TokenTypes for Pallet<T> {
    fn revenue(token_type: TokenTypeId) -> Option<(AccountId, Permill)> {
        Tokens::<T>::get(token_type).map(|token| (token.issuer, token.spec.revenue_share))
    }

    /// A token type of the largest specification, whose deposit nobody holds: for benchmarks of pallets that only read it.
    #[cfg(feature = "runtime-benchmarks")]
    fn register_for_benchmark(issuer: &AccountId, share: Permill) -> TokenTypeId {
        let token_type = NextTokenType::<T>::get();
        let spec = TokenSpec { revenue_share: share, ..crate::benchmarking::spec() };
        Tokens::<T>::insert(token_type, TokenType { issuer: issuer.clone(), spec, paid_until: Period::MAX });
        Deposits::<T>::insert(token_type, 0);
        NextTokenType::<T>::put(token_type.saturating_add(1));
        token_type
    }
}

/// Whether these bytes can be read: UTF-8, and not empty.
fn is_text(bytes: &[u8]) -> bool {
    !bytes.is_empty() && core::str::from_utf8(bytes).is_ok()
}
