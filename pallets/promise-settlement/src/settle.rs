//! How claims become money: what makes one good, what it is worth, who is paid, and what that weighs.

use alloc::collections::BTreeMap;
use frame_support::{
    dispatch::{DispatchResultWithPostInfo, PostDispatchInfo},
    ensure,
    pallet_prelude::{DispatchResult, Weight},
    storage::with_storage_layer,
    traits::{
        fungible::{Balanced, BalancedHold, Credit, Inspect},
        tokens::{DepositConsequence, Provenance},
        Defensive, Imbalance,
    },
};
use smartlayer_primitives::{
    fees::{self, Settlement},
    notary::{channel_id, Notary, Round, Used},
    promise::{Claim, MAX_TICKS},
    session::{Channel, Payee, Session},
    traits::AnchorBonds,
    AccountId, Balance, Hash, SessionId,
};

use crate::{Channels, Config, Error, Event, FreeClaims, HoldReason, Pallet, Sessions, WeightInfo, FREE_CLAIM_STEP};

type CreditOf<T> = Credit<AccountId, <T as Config>::Currency>;

/// What a good claim is worth.
pub(crate) struct Due {
    /// Who is paid.
    node: AccountId,
    /// Through which channel, in a network session.
    channel: Option<ChannelDue>,
    /// What is owed in total, or allocated if that is less: what claims of one count are compared by.
    pub(crate) worth: Balance,
    /// What was settled of it before.
    settled: Balance,
    /// What can be settled of it now; never nothing. More than the session holds only if a notary allocated too much.
    pub(crate) new: Balance,
}

/// Where a claim of a network session is counted, and who vouches for it.
struct ChannelDue {
    id: SessionId,
    round: u16,
    notary: AccountId,
    /// Whether the node claims for the first time.
    first: bool,
}

/// What accounts receive, added up, so that each is paid once.
pub(crate) struct Payouts<T: Config> {
    burned: CreditOf<T>,
    received: BTreeMap<AccountId, CreditOf<T>>,
    /// How many claims a notary's bond was asked to pay.
    bonds: u32,
}

impl<T: Config> Default for Payouts<T> {
    fn default() -> Self {
        Self { burned: CreditOf::<T>::zero(), received: BTreeMap::new(), bonds: 0 }
    }
}

impl<T: Config> Payouts<T> {
    /// Whether the account will be able to take this beside what it receives already.
    fn can_receive(&self, account: &AccountId, amount: Balance) -> bool {
        let before = self.received.get(account).map_or(0, |credit| credit.peek());
        T::Currency::can_deposit(account, before.saturating_add(amount), Provenance::Extant)
            == DepositConsequence::Success
    }

    pub(crate) fn add(&mut self, account: &AccountId, credit: CreditOf<T>) {
        if credit.peek() == 0 {
            return;
        }
        match self.received.get_mut(account) {
            Some(sum) => sum.subsume(credit),
            None => {
                self.received.insert(account.clone(), credit);
            }
        }
    }

    /// Pays everybody, and drops what is burned: the total issuance falls by that. Returns how many accounts were paid,
    /// and how many bonds were asked.
    pub(crate) fn pay(self) -> (u32, u32) {
        let accounts = self.received.len() as u32;
        for (account, credit) in self.received {
            // Each part was asked for with `can_receive` before it was taken, and nothing in between makes an account
            // go. If one did all the same, its part would be burned.
            let _ = T::Currency::resolve(&account, credit).map_err(drop).defensive();
        }
        drop(self.burned);
        (accounts, self.bonds)
    }
}

impl<T: Config> Pallet<T> {
    pub(crate) fn do_claim(claim: &Claim) -> DispatchResultWithPostInfo {
        let mut payouts = Payouts::<T>::default();
        Self::claim_one(claim, &Self::genesis(), &mut payouts)?;
        let (_, bonds) = payouts.pay();
        Ok(Some(Self::claim_weight(claim, bonds > 0)).into())
    }

    pub(crate) fn do_claim_batch(claims: &[Claim]) -> PostDispatchInfo {
        let genesis = Self::genesis();
        let mut payouts = Payouts::<T>::default();
        for claim in claims {
            // A layer each, so that a claim that fails half-way leaves nothing behind.
            if let Err(error) = with_storage_layer(|| Self::claim_one(claim, &genesis, &mut payouts)) {
                Self::deposit_event(Event::ClaimFailed { session: claim.session(), error });
            }
        }
        Some(Self::batch_weight(claims, Some(payouts.pay()))).into()
    }

