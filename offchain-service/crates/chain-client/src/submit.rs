//! Signing, sending, waiting.

use std::time::Duration;

use smartlayer_primitives::{Balance, BlockNumber, Hash};
use subxt::{
    config::{
        substrate::{AccountId32, MultiSignature, H256},
        DefaultExtrinsicParamsBuilder, SubstrateConfig,
    },
    error::DispatchError,
    ext::scale_encode::{self, EncodeAsFields, FieldIter, TypeResolver},
    rpcs::{self, methods::legacy::TransactionStatus},
    tx,
};

use crate::{
    calls::{Call, Content},
    client::ChainClient,
    error::{DispatchFailure, Error},
    events::{self, Event, EventRecord},
    keypair::Keypair,
    link::{in_full, node_reason, Link},
    BlockRef,
};

/// For how many blocks a transaction may be included. A power of two; about 13 minutes.
const MORTALITY: u64 = 256;
/// How long to wait for the transaction's block before saying that it is not known whether it happens.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often a nonce is replaced that another process has used meanwhile, or that a fork has brought back; one attempt a second.
const NONCE_ATTEMPTS: u32 = 10;
/// How often a transaction that the pool gave up is looked for on the best chain; one look a second.
const SEARCHES: u32 = 3;

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The transaction is in a block of the best chain. Quick; the block may still be replaced.
    InBlock,
    /// Its block is finalised.
    Finalized,
}

/// A transaction in a block, whose call succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Included {
    /// The block.
    pub block: BlockRef,
    /// The transaction's hash.
    pub extrinsic: Hash,
    /// The fee that the signer paid, in planck.
    pub fee: Balance,
    /// What it did.
    pub events: Vec<Event>,
}

impl ChainClient {
    /// Signs the call, sends it and waits until it is in a block. See [`ChainClient::submit_and_wait`].
    pub async fn submit(&self, signer: &Keypair, call: Call) -> Result<Included, Error> {
        self.submit_and_wait(signer, call, Wait::InBlock).await
    }

    /// Signs the call, sends it and waits until its block is finalised. See [`ChainClient::submit_and_wait`].
    pub async fn submit_finalized(&self, signer: &Keypair, call: Call) -> Result<Included, Error> {
        self.submit_and_wait(signer, call, Wait::Finalized).await
    }

    /// Signs the call, sends it and waits. Several calls of one account may be under way at once; they are sent in the order in which
    /// this is called.
    ///
    /// Errors: [`Error::BadCall`] if the arguments do not fit the chain, [`Error::Rejected`] if the pool refuses, [`Error::Failed`]
    /// if the call fails in its block, [`Error::Unresolved`] if the transaction was lost sight of.
    pub async fn submit_and_wait(&self, signer: &Keypair, call: Call, wait: Wait) -> Result<Included, Error> {
        let name = call.name();
        let mut attempt = 1;
        let (link, mut watched, birth, until) = loop {
            let lock = self.sender(&signer.account());
            let turn = lock.lock().await;
            let link = self.link()?;
            let birth = self.finalized()?.block;
            let (bytes, until) = sign(&link, &birth, signer, &call).await?;
            let extrinsic = Hash::from(sp_crypto_hashing::blake2_256(&bytes));
            match link.rpc.author_submit_and_watch_extrinsic(&bytes).await {
                Ok(subscription) => break (link, Watched { subscription, extrinsic }, birth.number, until),
                // Another process signed with the same key, or a fork put a transaction back; the next nonce is asked for anew.
                Err(rpcs::Error::User(e)) if attempt < NONCE_ATTEMPTS && is_about_nonce(&e) => attempt += 1,
                Err(rpcs::Error::User(e)) => return Err(Error::Rejected { call: name, reason: node_reason(&e) }),
                Err(e) => return Err(Error::Unresolved { call: name, reason: in_full(&e), extrinsic, until }),
            }
            drop(turn);
            tokio::time::sleep(Duration::from_secs(1)).await;
        };
        let extrinsic = watched.extrinsic;
        let lost = |reason: String| Error::Unresolved { call: name.clone(), reason, extrinsic, until };
        let followed = async {
            let end = match watched.wait(wait).await {
                Ok(block) => return Ok(block),
                Err(end) => end,
            };
            // What the pool last said is about one fork: the transaction can be in a block of another, which is now the best.
            match search(&link, birth, extrinsic, wait).await {
                Ok(Some(block)) => Ok(block),
                Ok(None) => Err(end),
                Err(e) => Err(End::Lost(in_full(&e))),
            }
        };
        let block = match tokio::time::timeout(PATIENCE, followed).await {
            Ok(Ok(block)) => block,
            Ok(Err(End::Refused(reason))) => return Err(Error::Rejected { call: name, reason }),
            Ok(Err(End::Lost(reason))) => return Err(lost(reason)),
            Err(_) => return Err(lost(format!("in no block after {} s", PATIENCE.as_secs()))),
        };
        outcome(&link, &name, block, extrinsic).await
    }
}

