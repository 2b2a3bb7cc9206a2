//! How terms come into force: proposal, answer, test, activation.

use frame_support::{
    ensure,
    pallet_prelude::{DispatchError, DispatchResult, Get},
};
use smartlayer_primitives::{
    agreement::{Agreement, InForce, Negotiation, Standing, Step},
    duty,
    payload::Payload,
    quorum::QuorumCertificate,
    sla::{Objectives, Terms, TestResult},
    traits::{Anchors, ServiceNodes, Snapshots},
    AccountId, BlockNumber, Hash, TemplateId,
};

use crate::{Agreements, Config, Error, Event, LastTest, Pallet, Templates};

impl<T: Config> Pallet<T> {
    pub(crate) fn do_propose(who: AccountId, template: TemplateId, objectives: Objectives) -> DispatchResult {
        let node = Self::node_of(&who)?;
        ensure!(T::ServiceNodes::is_bonded(&node), Error::<T>::NotBonded);
        let terms = Self::terms(template, objectives)?;
        // Fixed before the period began, so that no node picks which anchor it is asked of; the same for all its
        // proposals of a period.
        let seed = T::Snapshots::seed(T::Snapshots::current_period()).unwrap_or_default();
        let negotiation = Self::step(Step::Proposed, terms, T::ProposalLifetime::get(), seed);
        Agreements::<T>::mutate(&node, |agreement| agreement.get_or_insert_default().negotiation = Some(negotiation));
        Self::deposit_event(Event::Proposed { node, terms });
        Ok(())
    }

    pub(crate) fn do_counter(who: AccountId, node: AccountId, objectives: Objectives) -> DispatchResult {
        let (by, agreement, negotiation) = Self::answer(&who, &node)?;
        let terms = Self::terms(negotiation.terms.template, objectives)?;
        Self::advance(&node, agreement, negotiation, Step::Countered { by: by.clone() }, terms);
        Self::deposit_event(Event::Countered { node, by, terms });
        Ok(())
    }

    pub(crate) fn do_accept_proposal(who: AccountId, node: AccountId) -> DispatchResult {
        let (_, agreement, negotiation) = Self::answer(&who, &node)?;
        Self::accept(node, agreement, negotiation);
        Ok(())
    }

    pub(crate) fn do_accept_counter(who: AccountId) -> DispatchResult {
        let node = Self::node_of(&who)?;
        let countered = |step: &Step| matches!(step, Step::Countered { .. });
        let (agreement, negotiation) = Self::take_negotiation(&node, countered, Error::NotCountered)?;
        Self::accept(node, agreement, negotiation);
        Ok(())
    }

    pub(crate) fn do_record_test(result: TestResult, certificate: QuorumCertificate) -> DispatchResult {
        let hash = result.payload_hash(&frame_system::Pallet::<T>::block_hash(0));
        let TestResult { node, terms, period, passed } = result;
        let (agreement, negotiation) =
            Self::take_negotiation(&node, |step| *step == Step::Accepted, Error::NotAccepted)?;
        ensure!(negotiation.terms == terms, Error::<T>::OtherTerms);
        ensure!(Self::is_recent(period), Error::<T>::StaleResult);
        ensure!(LastTest::<T>::get(&node).is_none_or(|last| period > last), Error::<T>::AlreadyTested);
        T::Anchors::verify_quorum(hash, &certificate).map_err(Error::<T>::from)?;

        LastTest::<T>::insert(&node, period);
        if passed {
            Self::advance(&node, agreement, negotiation, Step::Tested, terms);
            Self::deposit_event(Event::TestPassed { node, period });
        } else {
            Self::store(&node, agreement);
            Self::deposit_event(Event::TestFailed { node, period });
        }
        Ok(())
    }

    pub(crate) fn do_activate(who: AccountId) -> DispatchResult {
        let node = Self::node_of(&who)?;
        ensure!(T::ServiceNodes::is_bonded(&node), Error::<T>::NotBonded);
        let (mut agreement, Negotiation { terms, .. }) =
            Self::take_negotiation(&node, |step| *step == Step::Tested, Error::NotTested)?;
        Self::forget(&mut agreement);
        let since = Self::retire(&mut agreement)?;
        agreement.in_force = Some(InForce { terms, since, standing: Standing::Good });
        Self::store(&node, agreement);
        Self::deposit_event(Event::Activated { node, terms, since });
        Ok(())
    }

    /// The anchor whose turn it is in this negotiation, if it waits for an anchor's answer.
    pub(crate) fn answering_in(node: &AccountId, negotiation: &Negotiation) -> Option<AccountId> {
        if negotiation.step != Step::Proposed || Self::has_lapsed(negotiation) {
            return None;
        }
        let elapsed = frame_system::Pallet::<T>::block_number().saturating_sub(negotiation.since);
        let anchors = T::Anchors::active().members.into_iter().map(|member| member.account);
        duty::answering(&negotiation.seed, node, anchors, elapsed, T::AnswerInterval::get())
    }

    pub(crate) fn has_lapsed(negotiation: &Negotiation) -> bool {
        frame_system::Pallet::<T>::block_number() >= negotiation.until
    }

    /// What an anchor answers: itself, the agreement, and the proposal taken out of it.
    fn answer(who: &AccountId, node: &AccountId) -> Result<(AccountId, Agreement, Negotiation), DispatchError> {
        let by = Self::anchor_of(who)?;
        let (agreement, negotiation) =
            Self::take_negotiation(node, |step| *step == Step::Proposed, Error::NotProposed)?;
        ensure!(Self::answering_in(node, &negotiation).as_ref() == Some(&by), Error::<T>::NotYourTurn);
        Ok((by, agreement, negotiation))
    }

    /// The node's agreement, and its negotiation taken out of it, if it is at the right step and in time.
    fn take_negotiation(
        node: &AccountId,
        is_due: impl FnOnce(&Step) -> bool,
        otherwise: Error<T>,
    ) -> Result<(Agreement, Negotiation), DispatchError> {
        let mut agreement = Self::agreement_of(node)?;
        let negotiation = agreement.negotiation.take().filter(|n| is_due(&n.step)).ok_or(otherwise)?;
        ensure!(!Self::has_lapsed(&negotiation), Error::<T>::Lapsed);
        Ok((agreement, negotiation))
    }

    fn accept(node: AccountId, agreement: Agreement, negotiation: Negotiation) {
        let terms = negotiation.terms;
        Self::advance(&node, agreement, negotiation, Step::Accepted, terms);
        Self::deposit_event(Event::Accepted { node, terms });
    }

    /// Puts the negotiation back at its next step.
    fn advance(node: &AccountId, mut agreement: Agreement, negotiation: Negotiation, step: Step, terms: Terms) {
        agreement.negotiation = Some(Self::step(step, terms, T::StepTimeout::get(), negotiation.seed));
        Self::store(node, agreement);
    }

    fn step(step: Step, terms: Terms, timeout: BlockNumber, seed: Hash) -> Negotiation {
        let since = frame_system::Pallet::<T>::block_number();
        Negotiation { terms, step, since, until: since.saturating_add(timeout.max(1)), seed }
    }

    fn terms(template: TemplateId, objectives: Objectives) -> Result<Terms, DispatchError> {
        let terms = Templates::<T>::get(template).ok_or(Error::<T>::NoSuchTemplate)?.terms(template, objectives);
        Ok(terms.ok_or(Error::<T>::TermsOutsideTemplate)?)
    }
}
