//! What happens to terms once they are in force: maintenance, end, expiry, and how long they are remembered.

use frame_support::{
    ensure,
    pallet_prelude::{DispatchError, DispatchResult, Get},
};
use smartlayer_primitives::{
    agreement::{Agreement, FormerTerms, Maintenance},
    sla::Template,
    traits::{ServiceNodes, Snapshots},
    AccountId, Period, TemplateId,
};

use crate::{Agreements, Config, Error, Event, Pallet, Templates};

impl<T: Config> Pallet<T> {
    pub(crate) fn do_end(who: AccountId) -> DispatchResult {
        let node = Self::node_of(&who)?;
        let mut agreement = Self::agreement_of(&node)?;
        ensure!(agreement.in_force.is_some() || agreement.negotiation.is_some(), Error::<T>::NoAgreement);
        Self::forget(&mut agreement);
        let until = Self::retire(&mut agreement)?;
        agreement.negotiation = None;
        Self::store(&node, agreement);
        Self::deposit_event(Event::Ended { node, until });
        Ok(())
    }

    pub(crate) fn do_expire(node: AccountId) -> DispatchResult {
        let Some(mut agreement) = Agreements::<T>::get(&node) else {
            ensure!(Self::forget_test(&node), Error::<T>::NoAgreement);
            Self::deposit_event(Event::Forgotten { node });
            return Ok(());
        };
        let forgot = Self::forget(&mut agreement);
        let bonded = T::ServiceNodes::is_bonded(&node);
        let lapsed = agreement.negotiation.take_if(|n| !bonded || Self::has_lapsed(n)).is_some();
        let expired = !bonded && agreement.in_force.is_some();
        ensure!(forgot || lapsed || expired, Error::<T>::NothingToExpire);
        if expired {
            let until = Self::retire(&mut agreement)?;
            Self::deposit_event(Event::Expired { node: node.clone(), until });
        }
        Self::store(&node, agreement);
        if lapsed {
            Self::deposit_event(Event::Lapsed { node: node.clone() });
        }
        if forgot {
            Self::deposit_event(Event::Forgotten { node });
        }
        Ok(())
    }

    pub(crate) fn do_declare_maintenance(who: AccountId, from: Period, periods: Period) -> DispatchResult {
        let node = Self::node_of(&who)?;
        let mut agreement = Self::agreement_of(&node)?;
        ensure!(agreement.in_force.is_some(), Error::<T>::NotInForce);
        let (now, span) = (T::Snapshots::current_period(), T::MaintenanceSpan::get().max(1));
        let declared = Maintenance { from, periods };
        ensure!(periods > 0, Error::<T>::MaintenanceEmpty);
        ensure!(from > now, Error::<T>::MaintenanceNotAhead);
        ensure!(end(&declared) <= Self::next_period().saturating_add(span), Error::<T>::MaintenanceTooFar);
        Self::forget(&mut agreement);
        let overlaps = agreement.maintenance.iter().any(|m| m.from < end(&declared) && from < end(m));
        ensure!(!overlaps, Error::<T>::MaintenanceOverlaps);
        agreement.maintenance.try_push(declared).map_err(|_| Error::<T>::MaintenanceTooMany)?;
        ensure!(busiest(&agreement.maintenance, span) <= T::MaxMaintenance::get(), Error::<T>::MaintenanceTooMuch);
        Self::store(&node, agreement);
        Self::deposit_event(Event::MaintenanceDeclared { node, from, periods });
        Ok(())
    }

    pub(crate) fn do_set_template(number: TemplateId, template: Template) -> DispatchResult {
        ensure!(template.penalty.persistent_after > 0, Error::<T>::NeverPersistent);
        Templates::<T>::insert(number, template);
        Self::deposit_event(Event::TemplateSet { number, template });
        Ok(())
    }

    /// Ends the terms in force, if there are any, with the running period. Returns the first period that they don't
    /// hold for.
    ///
    /// They become the former terms, which needs that place to be free. If they did not hold for any period yet, there
    /// is nothing to remember.
    pub(crate) fn retire(agreement: &mut Agreement) -> Result<Period, DispatchError> {
        let until = Self::next_period();
        if let Some(old) = agreement.in_force.take().filter(|old| old.since < until) {
            ensure!(agreement.former.is_none(), Error::<T>::TermsStillReportable);
            agreement.former = Some(FormerTerms { terms: old.terms, since: old.since, until });
        }
        Ok(until)
    }

    /// Drops former terms and maintenance that no report can reach any more, and returns whether there were any.
    ///
    /// Maintenance is kept as long as it counts against new maintenance, too.
    pub(crate) fn forget(agreement: &mut Agreement) -> bool {
        let (now, span) = (T::Snapshots::current_period(), T::MaintenanceSpan::get().max(1));
        let kept = agreement.maintenance.len();
        agreement.maintenance.retain(|m| {
            let last = end(m).saturating_sub(1);
            Self::is_reportable(last) || last.saturating_add(span) > now
        });
        let former = agreement.former.take_if(|former| !Self::is_reportable(former.until.saturating_sub(1)));
        former.is_some() || agreement.maintenance.len() < kept
    }
}

/// The first period after the maintenance.
pub(crate) fn end(maintenance: &Maintenance) -> Period {
    maintenance.from.saturating_add(maintenance.periods)
}

/// The most periods of maintenance in any `span` periods in a row, of maintenances that don't overlap.
///
/// A stretch that begins outside of all of them can be moved later until it begins with one, and loses nothing. One
/// that begins inside one can be moved earlier until it begins with it, and gains at its beginning what it may lose at
/// its end. So it is enough to look at the stretches that begin with a maintenance.
pub(crate) fn busiest(maintenances: &[Maintenance], span: Period) -> Period {
    let within = |first: &Maintenance| {
        let last = first.from.saturating_add(span);
        let common = |m: &Maintenance| end(m).min(last).saturating_sub(m.from.max(first.from));
        maintenances.iter().map(common).fold(0, Period::saturating_add)
    };
    maintenances.iter().map(within).max().unwrap_or_default()
}
