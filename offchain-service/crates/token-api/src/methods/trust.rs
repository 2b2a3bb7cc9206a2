//! Why a token script can be trusted: the registration, the script's own signature, and what its contracts say of it (ERC-5169).

use alloy_dyn_abi::{DynSolType, DynSolValue};
use futures::future::join_all;
use smartlayer_api_types::{
    rpc::{ContractTrust, ScriptUriVerdict, Trust},
    ApiError, ErrorCode,
};
use smartlayer_ethereum::{Answer, ChainId, EthereumError, Read};
use smartlayer_primitives::token::TokenType;

use crate::{evaluate::Chains, node::Node, script::Script};

/// The most contracts that are asked.
const MAX_CONTRACTS: usize = 8;
/// The most URIs that are shown of one contract.
const MAX_URIS: usize = 16;
/// `scriptURI()` of ERC-5169.
const SCRIPT_URI: [u8; 4] = [0x4b, 0xb3, 0x09, 0x12];

pub(super) async fn trust(node: &Node, token: &TokenType, script: &Script) -> Result<Trust, ApiError> {
    let text = |uri: &[u8]| String::from_utf8_lossy(uri).into_owned();
    let registered: Vec<String> = token.spec.script_uris.iter().map(|uri| text(uri)).collect();
    let chains = Chains::new(node);
    let home = script.holding_contract().into_iter();
    let addresses = home.flat_map(|contract| &contract.addresses).take(MAX_CONTRACTS);
    let contracts = addresses.map(|(chain, address)| {
        let (chains, registered) = (&chains, &registered);
        async move {
            let read = Read::call(*address, SCRIPT_URI.into());
            let answer = chains.read(*chain, &[read]).await.pop();
            let (verdict, script_uris) = compare(answer, registered);
            ContractTrust {
                contract: format!("{}:{}", ChainId(*chain), address.to_checksum(None)),
                verdict,
                script_uris,
            }
        }
    });
    let contracts = join_all(contracts).await;
    let signature =
        serde_json::to_value(&script.signature).map_err(|e| ApiError::new(ErrorCode::Internal, e.to_string()))?;
    Ok(Trust { registered_by: token.issuer.clone(), script_uris: registered, signature, contracts })
}

fn compare(answer: Option<Result<Answer, EthereumError>>, registered: &[String]) -> (ScriptUriVerdict, Vec<String>) {
    let uris = match answer {
        Some(Ok(Answer::Returned(bytes))) => script_uris(&bytes),
        Some(Ok(_)) => Vec::new(),
        Some(Err(_)) | None => return (ScriptUriVerdict::Unavailable, Vec::new()),
    };
    let verdict = match uris.iter().any(|uri| registered.contains(uri)) {
        true => ScriptUriVerdict::NamesRegistration,
        false if uris.is_empty() => ScriptUriVerdict::NamesNone,
        false => ScriptUriVerdict::NamesOthers,
    };
    (verdict, uris)
}

/// What `scriptURI()` returned: a list of texts, or in contracts older than the standard's last form one text.
fn script_uris(bytes: &[u8]) -> Vec<String> {
    let list = DynSolType::Array(Box::new(DynSolType::String));
    let texts = match list.abi_decode(bytes).or_else(|_| DynSolType::String.abi_decode(bytes)) {
        Ok(DynSolValue::Array(texts)) => texts,
        Ok(text) => vec![text],
        Err(_) => Vec::new(),
    };
    let texts = texts.into_iter().filter_map(|text| text.as_str().map(str::to_owned));
    texts.filter(|text| !text.is_empty()).take(MAX_URIS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{keccak256, Bytes};

    #[test]
    fn the_selector_is_that_of_the_standard() {
        assert_eq!(keccak256("scriptURI()")[..4], SCRIPT_URI);
    }

    #[test]
    fn what_a_contract_names_is_held_against_the_registration() {
        let texts = |texts: &[&str]| {
            let texts = texts.iter().map(|text| DynSolValue::String((*text).into())).collect();
            Answer::Returned(Bytes::from(DynSolValue::Array(texts).abi_encode()))
        };
        let one = |text: &str| Answer::Returned(Bytes::from(DynSolValue::String(text.into()).abi_encode()));
        let registered = ["https://issuer.example/token.tsml".to_owned(), "ipfs://script".to_owned()];
        let verdict = |answer| compare(Some(Ok(answer)), &registered).0;
        assert_eq!(verdict(texts(&["ipfs://old", "ipfs://script"])), ScriptUriVerdict::NamesRegistration);
        assert_eq!(verdict(one("ipfs://script")), ScriptUriVerdict::NamesRegistration);
        assert_eq!(verdict(texts(&["ipfs://other"])), ScriptUriVerdict::NamesOthers);
        for none in [
            texts(&[]),
            texts(&[""]),
            one(""),
            Answer::Reverted(smartlayer_ethereum::Revert { words: "no".into(), reason: None }),
            Answer::Returned(Bytes::new()),
        ] {
            assert_eq!(verdict(none), ScriptUriVerdict::NamesNone);
        }
        // A contract may return anything.
        for garbage in
            [vec![0xff; 31], vec![0xff; 32], vec![0xff; 320], [[0; 31].as_slice(), &[32], &[0xff; 32]].concat()]
        {
            assert_eq!(verdict(Answer::Returned(garbage.into())), ScriptUriVerdict::NamesNone);
        }
        assert_eq!(compare(None, &registered).0, ScriptUriVerdict::Unavailable);
    }
}
