//! Between the ledger, which decides, and the store, which remembers: a promise is on disk before anybody works for it.

use smartlayer_api_types::{ApiError, ErrorCode};
use smartlayer_primitives::{promise::SignedPromise, Balance, Hash, TokenTypeId};
use smartlayer_promise_ledger::{accept as decide, Account, Check, Rejection};

use crate::{node::Node, sessions::Entry};

/// What a promise pays.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Payment {
    /// What the call costs, in planck.
    pub charged: Balance,
    /// Whether the promise was earned before, by an answer to the same request.
    pub earned: bool,
}

/// Accepts the promise for calls of these token types and makes it durable, or says why not. Of each type it is said whether its issuer has
/// a share. The caller holds the session's turn.
pub(crate) async fn accept(
    node: &Node,
    entry: &Entry,
    promise: &SignedPromise,
    request: Hash,
    called: &[(TokenTypeId, bool)],
    price: Balance,
) -> Result<Payment, ApiError> {
    let state = entry.state();
    if state.account.is_pending(&promise.promise) && promise.promise.call_hash == request {
        // Accepted before, but not answered: the node was stopped. It owes the work.
        check_signature(node, entry, promise)?;
        return Ok(Payment { charged: promise.promise.cumulative.saturating_sub(state.owed()), earned: false });
    }
    if state.account.earned.as_ref().is_some_and(|earned| earned.promise == promise.promise)
        && promise.promise.call_hash == request
    {
        // Answered before, but the answer was not kept.
        check_signature(node, entry, promise)?;
        return Ok(Payment { charged: price, earned: true });
    }
    let status = node.chain.status();
    if state.is_closing(status.finalized) {
        return Err(ApiError::new(ErrorCode::SessionClosing, "this node is closing the session"));
    }
    let before = state.account.before(&promise.promise, price, state.session.claimed());
    let check = Check {
        genesis: &node.chain.genesis(),
        node: &node.account,
        session_id: &entry.id,
        session: Some(&state.session),
        fresh: status.is_fresh(node.config.payment.max_chain_age()),
        block: status.finalized,
        called,
        accepted: before,
        price,
        call_hash: &request,
    };
    let accepted = decide(&check, promise).map_err(|rejection| rejected(&rejection, check.expected()))?;
    let mut account = state.account;
    account.accept(promise.clone(), before);
    keep(node, entry, account).await?;
    Ok(Payment { charged: accepted.charged, earned: false })
}

/// So many calls that one promise paid for have failed, by the node's own fault or not. Returns whether that is not charged; then the
/// promise is let go, on disk as well. The caller holds the session's turn.
pub(crate) async fn failed(node: &Node, entry: &Entry, calls: u32, own_fault: bool) -> Result<bool, ApiError> {
    let mut account = entry.state().account;
    let free = match own_fault {
        true => {
            account.let_go();
            true
        }
        false => account.fail(calls, node.config.payment.max_uncharged_failures),
    };
    keep(node, entry, account).await?;
    Ok(free)
}

async fn keep(node: &Node, entry: &Entry, account: Account) -> Result<(), ApiError> {
    node.data.keep_accounts([(entry.id, account.clone())]).await?;
    entry.set_account(account);
    Ok(())
}

/// Whether the session's signer signed the promise.
pub(crate) fn check_signature(node: &Node, entry: &Entry, promise: &SignedPromise) -> Result<(), ApiError> {
    let state = entry.state();
    let Account { earned, pending, .. } = &state.account;
    if [earned, pending].contains(&&Some(promise.clone()))
        || promise.verify(&node.chain.genesis(), &state.session.signer)
    {
        return Ok(());
    }
    Err(rejected(&Rejection::BadSignature { signer: state.session.signer }, 0))
}

/// The ledger's rejection as the API's error, with the amount that would have been right.
fn rejected(rejection: &Rejection, expected: Balance) -> ApiError {
    let code = match rejection {
        Rejection::StaleChainView => ErrorCode::StaleChainView,
        Rejection::OtherSession { .. } => ErrorCode::OtherSession,
        Rejection::UnknownSession { .. } => ErrorCode::UnknownSession,
        Rejection::OtherNode { .. } => ErrorCode::OtherNode,
        Rejection::NetworkSession => ErrorCode::NetworkSession,
        Rejection::OtherToken { .. } => ErrorCode::OtherToken,
        Rejection::SessionExpiring { .. } => ErrorCode::SessionExpiring,
        Rejection::SessionClosing { .. } => ErrorCode::SessionClosing,
        Rejection::TicksUnsupported => ErrorCode::TicksUnsupported,
        Rejection::OtherRequest { .. } => ErrorCode::OtherRequest,
        Rejection::CumulativeTooLow { .. } => ErrorCode::CumulativeTooLow,
        Rejection::OverDeposit { .. } => ErrorCode::OverDeposit,
        Rejection::Overpaid { .. } => ErrorCode::Overpaid,
        Rejection::BadSignature { .. } => ErrorCode::BadSignature,
    };
    let error = ApiError::new(code, rejection.to_string());
    match rejection {
        Rejection::CumulativeTooLow { .. } | Rejection::Overpaid { .. } => {
            error.with(serde_json::json!({ "expected": expected.to_string() }))
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use smartlayer_primitives::AccountId;

    #[test]
    fn every_rejection_keeps_its_name() {
        let (hash, account) = (Hash::zero(), AccountId::new([0; 32]));
        let all = [
            Rejection::StaleChainView,
            Rejection::OtherSession { presented: hash, promised: hash },
            Rejection::UnknownSession { session: hash },
            Rejection::OtherNode { expected: account.clone() },
            Rejection::NetworkSession,
            Rejection::OtherToken { called: 1, session: None },
            Rejection::SessionExpiring { at: 1 },
            Rejection::SessionClosing { at: 1 },
            Rejection::TicksUnsupported,
            Rejection::OtherRequest { expected: hash, promised: hash },
            Rejection::CumulativeTooLow { expected: 2, found: 1 },
            Rejection::OverDeposit { deposit: 1, needed: 2 },
            Rejection::Overpaid { expected: 1, found: 2 },
            Rejection::BadSignature { signer: account },
        ];
        for rejection in all {
            assert_eq!(rejected(&rejection, 0).code.name(), rejection.code());
        }
    }
}
