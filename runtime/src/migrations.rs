//! What changes the state when a new version of the runtime takes over a running chain.
//!
//! A pallet's storage version rises with every change of how it keeps its state. With it comes a migration, which a chain runs
//! in the first block under the new code, and which a release keeps until every chain has run it:
//!
//! ```ignore
//! pub type Migrations = (frame_support::migrations::VersionedMigration<0, 1, Inner, pallet_anchors::Pallet<Runtime>, DbWeight>,);
//! ```
//!
//! `Inner` is an `UncheckedOnRuntimeUpgrade` with `pre_upgrade` and `post_upgrade`; what they check, and the `try_state` of all pallets
//! afterwards, is run over a live chain's state by `try-runtime on-runtime-upgrade --checks all` with a runtime built with
//! `--features try-runtime`. What does not fit one block is not for here: that takes pallet-migrations.

/// The migrations of this release, in the order in which they run. The chains that exist begin with this state.
pub type Migrations = ();
