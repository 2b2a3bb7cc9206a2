//! # SLA registry pallet
//!
//! Service level agreements from proposal to end.
//!
//! ## Pallet API
//!
//! See the [`pallet`] module for more information about the interfaces this pallet exposes, including its configuration
//! trait, dispatchables, storage items, events and errors.
//!
//! ## Overview
//!
//! A service node earns by keeping promises about how well it serves: how often it answers, how fast, how much. Such a
//! set of numbers is a *service level agreement*. This pallet is where a node and the network's watchers (the
//! *anchors*) agree on one, where everybody can read which agreement is in force, and which says what a broken promise
//! costs.
//!
//! 1. The node **proposes** numbers within one of the network's *templates*. A template says what is the least to
//!    promise, how much weight it has when rewards are shared, and what breaking the promise costs.
//! 2. One anchor at a time is asked. It **accepts** the proposal, or **counters** with other numbers, which the node
//!    then accepts (or it proposes anew). An anchor that keeps silent loses its turn to the next.
//! 3. The anchors **test** whether the node really can do what it promises. More than two thirds of them must sign the
//!    result.
//! 4. After a passed test the node **activates** the agreement, and is held to it from the next period on. After a
//!    failed one it proposes again when it is better prepared. Every step has its deadline; a negotiation that misses
//!    one has lapsed.
//! 5. To change its numbers, a node **renegotiates**: it goes through the same steps again, while the old numbers stay
//!    in force.
//! 6. A node that has to be repaired declares **maintenance** beforehand, for a few periods. What it misses in them
//!    costs nothing.
//! 7. A promise broken for several periods in a row is a *persistent breach*. It costs the part of the stake that the
//!    agreement says. With the first the node stands **breached**; with a second soon after it is **suspended**: it is
//!    given no work until it negotiated and was tested anew.
//! 8. The node **ends** the agreement when it likes. What it did until then can still be reported.
//!
//! ## Example
//!
//! An agreement from proposal to end, out of this pallet's tests:
#![doc = docify::embed!("src/tests.rs", an_agreement_from_proposal_to_end)]
//!
//! ## Low-level details
//!
//! * **Steps** are those of [`Step`](smartlayer_primitives::agreement::Step): nothing → Proposed ⇄ Countered → Accepted
//!   → Tested → in force. A proposal replaces any negotiation, at whatever step it is.
//! * **Deadlines.** A proposal lapses after [`Config::ProposalLifetime`]; within it, each anchor has
//!   [`Config::AnswerInterval`] blocks for itself, in an order that is decided by the period's randomness and the
//!   node's account ([`answering`](smartlayer_primitives::duty::answering)); after the last it is the first one's turn
//!   again. Proposing over and over in one period asks the same anchor again; a node that wants a certain one can only
//!   wait for a period whose randomness asks it first. Every other step has [`Config::StepTimeout`].
//! * **An anchor answers what is on the table when its call is executed.** A node may have proposed anew in the
//!   meantime; whatever was accepted, it is within its template, and the anchors test it as it is.
//! * **One set of terms a period.** What is activated in a period holds from the next one on, and what it replaces (or
//!   what the node ends) holds to the end of the running one. Terms that were replaced or ended before their first
//!   period never held.
//! * **Former terms** are kept until no report of their last period can lead to a slash any more: it was committed
//!   [`Config::ReportWindow`] blocks ago, or it is [`Config::History`] periods old and will never be committed. Only
//!   one set of former terms is kept, so until then terms that held can be neither replaced nor ended again
//!   ([`Error::TermsStillReportable`]). Neither ending nor renegotiating makes a slash go away.
//! * **Terms are a copy**: weight and penalties are the template's at the moment of the proposal or counter, so nothing
//!   that happens to templates changes an agreement.
//! * **A test result is for the terms it names.** It must be of the running period or the one before, and of a later
//!   period than the last result recorded for the node ([`LastTest`]): one result a node and period, so that an old
//!   result, good or bad, can't be brought twice.
//! * **Penalties.** A committed line of a report counts by the terms that held for its period, unless the node had
//!   declared maintenance for it. A breach is persistent in its `persistent_after`-th period and in every
//!   `persistent_after`-th after that: a lasting breach costs its share once for each such stretch, not once a period.
//! * **Standing** is of the terms in force. Breached turns to suspended by a persistent breach at most
//!   [`Config::Probation`] periods from the last one; a node that kept its promise for longer stands good again. Terms
//!   that come into force begin with a good standing: the node was tested for them.
//! * **Suspended** means no work and no reward for it. Terms of a suspended node hold on for reports, or suspension
//!   would end the liability.
//! * **Stake.** Proposing and activating need the minimum stake, and without it no terms count as active. Anyone may
//!   [`expire`](Call::expire) the agreement of a node whose stake has fallen below it. Expiry is also what removes
//!   lapsed negotiations and what no report can reach any more; whatever is left of an agreement then is nothing, and
//!   the entry is gone.
//! * **Templates** come from the genesis state and from [`set_template`](Call::set_template). In the genesis state a
//!   template's number is its position.
//! * **Bounds.** One agreement and one last test a node; an agreement has at most four declared maintenances. Nothing
//!   iterates but over those and the active anchors.

