//! What transactions cost, and who gets it.

use frame_support::{
    pallet_prelude::ValueQuery,
    parameter_types,
    traits::{
        fungible::{Balanced, Credit, Unbalanced},
        tokens::Precision,
        ConstU128, ConstU8, Imbalance, OnUnbalanced, PostTransactions,
    },
    weights::{ConstantMultiplier, IdentityFee},
};
use pallet_transaction_payment::{FungibleAdapter, Multiplier, TargetedFeeAdjustment};
use sp_runtime::{FixedPointNumber, Perquintill};

use crate::{AccountId, Authorship, Balance, Balances, Runtime, RuntimeEvent};

/// What a byte of a transaction costs: 1 µSLT.
const PLANCK_PER_BYTE: Balance = 1_000_000;

parameter_types! {
    /// Blocks fuller than this raise the fee, emptier ones lower it.
    pub const TargetFullness: Perquintill = Perquintill::from_percent(25);
    /// How fast: at most 0.1% or so a block.
    pub AdjustmentVariable: Multiplier = Multiplier::saturating_from_rational(75, 1_000_000);
    /// An empty chain never charges less than the plain price.
    pub MinimumMultiplier: Multiplier = Multiplier::saturating_from_integer(1);
    /// A stuffed one never more than a thousand times that.
    pub MaximumMultiplier: Multiplier = Multiplier::saturating_from_integer(1_000);
}

/// Gives the block's fees and tips to its author, once, after its last transaction: that is cheaper than with each. Nothing is burned
/// here, so that total issuance tells what promises burned and rewards minted.
pub struct ToAuthor;

/// The fees of the running block so far. They are part of the issuance, in nobody's account until the author is paid.
#[frame_support::storage_alias]
type BlockFees = StorageValue<Fees, Balance, ValueQuery>;

impl OnUnbalanced<Credit<AccountId, Balances>> for ToAuthor {
    fn on_nonzero_unbalanced(amount: Credit<AccountId, Balances>) {
        BlockFees::mutate(|fees| *fees = fees.saturating_add(amount.peek()));
        // Dropped, it would lower the issuance.
        core::mem::forget(amount);
    }
}

impl PostTransactions for ToAuthor {
    fn post_transactions() {
        let fees = BlockFees::take();
        if fees == 0 {
            return;
        }
        let author = Authorship::author();
        match author.filter(|author| Balances::increase_balance(author, fees, Precision::Exact).is_ok()) {
            Some(author) => <Balances as Balanced<AccountId>>::done_deposit(&author, fees),
            // The fees are below the existential deposit and the author's account is empty: then they are burned.
            None => Balances::set_total_issuance(Balances::total_issuance().saturating_sub(fees)),
        }
    }
}

impl pallet_transaction_payment::Config for Runtime {
    type FeeMultiplierUpdate =
        TargetedFeeAdjustment<Runtime, TargetFullness, AdjustmentVariable, MinimumMultiplier, MaximumMultiplier>;
    type LengthToFee = ConstantMultiplier<Balance, ConstU128<PLANCK_PER_BYTE>>;
    type OnChargeTransaction = FungibleAdapter<Balances, ToAuthor>;
    type OperationalFeeMultiplier = ConstU8<5>;
    type RuntimeEvent = RuntimeEvent;
    type WeightInfo = pallet_transaction_payment::weights::SubstrateWeight<Runtime>;
    // A picosecond of reference time costs a planck, a whole second 1 SLT; a transfer comes to some 0.0003 SLT.
    type WeightToFee = IdentityFee<Balance>;
}
