//! Opening and closing sessions.

use frame_support::{
    dispatch::{DispatchResultWithPostInfo, PostDispatchInfo},
    ensure,
    pallet_prelude::{DispatchError, DispatchResult, Get},
    traits::{fungible::MutateHold, tokens::Precision},
};
use smartlayer_primitives::{
    notary::{Notary, Round, Used, MAX_SESSION_NODES},
    promise::{session_id, Claim},
    quorum::Member,
    session::{Beneficiary, IssuerShare, Payee, Session},
    traits::{Anchors, ServiceNodes, TokenTypes},
    AccountId, Balance, BlockNumber, Hash, SessionId, TokenTypeId,
};

use crate::{
    settle::Payouts, Channels, Config, Error, Event, FreeClaims, HoldReason, LastNonce, Pallet, Reported, Sessions,
    WeightInfo,
};

impl<T: Config> Pallet<T> {
    pub(crate) fn do_open(
        payer: AccountId,
        beneficiary: Beneficiary,
        signer: AccountId,
        token_type: Option<TokenTypeId>,
        deposit: Balance,
        nonce: u64,
        lifetime: BlockNumber,
    ) -> DispatchResult {
        let now = Self::now();
        let (payee, room) = Self::payee(&beneficiary, now)?;
        let issuer = token_type.map(Self::issuer).transpose()?;
        ensure!(lifetime > 0 && lifetime <= T::MaxLifetime::get(), Error::<T>::BadLifetime);
        ensure!(deposit >= T::MinDeposit::get(), Error::<T>::DepositTooLow);
        ensure!(LastNonce::<T>::get(&payer).is_none_or(|last| nonce > last), Error::<T>::NonceNotHigher);
        let session = session_id(&Self::genesis(), &payer, beneficiary.account(), nonce);
        ensure!(!Sessions::<T>::contains_key(session), Error::<T>::SessionExists);

        // More than a balance can be is more than anybody can pay.
        let storage_deposit =
            T::ChannelDeposit::get().saturating_mul(room.into()).saturating_add(T::StorageDeposit::get());
        T::Currency::hold(&HoldReason::Session.into(), &payer, deposit)?;
        T::Currency::hold(&HoldReason::SessionStorage.into(), &payer, storage_deposit)?;
        LastNonce::<T>::insert(&payer, nonce);
        Sessions::<T>::insert(
            session,
            Session {
                payer: payer.clone(),
                payee,
                signer,
                issuer,
                deposit,
                paid: 0,
                burned: 0,
                issuer_paid: 0,
                storage_deposit,
                burn_rate: T::BurnRate::get(),
                challenge_window: T::ChallengeWindow::get(),
                expires_at: now.saturating_add(lifetime),
                closing_at: None,
            },
        );
        Self::deposit_event(Event::Opened { session, payer, beneficiary, deposit });
        Ok(())
    }

    pub(crate) fn do_top_up(payer: AccountId, id: SessionId, amount: Balance) -> DispatchResult {
        ensure!(amount > 0, Error::<T>::NothingToAdd);
        let mut session = Self::session_of_payer(&payer, id)?;
        ensure!(session.closing_at.is_none(), Error::<T>::Closing);
        session.deposit = session.deposit.checked_add(amount).ok_or(Error::<T>::DepositOverflow)?;

        T::Currency::hold(&HoldReason::Session.into(), &payer, amount)?;
        let deposit = session.deposit;
        Sessions::<T>::insert(id, session);
        Self::deposit_event(Event::ToppedUp { session: id, amount, deposit });
        Ok(())
    }

    pub(crate) fn do_close(who: AccountId, id: SessionId, last: Option<&Claim>) -> DispatchResult {
        let mut session = Sessions::<T>::get(id).ok_or(Error::<T>::NoSuchSession)?;
        let node = T::ServiceNodes::acting_for(&who);
        ensure!(node.is_some() && node.as_ref() == session.node(), Error::<T>::NotTheNode);
        if let Some(claim) = last {
            ensure!(claim.session() == id, Error::<T>::OtherSession);
            // A watchtower may have been faster with the same promise; the node still wants to close.
            if claim.owed().is_none_or(|owed| owed.min(session.deposit) > session.claimed()) {
                let due = Self::examine(id, &session, claim, &Self::genesis())?;
                let mut payouts = Payouts::<T>::default();
                Self::settle(id, &mut session, due, &mut payouts)?;
                payouts.pay();
            }
        }
        Self::refund_and_remove(id, session)
    }

