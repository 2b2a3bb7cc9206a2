//! Claims are brought as over the wire, and read as the runtime's off-chain worker reads them.

use std::{
    collections::BTreeMap,
    sync::{
        atomic::{AtomicBool, Ordering},
        Mutex,
    },
};

use codec::Encode;
use node_jsonrpsee::RpcModule;
use sc_rpc_api::DenyUnsafe;
use serde_json::{json, Value};
use smartlayer_primitives::{
    notary::{Allocation, SignedAllocation},
    promise::{Promise, SignedPromise, TickCommitment, Ticks},
    watchtower::{claim_key, Index, Kept as Entry, INDEX_KEY, MAX_KEPT},
    AccountId, Signature,
};
use sp_api::ApiRef;
use sp_core::{
    ecdsa,
    offchain::{storage::OffchainDb, testing::TestPersistentOffchainDB, OffchainDbExt, STORAGE_PREFIX},
    sr25519,
};
use sp_runtime::{offchain::storage::StorageValueRef, traits::Block as BlockT};
use substrate_prometheus_endpoint::Registry;

use super::*;

/// A chain that finds a claim worth its cumulative amount, or says what it was told to.
#[derive(Clone, Default)]
struct Chain(Arc<Mutex<BTreeMap<Balance, Result<Balance, WatchtowerError>>>>);

impl Chain {
    fn says(&self, cumulative: Balance, verdict: Result<Balance, WatchtowerError>) {
        self.0.lock().unwrap().insert(cumulative, verdict);
    }
}

/// What a runtime without the watchtower, or one that fails, makes of a claim.
const BREAKS: Balance = 666;

fn best() -> Hash {
    Hash::repeat_byte(0xbe)
}

sp_api::mock_impl_runtime_apis! {
    impl WatchtowerApi<Block> for Chain {
        #[advanced]
        fn check_claim(
            &self,
            at: <Block as BlockT>::Hash,
            claim: Claim,
        ) -> Result<Result<Balance, WatchtowerError>, sp_api::ApiError> {
            assert_eq!(at, best());
            let cumulative = claim.promise.promise.cumulative;
            if cumulative == BREAKS {
                return Err(sp_api::ApiError::StateBackendIsNotTrie);
            }
            Ok(self.0.lock().unwrap().get(&cumulative).copied().unwrap_or(Ok(cumulative)))
        }
    }
}

impl ProvideRuntimeApi<Block> for Chain {
    type Api = Self;

    fn runtime_api(&self) -> ApiRef<'_, Self> {
        self.clone().into()
    }
}

impl HeaderBackend<Block> for Chain {
    fn info(&self) -> sp_blockchain::Info<Block> {
        sp_blockchain::Info {
            best_hash: best(),
            best_number: 7,
            genesis_hash: Hash::zero(),
            finalized_hash: Hash::zero(),
            finalized_number: 0,
            finalized_state: None,
            number_leaves: 1,
            block_gap: None,
        }
    }

    fn header(&self, _: Hash) -> sp_blockchain::Result<Option<<Block as BlockT>::Header>> {
        Ok(None)
    }

    fn status(&self, _: Hash) -> sp_blockchain::Result<sp_blockchain::BlockStatus> {
        Ok(sp_blockchain::BlockStatus::InChain)
    }

    fn number(&self, _: Hash) -> sp_blockchain::Result<Option<BlockNumber>> {
        Ok(None)
    }

    fn hash(&self, _: BlockNumber) -> sp_blockchain::Result<Option<Hash>> {
        Ok(None)
    }
}

/// A node's methods, over its storage.
struct Node<S = TestPersistentOffchainDB> {
    chain: Chain,
    storage: S,
    shelf: Shelf<S>,
    methods: RpcModule<Watchtower<Chain, S>>,
}

impl Node {
    fn new() -> Self {
        Self::with(TestPersistentOffchainDB::new(), DenyUnsafe::No)
    }
}

