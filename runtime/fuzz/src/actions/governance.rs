//! What happens around the own pallets: money is moved, and numbers are voted on.

use smartlayer_primitives::{Balance, SLT};
use smartlayer_runtime::{
    parameters::{
        dynamic_params::{
            anchors, commitment_snapshots, consensus, promise_settlement, service_staking, sla_registry, smart_tokens,
        },
        RuntimeParameters as P,
    },
    Runtime, RuntimeOrigin,
};
use sp_runtime::Permill;

use super::{moved, signed, Action, Must};
use crate::{cast::cast, choice::Choice, world::Memory};

/// Money is moved: much of it, sometimes all, so that accounts that others still rely on are emptied.
pub fn transfer(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let cast = cast();
    let dest = choice.pick(&cast.everybody())?.into();
    if choice.once_in(2) {
        // Who was emptied gets something to go on with.
        let value = choice.between(0, 20_000 * SLT);
        let call = pallet_balances::Call::<Runtime>::transfer_allow_death { dest, value };
        return signed(&cast.registrar, call, Must::Comply);
    }
    let from = choice.pick(&cast.everybody())?;
    if choice.once_in(4) {
        return signed(&from, pallet_balances::Call::<Runtime>::transfer_all { dest, keep_alive: false }, Must::Comply);
    }
    let value: Balance = match choice.below(3) {
        0 => choice.between(0, SLT / 50),
        1 => choice.between(0, 1_000 * SLT),
        _ => choice.between(0, 1_000_000 * SLT),
    };
    signed(&from, pallet_balances::Call::<Runtime>::transfer_allow_death { dest, value }, Must::Comply)
}

/// A governed number is set, within its bounds or outside of them.
pub fn set_parameter(choice: &mut Choice, memory: &mut Memory) -> Option<Action> {
    let blocks = Some(match choice.below(8) {
        0 => 0,
        1 => u32::MAX,
        _ => 1 + choice.below(30) as u32,
    });
    let money = Some(match choice.below(8) {
        0 => 0,
        1 => Balance::MAX,
        _ => choice.between(0, 2_000 * SLT),
    });
    let part = Some(Permill::from_parts(choice.below(1_000_001) as u32));
    let windows = choice.below(22);
    let key_value = match windows {
        0 => P::Anchors(anchors::Parameters::MinBond(anchors::MinBond, money)),
        1 => P::Anchors(anchors::Parameters::BondDelay(anchors::BondDelay, blocks)),
        2 => P::Anchors(anchors::Parameters::BountyShare(anchors::BountyShare, part)),
        3 => P::ServiceStaking(service_staking::Parameters::MinBond(service_staking::MinBond, money)),
        4 => P::ServiceStaking(service_staking::Parameters::UnbondingDelay(service_staking::UnbondingDelay, blocks)),
        5 => P::ServiceStaking(service_staking::Parameters::RewardPerPeriod(service_staking::RewardPerPeriod, money)),
        6 => P::ServiceStaking(service_staking::Parameters::RewardHistory(service_staking::RewardHistory, blocks)),
        7 => P::ServiceStaking(service_staking::Parameters::PoolRelease(service_staking::PoolRelease, part)),
        8 => P::ServiceStaking(service_staking::Parameters::SlashDeferral(service_staking::SlashDeferral, blocks)),
        9 => P::ServiceStaking(service_staking::Parameters::WriterBonus(service_staking::WriterBonus, part)),
        10 => P::PromiseSettlement(promise_settlement::Parameters::BurnRate(promise_settlement::BurnRate, part)),
        11 => P::PromiseSettlement(promise_settlement::Parameters::ChallengeWindow(
            promise_settlement::ChallengeWindow,
            blocks,
        )),
        12 => P::PromiseSettlement(promise_settlement::Parameters::StorageDeposit(
            promise_settlement::StorageDeposit,
            money,
        )),
        13 => P::PromiseSettlement(promise_settlement::Parameters::OverAllocationSlash(
            promise_settlement::OverAllocationSlash,
            part,
        )),
        14 => P::CommitmentSnapshots(commitment_snapshots::Parameters::MaxStrikes(
            commitment_snapshots::MaxStrikes,
            blocks,
        )),
        15 => P::CommitmentSnapshots(commitment_snapshots::Parameters::EquivocationSlash(
            commitment_snapshots::EquivocationSlash,
            part,
        )),
        16 => P::SlaRegistry(sla_registry::Parameters::Probation(sla_registry::Probation, blocks)),
        17 => P::SlaRegistry(sla_registry::Parameters::MaintenanceSpan(sla_registry::MaintenanceSpan, blocks)),
        18 => P::SmartTokens(smart_tokens::Parameters::DepositPerByte(smart_tokens::DepositPerByte, money)),
        19 => {
            memory.windows_changed = true;
            P::ServiceStaking(service_staking::Parameters::ReportWindow(service_staking::ReportWindow, blocks))
        }
        20 => P::CommitmentSnapshots(commitment_snapshots::Parameters::PeriodLength(
            commitment_snapshots::PeriodLength,
            blocks.map(|blocks| blocks.min(30)),
        )),
        _ => {
            // Fixed for ever.
            let fixed = P::Consensus(consensus::Parameters::SessionsPerEra(consensus::SessionsPerEra, blocks));
            return moved(RuntimeOrigin::root(), set(fixed), Must::Fail);
        }
    };
    if choice.twist(1) > 0 {
        return signed(&choice.pick(&cast().everybody())?, set(key_value), Must::Fail);
    }
    moved(RuntimeOrigin::root(), set(key_value), Must::Succeed)
}

fn set(key_value: P) -> pallet_parameters::Call<Runtime> {
    pallet_parameters::Call::set_parameter { key_value }
}
