//! What a committed report means for a node: what a breach costs it, and how it stands afterwards.

use frame_support::pallet_prelude::{Get, Weight};
use smartlayer_primitives::{
    agreement::Standing,
    report::ReportEntry,
    sla::Terms,
    traits::{self, ServiceNodes},
    AccountId, Period,
};
use sp_runtime::Permill;

use crate::{Agreements, Config, Event, Pallet, WeightInfo};

impl<T: Config> Pallet<T> {
    /// What a standing is worth in this period: a breach does not count for longer than the probation.
    pub(crate) fn standing_at(standing: Standing, now: Period) -> Standing {
        match standing {
            Standing::Breached { period } if now > period.saturating_add(T::Probation::get()) => Standing::Good,
            other => other,
        }
    }

    /// How a node that stood so stands after a persistent breach. Reports may come in any order.
    fn standing_after(standing: Standing, breach: Period) -> Standing {
        match standing {
            Standing::Good => Standing::Breached { period: breach },
            Standing::Breached { period } if period == breach => standing,
            Standing::Breached { period } => {
                let last = period.max(breach);
                if period.abs_diff(breach) <= T::Probation::get() {
                    Standing::Suspended { period: last }
                } else {
                    Standing::Breached { period: last }
                }
            }
            Standing::Suspended { .. } => standing,
        }
    }
}

impl<T: Config> traits::Agreements for Pallet<T> {
    fn active_terms(node: &AccountId) -> Option<Terms> {
        let terms = *Agreements::<T>::get(node)?.active_terms()?;
        T::ServiceNodes::is_bonded(node).then_some(terms)
    }

    fn penalty(entry: &ReportEntry) -> Option<Permill> {
        let agreement = Agreements::<T>::get(&entry.node)?;
        let penalty = agreement.terms_at(entry.period)?.penalty;
        let costs = penalty.is_persistent(entry.breaches) && !agreement.in_maintenance(entry.period);
        costs.then_some(penalty.slash)
    }

    fn on_breach(node: &AccountId, period: Period) {
        Agreements::<T>::mutate(node, |agreement| {
            // A breach of former terms costs what it costs, but the node was tested anew since.
            let in_force = agreement.as_mut().and_then(|a| a.in_force.as_mut()).filter(|f| f.since <= period);
            let Some(in_force) = in_force else { return };
            let standing = Self::standing_after(in_force.standing, period);
            if standing != in_force.standing {
                in_force.standing = standing;
                Self::deposit_event(Event::StandingChanged { node: node.clone(), standing });
            }
        });
    }

    fn weight() -> Weight {
        T::WeightInfo::judge()
    }
}
