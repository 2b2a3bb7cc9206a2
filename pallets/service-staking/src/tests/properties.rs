//! Random sequences of calls: what must hold after every step.

use proptest::{collection::vec, prelude::*};
use smartlayer_primitives::{merkle::MerkleProof, report::ReportEntry, BlockNumber};

use super::*;

const NODES: u8 = 4;

#[derive(Clone, Debug)]
enum Step {
    Register { n: u8, bond: Balance },
    BondMore { n: u8, amount: Balance },
    Unbond { n: u8, amount: Balance },
    Withdraw { n: u8 },
    Slash { n: u8, fraction: Permill },
    Commit { weights: Vec<(u8, u128)>, total: u128, signers: Vec<u8>, skip: Period },
    Claim { pick: prop::sample::Index },
    ClaimAsAnchor { n: u8, period: Period },
    PayRent { n: u8, amount: Balance },
    Govern { reward: Balance, anchors: Permill, history: Period },
    Wait { blocks: BlockNumber },
}

fn step() -> impl Strategy<Value = Step> {
    let n = || 1..=NODES;
    let amount = || prop_oneof![0..3 * MIN_BOND, Just(MIN_BOND), 0..RICH * 2];
    let permill = || (0..=1_000_000u32).prop_map(Permill::from_parts);
    let weights = vec((n(), prop_oneof![0..100u128, any::<u128>()]), 0..6);
    prop_oneof![
        2 => (n(), amount()).prop_map(|(n, bond)| Step::Register { n, bond }),
        2 => (n(), amount()).prop_map(|(n, amount)| Step::BondMore { n, amount }),
        3 => (n(), amount()).prop_map(|(n, amount)| Step::Unbond { n, amount }),
        3 => n().prop_map(|n| Step::Withdraw { n }),
        2 => (n(), permill()).prop_map(|(n, fraction)| Step::Slash { n, fraction }),
        3 => (weights, prop_oneof![0..300u128, any::<u128>()], vec(n(), 0..4), 0..3u32)
            .prop_map(|(weights, total, signers, skip)| Step::Commit { weights, total, signers, skip }),
        5 => any::<prop::sample::Index>().prop_map(|pick| Step::Claim { pick }),
        2 => (n(), 0..40u32).prop_map(|(n, period)| Step::ClaimAsAnchor { n, period }),
        1 => (n(), amount()).prop_map(|(n, amount)| Step::PayRent { n, amount }),
        1 => (0..2 * REWARD, permill(), 0..6u32)
            .prop_map(|(reward, anchors, history)| Step::Govern { reward, anchors, history }),
        3 => (0..DELAY).prop_map(|blocks| Step::Wait { blocks }),
    ]
}

/// What the sums must be, kept beside the pallet.
#[derive(Default)]
struct Books {
    minted: Balance,
    burned: Balance,
    rent: Balance,
    paid: Balance,
    next: Period,
    lines: Vec<(ReportEntry, MerkleProof)>,
}

impl Books {
    /// Does one step; calls may be refused.
    fn apply(&mut self, step: Step) {
        match step {
            Step::Register { n, bond } => drop(register(n, bond)),
            Step::BondMore { n, amount } => drop(ServiceStaking::bond_more(origin(n), amount)),
            Step::Unbond { n, amount } => drop(ServiceStaking::unbond(origin(n), amount)),
            Step::Withdraw { n } => Self::withdraw(n),
            Step::Slash { n, fraction } => self.slash(n, fraction),
            Step::Commit { weights, total, mut signers, skip } => {
                signers.sort();
                signers.dedup();
                let issuance = Balances::total_issuance();
                self.next += skip;
                let lines = commit_with_total(self.next, &weights, total, &signers);
                self.lines.extend(lines);
                self.next += 1;
                let minted = Balances::total_issuance() - issuance;
                assert!(minted <= RewardPerPeriod::get());
                self.minted += minted;
            }
            Step::Claim { pick } if !self.lines.is_empty() => {
                let (entry, proof) = pick.get(&self.lines).clone();
                let (pot_before, period, node) = (pot(), entry.period, entry.node.clone());
                let claimed = Claimed::<Test>::contains_key(period, &node);
                if ServiceStaking::claim_reward(origin(90), entry, proof).is_ok() {
                    assert!(!claimed, "paid twice");
                    self.paid += pot_before - pot();
                }
            }
            Step::Claim { .. } => {}
            Step::ClaimAsAnchor { n, period } => {
                let pot_before = pot();
                let _ = ServiceStaking::claim_anchor_reward(origin(n), period);
                self.paid += pot_before - pot();
            }
            Step::PayRent { n, amount } => {
                if ServiceStaking::pay_rent(&account(n), amount).is_ok() {
                    self.rent += amount;
                }
            }
            Step::Govern { reward, anchors, history } => {
                RewardPerPeriod::set(reward);
                AnchorShare::set(anchors);
                RewardHistory::set(history);
            }
            Step::Wait { blocks } => run_to(System::block_number() + blocks),
        }
    }

    /// Only what is due is released.
    fn withdraw(n: u8) {
        let Some(node) = Nodes::<Test>::get(account(n)) else { return };
        let now = System::block_number();
        let due: Balance =
            node.unbonding.iter().filter(|chunk| chunk.release_at <= now).map(|chunk| chunk.amount).sum();
        let before = held(n);
        let _ = ServiceStaking::withdraw(origin(n));
        assert_eq!(before - held(n), due);
    }

    fn slash(&mut self, n: u8, fraction: Permill) {
        let (stake, issuance) = (ServiceStaking::slashable(&account(n)), Balances::total_issuance());
        if let Ok(slashed) = ServiceStaking::slash(&account(n), fraction) {
            assert!(slashed <= stake && slashed >= fraction.mul_floor(stake));
            assert_eq!(issuance - Balances::total_issuance(), slashed);
            assert_eq!(ServiceStaking::slashable(&account(n)), stake - slashed);
            self.burned += slashed;
        }
    }

    fn check(&self, issuance: Balance) {
        ServiceStaking::do_try_state().unwrap();
        assert_eq!(Balances::total_issuance() + self.burned, issuance + self.minted);
        assert!(self.paid <= self.minted + self.rent);
        assert_eq!(pot(), EXISTENTIAL_DEPOSIT + self.minted + self.rent - self.paid);
        for n in 1..=NODES {
            assert_eq!(held(n), ServiceStaking::slashable(&account(n)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..Default::default() })]

    #[test]
    fn the_books_balance(steps in vec(step(), 1..60)) {
        ExtBuilder::build().execute_with(|| {
            let issuance = Balances::total_issuance();
            let mut books = Books::default();
            for step in steps {
                books.apply(step);
                books.check(issuance);
            }
        });
    }
}