/// A transaction that the pool has taken.
struct Watched {
    subscription: rpcs::client::RpcSubscription<TransactionStatus<H256>>,
    extrinsic: Hash,
}

/// Why a transaction is no longer watched.
enum End {
    Refused(String),
    Lost(String),
}

impl Watched {
    /// The block that took the transaction in.
    async fn wait(&mut self, wait: Wait) -> Result<Hash, End> {
        while let Some(status) = self.subscription.next().await {
            match status.map_err(|e| End::Lost(in_full(&e)))? {
                TransactionStatus::InBlock(hash) if wait == Wait::InBlock => return Ok(Hash::from(hash.0)),
                TransactionStatus::Finalized(hash) => return Ok(Hash::from(hash.0)),
                TransactionStatus::Usurped(_) => {
                    return Err(End::Refused("another transaction of this account took its place".into()))
                }
                TransactionStatus::Invalid => return Err(End::Refused("it became invalid".into())),
                TransactionStatus::Dropped => return Err(End::Lost("the node's pool dropped it".into())),
                TransactionStatus::FinalityTimeout(_) => return Err(End::Lost("it was not finalised in time".into())),
                _ => {}
            }
        }
        Err(End::Lost("the connection closed".into()))
    }
}

/// The block of the best chain, or of its finalised part, that has a transaction signed at block `birth`. A transaction that the best
/// chain has is waited for until it is finalised, if that is asked for.
async fn search(link: &Link, birth: BlockNumber, extrinsic: Hash, wait: Wait) -> Result<Option<Hash>, Error> {
    for _ in 0..SEARCHES {
        while let Some(found) = find(link, birth, extrinsic).await? {
            if wait == Wait::InBlock || link.finalized().await?.number >= found.number {
                return Ok(Some(found.hash));
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(None)
}

/// The block of the best chain that has this transaction, if any.
async fn find(link: &Link, birth: BlockNumber, extrinsic: Hash) -> Result<Option<BlockRef>, Error> {
    let best = link.best().await?.number;
    for number in (birth.saturating_add(1)..=best).take(MORTALITY as usize) {
        let Some(hash) = link.canonical(number).await? else { break };
        let extrinsics = link.extrinsics(hash).await?;
        if extrinsics.iter().any(|e| sp_crypto_hashing::blake2_256(e) == extrinsic.0) {
            return Ok(Some(BlockRef { number, hash }));
        }
    }
    Ok(None)
}

/// The whole transaction, and the last block that may take it in.
async fn sign(link: &Link, birth: &BlockRef, signer: &Keypair, call: &Call) -> Result<(Vec<u8>, BlockNumber), Error> {
    let bad = |reason: String| Error::BadCall { call: call.name(), reason };
    let payload = Checked::new(link, call)?;
    let account = AccountId32(signer.account().into());
    let nonce = link.ask("the account's nonce", link.rpc.system_account_next_index(&account)).await?;
    let params = DefaultExtrinsicParamsBuilder::<SubstrateConfig>::new()
        .nonce(nonce)
        .mortal_from_unchecked(MORTALITY, birth.number.into(), H256(birth.hash.0))
        .build();
    let mut signable = link.offline.tx().create_signable_offline(&payload, params).map_err(|e| bad(in_full(&e)))?;
    let message = signable.signer_payload().map_err(|e| bad(in_full(&e)))?;
    let signature = MultiSignature::Sr25519(signer.sign(&message).0);
    let signed = signable.sign_with_account_and_signature(&account, &signature).map_err(|e| bad(in_full(&e)))?;
    Ok((signed.into_encoded(), birth.number.saturating_add(MORTALITY as BlockNumber)))
}

/// What happened to the transaction in its block.
async fn outcome(link: &Link, call: &str, block: Hash, extrinsic: Hash) -> Result<Included, Error> {
    let extrinsics = link.extrinsics(block).await?;
    let position = extrinsics.iter().position(|e| sp_crypto_hashing::blake2_256(e) == extrinsic.0);
    let position = position.ok_or_else(|| Error::Decode {
        what: format!("block {block:?}"),
        reason: "the transaction is not in the block that the node named".into(),
    })?;
    let key = crate::storage::prefix("System", "Events");
    let bytes = link.get_raw(block, &key).await?.unwrap_or_default();
    let (mut fee, mut own) = (0, Vec::new());
    for EventRecord { extrinsic: index, event } in events::decode(link, bytes)? {
        if index != Some(position as u32) {
            continue;
        }
        match event {
            Event::ExtrinsicFailed { error } => {
                return Err(Error::Failed { call: call.to_owned(), failure: explain(link, &error) })
            }
            Event::FeePaid { actual_fee, .. } => fee = actual_fee,
            other => own.push(other),
        }
    }
    let block = BlockRef { number: link.number_of(block).await?, hash: block };
    Ok(Included { block, extrinsic, fee, events: own })
}

/// The pallet's name and documentation of an error, from the metadata.
pub(crate) fn explain(link: &Link, error: &[u8]) -> DispatchFailure {
    let plain = |name: String, docs: String| DispatchFailure { pallet: None, name, docs };
    match DispatchError::decode_from(error, link.metadata.clone()) {
        Ok(DispatchError::Module(module)) => match module.details() {
            Ok(details) => DispatchFailure {
                pallet: Some(details.pallet.name().to_owned()),
                name: details.variant.name.clone(),
                docs: details.variant.docs.iter().map(|l| l.trim()).collect::<Vec<_>>().join(" ").trim().to_owned(),
            },
            Err(_) => plain(module.details_string(), String::new()),
        },
        Ok(other) => plain(format!("{other:?}"), other.to_string()),
        Err(_) => plain("Unknown".into(), format!("0x{}", hex::encode(error))),
    }
}

/// Whether the pool refused because the nonce is used: `1010` with "outdated", or `1014`, "priority is too low".
fn is_about_nonce(error: &rpcs::UserError) -> bool {
    error.code == 1014 || (error.code == 1010 && node_reason(error).contains("outdated"))
}

/// A call whose bytes were checked against the metadata.
struct Checked {
    pallet: String,
    name: String,
    args: RawArgs,
}

impl Checked {
    fn new(link: &Link, call: &Call) -> Result<Self, Error> {
        let bytes = encode(link, call)?;
        // Decoding shows whether every argument is what the chain expects; nothing is signed that it would read otherwise.
        link.offline
            .tx()
            .from_call_data_bytes(&bytes)
            .map_err(|e| Error::BadCall { call: call.name(), reason: in_full(&e) })?;
        let (pallet, name) = match &call.0 {
            Content::Plain { pallet, name, .. } => (pallet.clone(), name.clone()),
            Content::Batch(_) => ("Utility".into(), "batch_all".into()),
        };
        Ok(Self { pallet, name, args: RawArgs(bytes[2..].to_vec()) })
    }
}

/// Pallet index, call index, arguments.
fn encode(link: &Link, call: &Call) -> Result<Vec<u8>, Error> {
    let indices = |pallet: &str, name: &str| {
        let pallet = link.metadata.pallet_by_name(pallet)?;
        Some([pallet.call_index(), pallet.call_variant_by_name(name)?.index])
    };
    let unknown = || Error::BadCall { call: call.name(), reason: "the chain has no such call".into() };
    match &call.0 {
        Content::Plain { pallet, name, args } => Ok([&indices(pallet, name).ok_or_else(unknown)?[..], args].concat()),
        Content::Batch(calls) => {
            let mut bytes = indices("Utility", "batch_all").ok_or_else(unknown)?.to_vec();
            bytes.extend(codec::Encode::encode(&codec::Compact(calls.len() as u32)));
            for call in calls {
                bytes.extend(encode(link, call)?);
            }
            Ok(bytes)
        }
    }
}

impl tx::Payload for Checked {
    type CallData = RawArgs;

    fn pallet_name(&self) -> &str {
        &self.pallet
    }

    fn call_name(&self) -> &str {
        &self.name
    }

    fn call_data(&self) -> &RawArgs {
        &self.args
    }
}

/// Arguments that are encoded already.
struct RawArgs(Vec<u8>);

impl EncodeAsFields for RawArgs {
    fn encode_as_fields_to<R: TypeResolver>(
        &self,
        _: &mut dyn FieldIter<'_, R::TypeId>,
        _: &R,
        out: &mut Vec<u8>,
    ) -> Result<(), scale_encode::Error> {
        out.extend_from_slice(&self.0);
        Ok(())
    }
}