    pub(crate) fn do_claim_authorized(claim: &Claim) -> DispatchResultWithPostInfo {
        let id = claim.session();
        let mut session = Sessions::<T>::get(id).ok_or(Error::<T>::NoSuchSession)?;
        ensure!(session.ends_at(claim.round(), Self::now()).is_some(), Error::<T>::NotClosing);
        let due = Self::examine(id, &session, claim, &Self::genesis())?;
        ensure!(Self::earns_a_free_claim(claim, &session, &due), Error::<T>::TooLittleForFree);

        let mut payouts = Payouts::<T>::default();
        Self::settle(id, &mut session, due, &mut payouts)?;
        Sessions::<T>::insert(id, session);
        FreeClaims::<T>::insert(claim.promise.promise.session, ());
        let (_, bonds) = payouts.pay();
        Ok(Some(Self::free_claim_weight(claim, bonds > 0)).into())
    }

    fn claim_one(claim: &Claim, genesis: &Hash, payouts: &mut Payouts<T>) -> DispatchResult {
        let id = claim.session();
        let mut session = Sessions::<T>::get(id).ok_or(Error::<T>::NoSuchSession)?;
        let due = Self::examine(id, &session, claim, genesis)?;
        Self::settle(id, &mut session, due, payouts)?;
        Sessions::<T>::insert(id, session);
        Ok(())
    }

    /// Whether a claim may do without a fee: the first of its count, or one that pays enough.
    pub(crate) fn earns_a_free_claim(claim: &Claim, session: &Session, due: &Due) -> bool {
        due.new >= session.deposit.div_ceil(FREE_CLAIM_STEP)
            || !FreeClaims::<T>::contains_key(claim.promise.promise.session)
    }

    /// Whether the claim is good and what it is worth. What is cheap to check comes first: signatures, and ticks after
    /// them, are checked only for claims that would pay.
    pub(crate) fn examine(id: SessionId, session: &Session, claim: &Claim, genesis: &Hash) -> Result<Due, Error<T>> {
        let owed = claim.owed().ok_or(Error::<T>::BadTicks)?;
        let due = match (&session.payee, &claim.allocation) {
            (Payee::Node(node), None) => {
                let settled = session.claimed();
                let new = owed.min(session.deposit).saturating_sub(settled);
                ensure!(new > 0, if owed > settled { Error::<T>::OverDeposit } else { Error::<T>::NothingNew });
                Due { node: node.clone(), channel: None, worth: owed, settled, new }
            }
            (Payee::Network(notary), Some(signed)) => {
                let allocation = &signed.allocation;
                let round = Self::round(notary, allocation.round)?;
                let channel = channel_id(&id, allocation.round, &allocation.node);
                ensure!(claim.promise.promise.session == channel, Error::<T>::OtherSession);
                let before = Channels::<T>::get(id, channel);
                let first = before.is_none();
                ensure!(!first || notary.nodes < notary.max_nodes, Error::<T>::NoRoom);
                let settled = before.map_or(0, |channel| channel.claimed);
                let worth = owed.min(allocation.cap);
                let new = worth.saturating_sub(settled);
                ensure!(new > 0, Error::<T>::NothingNew);
                ensure!(signed.verify(genesis, &round.key), Error::<T>::BadAllocation);
                let notary = round.notary.clone();
                let channel = ChannelDue { id: channel, round: allocation.round, notary, first };
                Due { node: allocation.node.clone(), channel: Some(channel), worth, settled, new }
            }
            _ => return Err(Error::<T>::AllocationMismatch),
        };
        ensure!(claim.promise.verify(genesis, &session.signer), Error::<T>::BadSignature);
        if let (Some(ticks), Some(commitment)) = (&claim.ticks, &claim.promise.promise.ticks) {
            ensure!(commitment.verify(ticks), Error::<T>::BadTicks);
        }
        Ok(due)
    }

    /// The round of this number, if claims of it are good in this block.
    fn round(notary: &Notary, number: u16) -> Result<&Round, Error<T>> {
        let started = Self::now() >= notary.current.starts_at;
        if notary.current.number == number {
            ensure!(started, Error::<T>::RoundNotStarted);
            return Ok(&notary.current);
        }
        notary.former.as_ref().filter(|former| former.number == number && !started).ok_or(Error::<T>::RoundOver)
    }

