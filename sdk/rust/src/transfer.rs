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

use smartlayer_chain_client::Keypair;
use smartlayer_primitives::{Hash, InstanceId};

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

#[cfg(test)]
mod tests {
    use super::*;

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
