//! The names that scripts may use without defining them.

use alloy_primitives::{Address, U256};

use super::{AttributeError, Context};
use crate::{Contract, TokenScript, Value};

impl TokenScript {
    /// What a name stands for whatever the script says: where a token is, which it is and whose it is are not for scripts to
    /// define.
    pub(crate) fn reserved(&self, name: &str, context: &Context) -> Option<Result<Value, AttributeError>> {
        let address = |contract: Option<&Contract>, context: &Context| {
            let contract = contract.ok_or_else(|| AttributeError::Unresolved(name.into()))?;
            contract_address(contract, context).map(|(_, address)| Value::Address(address))
        };
        match name {
            "tokenId" => Some(Ok(Value::Uint(context.token_id))),
            "ownerAddress" => Some(context.owner.map(Value::Address).ok_or(AttributeError::NoOwner)),
            "walletAddress" => Some(context.caller.map(Value::Address).ok_or(AttributeError::NoCaller)),
            "contractAddress" => Some(address(self.holding_contract(), context)),
            _ => name.strip_prefix("contractAddress_").map(|rest| match (self.contract(rest), rest.rsplit_once('_')) {
                (None, Some((contract, chain))) if chain.parse::<u64>().is_ok() => {
                    let chain_id = chain.parse().ok();
                    let contract = self.contract(contract);
                    match contract.and_then(|contract| contract.address(chain_id?)) {
                        Some(found) => Ok(Value::Address(found)),
                        None => Err(match contract {
                            Some(contract) => AttributeError::NoAddress { contract: contract.name.clone(), chain_id },
                            None => AttributeError::Unresolved(name.into()),
                        }),
                    }
                }
                (contract, _) => address(contract, context),
            }),
        }
    }

    /// What a name stands for that the script could have defined, and didn't.
    pub(crate) fn ambient(&self, name: &str, context: &Context) -> Option<Result<Value, AttributeError>> {
        match name {
            "chainId" => {
                let id = context.chain_id.map(Ok).or_else(|| {
                    self.holding_contract().map(|contract| contract_address(contract, context).map(|(id, _)| id))
                });
                Some(id?.map(|id| Value::Uint(U256::from(id))))
            }
            "attestationSig" => {
                let attestation = context.attestation.as_ref().ok_or(AttributeError::NoAttestation);
                Some(attestation.map(|attestation| Value::Bytes(attestation.signature.clone())))
            }
            _ => {
                let path =
                    name.strip_prefix("attestation").filter(|path| path.is_empty() || path.starts_with(['.', '[']));
                path.map(|path| {
                    let attestation = context.attestation.as_ref().ok_or(AttributeError::NoAttestation)?;
                    attestation.at(path).cloned().ok_or_else(|| AttributeError::NoValue(name.into()))
                })
            }
        }
    }

    pub(crate) fn contract_address(&self, name: &str, context: &Context) -> Result<(u64, Address), AttributeError> {
        let contract = self.contract(name).ok_or_else(|| AttributeError::Unresolved(name.into()))?;
        contract_address(contract, context)
    }
}

/// Where the contract is: on the context's chain, else where it is at all if that is one place.
fn contract_address(contract: &Contract, context: &Context) -> Result<(u64, Address), AttributeError> {
    let name = || contract.name.clone();
    match (context.chain_id.and_then(|id| Some((id, contract.address(id)?))), contract.addresses.as_slice()) {
        (Some(found), _) => Ok(found),
        (None, [only]) => Ok(*only),
        (None, [_, _, ..]) if context.chain_id.is_none() => Err(AttributeError::AmbiguousChain(name())),
        _ => Err(AttributeError::NoAddress { contract: name(), chain_id: context.chain_id }),
    }
}
