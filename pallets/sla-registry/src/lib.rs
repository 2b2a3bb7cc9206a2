//! # SLA registry pallet
//!
//! Service level agreements from proposal to end.
//!
//! ## Pallet API
//!
//! See the [`pallet`] module for more information about the interfaces this pallet exposes, including its configuration trait,
//! dispatchables, storage items, events and errors.
//!
//! ## Overview
//!
//! A service node earns by keeping promises about how well it serves: how often it answers, how fast, how much. Such a set of
//! numbers is a *service level agreement*. This pallet is where a node and the network's watchers (the *anchors*) agree on one,
//! and where everybody can read which agreement is in force.
//!
//! 1. The node **proposes** numbers within one of the network's *templates*. A template says what is the least to promise, how
//!    much weight it has when rewards are shared, and what breaking the promise costs.
//! 2. An anchor **accepts** the proposal, or **counters** with other numbers, which the node then accepts (or it proposes anew).
//! 3. The anchors **test** whether the node really can do what it promises. More than two thirds of them must sign the result.
//! 4. After a passed test the node **activates** the agreement. After a failed one the agreement is gone, and the node proposes
//!    again when it is better prepared.
//! 5. The node **ends** the agreement whenever it likes. To change its numbers it ends the agreement and proposes again.
//!
//! ## Example
//!
//! An agreement from proposal to end, out of this pallet's tests:
#![doc = docify::embed!("src/tests.rs", an_agreement_from_proposal_to_end)]
//!
//! ## Low-level details
//!
//! * **Stages** are those of [`Stage`](smartlayer_primitives::agreement::Stage): nothing → Proposed ⇄ Countered → Accepted → Tested →
//!   Active → nothing. A proposal replaces a proposal or a counter; from Accepted on, the node must end first.
//! * **Terms are a copy**: weight and penalties are the template's at the moment of the proposal or counter, so nothing that
//!   happens to templates changes an agreement.
//! * **A test result is for the terms it names.** It must be of the running period or the one before, and of a later period than the
//!   last result recorded for the node ([`LastTest`]): one result a node and period, so that an old result, good or bad, can't be
//!   brought twice.
//! * **Stake.** Proposing and activating need the minimum stake. When a node's stake has fallen below it, anyone may
//!   [`expire`](Call::expire) its agreement: without stake there is nothing to make it keep its word.
//! * **Templates** come from the genesis state; a template's number is its position there.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod impls;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;
pub mod weights;

pub use pallet::*;
pub use weights::WeightInfo;

#[frame_support::pallet]
pub mod pallet {
    use super::WeightInfo;
    use alloc::vec::Vec;
    use frame_support::pallet_prelude::*;
    use frame_system::pallet_prelude::*;
    use smartlayer_primitives::{
        agreement::Agreement,
        quorum::QuorumCertificate,
        sla::{Objectives, Template, Terms, TestResult},
        traits::{Anchors, ServiceNodes, Snapshots},
        AccountId, BlockNumber, Hash, Period, TemplateId,
    };
    use sp_runtime::traits::{Header, HeaderProvider};

    const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

    #[pallet::config]
    pub trait Config:
        frame_system::Config<
        AccountId = AccountId,
        Hash = Hash,
        Block: HeaderProvider<HeaderT: Header<Number = BlockNumber>>,
    >
    {
        /// Knows which accounts are service nodes, who acts for them, and whether they hold the minimum stake.
        type ServiceNodes: ServiceNodes;

        /// The active anchors: who may accept and counter, and whose quorum makes a test result count.
        type Anchors: Anchors;

        /// Knows the running period.
        type Snapshots: Snapshots;

        /// What the calls cost.
        type WeightInfo: WeightInfo;
    }

    #[pallet::pallet]
    #[pallet::storage_version(STORAGE_VERSION)]
    pub struct Pallet<T>(_);

    /// The master templates. Written by the genesis state only.
    #[pallet::storage]
    pub type Templates<T: Config> = StorageMap<_, Twox64Concat, TemplateId, Template>;

    /// Each node's one agreement.
    ///
    /// Inserted or replaced by [`Call::propose`]; changed by [`Call::counter`], [`Call::accept_proposal`],
    /// [`Call::accept_counter`], [`Call::record_test`] and [`Call::activate`]; removed by [`Call::end`], [`Call::expire`], and
    /// [`Call::record_test`] when the test was failed.
    #[pallet::storage]
    pub type Agreements<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, Agreement>;

    /// The period of the last test result that was recorded for a node. Written by [`Call::record_test`]; kept after the agreement
    /// ends, or the result could be brought again.
    #[pallet::storage]
    pub type LastTest<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, Period>;

    /// What the registry starts with.
    #[pallet::genesis_config]
    #[derive(frame_support::DefaultNoBound)]
    pub struct GenesisConfig<T: Config> {
        /// The master templates; a template's number is its position.
        pub templates: Vec<Template>,
        #[serde(skip)]
        #[doc(hidden)]
        pub _config: PhantomData<T>,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
        fn build(&self) {
            for (number, template) in (0..=TemplateId::MAX).zip(&self.templates) {
                Templates::<T>::insert(number, template);
            }
        }
    }