impl<S: OffchainStorage + 'static> Node<S> {
    fn with(storage: S, unsafe_methods: DenyUnsafe) -> Self {
        let (chain, shelf) = (Chain::default(), Shelf::new(storage.clone()));
        let mut methods = Watchtower::new(Arc::new(chain.clone()), Some(shelf.clone())).into_rpc();
        methods.extensions_mut().insert(unsafe_methods);
        Self { chain, storage, shelf, methods }
    }

    /// The result, or the error's code with its data.
    async fn call(&self, method: &str, parameter: Value) -> Result<Value, (i64, Value)> {
        call(&self.methods, method, parameter).await
    }

    async fn keep(&self, claim: &Claim) -> Result<Value, (i64, Value)> {
        self.call("watchtower_keep", hex(&claim.encode())).await
    }

    /// The code and the reason of a refusal.
    async fn refusal(&self, claim: &Claim) -> (i64, String) {
        named(self.keep(claim).await.expect_err("it is refused"))
    }

    /// Runs as the runtime's off-chain worker does.
    fn at_work<R>(&self, work: impl FnOnce() -> R) -> R {
        let mut externalities = sp_io::TestExternalities::default();
        externalities.register_extension(OffchainDbExt::new(OffchainDb::new(self.storage.clone())));
        externalities.execute_with(work)
    }

    /// The index, as the worker reads it.
    fn index(&self) -> Index {
        self.at_work(|| StorageValueRef::persistent(INDEX_KEY).get().unwrap().unwrap_or_default())
    }

    /// The claim with this id, as the worker reads it.
    fn claim(&self, id: &SessionId) -> Option<Claim> {
        self.at_work(|| StorageValueRef::persistent(&claim_key(id)).get().unwrap())
    }
}

async fn call<C, S>(
    methods: &RpcModule<Watchtower<C, S>>,
    method: &str,
    parameter: Value,
) -> Result<Value, (i64, Value)> {
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": [parameter] });
    let (answer, _) = methods.raw_json_request(&request.to_string(), 1).await.unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    match answer.get("error") {
        Some(error) => Err((error["code"].as_i64().unwrap(), error["data"].clone())),
        None => Ok(answer["result"].clone()),
    }
}

