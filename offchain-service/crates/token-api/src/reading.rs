//! Whose an instance's token is, on which chain, and who asks: what a script may know beside the instance's values.

use std::sync::Arc;

use alloy_primitives::{Address, Bytes, U256};
use smartlayer_api_types::{rpc, ApiError, ErrorCode};
use smartlayer_ethereum::{Answer, ChainId, Read};
use smartlayer_token_script::Context;

use crate::{
    attested::{Shown, Verified},
    evaluate::Chains,
    instances::Held,
    methods::check_language,
    node::Node,
};

/// The issuer's value that says which chain the token is on: `eip155:137`.
const CHAIN: &str = "token.chain";
/// The issuer's value that says from which block on events matter, for example the one that created the contract.
const FROM_BLOCK: &str = "token.fromBlock";

/// `ownerOf(uint256)` of ERC-721.
const OWNER_OF: [u8; 4] = [0x63, 0x52, 0x21, 0x1e];
/// `balanceOf(address)` of ERC-20, ERC-721 and ERC-875.
const BALANCE_OF: [u8; 4] = [0x70, 0xa0, 0x82, 0x31];
/// `balanceOf(address,uint256)` of ERC-1155.
const BALANCE_OF_ID: [u8; 4] = [0x00, 0xfd, 0xd5, 0x8e];

/// How an instance is read: what the caller said, checked.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    chain_id: Option<u64>,
    /// The chain that the issuer names.
    issued: Option<u64>,
    caller: Option<Address>,
    language: String,
    from_block: u64,
    /// The token itself, if it is an attestation.
    shown: Option<Arc<Shown>>,
}

impl Reading {
    /// Fails with `invalid_params` if what the caller says is no chain or address, or not where the token is.
    pub fn new(held: &Held, given: &rpc::Reading) -> Result<Self, ApiError> {
        let invalid = |why: String| ApiError::new(ErrorCode::InvalidParams, why);
        let caller = given.caller.as_deref().map(address).transpose()?;
        let chain = |text: &str| text.parse::<ChainId>().map(|id| id.0);
        let asked =
            given.chain.as_deref().map(chain).transpose().map_err(|e| invalid(format!("reading.chain: {e}")))?;
        let values = &held.state.values;
        let issued = values.get(CHAIN).and_then(|text| chain(text).ok());
        if let (Some(asked), Some(issued)) = (asked, issued) {
            if asked != issued {
                let (asked, issued) = (ChainId(asked), ChainId(issued));
                return Err(invalid(format!("reading.chain: the issuer says {issued}, not {asked}")));
            }
        }
        let chain_id = asked.or(issued);
        let contract = held.script.holding_contract().filter(|contract| !contract.addresses.is_empty());
        if let (Some(chain_id), Some(contract)) = (asked, contract) {
            if contract.address(chain_id).is_none() {
                let on: Vec<_> = contract.addresses.iter().map(|(id, _)| ChainId(*id).to_string()).collect();
                return Err(invalid(format!("reading.chain: the token is on {}", on.join(", "))));
            }
        }
        check_language(given.language.as_deref())?;
        let from_block = values.get(FROM_BLOCK).and_then(|text| text.parse().ok()).unwrap_or_default();
        let shown = given.attestation.as_deref().map(|text| Shown::read(held, text).map(Arc::new)).transpose()?;
        let language = given.language.clone().unwrap_or_default();
        Ok(Self { chain_id, issued, caller, language, from_block, shown })
    }

    /// The attestation that the token is, if one was shown.
    pub async fn attested(&self, held: &Held, chains: &Chains<'_>) -> Result<Option<Verified>, ApiError> {
        match &self.shown {
            Some(shown) => shown.verify(held, chains).await.map(Some),
            None => Ok(None),
        }
    }

    /// The same for this caller. Fails with `invalid_params` if another was named.
    pub fn of_caller(mut self, caller: Address) -> Result<Self, ApiError> {
        match self.caller.replace(caller) {
            Some(other) if other != caller => {
                Err(ApiError::new(ErrorCode::InvalidParams, "reading.caller is the sender, or absent"))
            }
            _ => Ok(self),
        }
    }

    /// Whether an attestation says who owns the instance: not where a contract does, nor after a transfer named its owner.
    pub async fn is_owned_by_attestation(&self, node: &Node, held: &Held) -> Result<bool, ApiError> {
        Ok(!self.has_contract(held) && !node.operations.is_issued(node, held.state.instance).await?)
    }

    /// What the script may know of the instance.
    pub async fn context(&self, node: &Node, held: &Held, chains: &Chains<'_>) -> Result<Context, ApiError> {
        let token_id = U256::from_be_bytes(held.state.token_id);
        let (values, opened) = node.operations.opened(node, held).await?;
        let verified = self.attested(held, chains).await?;
        let owner = match &verified {
            Some(verified) if self.is_owned_by_attestation(node, held).await? => verified.recipient,
            _ if held.script.names_owner => self.owner(held, token_id, chains).await,
            _ => None,
        };
        Ok(Context {
            token_id,
            owner,
            caller: self.caller,
            chain_id: self.chain_id,
            values,
            discreet: !opened.sealed.is_empty(),
            locked: opened.locked,
            attestation: verified.map(|verified| verified.attested),
            from_block: self.from_block,
            language: self.language.clone(),
        })
    }

