//! Books of our own: what everybody must have if events tell the truth, and what the design says must hold over all pallets.
//!
//! Nothing here asks a pallet for its own sums. What was moved is read off the events, and compared with the balances.

use std::collections::{BTreeMap, BTreeSet};

use codec::Encode;
use smartlayer_primitives::{
    agreement::Agreement,
    fees::mul_ceil,
    node::{BreachState, ServiceNode},
    report::ReportEntry,
    session::{Payee, Session},
    sla::Terms,
    traits::Snapshots,
    AccountId, Balance, Period, SessionId,
};
use smartlayer_runtime::{
    configs::services::ReportHistory, Balances, CommitmentSnapshots, Runtime, RuntimeCall, RuntimeEvent,
    RuntimeHoldReason, ServiceStaking, System,
};

use crate::world::Memory;

/// Fails with a text if something does not hold.
macro_rules! check {
    ($holds:expr, $($text:tt)+) => {
        if !$holds {
            return Err(format!($($text)+));
        }
    };
}

/// What is known so far.
pub struct Books {
    totals: BTreeMap<AccountId, Balance>,
    issuance: Balance,
    sessions: BTreeMap<SessionId, Account>,
    nodes: BTreeMap<AccountId, ServiceNode>,
    deferred: BTreeMap<AccountId, Balance>,
    /// What nodes had at stake at the end of a period.
    stakes: BTreeMap<(AccountId, Period), Balance>,
    /// The terms that held for a period that is over, unless the node was in maintenance.
    terms: BTreeMap<(AccountId, Period), Terms>,
    slashed: BTreeSet<(AccountId, Period)>,
    period: Period,
}

/// A session, by its events.
struct Account {
    payer: AccountId,
    issuer: Option<AccountId>,
    deposit: Balance,
    paid: Balance,
    burned: Balance,
    issuer_paid: Balance,
}

impl Books {
    /// Begins with what is there.
    pub fn open() -> Self {
        let mut books = Self {
            totals: totals(),
            issuance: Balances::total_issuance(),
            sessions: BTreeMap::new(),
            nodes: BTreeMap::new(),
            deferred: BTreeMap::new(),
            stakes: BTreeMap::new(),
            terms: BTreeMap::new(),
            slashed: BTreeSet::new(),
            period: CommitmentSnapshots::current_period(),
        };
        books.remember();
        books
    }

    /// Notes what only now can be seen.
    fn remember(&mut self) {
        self.nodes = pallet_service_staking::Nodes::<Runtime>::iter().collect();
        self.deferred =
            self.nodes.keys().map(|node| (node.clone(), ServiceStaking::deferred_slashes(node.clone()))).collect();
    }

    /// Notes how the running period ends, if it is the last block of it. To be called before each block.
    pub fn before_block(&mut self) {
        let period = CommitmentSnapshots::current_period();
        for (account, node) in &self.nodes {
            self.stakes.insert((account.clone(), period), stake(node));
        }
        for (node, agreement) in pallet_sla_registry::Agreements::<Runtime>::iter() {
            self.terms.remove(&(node.clone(), period));
            if let Some(terms) = excusable(&agreement, period) {
                self.terms.insert((node, period), terms);
            }
        }
        // A slash may wait for any time: nobody has to apply it.
        let waits = |node: &AccountId, of: Period| {
            let breaches = pallet_service_staking::Breaches::<Runtime>::get(node);
            breaches.iter().any(|breach| breach.period == of && breach.state == BreachState::Deferred)
        };
        self.stakes.retain(|(node, of), _| of.saturating_add(400) > period || waits(node, *of));
        self.terms.retain(|(_, of), _| of.saturating_add(400) > period);
    }

    /// Whether the terms say that a line of a report is a breach that costs stake.
    pub fn is_breach(&self, entry: &ReportEntry) -> bool {
        let known = self.terms.get(&(entry.node.clone(), entry.period));
        known.is_some_and(|terms| entry.breaches > 0 && entry.breaches.is_multiple_of(terms.penalty.persistent_after))
    }

