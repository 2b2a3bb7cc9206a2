//! Random sequences of calls: what must hold after every step.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use proptest::{collection::vec, prelude::*, test_runner::TestRunner};

use super::*;

const NODES: u8 = 4;
const REPORTER: u8 = 91;

#[derive(Clone, Debug)]
enum Step {
    Register { n: u8, bond: Balance },
    BondMore { n: u8, amount: Balance },
    Unbond { n: u8, amount: Balance },
    Withdraw { n: u8 },
    Chill { n: u8, chill: bool },
    Report { pick: prop::sample::Index },
    Apply { pick: prop::sample::Index },
    Cancel { pick: prop::sample::Index },
    Commit { lines: Vec<(u8, u128, bool)>, total: u128, signers: Vec<u8>, skip: Period },
    Claim { pick: prop::sample::Index },
    ClaimAsAnchor { n: u8, back: Period },
    PayRent { n: u8, amount: Balance },
    GovernRewards { reward: Balance, anchors: Permill, writer: Permill, release: Permill, history: Period },
    GovernSlashes { penalty: Permill, bounty: Permill, pool: Permill, rent: Permill },
    GovernDelays { unbonding: BlockNumber, window: BlockNumber, deferral: BlockNumber },
    Wait { blocks: BlockNumber },
}

fn step() -> impl Strategy<Value = Step> {
    let n = || 1..=NODES;
    let pick = any::<prop::sample::Index>;
    let amount = || prop_oneof![0..3 * MIN_BOND, Just(MIN_BOND), 0..RICH * 2];
    let permill = || (0..=1_000_000u32).prop_map(Permill::from_parts);
    let lines = vec((n(), prop_oneof![0..100u128, any::<u128>()], any::<bool>()), 2..8);
    prop_oneof![
        6 => (n(), amount()).prop_map(|(n, bond)| Step::Register { n, bond }),
        3 => (n(), amount()).prop_map(|(n, amount)| Step::BondMore { n, amount }),
        4 => (n(), amount()).prop_map(|(n, amount)| Step::Unbond { n, amount }),
        6 => n().prop_map(|n| Step::Withdraw { n }),
        1 => (n(), any::<bool>()).prop_map(|(n, chill)| Step::Chill { n, chill }),
        12 => pick().prop_map(|pick| Step::Report { pick }),
        5 => pick().prop_map(|pick| Step::Apply { pick }),
        1 => pick().prop_map(|pick| Step::Cancel { pick }),
        5 => (lines, prop_oneof![0..300u128, any::<u128>()], vec(n(), 0..4), 0..2u32)
            .prop_map(|(lines, total, signers, skip)| Step::Commit { lines, total, signers, skip }),
        4 => pick().prop_map(|pick| Step::Claim { pick }),
        2 => (n(), 0..6u32).prop_map(|(n, back)| Step::ClaimAsAnchor { n, back }),
        1 => (n(), amount()).prop_map(|(n, amount)| Step::PayRent { n, amount }),
        1 => (0..2 * REWARD, permill(), permill(), permill(), 0..6u32)
            .prop_map(|(reward, anchors, writer, release, history)| {
                Step::GovernRewards { reward, anchors, writer, release, history }
            }),
        1 => (permill(), permill(), permill(), permill())
            .prop_map(|(penalty, bounty, pool, rent)| Step::GovernSlashes { penalty, bounty, pool, rent }),
        1 => (0..2 * DELAY, 0..3 * WINDOW, 0..6 * DEFERRAL)
            .prop_map(|(unbonding, window, deferral)| Step::GovernDelays { unbonding, window, deferral }),
        6 => (1..PERIOD * 3).prop_map(|blocks| Step::Wait { blocks }),
    ]
}

/// How often the sequences reached what they are for.
#[derive(Default)]
struct Reached {
    slashed: Cell<u32>,
    cancelled: Cell<u32>,
    cut_short: Cell<u32>,
    kept_back: Cell<u32>,
    left: Cell<u32>,
    paid: Cell<u32>,
}

