//! One connection to one node, with what was learnt about its chain. A link that breaks is thrown away; see [`crate::client`].

use std::{future::Future, time::Duration};

use codec::{Decode, DecodeAll, Encode};
use serde::Deserialize;
use smartlayer_primitives::{BlockNumber, Hash};
use subxt::{
    client::{OfflineClient, OfflineClientAtBlock},
    config::{
        substrate::{SpecVersionForRange, SubstrateConfig, H256},
        RpcConfigFor,
    },
    metadata::{ArcMetadata, Metadata, StorageHasher},
    rpcs::{self, methods::legacy::LegacyRpcMethods, RpcClient},
};

use crate::{
    calls,
    error::{shorten, Error},
    events,
    storage::{self, Key, Storage},
    BlockRef,
};

/// No single request may take longer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Connecting may not take longer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) type Rpc = LegacyRpcMethods<RpcConfigFor<SubstrateConfig>>;
pub(crate) type Offline = OfflineClientAtBlock<SubstrateConfig>;

/// A live connection and the chain's metadata.
pub(crate) struct Link {
    pub url: String,
    pub rpc: Rpc,
    client: RpcClient,
    pub genesis: Hash,
    pub spec_version: u32,
    pub metadata: ArcMetadata,
    /// Builds transactions; does no I/O.
    pub offline: Offline,
}

impl Link {
    /// Connects and makes sure that the chain has what this crate needs.
    pub async fn open(url: &str) -> Result<Self, Error> {
        let unreachable = |reason: String| Error::Unreachable { url: url.to_owned(), reason };
        let client = tokio::time::timeout(CONNECT_TIMEOUT, RpcClient::from_insecure_url(url))
            .await
            .map_err(|_| unreachable(format!("no answer within {} s", CONNECT_TIMEOUT.as_secs())))?
            .map_err(|e| unreachable(in_full(&e)))?;
        let rpc = Rpc::new(client.clone());
        let genesis = timely(url, "the genesis hash", rpc.genesis_hash()).await?;
        let version = timely(url, "the runtime version", rpc.state_get_runtime_version(None)).await?;
        let metadata = fetch_metadata(url, &rpc).await?.arc();
        let missing = missing(&metadata);
        if !missing.is_empty() {
            return Err(Error::OtherChain { url: url.to_owned(), missing: shorten(&missing) });
        }
        let config = SubstrateConfig::builder()
            .set_genesis_hash(genesis)
            .set_metadata_for_spec_versions([(version.spec_version, metadata.clone())])
            .set_spec_version_for_block_ranges([SpecVersionForRange {
                block_range: 0..u64::MAX,
                spec_version: version.spec_version,
                transaction_version: version.transaction_version,
            }])
            .build();
        let offline = OfflineClient::new_with_config(config)
            .at_block(0u64)
            .map_err(|e| Error::Decode { what: "the chain's metadata".into(), reason: in_full(&e) })?;
        Ok(Self {
            url: url.to_owned(),
            rpc,
            client,
            genesis: Hash::from(genesis.0),
            spec_version: version.spec_version,
            metadata,
            offline,
        })
    }

    /// Waits for a request's answer, for a bounded time, and sorts its errors.
    pub async fn ask<T>(
        &self,
        what: &'static str,
        request: impl Future<Output = Result<T, rpcs::Error>>,
    ) -> Result<T, Error> {
        timely(&self.url, what, request).await
    }

    /// The number of a block.
    pub async fn number_of(&self, hash: Hash) -> Result<BlockNumber, Error> {
        let header = self.ask("a block header", self.rpc.chain_get_header(Some(H256(hash.0)))).await?;
        let header = header.ok_or_else(|| Error::UnknownBlock(format!("{hash:?}")))?;
        Ok(header.number as BlockNumber)
    }

