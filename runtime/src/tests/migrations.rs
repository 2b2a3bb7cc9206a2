//! Upgrades of a chain that runs the last release.

use frame_support::traits::{GetStorageVersion, PalletInfoAccess, StorageVersion};

use super::*;

/// What the last release keeps its state under. A test fails when a pallet's version rises and no migration leads there; with a
/// release these follow.
const RELEASED: [(&str, u16); 6] = [
    ("Anchors", 0),
    ("CommitmentSnapshots", 1),
    ("PromiseSettlement", 1),
    ("ServiceStaking", 0),
    ("SlaRegistry", 1),
    ("SmartTokens", 0),
];

/// Puts the pallet's state under the released version; afterwards says whether an upgrade led to what the code wants.
fn of_release<P: PalletInfoAccess + GetStorageVersion<InCodeStorageVersion = StorageVersion>>() -> impl Fn() {
    let (_, released) = RELEASED.iter().find(|(name, _)| *name == P::name()).expect("every own pallet is listed");
    StorageVersion::new(*released).put::<P>();
    || assert_eq!(P::on_chain_storage_version(), P::in_code_storage_version(), "{} is not migrated", P::name())
}

#[test]
fn migrations_lead_to_the_versions_that_the_code_wants() {
    genesis("development").execute_with(|| {
        let pallets: [Box<dyn Fn()>; 6] = [
            Box::new(of_release::<Anchors>()),
            Box::new(of_release::<CommitmentSnapshots>()),
            Box::new(of_release::<PromiseSettlement>()),
            Box::new(of_release::<ServiceStaking>()),
            Box::new(of_release::<SlaRegistry>()),
            Box::new(of_release::<SmartTokens>()),
        ];
        let weight = Executive::execute_on_runtime_upgrade();
        pallets.iter().for_each(|is_migrated| is_migrated());
        let block = <Runtime as frame_system::Config>::BlockWeights::get().max_block;
        assert!(weight.all_lt(block), "{weight} is more than a block has");
    });
}