fn count(cell: &Cell<u32>) {
    cell.set(cell.get() + 1);
}

/// What the sums must be, kept beside the pallet.
struct Books<'a> {
    minted: Balance,
    /// Into the pot: rent and slashes.
    pooled: Balance,
    paid: Balance,
    treasury: Balance,
    next: Period,
    lines: Vec<(ReportEntry, MerkleProof)>,
    /// What each node had at stake at the end of each period, since it registered.
    stakes: BTreeMap<(u8, Period), Balance>,
    reported: BTreeSet<(u8, Period)>,
    cancelled: BTreeSet<(u8, Period)>,
    reached: &'a Reached,
}

impl<'a> Books<'a> {
    fn new(reached: &'a Reached) -> Self {
        Self {
            minted: 0,
            pooled: 0,
            paid: 0,
            treasury: free(TREASURY),
            next: 0,
            lines: Vec::new(),
            stakes: BTreeMap::new(),
            reported: BTreeSet::new(),
            cancelled: BTreeSet::new(),
            reached,
        }
    }

    /// Does one step; calls may be refused.
    fn apply(&mut self, step: Step) {
        match step {
            Step::Register { n, bond } => drop(register(n, bond)),
            Step::BondMore { n, amount } => drop(ServiceStaking::bond_more(origin(n), amount)),
            Step::Unbond { n, amount } => {
                // More than anybody has stands for all of it.
                let all = Nodes::<Test>::get(account(n)).map(|node| node.bond).filter(|_| amount > RICH);
                let _ = ServiceStaking::unbond(origin(n), all.unwrap_or(amount));
            }
            Step::Withdraw { n } => self.withdraw(n),
            Step::Chill { n, chill: true } => drop(ServiceStaking::chill(origin(n))),
            Step::Chill { n, chill: false } => drop(ServiceStaking::reenter(origin(n))),
            Step::Report { pick } => self.report(pick),
            Step::Apply { pick } => self.apply_slash(pick),
            Step::Cancel { pick } => self.cancel_slash(pick),
            Step::Commit { lines, total, signers, skip } => self.commit(lines, total, signers, skip),
            Step::Claim { pick } if !self.lines.is_empty() => {
                let (entry, proof) = pick.get(&self.lines).clone();
                let (pot_before, period, node) = (pot(), entry.period, entry.node.clone());
                let claimed = Claimed::<Test>::contains_key(period, &node);
                if ServiceStaking::claim_reward(origin(90), entry, proof).is_ok() {
                    assert!(!claimed, "paid twice");
                    self.paid += pot_before - pot();
                    count(&self.reached.paid);
                }
            }
            Step::Claim { .. } => {}
            Step::ClaimAsAnchor { n, back } => {
                let pot_before = pot();
                let _ = ServiceStaking::claim_anchor_reward(origin(n), self.next.saturating_sub(back));
                self.paid += pot_before - pot();
            }
            Step::PayRent { n, amount } => {
                let (pot_before, treasury_before) = (pot(), free(TREASURY));
                if ServiceStaking::pay_rent(&account(n), amount).is_ok() {
                    let (pooled, treasury) = (pot() - pot_before, free(TREASURY) - treasury_before);
                    assert_eq!(pooled + treasury, amount);
                    self.pooled += pooled;
                    self.treasury += treasury;
                }
            }
            Step::GovernRewards { reward, anchors, writer, release, history } => {
                RewardPerPeriod::set(reward);
                AnchorShare::set(anchors);
                WriterBonus::set(writer);
                PoolRelease::set(release);
                RewardHistory::set(history);
            }
            Step::GovernSlashes { penalty, bounty, pool, rent } => {
                Penalty::set(penalty);
                BountyShare::set(bounty);
                PoolShare::set(pool);
                RentTreasuryShare::set(rent);
            }
            Step::GovernDelays { unbonding, window, deferral } => {
                UnbondingDelay::set(unbonding);
                ReportWindow::set(window);
                SlashDeferral::set(deferral);
            }
            Step::Wait { blocks } => (0..blocks).for_each(|_| self.next_block()),
        }
    }