    pub(crate) fn do_request_close(who: AccountId, id: SessionId) -> DispatchResult {
        let mut session = Sessions::<T>::get(id).ok_or(Error::<T>::NoSuchSession)?;
        let now = Self::now();
        ensure!(session.payer == who || now >= session.expires_at, Error::<T>::NotThePayer);
        ensure!(session.closing_at.is_none(), Error::<T>::Closing);
        // A notary that has not begun yet gets its nodes the whole window, too.
        let from = match &session.payee {
            Payee::Node(_) => now,
            Payee::Network(notary) => now.max(notary.current.starts_at),
        };
        let at = from.saturating_add(session.challenge_window);
        session.closing_at = Some(at);
        Sessions::<T>::insert(id, session);
        Self::deposit_event(Event::CloseRequested { session: id, at });
        Ok(())
    }

    pub(crate) fn do_finish(id: SessionId) -> DispatchResultWithPostInfo {
        let session = Sessions::<T>::get(id).ok_or(Error::<T>::NoSuchSession)?;
        let at = session.closing_at.ok_or(Error::<T>::NotClosing)?;
        ensure!(Self::now() >= at, Error::<T>::WindowOpen);
        let nodes = match &session.payee {
            Payee::Node(_) => 0,
            Payee::Network(notary) => notary.nodes,
        };
        Self::refund_and_remove(id, session)?;
        Ok(PostDispatchInfo::from(Some(T::WeightInfo::finish(nodes.into()))))
    }

    /// Gives the payer back what is still held, forgets the session, and says so.
    fn refund_and_remove(id: SessionId, session: Session) -> DispatchResult {
        let refunded = session.held();
        let Session { payer, payee, deposit, paid, burned, issuer_paid, storage_deposit, .. } = session;
        T::Currency::release(&HoldReason::Session.into(), &payer, refunded, Precision::Exact)?;
        T::Currency::release(&HoldReason::SessionStorage.into(), &payer, storage_deposit, Precision::Exact)?;
        FreeClaims::<T>::remove(id);
        if let Payee::Network(_) = payee {
            Reported::<T>::remove(id);
            // There are never more than a session has room for, so the bound leaves none behind.
            for (channel, _) in Channels::<T>::drain_prefix(id).take(MAX_SESSION_NODES.into()) {
                FreeClaims::<T>::remove(channel);
            }
        }
        Sessions::<T>::remove(id);
        Self::deposit_event(Event::Closed { session: id, payer, deposit, paid, burned, issuer: issuer_paid, refunded });
        Ok(())
    }

    /// Who may claim from a session that opens now, and how many channels it has room for.
    fn payee(beneficiary: &Beneficiary, now: BlockNumber) -> Result<(Payee, u16), DispatchError> {
        match beneficiary {
            Beneficiary::Node(node) => {
                ensure!(T::ServiceNodes::is_available(node), Error::<T>::NodeNotAvailable);
                Ok((Payee::Node(node.clone()), 0))
            }
            Beneficiary::Network { notary, max_nodes } => {
                ensure!(*max_nodes > 0 && *max_nodes <= MAX_SESSION_NODES, Error::<T>::BadRoom);
                let Member { account: notary, key } = Self::active_anchor(notary)?;
                let current = Round { number: 0, notary, key, starts_at: now, before: Some(Used::default()) };
                let notary = Notary { current, former: None, max_nodes: *max_nodes, nodes: 0 };
                Ok((Payee::Network(notary), *max_nodes))
            }
        }
    }

    fn issuer(token_type: TokenTypeId) -> Result<IssuerShare, DispatchError> {
        let (account, share) = T::TokenTypes::revenue(token_type).ok_or(Error::<T>::NoSuchTokenType)?;
        Ok(IssuerShare { token_type, account, share })
    }

    pub(crate) fn active_anchor(account: &AccountId) -> Result<Member, DispatchError> {
        let anchors = T::Anchors::active();
        let member = anchors.position(account).and_then(|position| anchors.members.get(position));
        Ok(member.cloned().ok_or(Error::<T>::NotaryNotActive)?)
    }

    pub(crate) fn session_of_payer(payer: &AccountId, id: SessionId) -> Result<Session, DispatchError> {
        let session = Sessions::<T>::get(id).ok_or(Error::<T>::NoSuchSession)?;
        ensure!(session.payer == *payer, Error::<T>::NotThePayer);
        Ok(session)
    }

    pub(crate) fn now() -> BlockNumber {
        frame_system::Pallet::<T>::block_number()
    }

    /// What binds signatures and identifiers to this chain.
    pub(crate) fn genesis() -> Hash {
        frame_system::Pallet::<T>::block_hash(0)
    }
}
