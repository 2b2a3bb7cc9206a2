//! Network sessions' notaries: naming another one, and showing that one allocated too much.

use alloc::vec::Vec;
use frame_support::{
    dispatch::DispatchResultWithPostInfo,
    ensure,
    pallet_prelude::{DispatchResult, Get},
};
use smartlayer_primitives::{
    notary::{Notary, Round, SignedAllocation, Used},
    quorum::Member,
    session::{Payee, Session},
    traits::AnchorBonds,
    AccountId, Balance, SessionId,
};

use crate::{Channels, Config, Error, Event, FreeClaims, Pallet, Reported, Sessions, WeightInfo};

impl<T: Config> Pallet<T> {
    pub(crate) fn do_change_notary(payer: AccountId, id: SessionId, notary: AccountId) -> DispatchResultWithPostInfo {
        let mut session = Self::session_of_payer(&payer, id)?;
        ensure!(session.closing_at.is_none(), Error::<T>::Closing);
        let (now, claimed) = (Self::now(), session.claimed());
        let Payee::Network(Notary { current, former, nodes, .. }) = &mut session.payee else {
            return Err(Error::<T>::NotANetworkSession.into());
        };
        ensure!(now >= current.starts_at, Error::<T>::ChangePending);
        let Member { account: notary, key } = Self::active_anchor(&notary)?;
        let number = current.number.checked_add(1).ok_or(Error::<T>::TooManyRounds)?;
        let starts_at = now.saturating_add(session.challenge_window);

        let next = Round { number, notary: notary.clone(), key, starts_at, before: None };
        let mut last = core::mem::replace(current, next);
        // Nothing was claimed in a round that does not know what it began with.
        last.before.get_or_insert(Used { claimed, nodes: *nodes });

        let counted = *nodes;
        // Of rounds before the one that just became the former, nothing can ever be claimed again.
        let dead: Vec<_> = Channels::<T>::iter_prefix(id)
            .filter(|(_, channel)| channel.round != last.number)
            .map(|(channel, _)| channel)
            .collect();
        for channel in dead {
            Channels::<T>::remove(id, channel);
            FreeClaims::<T>::remove(channel);
            *nodes = nodes.saturating_sub(1);
        }
        *former = Some(last);
        Sessions::<T>::insert(id, session);
        Self::deposit_event(Event::NotaryChanged { session: id, notary, starts_at });
        Ok(Some(T::WeightInfo::change_notary(counted.into())).into())
    }

    pub(crate) fn do_report_over_allocation(
        reporter: AccountId,
        id: SessionId,
        allocations: &[SignedAllocation],
    ) -> DispatchResult {
        let session = Sessions::<T>::get(id).ok_or(Error::<T>::NoSuchSession)?;
        let Payee::Network(notary) = &session.payee else {
            return Err(Error::<T>::NotANetworkSession.into());
        };
        let Notary { current, former, .. } = notary;
        let first = &allocations.first().ok_or(Error::<T>::BadEvidence)?.allocation;
        let of_one_round = allocations.iter().all(|a| a.allocation.session == id && a.allocation.round == first.round);
        let of_distinct_nodes = allocations.windows(2).all(|pair| match pair {
            [before, after] => before.allocation.node < after.allocation.node,
            _ => false,
        });
        ensure!(of_one_round && of_distinct_nodes, Error::<T>::BadEvidence);
        let mut reportable = former.iter().chain([current]);
        let round = reportable.find(|round| round.number == first.round).ok_or(Error::<T>::RoundOver)?;
        let mut reported = Reported::<T>::get(id);
        ensure!(!reported.contains(&round.number), Error::<T>::AlreadyReported);

        // More than a balance can be is more than any deposit.
        let allocated = allocations.iter().fold(0, |sum: Balance, a| sum.saturating_add(a.allocation.cap));
        let excess = allocated.saturating_sub(budget(&session, round));
        let nodes = allocations.iter().filter(|a| a.allocation.cap > 0).count();
        ensure!(excess > 0 || nodes > room(notary, round).into(), Error::<T>::NotOverAllocated);
        let genesis = Self::genesis();
        ensure!(allocations.iter().all(|a| a.verify(&genesis, &round.key)), Error::<T>::BadAllocation);

        reported.retain(|number| Some(*number) == former.as_ref().map(|r| r.number) || *number == current.number);
        reported.try_push(round.number).map_err(|_| Error::<T>::AlreadyReported)?;
        Reported::<T>::insert(id, reported);
        T::AnchorBonds::slash(&round.notary, T::OverAllocationSlash::get(), &reporter)?;
        Self::deposit_event(Event::OverAllocated { session: id, notary: round.notary.clone(), excess });
        Ok(())
    }

    pub(crate) fn running_budget(id: SessionId) -> Option<Balance> {
        let session = Sessions::<T>::get(id)?;
        match &session.payee {
            Payee::Network(notary) if Self::now() >= notary.current.starts_at => {
                Some(budget(&session, &notary.current))
            }
            _ => None,
        }
    }
}

/// What the notary of a round may allocate at most: what the earlier rounds left of the deposit. Of a round that had no
/// claim yet that is what is left now, and it can only become less until the round begins.
fn budget(session: &Session, round: &Round) -> Balance {
    session.deposit.saturating_sub(round.before.map_or(session.claimed(), |before| before.claimed))
}

/// To how many nodes the notary of a round may allocate at most; as with the budget, of a round that had no claim yet what is left now.
fn room(notary: &Notary, round: &Round) -> u16 {
    notary.max_nodes.saturating_sub(round.before.map_or(notary.nodes, |before| before.nodes))
}