#![cfg_attr(not(feature = "std"), no_std)]
// What runs on the chain never panics and never wraps.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod benchmarking;
mod impls;
mod judgement;
#[cfg(test)]
mod mock;
mod negotiation;
mod tenure;
#[cfg(test)]
mod tests;
#[cfg(any(feature = "std", feature = "try-runtime"))]
// Checks that only tests and try-runtime run.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
mod try_state;
// Sums of constants.
#[allow(clippy::arithmetic_side_effects)]
pub mod weights;

pub use pallet::*;
pub use weights::WeightInfo;

/// Service level agreements from proposal to end.
// FRAME's macros write `expect` where the metadata and the genesis state are made.
#[allow(clippy::expect_used)]
#[frame_support::pallet]
pub mod pallet {
    use super::WeightInfo;
    use alloc::vec::Vec;
    use frame_support::pallet_prelude::*;
    use frame_system::pallet_prelude::*;
    use smartlayer_primitives::{
        agreement::{Agreement, Standing},
        quorum::QuorumCertificate,
        sla::{Objectives, Template, Terms, TestResult},
        traits::{Anchors, ServiceNodes, Snapshots},
        AccountId, BlockNumber, Hash, Period, TemplateId,
    };
    use sp_runtime::traits::{Header, HeaderProvider};

    const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

    /// What the pallet needs from the runtime.
    #[pallet::config]
    pub trait Config:
        frame_system::Config<
        AccountId = AccountId,
        Hash = Hash,
        Block: HeaderProvider<HeaderT: Header<Number = BlockNumber>>,
    >
    {
        /// Who may set templates: governance.
        type AdminOrigin: EnsureOrigin<Self::RuntimeOrigin>;

        /// Knows which accounts are service nodes, who acts for them, and whether they hold the minimum stake.
        type ServiceNodes: ServiceNodes;

        /// The active anchors: who may accept and counter, and whose quorum makes a test result count.
        type Anchors: Anchors;

        /// Knows the running period, when periods were committed, and their randomness.
        type Snapshots: Snapshots;

        /// How many blocks an anchor has to answer a proposal before it is the next one's turn. Zero counts as one.
        type AnswerInterval: Get<BlockNumber>;

        /// How many blocks a proposal waits for an answer by any anchor until it has lapsed. Zero counts as one.
        type ProposalLifetime: Get<BlockNumber>;

        /// How many blocks each later step may take (the node's answer to a counter, the anchors' test, the activation)
        /// until the negotiation has lapsed. Zero counts as one.
        type StepTimeout: Get<BlockNumber>;

        /// For how many blocks after its commitment a period can be reported. Must be what `service-staking` goes by,
        /// or more.
        type ReportWindow: Get<BlockNumber>;

        /// How many periods that ended can still be committed. Must be what `commitment-snapshots` keeps, or more.
        type History: Get<Period>;

        /// How many periods a persistent breach counts against the node: with another so near to it the node is
        /// suspended.
        type Probation: Get<Period>;

        /// For how many periods in any [`Config::MaintenanceSpan`] in a row a node may declare maintenance.
        type MaxMaintenance: Get<Period>;

        /// The periods in a row that [`Config::MaxMaintenance`] is counted over, and how far ahead maintenance is
        /// declared at most. Zero counts as one.
        type MaintenanceSpan: Get<Period>;

        /// What the calls cost.
        type WeightInfo: WeightInfo;
    }

    /// The pallet.
    #[pallet::pallet]
    #[pallet::storage_version(STORAGE_VERSION)]
    pub struct Pallet<T>(_);

    /// The master templates, by number. Written by the genesis state and by [`Call::set_template`].
    #[pallet::storage]
    pub type Templates<T: Config> = StorageMap<_, Twox64Concat, TemplateId, Template>;