    /// Takes what is due out of the hold, and what the hold lacks of a channel's due out of the notary's bond, and says
    /// so. What was taken of the hold goes to `payouts`. The caller stores `session`.
    pub(crate) fn settle(id: SessionId, session: &mut Session, due: Due, payouts: &mut Payouts<T>) -> DispatchResult {
        let Due { node, channel, settled, new, .. } = due;
        let held = new.min(session.held());
        let share = session.issuer.as_ref().map(|issuer| issuer.share).unwrap_or_default();
        let Settlement { mut burned, mut issuer, paid } = fees::settle(held, session.burn_rate, share);
        ensure!(payouts.can_receive(&node, paid), Error::<T>::NodeCannotReceive);
        // A node does not wait for an issuer whose account is gone.
        if session.issuer.as_ref().is_some_and(|to| !payouts.can_receive(&to.account, issuer)) {
            burned = burned.saturating_add(issuer);
            issuer = 0;
        }

        let of_bond = match &channel {
            Some(channel) => {
                let of_bond = Self::pay_shortfall(channel, &node, new.saturating_sub(held), payouts);
                Self::count(id, session, channel, &node, settled.saturating_add(held).saturating_add(of_bond));
                of_bond
            }
            None => 0,
        };
        ensure!(held > 0 || of_bond > 0, Error::<T>::OverDeposit);

        let (credit, missing) = T::Currency::slash(&HoldReason::Session.into(), &session.payer, held);
        ensure!(missing == 0, Error::<T>::HoldMissing);
        let (burn, rest) = credit.split(burned);
        let (issuer_credit, node_credit) = rest.split(issuer);
        payouts.burned.subsume(burn);
        payouts.add(&node, node_credit);
        if let Some(to) = &session.issuer {
            payouts.add(&to.account, issuer_credit);
        }
        session.burned = session.burned.saturating_add(burned);
        session.issuer_paid = session.issuer_paid.saturating_add(issuer);
        session.paid = session.paid.saturating_add(paid);

        let cumulative = settled.saturating_add(held).saturating_add(of_bond);
        Self::deposit_event(Event::Claimed { session: id, node: node.clone(), paid, burned, issuer, cumulative });
        if of_bond > 0 {
            Self::deposit_event(Event::ShortfallPaid { session: id, node, amount: of_bond });
        }
        Ok(())
    }

    /// Lets the notary's bond pay what the deposit lacks. Returns what it paid.
    fn pay_shortfall(channel: &ChannelDue, node: &AccountId, missing: Balance, payouts: &mut Payouts<T>) -> Balance {
        if missing == 0 {
            return 0;
        }
        payouts.bonds = payouts.bonds.saturating_add(1);
        T::AnchorBonds::seize(&channel.notary, missing, node).min(missing)
    }

    /// Writes down what was settled with a node, and what the round began with if this is its first claim.
    fn count(id: SessionId, session: &mut Session, due: &ChannelDue, node: &AccountId, claimed: Balance) {
        let claimed_before = session.claimed();
        if let Payee::Network(notary) = &mut session.payee {
            if notary.current.number == due.round {
                notary.current.before.get_or_insert(Used { claimed: claimed_before, nodes: notary.nodes });
            }
            if due.first {
                notary.nodes = notary.nodes.saturating_add(1);
            }
        }
        Channels::<T>::insert(id, due.id, Channel { node: node.clone(), round: due.round, claimed });
    }

    /// What settling this claim weighs, with or without the notary's bond.
    pub(crate) fn claim_weight(claim: &Claim, bond: bool) -> Weight {
        let settling = match &claim.allocation {
            None => T::WeightInfo::claim(),
            Some(_) => T::WeightInfo::claim_network().saturating_add(bonds_weight::<T>(bond.into())),
        };
        settling.saturating_add(T::WeightInfo::ticks(ticks(claim)))
    }

    /// What settling this claim weighs as the watchtower's.
    pub(crate) fn free_claim_weight(claim: &Claim, bond: bool) -> Weight {
        T::WeightInfo::claim_authorized()
            .saturating_add(bonds_weight::<T>((bond && claim.allocation.is_some()).into()))
            .saturating_add(T::WeightInfo::ticks(ticks(claim)))
    }

    /// What it weighs to say whether this claim is valid as the watchtower's.
    pub(crate) fn authorize_weight(claim: &Claim) -> Weight {
        T::WeightInfo::authorize_claim()
            .saturating_add(bonds_weight::<T>(claim.allocation.is_some().into()))
            .saturating_add(T::WeightInfo::ticks(ticks(claim)))
    }

    /// What closing with this last claim weighs.
    pub(crate) fn close_weight(last: Option<&Claim>) -> Weight {
        T::WeightInfo::close().saturating_add(T::WeightInfo::ticks(last.map_or(0, ticks)))
    }

    /// What a batch weighs: with so many accounts paid and bonds asked, or the most that there can be of both.
    pub(crate) fn batch_weight(claims: &[Claim], paid: Option<(u32, u32)>) -> Weight {
        let all = claims.len() as u32;
        let network = claims.iter().filter(|claim| claim.allocation.is_some()).count() as u32;
        // A node and an issuer for each.
        let (accounts, bonds) = paid.unwrap_or((all.saturating_mul(2), network));
        let ticks = claims.iter().fold(0u32, |sum, claim| sum.saturating_add(ticks(claim)));
        T::WeightInfo::claim_batch(all.saturating_sub(network))
            .saturating_add(T::WeightInfo::claim_batch_network(network))
            .saturating_add(T::WeightInfo::payouts(accounts))
            .saturating_add(T::WeightInfo::ticks(ticks))
            .saturating_add(bonds_weight::<T>(bonds))
    }
}

/// How often a claim makes the chain hash.
fn ticks(claim: &Claim) -> u32 {
    claim.ticks.map_or(0, |ticks| ticks.count.min(MAX_TICKS))
}

fn bonds_weight<T: Config>(count: u32) -> Weight {
    T::AnchorBonds::weight().saturating_mul(count.into())
}