    #[pallet::event]
    #[pallet::generate_deposit(pub(crate) fn deposit_event)]
    pub enum Event<T: Config> {
        /// A node proposed terms.
        Proposed {
            /// The node.
            node: AccountId,
            /// What it proposed.
            terms: Terms,
        },
        /// An anchor countered a proposal.
        Countered {
            /// The node.
            node: AccountId,
            /// The anchor.
            by: AccountId,
            /// What it proposed instead.
            terms: Terms,
        },
        /// Both sides agree; the serviceability test is due.
        Accepted {
            /// The node.
            node: AccountId,
            /// What was agreed.
            terms: Terms,
        },
        /// The anchors attested that the node passed its test; it may activate.
        TestPassed {
            /// The node.
            node: AccountId,
            /// The period in which it was tested.
            period: Period,
        },
        /// The anchors attested that the node failed its test; the agreement is gone.
        TestFailed {
            /// The node.
            node: AccountId,
            /// The period in which it was tested.
            period: Period,
        },
        /// An agreement came into force.
        Activated {
            /// The node.
            node: AccountId,
            /// What is in force.
            terms: Terms,
        },
        /// The node ended its agreement, at whatever stage it was.
        Ended {
            /// The node.
            node: AccountId,
        },
        /// A node's agreement was removed because its stake is below the minimum.
        Expired {
            /// The node.
            node: AccountId,
        },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// The origin acts for no service node. Sign with a registered node's account or its service key.
        NotANode,
        /// The origin acts for no active anchor. Sign with an active organisation's account or its signing key.
        NotAnAnchor,
        /// The node's stake is below the minimum. Bond more first.
        NotBonded,
        /// The node's stake is not below the minimum, so only the node itself may end its agreement.
        StillBonded,
        /// There is no template of this number. Choose one out of `Templates`.
        NoSuchTemplate,
        /// The objectives are below the template's floor. Promise at least the floor in every respect.
        TermsOutsideTemplate,
        /// The node has no agreement. It makes one with `propose`.
        NoAgreement,
        /// The agreement is accepted, tested or active. End it, then propose anew.
        EndFirst,
        /// There is no proposal of the node to answer: it was answered already. See the agreement's stage.
        NotProposed,
        /// There is no counter to accept. See the agreement's stage.
        NotCountered,
        /// No test is due: the terms are not agreed yet, or the test was recorded already. See the agreement's stage.
        NotAccepted,
        /// The test was not passed yet. Wait for the anchors to record it.
        NotTested,
        /// The result is for other terms than the agreement's. Test the node at the agreement's terms.
        OtherTerms,
        /// The result is neither of the running period nor of the one before. Test again.
        StaleResult,
        /// A result of this or a later period was recorded for the node already. Test again in the next period.
        AlreadyTested,
        /// The certificate is of another anchor set than the current one. Collect the signatures again.
        QuorumOtherSet,
        /// The certificate's bitmap has the wrong length or names a member that is not there. Build it from the current set.
        QuorumBadBitmap,
        /// The certificate has not exactly one signature for each bit. Build it from the current set.
        QuorumSignatureCount,
        /// Not more than two thirds of the anchors signed. Collect more signatures.
        QuorumTooFew,
        /// A signature in the certificate is not its member's over this result. Leave that signature out.
        QuorumBadSignature,
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        #[cfg(feature = "try-runtime")]
        fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
            Self::do_try_state()
        }
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Propose terms: a template and objectives that are within it.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the node's account or its service key.
        ///
        /// ## Details
        ///
        /// Weight and penalties are the template's. Replaces an earlier proposal, and answers a counter that the node does not
        /// accept.
        ///
        /// ## Errors
        ///
        /// [`Error::NotANode`], [`Error::NotBonded`], [`Error::EndFirst`], [`Error::NoSuchTemplate`],
        /// [`Error::TermsOutsideTemplate`].
        ///
        /// ## Events
        ///
        /// [`Event::Proposed`].
        #[pallet::call_index(0)]
        #[pallet::weight(T::WeightInfo::propose())]
        pub fn propose(origin: OriginFor<T>, template: TemplateId, objectives: Objectives) -> DispatchResult {
            Self::do_propose(ensure_signed(origin)?, template, objectives)
        }

        /// Counter a node's proposal with other objectives within the same template.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by an active anchor's account or its signing key.
        ///
        /// ## Details
        ///
        /// Weight and penalties are the template's. The node accepts the counter, or proposes anew.
        ///
        /// ## Errors
        ///
        /// [`Error::NotAnAnchor`], [`Error::NoAgreement`], [`Error::NotProposed`], [`Error::NoSuchTemplate`],
        /// [`Error::TermsOutsideTemplate`].
        ///
        /// ## Events
        ///
        /// [`Event::Countered`].
        #[pallet::call_index(1)]
        #[pallet::weight(T::WeightInfo::counter())]
        pub fn counter(origin: OriginFor<T>, node: AccountId, objectives: Objectives) -> DispatchResult {
            Self::do_counter(ensure_signed(origin)?, node, objectives)
        }