    /// `ownerAddress`. A token with an owner has the one that its contract names. Of tokens that are amounts everybody may hold some:
    /// the owner is the caller, and where the contract counts by id, only if they hold any.
    async fn owner(&self, held: &Held, token_id: U256, chains: &Chains<'_>) -> Option<Address> {
        match contract(held, self.chain_id)? {
            // As wallets do: an amount of zero is one to show.
            (_, _, Standard::Erc20) => self.caller,
            at => holds(at, token_id, chains, self.caller).await,
        }
    }

    /// Who holds the token, as far as it can be told; of tokens that are amounts `claimed`, if they hold any. On which chain is for the
    /// issuer to say, not for who asks: the same id on another chain is another token.
    pub async fn holder(&self, held: &Held, chains: &Chains<'_>, claimed: Option<Address>) -> Option<Address> {
        let token_id = U256::from_be_bytes(held.state.token_id);
        match contract(held, self.issued)? {
            // Without a function that names the owner there is none to go by.
            (chain, at, Standard::Other) => holds((chain, at, Standard::Erc721), token_id, chains, claimed).await,
            at => holds(at, token_id, chains, claimed).await,
        }
    }

    /// Whether the token is on a contract.
    pub fn has_contract(&self, held: &Held) -> bool {
        held.script.has_contract()
    }
}

/// Where the token's contract is, and what it claims to be. `chain_id` is the one that was named.
fn contract(held: &Held, chain_id: Option<u64>) -> Option<(u64, Address, Standard)> {
    let contract = held.script.holding_contract()?;
    let (chain, at) = match (chain_id, contract.addresses.as_slice()) {
        (Some(chain), _) => (chain, contract.address(chain)?),
        (None, [only]) => *only,
        (None, _) => return None,
    };
    let standard = match contract.interface.as_deref().unwrap_or_default().to_ascii_lowercase().as_str() {
        "erc20" | "ethereum" => Standard::Erc20,
        "erc1155" => Standard::Erc1155,
        "erc875" => Standard::Erc875,
        name if name.starts_with("erc721") => Standard::Erc721,
        _ => Standard::Other,
    };
    Some((chain, at, standard))
}

async fn holds(
    (chain, at, standard): (u64, Address, Standard),
    token_id: U256,
    chains: &Chains<'_>,
    claimed: Option<Address>,
) -> Option<Address> {
    let ask = async |data: Vec<u8>| {
        let mut answers = chains.read(chain, &[Read::call(at, data.into())]).await;
        answers.pop()?.ok()
    };
    let first = |answer: &Answer| returned(answer).and_then(|bytes| words(bytes).next());
    match standard {
        Standard::Erc20 => {
            let balance = first(&ask(call(BALANCE_OF, &[word(claimed?)])).await?)?;
            claimed.filter(|_| balance != [0; 32])
        }
        Standard::Erc1155 => {
            let balance = first(&ask(call(BALANCE_OF_ID, &[word(claimed?), token_id.to_be_bytes()])).await?)?;
            claimed.filter(|_| balance != [0; 32])
        }
        Standard::Erc875 => {
            let answer = ask(call(BALANCE_OF, &[word(claimed?)])).await?;
            // An array of ids: its offset, its length, and they.
            let holds = words(returned(&answer)?).skip(2).any(|id| id == token_id.to_be_bytes::<32>());
            claimed.filter(|_| holds)
        }
        Standard::Erc721 | Standard::Other => match ask(call(OWNER_OF, &[token_id.to_be_bytes()])).await? {
            Answer::Returned(bytes) if bytes.len() >= 32 => {
                let owner = words(&bytes).next().map(|word| Address::from_word(word.into()))?;
                Some(owner).filter(|owner| *owner != Address::ZERO)
            }
            // No such function: a token without owners, unless the script says otherwise.
            Answer::Returned(_) | Answer::Reverted(_) if standard == Standard::Other => claimed,
            _ => None,
        },
    }
}

/// What a contract says of who holds what.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standard {
    Erc20,
    Erc721,
    Erc875,
    Erc1155,
    /// The script names none, or another.
    Other,
}

/// An Ethereum address that a caller gave.
pub(crate) fn address(text: &str) -> Result<Address, ApiError> {
    let bad =
        || ApiError::new(ErrorCode::InvalidParams, format!("{text:.64?} is no Ethereum address: 0x and 40 digits"));
    text.starts_with("0x").then(|| text.parse().ok()).flatten().ok_or_else(bad)
}

fn call(selector: [u8; 4], arguments: &[[u8; 32]]) -> Vec<u8> {
    [&selector[..], &arguments.concat()].concat()
}

fn word(address: Address) -> [u8; 32] {
    address.into_word().0
}

fn returned(answer: &Answer) -> Option<&Bytes> {
    match answer {
        Answer::Returned(bytes) => Some(bytes),
        _ => None,
    }
}

fn words(bytes: &Bytes) -> impl Iterator<Item = [u8; 32]> + '_ {
    bytes.as_chunks::<32>().0.iter().copied()
}
