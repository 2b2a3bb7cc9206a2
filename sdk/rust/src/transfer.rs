//! Transfers: the owner of an instance has it destroyed, and another issued in exchange to whom he names.
//!
//! The issuer prepares the other instance: he stores it with the value `issue.from`, which names the instance that it is issued for as
//! `tokenType/index`. Both token types need key operations for it, `transfer` the one and `issue` the other.
//!
//! ```
//! use smartlayer_chain_client::Keypair;
//! use smartlayer_primitives::{Hash, InstanceId};
//! use smartlayer_sdk::{grant::Principal, transfer};
//!
//! let (owner, buyer) = (Keypair::development("//Alice")?, Keypair::development("//Bob")?);
//! let (ticket, reissued) = (InstanceId { token_type: 0, index: 7 }, InstanceId { token_type: 0, index: 1007 });
//! let to = Principal::Substrate(buyer.account());
//! let signed = transfer::sign(&owner, Hash::repeat_byte(1), ticket, reissued, to, 3600)?;
//! // `TokenClient::transfer` sends it.
//! assert_eq!(signed.signed(), Ok(()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use smartlayer_api_types::{
    rpc::Transferred,
    x402::{ExecutedJson, IssuedJson},
};
use smartlayer_chain_client::Keypair;
use smartlayer_primitives::{
    receipt::{Executed, Issued, Receipt},
    Hash, InstanceId,
};

pub use smartlayer_grants::{SignedTransfer, TransferOrder, MAX_ORDER_LIFE};

use crate::grant::{nonce, sign as sign_statement, unix_time, Malformed, Principal};

/// The order of `owner` to destroy `source` and to issue `issued` to `to`, good for so many seconds, at most [`MAX_ORDER_LIFE`]; not signed yet:
/// [`crate::grant::Statement`] gives what a wallet signs.
pub fn order(
    owner: Principal,
    genesis: Hash,
    source: InstanceId,
    issued: InstanceId,
    to: Principal,
    seconds: u64,
) -> Result<TransferOrder, Malformed> {
    if seconds > MAX_ORDER_LIFE {
        return Err(Malformed::BadOrderLife);
    }
    let valid_until = unix_time().saturating_add(seconds);
    let order = TransferOrder { genesis, source, issued, owner, to, valid_until, nonce: nonce() };
    order.validate()?;
    Ok(order)
}

/// The same, signed with the owner's key.
pub fn sign(
    owner: &Keypair,
    genesis: Hash,
    source: InstanceId,
    issued: InstanceId,
    to: Principal,
    seconds: u64,
) -> Result<SignedTransfer, Malformed> {
    let order = order(Principal::Substrate(owner.account()), genesis, source, issued, to, seconds)?;
    let signature = sign_statement(owner, &order);
    Ok(SignedTransfer { order, signature })
}

/// Whether a node's answer says that this order was carried out, and its receipt says the same; or what differs. `TokenClient::transfer`
/// looks itself.
pub fn as_ordered(order: &TransferOrder, answer: &Transferred, receipt: Option<&Receipt>) -> Result<(), &'static str> {
    let TransferOrder { source, issued, to, .. } = order;
    let executed = |instance, kind, issued: &IssuedJson| {
        let said = ExecutedJson { instance, kind, issued: Some(issued.clone()) };
        Executed::try_from(&said).map_err(|_| "the answer names no owner that there can be")
    };
    let answered = executed(answer.instance, answer.operation, &answer.issued)?;
    if answered.instance != *source {
        return Err("the answer says that another instance was destroyed");
    }
    match &answered.issued {
        Some(Issued { instance, .. }) if instance != issued => {
            return Err("the answer says that another instance was issued");
        }
        Some(Issued { owner, .. }) if Principal::from(owner.clone()) != *to => {
            return Err("the answer says that somebody else owns what was issued");
        }
        _ => {}
    }
    match receipt.map(|receipt| receipt.operation.as_ref()) {
        Some(signed) if signed != Some(&answered) => Err("the receipt is not of the transfer that the answer tells of"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use smartlayer_api_types::{x402::OwnerJson, Instance};
    use smartlayer_primitives::{receipt::Owner, AccountId};

    use super::*;

    #[test]
    fn what_was_not_ordered_is_noticed() {
        let [source, issued] = [7, 8].map(|index| InstanceId { token_type: 0, index });
        let account = AccountId::new([5; 32]);
        let to = Principal::Substrate(account.clone());
        let order = sign(&Keypair::from_seed(&[1; 32]), Hash::zero(), source, issued, to, 60).unwrap().order;
        let says = |source: InstanceId, issued: InstanceId, owner: OwnerJson| {
            let issued = IssuedJson { instance: issued.into(), kind: 1, owner };
            Transferred { issued, ..serde_json::from_value(serde_json::json!({
                "instance": Instance::from(source), "operation": 2,
                "issued": { "instance": Instance::from(source), "kind": 0, "owner": { "account": AccountId::new([0; 32]) } },
                "blocks": {},
            })).unwrap() }
        };
        let owner = OwnerJson::Account(account.clone());
        let good = says(source, issued, owner.clone());
        let receipt = |operation| Receipt {
            node: AccountId::new([2; 32]),
            session: Hash::zero(),
            charged: 1,
            cumulative: 1,
            request_hash: Hash::zero(),
            result_hash: Hash::zero(),
            operation,
        };
        let issue = Issued { instance: issued, kind: 1, owner: Owner::Account(account) };
        let executed = Executed { instance: source, kind: 2, issued: Some(issue.clone()) };
        assert_eq!(as_ordered(&order, &good, None), Ok(()));
        assert_eq!(as_ordered(&order, &good, Some(&receipt(Some(executed.clone())))), Ok(()));
        let stranger = OwnerJson::Ethereum(smartlayer_api_types::HexBytes(vec![1; 20]));
        for (answer, problem) in [
            (says(issued, issued, owner.clone()), "another instance was destroyed"),
            (says(source, source, owner), "another instance was issued"),
            (says(source, issued, stranger), "somebody else"),
            (says(source, issued, OwnerJson::Ethereum(smartlayer_api_types::HexBytes(vec![1; 19]))), "no owner"),
        ] {
            assert!(as_ordered(&order, &answer, None).unwrap_err().contains(problem), "{problem}");
        }
        let other = Issued { owner: Owner::Ethereum([1; 20]), ..issue };
        for signed in [None, Some(Executed::new(source, 2)), Some(Executed { issued: Some(other), ..executed })] {
            assert!(as_ordered(&order, &good, Some(&receipt(signed))).unwrap_err().contains("receipt"));
        }
    }

    #[test]
    fn what_no_node_would_take_is_not_made_and_the_rest_it_takes() {
        let (owner, genesis) = (Keypair::from_seed(&[1; 32]), Hash::repeat_byte(1));
        let [source, issued] = [7, 8].map(|index| InstanceId { token_type: 0, index });
        let principal = Principal::Substrate(owner.account());
        let sign = |issued, seconds| sign(&owner, genesis, source, issued, principal.clone(), seconds);
        assert_eq!(sign(source, 60), Err(Malformed::SameInstance));
        assert_eq!(sign(issued, MAX_ORDER_LIFE + 1), Err(Malformed::BadOrderLife));
        let signed = sign(issued, MAX_ORDER_LIFE).unwrap();
        let now = signed.order.valid_until - MAX_ORDER_LIFE;
        assert_eq!(signed.check(&genesis, source, Some(&principal), now), Ok(()));
        assert_ne!(sign(issued, 60).unwrap().order.nonce, sign(issued, 60).unwrap().order.nonce);
    }
}