    /// Each node's one agreement: what is in force, what is negotiated, what was in force before, declared maintenance.
    ///
    /// Inserted by [`Call::propose`]; changed by every other call but [`Call::set_template`], and by breaches; removed
    /// by [`Call::end`], [`Call::expire`], and [`Call::record_test`] when nothing is left in it.
    ///
    /// Keyed by an opaque hash: anyone can become a node under an account of their choice.
    #[pallet::storage]
    pub type Agreements<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, Agreement>;

    /// The period of the last test result that was recorded for a node.
    ///
    /// Written by [`Call::record_test`]. Outlives the agreement, or the result could be brought again; removed by
    /// [`Call::expire`] and [`Call::end`] when the result is too old for that and no agreement is left.
    #[pallet::storage]
    pub type LastTest<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, Period>;

    /// What the registry starts with.
    #[pallet::genesis_config]
    #[derive(frame_support::DefaultNoBound)]
    pub struct GenesisConfig<T: Config> {
        /// The master templates; a template's number is its position. Breaches must become persistent after at least
        /// one period.
        pub templates: Vec<Template>,
        #[serde(skip)]
        #[doc(hidden)]
        pub _config: PhantomData<T>,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
        fn build(&self) {
            for (number, template) in (0..=TemplateId::MAX).zip(&self.templates) {
                assert!(template.penalty.persistent_after > 0, "template {number}: persistentAfter must be at least 1");
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
        /// The anchors attested that the node failed its test; the negotiation is over, and what is in force stays.
        TestFailed {
            /// The node.
            node: AccountId,
            /// The period in which it was tested.
            period: Period,
        },
        /// Terms came into force. They replace those in force before.
        Activated {
            /// The node.
            node: AccountId,
            /// What is in force.
            terms: Terms,
            /// The first period that they hold for.
            since: Period,
        },
        /// The node ended its agreement and its negotiation.
        Ended {
            /// The node.
            node: AccountId,
            /// The first period for which it is held to nothing.
            until: Period,
        },
        /// A negotiation was removed because a step was not taken in time, or because the node's stake is below the
        /// minimum.
        Lapsed {
            /// The node.
            node: AccountId,
        },
        /// A node's terms in force were ended because its stake is below the minimum.
        Expired {
            /// The node.
            node: AccountId,
            /// The first period for which it is held to nothing.
            until: Period,
        },
        /// Former terms, past maintenance or a test result of a node that nothing can refer to any more were removed.
        Forgotten {
            /// The node.
            node: AccountId,
        },
        /// A node declared maintenance.
        MaintenanceDeclared {
            /// The node.
            node: AccountId,
            /// The first period of it.
            from: Period,
            /// How many.
            periods: Period,
        },
        /// A persistent breach changed how a node stands.
        StandingChanged {
            /// The node.
            node: AccountId,
            /// How it stands now.
            standing: Standing,
        },
        /// A template was added or replaced. Agreements keep the terms that they have.
        TemplateSet {
            /// Its number.
            number: TemplateId,
            /// What it says.
            template: Template,
        },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// The origin acts for no service node. Sign with a registered node's account or its service key.
        NotANode,
        /// The origin acts for no active anchor. Sign with an active organisation's account or its signing key.
        NotAnAnchor,
        /// It is another anchor's turn to answer. Ask the view function `answering` whose, and wait.
        NotYourTurn,
        /// The node's stake is below the minimum. Bond more first.
        NotBonded,
        /// There is nothing to remove: the stake suffices, nothing lapsed, and reports can still refer to all that is
        /// kept. Only the node itself may end its agreement.
        NothingToExpire,
        /// There is no template of this number. Choose one out of `Templates`.
        NoSuchTemplate,
        /// A template's breaches would be persistent after zero periods. Say at least one.
        NeverPersistent,
        /// The objectives are below the template's floor. Promise at least the floor in every respect.
        TermsOutsideTemplate,
        /// The node has no agreement. It makes one with `propose`.
        NoAgreement,
        /// The negotiation's step was not taken in time. The node proposes anew.
        Lapsed,
        /// There is no proposal of the node to answer: it was answered already. See the negotiation's step.
        NotProposed,
        /// There is no counter to accept. See the negotiation's step.
        NotCountered,
        /// No test is due: the terms are not agreed yet, or the test was recorded already. See the negotiation's step.
        NotAccepted,
        /// The test was not passed yet. Wait for the anchors to record it.
        NotTested,
        /// The result is for other terms than the agreement's. Test the node at the agreement's terms.
        OtherTerms,
        /// The result is neither of the running period nor of the one before. Test again.
        StaleResult,
        /// A result of this or a later period was recorded for the node already. Test again in the next period.
        AlreadyTested,
        /// The node's former terms can still be reported, and only one set of them is kept. Wait until the report
        /// window of their last period is over.
        TermsStillReportable,
        /// The node has no terms in force. Maintenance is for nodes that have; activate an agreement first.
        NotInForce,
        /// The maintenance has no period. Declare at least one.
        MaintenanceEmpty,
        /// The maintenance begins in the running period or before. Declare it for later periods.
        MaintenanceNotAhead,
        /// The maintenance ends more than a `MaintenanceSpan` ahead. Declare it later.
        MaintenanceTooFar,
        /// The maintenance has a period in common with one declared before. Declare only what is new.
        MaintenanceOverlaps,
        /// More than `MaxMaintenance` of some `MaintenanceSpan` periods in a row would be maintenance. Declare less, or
        /// for later.
        MaintenanceTooMuch,
        /// Four maintenances are kept already. Wait until the oldest can't be reported any more, and declare fewer,
        /// longer ones.
        MaintenanceTooMany,
        /// The certificate is of another anchor set than the current one. Collect the signatures again.
        QuorumOtherSet,
        /// The certificate's bitmap has the wrong length or names a member that is not there. Build it from the current
        /// set.
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
        /// Weight and penalties are the template's. Replaces any negotiation, at whatever step it is: an earlier
        /// proposal, a counter that the node does not accept, one that lapsed. What is in force stays so until the new
        /// terms are activated.
        ///
        /// ## Errors
        ///
        /// [`Error::NotANode`], [`Error::NotBonded`], [`Error::NoSuchTemplate`], [`Error::TermsOutsideTemplate`].
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
        /// Signed by the account or the signing key of the active anchor whose turn it is to answer.
        ///
        /// ## Details
        ///
        /// Weight and penalties are the template's. The node accepts the counter, or proposes anew.
        ///
        /// ## Errors
        ///
        /// [`Error::NotAnAnchor`], [`Error::NoAgreement`], [`Error::NotProposed`], [`Error::Lapsed`],
        /// [`Error::NotYourTurn`], [`Error::NoSuchTemplate`], [`Error::TermsOutsideTemplate`].
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
        /// Signed by the account or the signing key of the active anchor whose turn it is to answer.
        ///
        /// ## Details
        ///
        /// The anchors test the node next.
        ///
        /// ## Errors
        ///
        /// [`Error::NotAnAnchor`], [`Error::NoAgreement`], [`Error::NotProposed`], [`Error::Lapsed`],
        /// [`Error::NotYourTurn`].
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
        /// [`Error::NotANode`], [`Error::NoAgreement`], [`Error::NotCountered`], [`Error::Lapsed`].
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
        /// `certificate` proves that more than two thirds of the active anchors attested the payload hash of `result`.
        /// The result must be for exactly the agreed terms, of the running period or the one before, and of a later
        /// period than any result recorded for the node before. A passed test lets the node activate; a failed one
        /// removes the negotiation, while terms in force stay.
        ///
        /// ## Errors
        ///
        /// [`Error::NoAgreement`], [`Error::NotAccepted`], [`Error::Lapsed`], [`Error::OtherTerms`],
        /// [`Error::StaleResult`], [`Error::AlreadyTested`], [`Error::QuorumOtherSet`], [`Error::QuorumBadBitmap`],
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

        /// Bring tested terms into force.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the node's account or its service key.
        ///
        /// ## Details
        ///
        /// The node must hold the minimum stake at this moment. From this block on it can be given work under the
        /// terms; it is held to them from the next period on. Terms that were in force hold to the end of the running
        /// period, and stay known as long as they can be reported. The node's standing is good.
        ///
        /// ## Errors
        ///
        /// [`Error::NotANode`], [`Error::NotBonded`], [`Error::NoAgreement`], [`Error::NotTested`], [`Error::Lapsed`],
        /// [`Error::TermsStillReportable`].
        ///
        /// ## Events
        ///
        /// [`Event::Activated`].
        #[pallet::call_index(5)]
        #[pallet::weight(T::WeightInfo::activate())]
        pub fn activate(origin: OriginFor<T>) -> DispatchResult {
            Self::do_activate(ensure_signed(origin)?)
        }

        /// End the agreement and any negotiation.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the node's account or its service key.
        ///
        /// ## Details
        ///
        /// From this block on the node is given no work, and from the next period on it is held to nothing. What it did
        /// until then can still be reported, and slashed by the terms that it ended. It may propose anew at once, but
        /// the test of new terms must be of a later period than its last one.
        ///
        /// ## Errors
        ///
        /// [`Error::NotANode`], [`Error::NoAgreement`] (also when only former terms are left),
        /// [`Error::TermsStillReportable`].
        ///
        /// ## Events
        ///
        /// [`Event::Ended`].
        #[pallet::call_index(6)]
        #[pallet::weight(T::WeightInfo::end())]
        pub fn end(origin: OriginFor<T>) -> DispatchResult {
            Self::do_end(ensure_signed(origin)?)
        }

        /// Remove what does not count any more of a node's agreement.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by anyone.
        ///
        /// ## Details
        ///
        /// That is: a negotiation that lapsed; when the stake is below the minimum, any negotiation and the terms in
        /// force, since nothing at risk would make the node keep them (they stay reportable, as when the node ends
        /// them); former terms and maintenance that no report can reach any more; the last test's period when nothing
        /// else is left and the result is too old to be brought again.
        ///
        /// ## Errors
        ///
        /// [`Error::NoAgreement`], [`Error::NothingToExpire`], [`Error::TermsStillReportable`].
        ///
        /// ## Events
        ///
        /// [`Event::Lapsed`], [`Event::Expired`], [`Event::Forgotten`]: for each of those that applies.
        #[pallet::call_index(7)]
        #[pallet::weight(T::WeightInfo::expire())]
        pub fn expire(origin: OriginFor<T>, node: AccountId) -> DispatchResult {
            ensure_signed(origin)?;
            Self::do_expire(node)
        }

        /// Declare that the node will not serve for `periods` periods, the first of them `from`.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the node's account or its service key.
        ///
        /// ## Details
        ///
        /// Only for periods that did not begin yet, at most a [`Config::MaintenanceSpan`] ahead, and at most
        /// [`Config::MaxMaintenance`] periods in any such span. What a report says of a period in maintenance costs
        /// nothing. A declaration can't be taken back.
        ///
        /// ## Errors
        ///
        /// [`Error::NotANode`], [`Error::NoAgreement`], [`Error::NotInForce`], [`Error::MaintenanceEmpty`],
        /// [`Error::MaintenanceNotAhead`], [`Error::MaintenanceTooFar`], [`Error::MaintenanceOverlaps`],
        /// [`Error::MaintenanceTooMuch`], [`Error::MaintenanceTooMany`].
        ///
        /// ## Events
        ///
        /// [`Event::MaintenanceDeclared`].
        #[pallet::call_index(8)]
        #[pallet::weight(T::WeightInfo::declare_maintenance())]
        pub fn declare_maintenance(origin: OriginFor<T>, from: Period, periods: Period) -> DispatchResult {
            Self::do_declare_maintenance(ensure_signed(origin)?, from, periods)
        }

        /// Add a master template, or replace one.
        ///
        /// ## Dispatch Origin
        ///
        /// [`Config::AdminOrigin`].
        ///
        /// ## Details
        ///
        /// Terms that were proposed, agreed or activated before keep the weight and the penalties that they have; a
        /// counter from now on is within the new template.
        ///
        /// ## Errors
        ///
        /// [`Error::NeverPersistent`].
        ///
        /// ## Events
        ///
        /// [`Event::TemplateSet`].
        #[pallet::call_index(9)]
        #[pallet::weight(T::WeightInfo::set_template())]
        pub fn set_template(origin: OriginFor<T>, number: TemplateId, template: Template) -> DispatchResult {
            T::AdminOrigin::ensure_origin(origin)?;
            Self::do_set_template(number, template)
        }
    }

    #[pallet::view_functions]
    impl<T: Config> Pallet<T> {
        /// All that is kept of a node's agreement: in force, negotiated, former, maintenance.
        pub fn agreement(node: AccountId) -> Option<Agreement> {
            Agreements::<T>::get(node)
        }

        /// The terms under which a node is given work: in force, not suspended, and backed by the minimum stake.
        pub fn active_terms(node: AccountId) -> Option<Terms> {
            <Self as smartlayer_primitives::traits::Agreements>::active_terms(&node)
        }

        /// The anchor whose turn it is to answer a node's proposal, if there is one to answer.
        pub fn answering(node: AccountId) -> Option<AccountId> {
            Agreements::<T>::get(&node)
                .and_then(|agreement| agreement.negotiation)
                .and_then(|negotiation| Self::answering_in(&node, &negotiation))
        }

        /// How a node with terms in force stands now. A breach that is longer ago than [`Config::Probation`] periods
        /// does not count any more.
        pub fn standing(node: AccountId) -> Option<Standing> {
            Agreements::<T>::get(node)
                .and_then(|agreement| agreement.in_force)
                .map(|in_force| Self::standing_at(in_force.standing, T::Snapshots::current_period()))
        }
    }
}