    /// The transactions of a block, as they were signed.
    pub async fn extrinsics(&self, hash: Hash) -> Result<Vec<Vec<u8>>, Error> {
        let request = self.client.request("chain_getBlock", rpcs::rpc_params![H256(hash.0)]);
        let answer: Option<SignedBlock> = self.ask("a block", request).await?;
        let extrinsics = answer.ok_or_else(|| Error::UnknownBlock(format!("{hash:?}")))?.block.extrinsics;
        let bytes = extrinsics.into_iter().map(Extrinsic::into_bytes).collect::<Option<_>>();
        bytes
            .ok_or_else(|| Error::Decode { what: format!("block {hash:?}"), reason: "a transaction is not hex".into() })
    }

    /// The newest finalised block.
    pub async fn finalized(&self) -> Result<BlockRef, Error> {
        let hash = Hash::from(self.ask("the finalised head", self.rpc.chain_get_finalized_head()).await?.0);
        Ok(BlockRef { number: self.number_of(hash).await?, hash })
    }

    /// The newest block of the best chain.
    pub async fn best(&self) -> Result<BlockRef, Error> {
        let hash = self.ask("the best block", self.rpc.chain_get_block_hash(None)).await?;
        let hash = Hash::from(hash.ok_or_else(|| Error::UnknownBlock("best".into()))?.0);
        Ok(BlockRef { number: self.number_of(hash).await?, hash })
    }

    /// The block of this height on the best chain, if it is that high.
    pub async fn canonical(&self, number: BlockNumber) -> Result<Option<Hash>, Error> {
        let request = self.rpc.chain_get_block_hash(Some(rpcs::methods::legacy::NumberOrHex::Number(number.into())));
        Ok(self.ask("a block's hash", request).await?.map(|hash| Hash::from(hash.0)))
    }

    /// The value at `key`, or nothing.
    pub async fn get<K: Key, V: Decode>(&self, at: Hash, storage: &Storage<K, V>, key: &K) -> Result<Option<V>, Error> {
        let bytes = storage.key(key, &self.hashers(storage.pallet, storage.name));
        let value = self.ask("a storage value", self.rpc.state_get_storage(&bytes, Some(H256(at.0)))).await?;
        value.map(|value| decode_value(storage, &value)).transpose()
    }

    /// The raw value at a raw key.
    pub async fn get_raw(&self, at: Hash, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.ask("a storage value", self.rpc.state_get_storage(key, Some(H256(at.0)))).await
    }

    /// All entries of a map whose key begins with the parts `under`, as long as there are at most `limit`.
    pub async fn entries<K: Key, V: Decode>(
        &self,
        at: Hash,
        storage: &Storage<K, V>,
        under: &[Vec<u8>],
        limit: usize,
    ) -> Result<Vec<(K, V)>, Error> {
        /// What one request asks for: large enough to be quick, small enough for the node's limit on answers.
        const PAGE: u32 = 256;
        let prefix = storage::prefix(storage.pallet, storage.name);
        let hashers = self.hashers(storage.pallet, storage.name);
        let start = storage.key_of(under, &hashers);
        let mut entries = Vec::new();
        let mut last: Option<Vec<u8>> = None;
        loop {
            let page = self.rpc.state_get_keys_paged(&start, PAGE, last.as_deref(), Some(H256(at.0)));
            let keys = self.ask("storage keys", page).await?;
            if entries.len() + keys.len() > limit {
                return Err(Error::TooMany { what: format!("{}.{}", storage.pallet, storage.name), limit });
            }
            let Some(newest) = keys.last().cloned() else { return Ok(entries) };
            let full = keys.len() == PAGE as usize;
            let query = self.rpc.state_query_storage_at(keys.iter().map(Vec::as_slice), Some(H256(at.0)));
            for change in self.ask("storage values", query).await?.into_iter().flat_map(|set| set.changes) {
                let (key, Some(value)) = change else { continue };
                let suffix = key.0.strip_prefix(&prefix[..]).unwrap_or_default();
                let key = K::from_suffix(suffix, &hashers).ok_or_else(|| Error::Decode {
                    what: format!("a key of {}.{}", storage.pallet, storage.name),
                    reason: "it is not built as expected".into(),
                })?;
                entries.push((key, decode_value(storage, &value.0)?));
            }
            if !full {
                return Ok(entries);
            }
            last = Some(newest);
        }
    }