    /// Books what the events since the last time say, and checks everything.
    pub fn book(&mut self, call: Option<&RuntimeCall>, memory: &Memory) -> Result<(), String> {
        let events: Vec<RuntimeEvent> = System::read_events_no_consensus().map(|record| record.event).collect();
        System::reset_events();
        let transfers = matches!(call, Some(RuntimeCall::Balances(_)));
        for event in &events {
            match event {
                RuntimeEvent::Balances(event) => self.book_balance(event, transfers)?,
                RuntimeEvent::PromiseSettlement(event) => self.book_session(event, memory)?,
                RuntimeEvent::ServiceStaking(event) => self.book_stake(event, &events)?,
                RuntimeEvent::Anchors(event) => self.book_anchor(event)?,
                _ => {}
            }
        }
        self.check_balances()?;
        self.check_holds()?;
        self.check_sessions()?;
        let period = CommitmentSnapshots::current_period();
        check!(period >= self.period, "periods: time went back");
        self.period = period;
        self.remember();
        Ok(())
    }

    fn credit(&mut self, who: &AccountId, amount: Balance) {
        if amount > 0 {
            *self.totals.entry(who.clone()).or_default() += amount;
        }
    }

    fn debit(&mut self, who: &AccountId, amount: Balance) -> Result<(), String> {
        let total = self.totals.entry(who.clone()).or_default();
        *total = total.checked_sub(amount).ok_or_else(|| format!("ledger: {who} paid more than it had"))?;
        Ok(())
    }

