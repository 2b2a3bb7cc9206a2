//! What transactions cost, and who gets it.

use frame_support::{
    parameter_types,
    traits::{
        fungible::{Balanced, Credit},
        ConstU128, ConstU8, OnUnbalanced,
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

/// Gives fees and tips to the author of the block. Nothing is burned here, so that total issuance tells what promises burned
/// and rewards minted.
pub struct ToAuthor;

impl OnUnbalanced<Credit<AccountId, Balances>> for ToAuthor {
    fn on_nonzero_unbalanced(amount: Credit<AccountId, Balances>) {
        if let Some(author) = Authorship::author() {
            // Fails only where the fee is below the existential deposit and the author's account is empty: then it is burned.
            let _burned = Balances::resolve(&author, amount);
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