    /// Asks a pallet's view function.
    pub async fn view_function<A: Encode, R: Decode>(
        &self,
        at: Hash,
        pallet: &str,
        name: &str,
        args: &A,
    ) -> Result<R, Error> {
        let what = || format!("the view function {pallet}.{name}");
        let function = self.metadata.pallet_by_name(pallet).and_then(|p| p.view_function_by_name(name));
        let function = function.ok_or_else(|| Error::OtherChain { url: self.url.clone(), missing: what() })?;
        let input = (function.query_id(), args.encode()).encode();
        let call = self.rpc.state_call("RuntimeViewFunction_execute_view_function", Some(&input), Some(H256(at.0)));
        let bytes = self.ask("a view function", call).await?;
        // What it answers, or the runtime's reason why it did not run.
        let bad = |reason: String| Error::Decode { what: what(), reason };
        let answer = Result::<Vec<u8>, u8>::decode(&mut &bytes[..]).map_err(|e| bad(e.to_string()))?;
        let answer = answer.map_err(|code| bad(format!("the runtime refused it, reason {code}")))?;
        R::decode_all(&mut &answer[..]).map_err(|e| bad(e.to_string()))
    }

    fn hashers(&self, pallet: &str, name: &str) -> Vec<StorageHasher> {
        let pallet = self.metadata.pallet_by_name(pallet);
        let entry = pallet.and_then(|p| p.storage()).and_then(|s| s.entry_by_name(name));
        entry.map(|e| e.keys().map(|k| k.hasher).collect()).unwrap_or_default()
    }
}

/// The part of `chain_getBlock`'s answer that is read.
#[derive(Deserialize)]
struct SignedBlock {
    block: Block,
}

#[derive(Deserialize)]
struct Block {
    extrinsics: Vec<Extrinsic>,
}

/// A transaction's bytes: hex from nodes that keep transactions opaque, numbers from nodes that know their type.
#[derive(Deserialize)]
#[serde(untagged)]
enum Extrinsic {
    Hex(String),
    Numbers(Vec<u8>),
}

impl Extrinsic {
    fn into_bytes(self) -> Option<Vec<u8>> {
        match self {
            Self::Hex(text) => hex::decode(text.strip_prefix("0x")?).ok(),
            Self::Numbers(bytes) => Some(bytes),
        }
    }
}

fn decode_value<K, V: Decode>(storage: &Storage<K, V>, bytes: &[u8]) -> Result<V, Error> {
    V::decode_all(&mut &bytes[..])
        .map_err(|e| Error::Decode { what: format!("{}.{}", storage.pallet, storage.name), reason: e.to_string() })
}

/// The newest metadata that both sides know.
async fn fetch_metadata(url: &str, rpc: &Rpc) -> Result<Metadata, Error> {
    let bad = |reason: String| Error::Decode { what: "the chain's metadata".into(), reason };
    for version in [16u32, 15] {
        let argument = codec::Encode::encode(&version);
        let answer =
            timely(url, "the metadata", rpc.state_call("Metadata_metadata_at_version", Some(&argument), None)).await?;
        if let Some(bytes) = Option::<Vec<u8>>::decode(&mut &answer[..]).map_err(|e| bad(e.to_string()))? {
            return Metadata::decode_from(&bytes).map_err(|e| bad(e.to_string()));
        }
    }
    let answer = timely(url, "the metadata", rpc.state_get_metadata(None)).await?;
    Metadata::decode_from(&answer.into_raw()).map_err(|e| bad(e.to_string()))
}