    fn next_block(&mut self) {
        let period = Reports::current_period();
        run_to(System::block_number() + 1);
        if Reports::current_period() > period {
            for n in (1..=NODES).filter(|n| Nodes::<Test>::contains_key(account(*n))) {
                self.stakes.insert((n, period), held(n));
            }
        }
    }

    /// Commits to the next period that is over, or to one after it.
    fn commit(&mut self, lines: Vec<(u8, u128, bool)>, total: u128, mut signers: Vec<u8>, skip: Period) {
        let period = self.next + skip;
        if period >= Reports::current_period() {
            return;
        }
        signers.sort();
        signers.dedup();
        let line = |(n, weight, breached): (u8, u128, bool)| ReportEntry {
            breaches: breached.into(),
            ..entry(period, n, weight)
        };
        let (issuance, pot_before) = (Balances::total_issuance(), pot());
        let entries = lines.into_iter().map(line).collect();
        self.lines.extend(commit_entries(period, entries, total, &signers));
        self.next = period + 1;
        let minted = Balances::total_issuance() - issuance;
        assert!(minted <= RewardPerPeriod::get());
        assert_eq!(pot() - pot_before, minted);
        self.minted += minted;
    }

    fn report(&mut self, pick: prop::sample::Index) {
        // Of late: others are out of the window mostly. And mostly breaches.
        let from = self.lines.len().saturating_sub(12);
        let mut late: Vec<_> = self.lines[from..].to_vec();
        late.sort_by_key(|(entry, _)| entry.breaches);
        late.drain(..late.len() / 3);
        if late.is_empty() {
            return;
        }
        let line = pick.get(&late).clone();
        let (period, breached) = (line.0.period, line.0.breaches > 0);
        let n = (1..=NODES).find(|n| account(*n) == line.0.node).unwrap();
        let reportable = ServiceStaking::reportable(period);
        if report(REPORTER, &line).is_err() {
            return;
        }
        assert!(breached && reportable);
        let amount = breach(n, period).amount;
        let stake = self.stakes.get(&(n, period)).copied().unwrap_or(0);
        assert_eq!(amount, Penalty::get().mul_ceil(stake), "not of the stake at the end of the period");
        // Only a node that left and came back has no breach on record; then it had nothing at stake.
        assert!(self.reported.insert((n, period)) || amount == 0, "reported twice");
    }

    /// One of all breaches on record; if there are, of those whose slash is due.
    fn any_breach(pick: prop::sample::Index) -> Option<(u8, Breach)> {
        let of = |n| Breaches::<Test>::get(account(n)).into_iter().map(move |breach| (n, breach));
        let all: Vec<_> = (1..=NODES).flat_map(of).collect();
        let due = |breach: &Breach| breach.state == BreachState::Deferred && breach.due_at <= System::block_number();
        let due: Vec<_> = all.iter().filter(|(_, breach)| due(breach)).cloned().collect();
        let some = if due.is_empty() { all } else { due };
        (!some.is_empty()).then(|| pick.get(&some).clone())
    }