    fn book_balance(&mut self, event: &pallet_balances::Event<Runtime>, transfers: bool) -> Result<(), String> {
        match event {
            pallet_balances::Event::DustLost { account, amount } => {
                self.issuance -= amount;
                self.debit(account, *amount)
            }
            pallet_balances::Event::Transfer { from, to, amount } if transfers => {
                self.debit(from, *amount)?;
                self.credit(to, *amount);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn book_session(
        &mut self,
        event: &pallet_promise_settlement::Event<Runtime>,
        memory: &Memory,
    ) -> Result<(), String> {
        use pallet_promise_settlement::Event;
        match event {
            Event::Opened { session, payer, deposit, .. } => {
                let stored = pallet_promise_settlement::Sessions::<Runtime>::get(session);
                let issuer = stored.and_then(|stored| stored.issuer).map(|issuer| issuer.account);
                let account =
                    Account { payer: payer.clone(), issuer, deposit: *deposit, paid: 0, burned: 0, issuer_paid: 0 };
                check!(self.sessions.insert(*session, account).is_none(), "sessions: an identifier came back");
            }
            Event::ToppedUp { session, amount, .. } => self.session(session)?.deposit += amount,
            Event::Claimed { session, node, paid, burned, issuer, cumulative } => {
                let account = self.session(session)?;
                account.paid += paid;
                account.burned += burned;
                account.issuer_paid += issuer;
                let (payer, to) = (account.payer.clone(), account.issuer.clone());
                self.issuance -= burned;
                self.debit(&payer, paid + burned + issuer)?;
                self.credit(node, *paid);
                match to {
                    Some(to) => self.credit(&to, *issuer),
                    None => check!(*issuer == 0, "sessions: an issuer's share without an issuer"),
                }
                check!(
                    *cumulative <= most_promised(session, node, memory),
                    "sessions: more was settled than anybody promised"
                );
            }
            Event::ShortfallPaid { session, .. } => {
                let dishonest = memory.dishonest.iter().any(|(of, _)| of == session);
                check!(dishonest, "sessions: the bond of an honest notary paid");
            }
            Event::OverAllocated { session, .. } => {
                let dishonest = memory.dishonest.iter().any(|(of, _)| of == session);
                check!(dishonest, "sessions: an honest notary was slashed");
            }
            Event::Closed { session, payer, deposit, paid, burned, issuer, refunded } => {
                let account = self.sessions.remove(session).ok_or("sessions: closed twice")?;
                let booked = (account.payer, account.deposit, account.paid, account.burned, account.issuer_paid);
                check!(
                    booked == (payer.clone(), *deposit, *paid, *burned, *issuer),
                    "sessions: closed with other sums than its claims"
                );
                check!(*deposit == paid + burned + issuer + refunded, "sessions: the parts are not the deposit");
            }
            _ => {}
        }
        Ok(())
    }

    fn session(&mut self, session: &SessionId) -> Result<&mut Account, String> {
        self.sessions.get_mut(session).ok_or_else(|| "sessions: something happened to one that is not open".into())
    }

    fn book_stake(
        &mut self,
        event: &pallet_service_staking::Event<Runtime>,
        events: &[RuntimeEvent],
    ) -> Result<(), String> {
        use pallet_service_staking::Event;
        let pot = ServiceStaking::pot_account();
        let treasury = pallet_treasury::Pallet::<Runtime>::account_id();
        match event {
            Event::RewardsMinted { minted, .. } => {
                self.issuance += minted;
                self.credit(&pot, *minted);
            }
            Event::RewardPaid { node: to, amount, .. } | Event::AnchorRewardPaid { anchor: to, amount, .. } => {
                self.debit(&pot, *amount)?;
                self.credit(to, *amount);
            }
            Event::RentReceived { from, amount, treasury: part } => {
                self.debit(from, *amount)?;
                self.credit(&treasury, *part);
                self.credit(&pot, amount - part);
            }
            Event::BreachReported { node, period, amount, .. } => {
                let stake = self.stakes.get(&(node.clone(), *period)).copied().unwrap_or(0);
                check!(*amount <= stake, "slashes: {amount} is more than the stake at the offence, {stake}");
                if let Some(terms) = self.terms.get(&(node.clone(), *period)) {
                    let agreed = mul_ceil(terms.penalty.slash, stake);
                    check!(*amount == agreed, "slashes: {amount} is not what was agreed, {agreed}");
                }
            }
            Event::Slashed { node, period, amount, reporter, bounty, pooled } => {
                let stake_then = self.stakes.get(&(node.clone(), *period)).copied().unwrap_or(0);
                check!(*amount <= stake_then, "slashes: more was taken than the stake at the offence");
                check!(self.slashed.insert((node.clone(), *period)), "slashes: a period was slashed twice");
                self.debit(node, *amount)?;
                self.credit(reporter, *bounty);
                self.credit(&pot, *pooled);
                self.credit(&treasury, amount - bounty - pooled);
            }
            Event::Withdrawn { node, amount } => {
                let before = self.nodes.get(node).map_or(0, stake);
                let pending = self.deferred.get(node).copied().unwrap_or(0);
                check!(
                    *amount <= before.saturating_sub(pending),
                    "slashes: a withdrawal took what deferred slashes need"
                );
                let after =
                    pallet_service_staking::Nodes::<Runtime>::get(node).map_or(0, |node| still_reportable(&node));
                let reportable = self.nodes.get(node).map_or(0, still_reportable);
                check!(after == reportable, "slashes: a withdrawal came before the last report");
            }
            Event::Left { node } => {
                // What it did before is not judged by its next stake.
                let taken = !events.iter().any(|event| {
                    matches!(event, RuntimeEvent::ServiceStaking(Event::Withdrawn { node: who, .. }) if who == node)
                });
                check!(
                    taken || self.deferred.get(node).copied().unwrap_or(0) == 0,
                    "slashes: a node left while slashes were deferred"
                );
                self.stakes.retain(|(of, _), _| of != node);
                self.slashed.retain(|(of, _)| of != node);
            }
            _ => {}
        }
        Ok(())
    }

    fn book_anchor(&mut self, event: &pallet_anchors::Event<Runtime>) -> Result<(), String> {
        use pallet_anchors::Event;
        match event {
            Event::Slashed { account, amount, bounty, reporter } => {
                self.debit(account, *amount)?;
                self.credit(reporter, *bounty);
                self.credit(&pallet_treasury::Pallet::<Runtime>::account_id(), amount - bounty);
            }
            Event::Seized { account, to, amount } => {
                self.debit(account, *amount)?;
                self.credit(to, *amount);
            }
            _ => {}
        }
        Ok(())
    }

    /// Everybody has what the events say, and issuance is the sum of it.
    fn check_balances(&mut self) -> Result<(), String> {
        self.totals.retain(|_, total| *total > 0);
        let actual = totals();
        if actual != self.totals {
            let differs = |who: &&AccountId| actual.get(who) != self.totals.get(who);
            let who: Vec<_> = actual.keys().chain(self.totals.keys()).filter(differs).collect();
            let who = who.first().map(|who| (*who).clone()).expect("they differ; qed");
            let (booked, has) = (self.totals.get(&who), actual.get(&who));
            return Err(format!("ledger: {who} has {has:?} where the events say {booked:?}"));
        }
        let sum: Balance = actual.values().sum();
        check!(sum == Balances::total_issuance(), "issuance: not the sum of all balances");
        check!(
            self.issuance == Balances::total_issuance(),
            "issuance: {} where minted less burned gives {}",
            Balances::total_issuance(),
            self.issuance
        );
        Ok(())
    }

    /// What is held of everybody for the own pallets is exactly what these believe, and no more than the account has.
    fn check_holds(&self) -> Result<(), String> {
        use pallet_anchors::HoldReason as Anchor;
        use pallet_promise_settlement::HoldReason as Sessions;
        use pallet_service_staking::HoldReason as Nodes;
        use pallet_smart_tokens::HoldReason as Tokens;
        let mut believed: BTreeMap<(AccountId, Vec<u8>), Balance> = BTreeMap::new();
        let mut believe = |who: &AccountId, reason: RuntimeHoldReason, amount: Balance| {
            *believed.entry((who.clone(), reason.encode())).or_default() += amount;
        };
        for session in pallet_promise_settlement::Sessions::<Runtime>::iter_values() {
            believe(&session.payer, Sessions::Session.into(), session.held());
            believe(&session.payer, Sessions::SessionStorage.into(), session.storage_deposit);
        }
        for (account, node) in pallet_service_staking::Nodes::<Runtime>::iter() {
            believe(&account, Nodes::Bond.into(), stake(&node));
        }
        for (account, organisation) in pallet_anchors::Organisations::<Runtime>::iter() {
            believe(&account, Anchor::Bond.into(), organisation.bond);
        }
        for (account, (amount, _)) in pallet_anchors::Departing::<Runtime>::iter() {
            believe(&account, Anchor::Bond.into(), amount);
        }
        for (number, deposit) in pallet_smart_tokens::Deposits::<Runtime>::iter() {
            let token = pallet_smart_tokens::Tokens::<Runtime>::get(number).ok_or("holds: a deposit for no token")?;
            believe(&token.issuer, Tokens::Registration.into(), deposit);
        }
        believed.retain(|_, amount| *amount > 0);

        let mut held: BTreeMap<(AccountId, Vec<u8>), Balance> = BTreeMap::new();
        for (account, holds) in pallet_balances::Holds::<Runtime>::iter() {
            let sum: Balance = holds.iter().map(|hold| hold.amount).sum();
            let reserved = System::account(&account).data.reserved;
            check!(sum <= reserved, "holds: {account} has {reserved} reserved, and {sum} held");
            let own = holds.iter().filter(|hold| {
                let reasons = [
                    RuntimeHoldReason::from(Sessions::Session),
                    Sessions::SessionStorage.into(),
                    Nodes::Bond.into(),
                    Anchor::Bond.into(),
                    Tokens::Registration.into(),
                ];
                hold.amount > 0 && reasons.contains(&hold.id)
            });
            held.extend(own.map(|hold| ((account.clone(), hold.id.encode()), hold.amount)));
        }
        check!(held == believed, "holds: what is held is not what the pallets believe");
        Ok(())
    }

    /// The open sessions are those that were opened and not closed, with the sums of their claims.
    fn check_sessions(&self) -> Result<(), String> {
        let stored: BTreeMap<SessionId, Session> = pallet_promise_settlement::Sessions::<Runtime>::iter().collect();
        check!(stored.len() == self.sessions.len(), "sessions: others are open than were opened");
        for (id, account) in &self.sessions {
            let session = stored.get(id).ok_or("sessions: one is gone without being closed")?;
            let booked = (account.deposit, account.paid, account.burned, account.issuer_paid);
            let kept = (session.deposit, session.paid, session.burned, session.issuer_paid);
            check!(booked == kept, "sessions: kept {kept:?} where the events say {booked:?}");
            check!(session.claimed() <= session.deposit, "sessions: more was paid than there was");
            if let Payee::Network(notary) = &session.payee {
                check!(notary.nodes <= notary.max_nodes, "sessions: more nodes than room");
            }
        }
        Ok(())
    }
}

/// The most that the signer promised a node, and in a network session the notary allocated to it, in any of the rounds.
fn most_promised(session: &SessionId, node: &AccountId, memory: &Memory) -> Balance {
    use smartlayer_primitives::notary::channel_id;
    let rounds = memory.allocations.range((*session, 0)..=(*session, u16::MAX));
    let of_rounds = rounds.filter_map(|((_, round), of_round)| {
        let promised = memory.promised.get(&channel_id(session, *round, node))?;
        Some((*promised).min(of_round.get(node)?.allocation.cap))
    });
    let direct = memory.promised.get(session).copied();
    of_rounds.chain(direct).max().unwrap_or(0)
}

/// The terms by which a period is judged, unless the node was in maintenance.
fn excusable(agreement: &Agreement, period: Period) -> Option<Terms> {
    agreement.terms_at(period).copied().filter(|_| !agreement.in_maintenance(period))
}

fn stake(node: &ServiceNode) -> Balance {
    node.bond + node.unbonding.iter().map(|chunk| chunk.amount).sum::<Balance>()
}

/// What is unbonding since a period that can be reported still, or will be.
fn still_reportable(node: &ServiceNode) -> Balance {
    let open = |period: Period| {
        let history = ReportHistory::get() >= CommitmentSnapshots::current_period().saturating_sub(period);
        let to_come = period >= pallet_commitment_snapshots::NextToCommit::<Runtime>::get();
        ServiceStaking::reportable(period) || history && to_come
    };
    node.unbonding.iter().filter(|chunk| open(chunk.asked_in)).map(|chunk| chunk.amount).sum()
}

/// What everybody has, held or not.
fn totals() -> BTreeMap<AccountId, Balance> {
    frame_system::Account::<Runtime>::iter()
        .map(|(account, info)| (account, info.data.free + info.data.reserved))
        .filter(|(_, total)| *total > 0)
        .collect()
}

/// Whether a report of this line must be taken: its breach is known, in time, and not reported yet. Then nothing that the node did since
/// may save it.
pub fn must_be_taken(books: &Books, entry: &ReportEntry, memory: &Memory) -> bool {
    let breaches = pallet_service_staking::Breaches::<Runtime>::get(&entry.node);
    let is_new = breaches.iter().all(|breach| breach.period != entry.period);
    !memory.windows_changed
        && books.is_breach(entry)
        && is_new
        && breaches.len() < pallet_service_staking::MAX_BREACHES as usize
        && books.nodes.contains_key(&entry.node)
        && ServiceStaking::reportable(entry.period)
}