fn named((code, data): (i64, Value)) -> (i64, String) {
    assert!(data["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()), "{data}");
    (code, data["reason"].as_str().unwrap().into())
}

fn hex(bytes: &[u8]) -> Value {
    serde_json::to_value(Bytes::from(bytes.to_vec())).unwrap()
}

fn id(n: u64) -> SessionId {
    SessionId::from_low_u64_be(n)
}

fn claim(session: u64, cumulative: Balance) -> Claim {
    let promise = Promise { session: id(session), cumulative, call_hash: Hash::zero(), ticks: None };
    SignedPromise { promise, signature: sr25519::Signature::default().into() }.into()
}

/// A claim with everything that a claim can have.
fn largest(session: u64, channel: u64) -> Claim {
    let ticks = Some(TickCommitment { root: Hash::zero(), unit: 1, length: 1 });
    let promise = Promise { session: id(channel), cumulative: 9, call_hash: Hash::zero(), ticks };
    let signature = Signature::from(ecdsa::Signature::default());
    let allocation = Allocation { session: id(session), round: 0, node: AccountId::new([7; 32]), cap: 100 };
    Claim {
        promise: SignedPromise { promise, signature },
        ticks: Some(Ticks { count: 1, preimage: Hash::zero() }),
        allocation: Some(SignedAllocation { allocation, signature: [0; 64].into() }),
    }
}

#[tokio::test]
async fn the_worker_finds_what_was_brought_byte_for_byte() {
    let node = Node::new();
    let (in_a_session, in_a_network) = (claim(2, 300), largest(5, 1));
    let kept = node.keep(&in_a_session).await.unwrap();
    assert_eq!(kept, json!({ "session": id(2), "worth": "300" }));
    node.chain.says(9, Ok(u128::MAX));
    let kept = node.keep(&in_a_network).await.unwrap();
    assert_eq!(kept, json!({ "session": id(5), "worth": u128::MAX.to_string() }));

    let entry = |n, session| Entry { id: id(n), session: id(session), missing_since: None };
    assert_eq!(node.index().into_inner(), [entry(1, 5), entry(2, 2)]);
    for (n, brought) in [(2, in_a_session), (1, in_a_network)] {
        let bytes = OffchainStorage::get(&node.storage, STORAGE_PREFIX, &claim_key(&id(n)));
        assert_eq!(bytes, Some(brought.encode()));
        assert_eq!(node.claim(&id(n)), Some(brought));
    }
}

#[tokio::test]
async fn the_better_claim_stays() {
    let node = Node::new();
    for (brought, stays) in [(100, 100), (50, 100), (100, 100), (101, 101)] {
        assert_eq!(node.keep(&claim(1, brought)).await.unwrap()["worth"], stays.to_string());
        assert_eq!(node.claim(&id(1)), Some(claim(1, stays)));
    }
    // One that the chain would not settle any more is no better than any.
    node.chain.says(101, Err(WatchtowerError::NothingNew));
    assert_eq!(node.keep(&claim(1, 60)).await.unwrap()["worth"], "60");
    assert_eq!(node.claim(&id(1)), Some(claim(1, 60)));
    assert_eq!(node.index().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_a_time_the_best_stays() {
    let node = Arc::new(Node::new());
    let bringing: Vec<_> = (1..=64)
        .map(|cumulative| {
            let node = node.clone();
            tokio::spawn(async move { node.keep(&claim(cumulative % 4, cumulative.into())).await })
        })
        .collect();
    for brought in bringing {
        brought.await.unwrap().unwrap();
    }
    assert_eq!(node.index().len(), 4);
    for (session, best) in [(1, 61), (2, 62), (3, 63), (0, 64)] {
        assert_eq!(node.claim(&id(session)), Some(claim(session, best)));
    }
}

#[tokio::test]
async fn what_the_chain_would_refuse_is_refused_and_leaves_nothing() {
    let node = Node::new();
    for (error, code, reason) in [
        (WatchtowerError::NoSuchSession, 9001, "no_such_session"),
        (WatchtowerError::NothingNew, 9002, "nothing_new"),
        (WatchtowerError::TooEarly, 9003, "too_early"),
        (WatchtowerError::BadClaim, 9004, "bad_claim"),
        (WatchtowerError::Full, 9005, "full"),
    ] {
        node.chain.says(1, Err(error));
        assert_eq!(node.refusal(&claim(1, 1)).await, (code, reason.into()));
    }
    assert_eq!(node.refusal(&claim(1, BREAKS)).await, (9008, "runtime".into()));
    assert_eq!(node.index().len(), 0);
    assert_eq!(node.claim(&id(1)), None);
}

#[tokio::test]
async fn garbage_and_what_is_too_long_is_refused() {
    let node = Node::new();
    let good = claim(1, 1).encode();
    let longer = [&good[..], &[0]].concat();
    let much = vec![0; Claim::max_encoded_len() + 1];
    for bad in [&[][..], &[0xff; 40], &good[..good.len() - 1], &longer, &much] {
        let error = node.call("watchtower_keep", hex(bad)).await.expect_err("it is no claim");
        assert_eq!(named(error), (9006, "not_a_claim".into()));
    }
    for bad in [json!("no hex"), json!(1), json!(null)] {
        assert_eq!(node.call("watchtower_keep", bad).await.expect_err("it is no hex").0, -32602);
    }
    assert_eq!(node.index().len(), 0);
    // What is as long as can be is welcome.
    assert_eq!(largest(1, 2).encoded_size(), Claim::max_encoded_len());
    assert!(node.keep(&largest(1, 2)).await.is_ok());
}

#[tokio::test]
async fn who_is_full_takes_only_better_claims_of_what_is_there() {
    let node = Node::new();
    let entries = (0..u64::from(MAX_KEPT)).map(|n| Entry { id: id(n), session: id(n), missing_since: None });
    let full = Index::try_from(entries.collect::<Vec<_>>()).unwrap();
    node.at_work(|| StorageValueRef::persistent(INDEX_KEY).set(&full));

    assert_eq!(node.refusal(&claim(u64::MAX, 5)).await, (9005, "full".into()));
    assert_eq!(node.claim(&id(u64::MAX)), None);
    assert!(node.keep(&claim(7, 5)).await.is_ok());
    assert_eq!(node.claim(&id(7)), Some(claim(7, 5)));
    assert_eq!(node.index(), full);
    // When the worker forgets one there is room again.
    node.at_work(|| {
        let rest = Index::try_from(full[1..].to_vec()).unwrap();
        StorageValueRef::persistent(INDEX_KEY).set(&rest);
    });
    assert!(node.keep(&claim(u64::MAX, 5)).await.is_ok());
    assert_eq!(node.index().last().unwrap().id, id(u64::MAX));
}

/// A storage in which the worker comes first, once.
#[derive(Clone)]
struct Raced {
    storage: TestPersistentOffchainDB,
    raced: Arc<AtomicBool>,
}

impl OffchainStorage for Raced {
    fn set(&mut self, prefix: &[u8], key: &[u8], value: &[u8]) {
        self.storage.set(prefix, key, value);
    }

    fn remove(&mut self, prefix: &[u8], key: &[u8]) {
        self.storage.remove(prefix, key);
    }

    fn get(&self, prefix: &[u8], key: &[u8]) -> Option<Vec<u8>> {
        OffchainStorage::get(&self.storage, prefix, key)
    }

    fn compare_and_set(&mut self, prefix: &[u8], key: &[u8], old: Option<&[u8]>, new: &[u8]) -> bool {
        // The claim is written before the index names it.
        assert_eq!(OffchainStorage::get(&self.storage, prefix, &claim_key(&id(3))), Some(claim(3, 1).encode()));
        if !self.raced.swap(true, Ordering::SeqCst) {
            let entries = vec![Entry { id: id(9), session: id(9), missing_since: Some(4) }];
            self.storage.set(prefix, key, &Index::try_from(entries).unwrap().encode());
        }
        self.storage.compare_and_set(prefix, key, old, new)
    }
}

#[tokio::test]
async fn what_the_worker_writes_meanwhile_is_not_lost() {
    let storage = Raced { storage: TestPersistentOffchainDB::new(), raced: Arc::default() };
    let node = Node::with(storage, DenyUnsafe::No);
    node.keep(&claim(3, 1)).await.unwrap();
    let index: Vec<_> = node.index().into_iter().map(|kept| (kept.id, kept.missing_since)).collect();
    assert_eq!(index, [(id(3), None), (id(9), Some(4))]);
}

#[tokio::test]
async fn a_damaged_storage_is_no_reason_to_lose_more() {
    let mut node = Node::new();
    // A claim that cannot be read is replaced,
    node.storage.set(STORAGE_PREFIX, &claim_key(&id(1)), &[1, 2, 3]);
    assert_eq!(node.keep(&claim(1, 1)).await.unwrap()["worth"], "1");
    assert_eq!(node.claim(&id(1)), Some(claim(1, 1)));
    // and an index that cannot be read is the operator's to remove.
    node.storage.set(STORAGE_PREFIX, INDEX_KEY, &[0xff; 9]);
    assert_eq!(node.refusal(&claim(2, 1)).await, (9009, "unreadable".into()));
    assert_eq!(node.claim(&id(2)), None);
    node.storage.remove(STORAGE_PREFIX, INDEX_KEY);
    assert!(node.keep(&claim(1, 1)).await.is_ok());
    assert_eq!(node.index().len(), 1);
}

#[tokio::test]
async fn the_operator_sees_what_is_kept_and_nobody_else() {
    let node = Node::new();
    node.keep(&claim(1, 300)).await.unwrap();
    let kept = |worth: Value| json!({ "session": id(1), "claim": hex(&claim(1, 300).encode()), "worth": worth, "missingSince": null });
    assert_eq!(node.call("watchtower_kept", json!(id(1))).await.unwrap(), kept(json!("300")));
    node.chain.says(300, Err(WatchtowerError::NothingNew));
    assert_eq!(node.call("watchtower_kept", json!(id(1))).await.unwrap(), kept(json!(null)));
    assert_eq!(node.call("watchtower_kept", json!(id(2))).await.unwrap(), json!(null));

    let exposed = Node::with(node.storage.clone(), DenyUnsafe::Yes);
    assert_eq!(exposed.call("watchtower_kept", json!(id(1))).await.expect_err("it is unsafe").0, -32601);
    assert!(exposed.keep(&claim(2, 1)).await.is_ok());
}

#[tokio::test]
async fn without_off_chain_workers_nothing_is_promised() {
    let chain = Arc::new(Chain::default());
    let mut methods = Watchtower::<_, TestPersistentOffchainDB>::new(chain, None).into_rpc();
    methods.extensions_mut().insert(DenyUnsafe::No);
    for (method, parameter) in [("watchtower_keep", hex(&claim(1, 1).encode())), ("watchtower_kept", json!(id(1)))] {
        let error = call(&methods, method, parameter).await.expect_err("it is off");
        assert!(error.1["remedy"].as_str().unwrap().contains("--offchain-worker always"));
        assert_eq!(named(error), (9007, "off".into()));
    }
}

#[tokio::test]
async fn how_many_are_kept_is_measured() {
    let node = Node::new();
    let registry = Registry::new();
    node.shelf.register_gauge(&registry).unwrap();
    let measured = || registry.gather()[0].get_metric()[0].get_gauge().get_value();
    assert_eq!(measured(), 0.0);
    for n in 0..3 {
        node.keep(&claim(n, 1)).await.unwrap();
    }
    assert_eq!(measured(), 3.0);
    // The worker forgets.
    node.at_work(|| StorageValueRef::persistent(INDEX_KEY).set(&Index::default()));
    assert_eq!(measured(), 0.0);
}

#[test]
fn the_reference_lists_the_errors() {
    let reference = include_str!("../../../docs/reference/node.md");
    let errors = [
        Error::Refused(WatchtowerError::NoSuchSession),
        Error::Refused(WatchtowerError::NothingNew),
        Error::Refused(WatchtowerError::TooEarly),
        Error::Refused(WatchtowerError::BadClaim),
        Error::Refused(WatchtowerError::Full),
        Error::NotAClaim(String::new()),
        Error::Off,
        Error::Runtime(String::new()),
        Error::Unreadable,
    ];
    for error in errors {
        let (code, reason, _) = error.parts();
        assert!(reference.contains(&format!("| {code} | `{reason}` |")), "docs/reference/node.md lacks {reason}");
    }
}