    fn apply_slash(&mut self, pick: prop::sample::Index) {
        let Some((n, of)) = Self::any_breach(pick) else { return };
        let (stake_before, pot_before, issuance) = (held(n), pot(), Balances::total_issuance());
        let (reporter_before, treasury_before) = (free(REPORTER), free(TREASURY));
        if apply(n, of.period).is_err() {
            assert_eq!(held(n), stake_before);
            return;
        }
        assert!(!self.cancelled.contains(&(n, of.period)), "a cancelled slash was executed");
        assert!(of.state == BreachState::Deferred && of.due_at <= System::block_number());
        let taken = stake_before - held(n);
        assert_eq!(taken, of.amount.min(stake_before));
        assert!(taken <= self.stakes[&(n, of.period)], "more than the stake at the offence");
        let (pooled, treasury) = (pot() - pot_before, free(TREASURY) - treasury_before);
        assert_eq!(free(REPORTER) - reporter_before + pooled + treasury, taken);
        assert_eq!(Balances::total_issuance(), issuance);
        self.pooled += pooled;
        self.treasury += treasury;
        count(&self.reached.slashed);
        if taken < of.amount {
            count(&self.reached.cut_short);
        }
    }

    fn cancel_slash(&mut self, pick: prop::sample::Index) {
        let Some((n, of)) = Self::any_breach(pick) else { return };
        if cancel(n, of.period).is_ok() {
            assert_eq!(of.state, BreachState::Deferred);
            self.cancelled.insert((n, of.period));
            count(&self.reached.cancelled);
        }
    }

    /// Only what is due, can't be reported and is not needed by a slash is released.
    fn withdraw(&mut self, n: u8) {
        let Some(node) = Nodes::<Test>::get(account(n)) else { return };
        let now = System::block_number();
        let due = node.unbonding.iter().filter(|chunk| chunk.release_at <= now);
        let due: Balance =
            due.filter(|chunk| !ServiceStaking::reportable(chunk.asked_in)).map(|chunk| chunk.amount).sum();
        let (before, deferred) = (held(n), ServiceStaking::deferred_slashes(account(n)));
        let said = ServiceStaking::withdrawable(account(n));
        let withdrawn = ServiceStaking::withdraw(origin(n)).is_ok();
        let released = before - held(n);
        assert_eq!(released, said);
        assert!(released <= due);
        assert!(held(n) >= deferred.min(before), "a deferred slash was outrun");
        if released < due {
            count(&self.reached.kept_back);
        }
        if withdrawn && !Nodes::<Test>::contains_key(account(n)) {
            assert_eq!(held(n), 0);
            self.stakes.retain(|(who, _), _| *who != n);
            self.cancelled.retain(|(who, _)| *who != n);
            count(&self.reached.left);
        }
    }

    fn check(&self, issuance: Balance) {
        ServiceStaking::do_try_state().unwrap();
        assert_eq!(Balances::total_issuance(), issuance + self.minted);
        assert_eq!(pot(), EXISTENTIAL_DEPOSIT + self.minted + self.pooled - self.paid);
        assert_eq!(free(TREASURY), self.treasury);
        for n in 1..=NODES {
            assert_eq!(held(n), stake(n));
            let (bonded, available) = (bonded(n), ServiceStaking::is_available(&account(n)));
            let chilled = Nodes::<Test>::get(account(n)).is_some_and(|node| node.chilled);
            assert_eq!(available, bonded && !chilled);
        }
    }
}

#[test]
fn the_books_balance() {
    let reached = Reached::default();
    let config = ProptestConfig { cases: 128, ..ProptestConfig::with_source_file(file!()) };
    let result = TestRunner::new(config).run(&vec(step(), 1..300), |steps| {
        ExtBuilder::build().execute_with(|| {
            let issuance = Balances::total_issuance();
            let mut books = Books::new(&reached);
            Penalty::set(Permill::from_percent(60));
            SlashDeferral::set(3 * DEFERRAL);
            (1..NODES).for_each(|n| register(n, Balance::from(n) * MIN_BOND).unwrap());
            for step in steps {
                books.apply(step);
                books.check(issuance);
            }
        });
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    // Random calls are worth nothing if they are all refused.
    let Reached { slashed, cancelled, cut_short, kept_back, left, paid } = &reached;
    let counts = [slashed, cancelled, cut_short, kept_back, left, paid].map(Cell::get);
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}