        /// Accept a node's proposal.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by an active anchor's account or its signing key.
        ///
        /// ## Details
        ///
        /// The anchors test the node next.
        ///
        /// ## Errors
        ///
        /// [`Error::NotAnAnchor`], [`Error::NoAgreement`], [`Error::NotProposed`].
        ///
        /// ## Events
        ///
        /// [`Event::Accepted`].
        #[pallet::call_index(2)]
        #[pallet::weight(T::WeightInfo::accept_proposal())]
        pub fn accept_proposal(origin: OriginFor<T>, node: AccountId) -> DispatchResult {
            Self::do_accept_proposal(ensure_signed(origin)?, node)
        }

        /// Accept an anchor's counter.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the node's account or its service key.
        ///
        /// ## Details
        ///
        /// The anchors test the node next.
        ///
        /// ## Errors
        ///
        /// [`Error::NotANode`], [`Error::NoAgreement`], [`Error::NotCountered`].
        ///
        /// ## Events
        ///
        /// [`Event::Accepted`].
        #[pallet::call_index(3)]
        #[pallet::weight(T::WeightInfo::accept_counter())]
        pub fn accept_counter(origin: OriginFor<T>) -> DispatchResult {
            Self::do_accept_counter(ensure_signed(origin)?)
        }

        /// Record the result of a node's serviceability test.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by anyone: the certificate is what counts.
        ///
        /// ## Details
        ///
        /// `certificate` proves that more than two thirds of the active anchors attested the payload hash of `result`. The result must be
        /// for exactly the agreement's terms, of the running period or the one before, and of a later period than any result
        /// recorded for the node before. A passed test lets the node activate; a failed one removes the agreement.
        ///
        /// ## Errors
        ///
        /// [`Error::NoAgreement`], [`Error::NotAccepted`], [`Error::OtherTerms`], [`Error::StaleResult`],
        /// [`Error::AlreadyTested`], [`Error::QuorumOtherSet`], [`Error::QuorumBadBitmap`],
        /// [`Error::QuorumSignatureCount`], [`Error::QuorumTooFew`], [`Error::QuorumBadSignature`].
        ///
        /// ## Events
        ///
        /// [`Event::TestPassed`] or [`Event::TestFailed`].
        #[pallet::call_index(4)]
        #[pallet::weight(T::WeightInfo::record_test(certificate.signatures.len() as u32))]
        pub fn record_test(origin: OriginFor<T>, result: TestResult, certificate: QuorumCertificate) -> DispatchResult {
            ensure_signed(origin)?;
            Self::do_record_test(result, certificate)
        }

        /// Bring a tested agreement into force.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the node's account or its service key.
        ///
        /// ## Details
        ///
        /// The node must hold the minimum stake at this moment. The terms count from this block on.
        ///
        /// ## Errors
        ///
        /// [`Error::NotANode`], [`Error::NotBonded`], [`Error::NoAgreement`], [`Error::NotTested`].
        ///
        /// ## Events
        ///
        /// [`Event::Activated`].
        #[pallet::call_index(5)]
        #[pallet::weight(T::WeightInfo::activate())]
        pub fn activate(origin: OriginFor<T>) -> DispatchResult {
            Self::do_activate(ensure_signed(origin)?)
        }

        /// End the agreement, at whatever stage it is.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the node's account or its service key.
        ///
        /// ## Details
        ///
        /// The terms no longer count from this block on. The node may propose anew at once, but the test of new terms must be of a later
        /// period than its last one.
        ///
        /// ## Errors
        ///
        /// [`Error::NotANode`], [`Error::NoAgreement`].
        ///
        /// ## Events
        ///
        /// [`Event::Ended`].
        #[pallet::call_index(6)]
        #[pallet::weight(T::WeightInfo::end())]
        pub fn end(origin: OriginFor<T>) -> DispatchResult {
            Self::do_end(ensure_signed(origin)?)
        }

        /// Remove the agreement of a node whose stake is below the minimum.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by anyone.
        ///
        /// ## Details
        ///
        /// A node that withdrew its stake, or lost too much of it, has nothing at risk, so its agreement must not stay in force.
        ///
        /// ## Errors
        ///
        /// [`Error::NoAgreement`], [`Error::StillBonded`].
        ///
        /// ## Events
        ///
        /// [`Event::Expired`].
        #[pallet::call_index(7)]
        #[pallet::weight(T::WeightInfo::expire())]
        pub fn expire(origin: OriginFor<T>, node: AccountId) -> DispatchResult {
            ensure_signed(origin)?;
            Self::do_expire(node)
        }
    }

    #[pallet::view_functions]
    impl<T: Config> Pallet<T> {
        /// A node's agreement, at whatever stage it is.
        pub fn agreement(node: AccountId) -> Option<Agreement> {
            Agreements::<T>::get(node)
        }
    }
}
