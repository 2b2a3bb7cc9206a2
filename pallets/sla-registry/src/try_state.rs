//! What must be true after every block and call.

use frame_support::ensure;
use smartlayer_primitives::{
    agreement::{Agreement, Standing, Step},
    sla::Terms,
    traits::Snapshots,
    AccountId,
};
use sp_runtime::TryRuntimeError;

use crate::{tenure::end, Agreements, Config, LastTest, Pallet, Templates};

impl<T: Config> Pallet<T> {
    /// Checks what must be true after every call.
    pub fn do_try_state() -> Result<(), TryRuntimeError> {
        for template in Templates::<T>::iter_values() {
            ensure!(template.penalty.persistent_after > 0, "a template whose breaches are never persistent");
        }
        for period in LastTest::<T>::iter_values() {
            ensure!(period <= T::Snapshots::current_period(), "tested in the future");
        }
        Agreements::<T>::iter().try_for_each(|(node, agreement)| Self::check(&node, &agreement))
    }

    fn check(node: &AccountId, agreement: &Agreement) -> Result<(), TryRuntimeError> {
        let Agreement { in_force, negotiation, former, maintenance } = agreement;
        let now = T::Snapshots::current_period();
        ensure!(in_force.is_some() || negotiation.is_some() || former.is_some(), "an agreement with nothing in it");

        let terms = |terms: &Terms| {
            ensure!(terms.penalty.persistent_after > 0, "terms whose breaches are never persistent");
            ensure!(Templates::<T>::contains_key(terms.template), "terms of a template that is not there");
            Ok::<_, TryRuntimeError>(())
        };
        if let Some(in_force) = in_force {
            terms(&in_force.terms)?;
            ensure!(in_force.since <= Self::next_period(), "terms that come into force later than the next period");
            ensure!(LastTest::<T>::contains_key(node), "in force without a test");
            if let Standing::Breached { period } | Standing::Suspended { period } = in_force.standing {
                ensure!(
                    (in_force.since..=now).contains(&period),
                    "a breach of a period that the terms did not hold for"
                );
            }
        }
        if let Some(negotiation) = negotiation {
            terms(&negotiation.terms)?;
            ensure!(negotiation.since <= frame_system::Pallet::<T>::block_number(), "a step of the future");
            ensure!(negotiation.since < negotiation.until, "a step without time");
            if negotiation.step == Step::Tested {
                ensure!(LastTest::<T>::contains_key(node), "tested without a test");
            }
        }
        if let Some(former) = former {
            terms(&former.terms)?;
            ensure!(former.since < former.until, "former terms that held for no period");
            ensure!(former.until <= Self::next_period(), "former terms of the future");
            let after = in_force.as_ref().is_none_or(|in_force| former.until <= in_force.since);
            ensure!(after, "two sets of terms for one period");
        }

        let mut spans: alloc::vec::Vec<_> = maintenance.iter().map(|m| (m.from, end(m))).collect();
        spans.sort();
        ensure!(spans.iter().all(|(from, end)| from < end), "maintenance without a period");
        ensure!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0), "maintenances overlap");
        Ok(())
    }
}
