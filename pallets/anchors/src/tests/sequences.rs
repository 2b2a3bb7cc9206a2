//! Random histories: what must always hold, holds after every step.

use std::collections::BTreeMap;

use proptest::prelude::*;
use smartlayer_primitives::BlockNumber;

use super::*;
use crate::Suspended;

#[derive(Clone, Debug)]
enum Step {
    Blocks(u32),
    Register { who: u8, key: u8, bond: Balance },
    Rotate { who: u8, key: u8 },
    Deregister(u8),
    Withdraw(u8),
    BondMore(u8, Balance),
    Refresh(u8),
    Elect(Vec<u8>),
    Replace { out: u8, new: u8 },
    Slash { who: u8, parts: u32, reporter: u8 },
    Seize { who: u8, amount: Balance, to: u8 },
    Suspend(u8),
    Identity(u8, bool),
    MinBond(Balance),
}

fn step() -> impl Strategy<Value = Step> {
    let who = || 1..8u8;
    let key = || 20..32u8;
    let bond = || prop_oneof![4 => Just(BOND), 1 => BOND..3 * BOND, 1 => 0..RICH * 2];
    prop_oneof![
        4 => (1..12u32).prop_map(Step::Blocks),
        6 => (who(), key(), bond()).prop_map(|(who, key, bond)| Step::Register { who, key, bond }),
        3 => (who(), key()).prop_map(|(who, key)| Step::Rotate { who, key }),
        2 => who().prop_map(Step::Deregister),
        2 => who().prop_map(Step::Withdraw),
        1 => (who(), bond()).prop_map(|(who, amount)| Step::BondMore(who, amount)),
        1 => who().prop_map(Step::Refresh),
        2 => prop::collection::vec(who(), 0..8).prop_map(Step::Elect),
        2 => (who(), who()).prop_map(|(out, new)| Step::Replace { out, new }),
        2 => (who(), 0..1_000_001u32, 8..80u8).prop_map(|(who, parts, reporter)| Step::Slash { who, parts, reporter }),
        2 => (who(), 0..2 * BOND, 8..80u8).prop_map(|(who, amount, to)| Step::Seize { who, amount, to }),
        3 => who().prop_map(Step::Suspend),
        1 => (who(), any::<bool>()).prop_map(|(who, known)| Step::Identity(who, known)),
        1 => (0..2 * BOND).prop_map(Step::MinBond),
    ]
}

fn at_stake(account: &AccountId) -> Balance {
    let bond = Organisations::<Test>::get(account).map_or(0, |organisation| organisation.bond);
    bond + Departing::<Test>::get(account).map_or(0, |(amount, _)| amount)
}

/// Whose word each key's signature should be: the one that had it last, and until when.
#[derive(Default)]
struct Owners(BTreeMap<u8, (u8, Option<BlockNumber>)>);

impl Owners {
    fn taken(&mut self, who: u8, key: u8) {
        self.given_up(who);
        self.0.insert(key, (who, None));
    }

    fn given_up(&mut self, who: u8) {
        let until = System::block_number() + DELAY;
        self.0.values_mut().filter(|(owner, until)| *owner == who && until.is_none()).for_each(|o| o.1 = Some(until));
    }

    fn check(&mut self) {
        // Who is gone is forgotten for good, even if it comes back.
        self.0.retain(|_, (owner, _)| {
            let owner = account(*owner);
            Organisations::<Test>::contains_key(&owner) || Departing::<Test>::contains_key(&owner)
        });
        for n in 20..32 {
            let owner = self.0.get(&n).filter(|(_, until)| until.is_none_or(|until| System::block_number() < until));
            assert_eq!(Anchors::owner_of_key(&key(n)), owner.map(|(owner, _)| account(*owner)), "of key {n}");
        }
    }
}

fn take(step: Step, owners: &mut Owners) {
    match step {
        Step::Blocks(count) => run_to(System::block_number() + count),
        Step::Register { who, key, bond } => {
            if register_with(who, &hot(key), bond).is_ok() {
                owners.taken(who, key);
            }
        }
        Step::Rotate { who, key: to } => {
            if Anchors::rotate_key(origin(who), key(to), proof(&hot(to), &account(who))).is_ok() {
                owners.taken(who, to);
            }
        }
        Step::Deregister(who) => {
            if Anchors::deregister(origin(who)).is_ok() {
                owners.given_up(who);
            }
        }
        Step::Withdraw(who) => drop(Anchors::withdraw_bond(origin(who))),
        Step::BondMore(who, amount) => drop(Anchors::bond_more(origin(who), amount)),
        Step::Refresh(who) => {
            let _ = Anchors::refresh(origin(8), account(who));
            let organisation = Organisations::<Test>::get(account(who));
            let should = Elected::<Test>::get().contains(&account(who))
                && organisation.is_some_and(|o| o.bond >= MinBond::get())
                && !Suspended::<Test>::get().contains(&account(who))
                && !Unknown::get().contains(&account(who));
            assert_eq!(active().contains(&account(who)), should);
        }
        Step::Elect(members) => {
            elect(&members);
            assert!(Suspended::<Test>::get().is_empty());
        }
        Step::Replace { out, new } => {
            let (out, new) = (account(out), account(new));
            let members = (1..8u8).filter(|n| {
                let account = account(*n);
                account != out && (account == new || Elected::<Test>::get().contains(&account))
            });
            replace(&members.collect::<Vec<_>>());
        }
        Step::Slash { who, parts, reporter } => {
            let fraction = Permill::from_parts(parts);
            let before = at_stake(&account(who));
            let taken = Anchors::slash(&account(who), fraction, &account(reporter)).unwrap();
            assert_eq!(taken, fraction.mul_ceil(before));
            assert_eq!(at_stake(&account(who)), before - taken);
        }
        Step::Seize { who, amount, to } => {
            let (before, had) = (at_stake(&account(who)), Balances::free_balance(account(to)));
            let moved = Anchors::seize(&account(who), amount, &account(to));
            assert!(moved == amount.min(before) || (moved == 0 && amount.min(before) < 10));
            assert_eq!(at_stake(&account(who)), before - moved);
            assert_eq!(Balances::free_balance(account(to)), had + moved);
        }
        Step::Suspend(who) => {
            let set = Anchors::active();
            if Anchors::suspend(&account(who)) {
                assert!(active().len() * 3 >= Elected::<Test>::get().len() * 2);
                assert!(!active().contains(&account(who)));
            } else {
                assert_eq!(Anchors::active(), set);
            }
        }
        Step::Identity(who, known) => Unknown::mutate(|unknown| {
            unknown.retain(|account| *account != self::account(who));
            if !known {
                unknown.push(account(who));
            }
        }),
        Step::MinBond(bond) => MinBond::set(bond),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..Default::default() })]

    #[test]
    fn nothing_is_lost_and_nobody_acts_who_may_not(steps in prop::collection::vec(step(), 1..80)) {
        ExtBuilder::build_and_execute(|| {
            let issuance = Balances::total_issuance();
            let mut owners = Owners::default();
            let mut last_set = Anchors::active();
            for step in steps {
                take(step, &mut owners);
                Anchors::do_try_state().unwrap();
                owners.check();
                assert_eq!(Balances::total_issuance(), issuance, "a slash destroys and makes nothing");
                let set = Anchors::active();
                assert!(set == last_set || set.id > last_set.id, "another set has another number");
                assert!(set != last_set || set.members == last_set.members);
                last_set = set;
            }
        });
    }
}