/// What this crate uses and the chain does not have, by name.
fn missing(metadata: &Metadata) -> Vec<String> {
    let mut missing = Vec::new();
    for (pallet, name, arguments) in calls::required() {
        let call = metadata.pallet_by_name(pallet).and_then(|p| p.call_variant_by_name(name).map(|c| c.fields.len()));
        match call {
            None => missing.push(format!("the call {pallet}.{name}")),
            Some(count) if count != arguments => {
                missing.push(format!("the call {pallet}.{name} with {arguments} arguments"));
            }
            Some(_) => {}
        }
    }
    for (pallet, name, keys) in storage::REQUIRED {
        let storage = metadata.pallet_by_name(pallet).and_then(|p| p.storage());
        match storage.and_then(|s| s.entry_by_name(name)) {
            None => missing.push(format!("the storage {pallet}.{name}")),
            Some(entry) if entry.keys().len() != *keys => {
                missing.push(format!("the storage {pallet}.{name} with {keys} keys"));
            }
            Some(_) => {}
        }
    }
    for (pallet, name, fields) in events::REQUIRED {
        let pallet_metadata = metadata.pallet_by_name(pallet);
        let variants = pallet_metadata.and_then(|p| p.event_variants()).unwrap_or_default();
        let event = variants.iter().find(|v| v.name == *name);
        if !event.is_some_and(|e| e.fields.iter().map(|f| f.name.as_deref()).eq(fields.iter().map(|f| Some(*f)))) {
            missing.push(format!("the event {pallet}.{name} {{ {} }}", fields.join(", ")));
        }
    }
    missing
}

async fn timely<T>(
    url: &str,
    what: &'static str,
    request: impl Future<Output = Result<T, rpcs::Error>>,
) -> Result<T, Error> {
    match tokio::time::timeout(REQUEST_TIMEOUT, request).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(rpcs::Error::User(e))) => Err(Error::Node { what, reason: node_reason(&e) }),
        Ok(Err(e)) => Err(Error::Disconnected { url: url.to_owned(), reason: in_full(&e) }),
        Err(_) => Err(Error::Disconnected {
            url: url.to_owned(),
            reason: format!("no answer to the request for {what} within {} s", REQUEST_TIMEOUT.as_secs()),
        }),
    }
}

/// The node's message with its data, where the reason often hides.
pub(crate) fn node_reason(error: &rpcs::UserError) -> String {
    match &error.data {
        Some(data) => format!("{} ({})", error.message, data.get().trim_matches('"')),
        None => error.message.clone(),
    }
}

/// An error with its causes, in one line, without the layers' names that say nothing to the reader.
pub(crate) fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text.replace("RPC error: ", "").replace("client error: ", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transactions_in_either_notation_are_read() {
        let text = r#"{"block": {"header": {}, "extrinsics": ["0x2805", [40, 5]]}, "justifications": null}"#;
        let block: SignedBlock = serde_json::from_str(text).unwrap();
        let bytes: Vec<_> = block.block.extrinsics.into_iter().map(Extrinsic::into_bytes).collect();
        assert_eq!(bytes, [Some(vec![40, 5]), Some(vec![40, 5])]);
        assert_eq!(Extrinsic::Hex("2805".into()).into_bytes(), None);
        assert!(serde_json::from_str::<Extrinsic>("[256]").is_err());
    }

    #[test]
    fn a_chain_without_our_pallets_is_told_by_what_it_lacks() {
        use scale_info::meta_type;
        use subxt::ext::frame_metadata::v16::{CustomMetadata, ExtrinsicMetadata, OuterEnums, RuntimeMetadataV16};
        let extrinsic = ExtrinsicMetadata {
            versions: vec![4],
            address_ty: meta_type::<()>(),
            call_ty: meta_type::<()>(),
            signature_ty: meta_type::<()>(),
            transaction_extensions_by_version: Default::default(),
            transaction_extensions: Vec::new(),
        };
        let outer = OuterEnums {
            call_enum_ty: meta_type::<()>(),
            event_enum_ty: meta_type::<()>(),
            error_enum_ty: meta_type::<()>(),
        };
        let custom = CustomMetadata { map: Default::default() };
        let empty = RuntimeMetadataV16::new(Vec::new(), extrinsic, Vec::new(), outer, custom);
        let missing = missing(&Metadata::from_v16(empty).unwrap());
        assert_eq!(missing.len(), calls::required().count() + storage::REQUIRED.len() + events::REQUIRED.len());
        let error = Error::OtherChain { url: "ws://x".into(), missing: shorten(&missing) }.to_string();
        assert!(error.contains("missing the call Anchors.register"), "{error}");
        assert!(error.ends_with(" more"), "{error}");
    }
}
