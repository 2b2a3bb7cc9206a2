//! Evaluating token scripts: the script says what it lacks of which chain, this reads it.

use std::{
    collections::BTreeMap,
    sync::{
        atomic::{AtomicBool, Ordering},
        Arc,
    },
    time::Instant,
};

use alloy_primitives::B256;
use futures::future::join_all;
use smartlayer_api_types::{rpc::ChainBlock, ApiError, ErrorCode};
use smartlayer_ethereum::{Answer, ChainId, EthereumError, GasEstimate, LogQuery as Search, Read, Transaction, View};
use smartlayer_token_script::{
    ActionError, AttributeError, CallError, EthereumCall, Evaluation, FilterError, Log, LogQuery, Requests, Step,
    StorageRead, Values,
};
use tokio::sync::Mutex;

use crate::{methods::estimate_error, node::Node};

/// How many events one question of a script is answered with; the newest.
const MAX_EVENTS: usize = 1000;

/// The chains that one answer is read from, each at one block.
pub(crate) struct Chains<'a> {
    node: &'a Node,
    since: Instant,
    views: Mutex<BTreeMap<u64, Result<Arc<View>, EthereumError>>>,
    /// Why a chain could not be read, if one could not.
    failure: std::sync::Mutex<Option<EthereumError>>,
    /// Whether a search for events ended before its oldest block: more may be found later, at the same block.
    incomplete: AtomicBool,
}

/// A chain that was read, and the hash of the block that it was read at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadAt {
    pub chain: u64,
    pub block: B256,
}

impl<'a> Chains<'a> {
    pub fn new(node: &'a Node) -> Self {
        let (views, failure) = Default::default();
        Self { node, since: Instant::now(), views, failure, incomplete: AtomicBool::new(false) }
    }

    /// Reads of one chain, all together.
    pub async fn read(&self, chain_id: u64, reads: &[Read]) -> Vec<Result<Answer, EthereumError>> {
        let answers = match self.view(chain_id).await {
            Ok(view) => view.read(reads).await,
            Err(error) => reads.iter().map(|_| Err(error.clone())).collect(),
        };
        for error in answers.iter().filter_map(|answer| answer.as_ref().err()) {
            // What nobody would answer is the script's fault, and an answer.
            if !matches!(error, EthereumError::InvalidRead(_)) {
                *self.failure.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(error.clone());
            }
        }
        let searches = reads.iter().zip(&answers).filter_map(|pair| match pair {
            (Read::Logs(query), Ok(Answer::Logs(logs))) => Some((query, logs)),
            _ => None,
        });
        for (query, logs) in searches {
            if logs.searched_from > query.from_block {
                self.incomplete.store(true, Ordering::Relaxed);
            }
        }
        answers
    }

    /// What was read at which blocks; nothing if the same reads at the same blocks could come to something else.
    pub async fn read_at(&self) -> Option<Vec<ReadAt>> {
        if self.incomplete.load(Ordering::Relaxed) || self.failed().is_some() {
            return None;
        }
        let views = self.views.lock().await;
        let read = views.iter().filter_map(|(chain, view)| Some((*chain, view.as_ref().ok()?.block().hash)));
        Some(read.map(|(chain, block)| ReadAt { chain, block }).collect())
    }

    async fn view(&self, chain_id: u64) -> Result<Arc<View>, EthereumError> {
        let mut views = self.views.lock().await;
        if let Some(view) = views.get(&chain_id) {
            return view.clone();
        }
        let view = self.node.ethereum.view(chain_id, self.since).await.map(Arc::new);
        views.insert(chain_id, view.clone());
        view
    }

    /// What a transaction would cost, or why it would fail.
    pub async fn estimate(&self, chain_id: u64, transaction: &Transaction) -> Result<GasEstimate, ApiError> {
        let view = self.view(chain_id).await.map_err(|error| chain_error(&error))?;
        view.estimate(transaction).await.map_err(estimate_error)
    }

    /// The blocks that were read at, by the chains' CAIP-2 names.
    pub async fn blocks(&self) -> BTreeMap<String, ChainBlock> {
        let views = self.views.lock().await;
        let read = views.iter().filter_map(|(chain, view)| Some((chain, view.as_ref().ok()?.block())));
        let block = |block: smartlayer_ethereum::Block| ChainBlock { number: block.number, hash: block.hash.0.into() };
        read.map(|(chain, at)| (ChainId(*chain).to_string(), block(at))).collect()
    }

    /// The error of an answer that a chain which could not be read left empty.
    pub fn failed(&self) -> Option<ApiError> {
        let failure = self.failure.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        failure.as_ref().map(chain_error)
    }
}

/// Why a chain could not be read, as callers are told.
pub(crate) fn chain_error(error: &EthereumError) -> ApiError {
    ApiError::new(ErrorCode::EvmFailure, format!("{error}. {}", error.remedy()))
        .with(serde_json::json!({ "cause": error.code() }))
}

/// Runs an evaluation to its end; all chains are read at the same time.
///
/// What needs a chain that cannot be read has no value, and says so; the rest is answered. Only when nothing has a value, and a failing
/// chain is why, the whole evaluation fails.
pub(crate) async fn run(chains: &Chains<'_>, mut evaluation: Evaluation<'_>) -> Result<Values, ApiError> {
    loop {
        let requests = match evaluation.step() {
            Step::Done(values) => return finish(values, chains),
            Step::Need(requests) => requests,
        };
        let asked = by_chain(requests).into_iter().map(|(chain, questions)| async move {
            let answers = chains.read(chain, &questions.iter().map(Question::read).collect::<Vec<_>>()).await;
            (questions, answers)
        });
        for (questions, answers) in join_all(asked).await {
            for (question, answer) in questions.into_iter().zip(answers) {
                question.supply(&mut evaluation, answer);
            }
        }
    }
}

fn finish(values: Values, chains: &Chains<'_>) -> Result<Values, ApiError> {
    let nothing = !values.is_empty() && values.values().all(Result::is_err);
    // Nobody can say who holds the token when its chain can't be read.
    let because_of_it = || {
        values.values().any(|value| value.as_ref().is_err_and(|e| is_unavailable(e) || *e == AttributeError::NoOwner))
    };
    match chains.failed() {
        Some(error) if nothing && because_of_it() => Err(error),
        _ => Ok(values),
    }
}

/// What a script asks of a chain.
enum Question {
    Call(EthereumCall),
    Logs(LogQuery),
    Storage(StorageRead),
}

fn by_chain(requests: Requests) -> BTreeMap<u64, Vec<Question>> {
    let mut chains: BTreeMap<u64, Vec<Question>> = BTreeMap::new();
    let Requests { calls, logs, storage } = requests;
    calls.into_iter().for_each(|call| chains.entry(call.chain_id).or_default().push(Question::Call(call)));
    logs.into_iter().for_each(|query| chains.entry(query.chain_id).or_default().push(Question::Logs(query)));
    storage.into_iter().for_each(|read| chains.entry(read.chain_id).or_default().push(Question::Storage(read)));
    chains
}

impl Question {
    fn read(&self) -> Read {
        match self {
            Question::Call(call) => Read::call(call.to, call.data.clone().into()),
            Question::Storage(read) => Read::Storage { address: read.address, slot: read.slot.into() },
            Question::Logs(query) => Read::Logs(Search {
                address: query.address,
                topics: query.topics.iter().map(|topic| topic.iter().copied().collect()).collect(),
                from_block: query.from_block,
                newest: MAX_EVENTS,
            }),
        }
    }

    fn supply(self, evaluation: &mut Evaluation<'_>, answer: Result<Answer, EthereumError>) {
        let answer = answer.map_err(|error| CallError::Unavailable(error.to_string()));
        match self {
            Question::Call(call) => {
                let result = answer.and_then(|answer| match answer {
                    Answer::Returned(data) => Ok(data.into()),
                    Answer::Reverted(revert) => Err(CallError::Reverted(revert.to_string())),
                    _ => Err(other_kind()),
                });
                evaluation.supply(call, result);
            }
            Question::Storage(read) => {
                let result = answer.and_then(|answer| match answer {
                    Answer::Word(word) => Ok(word),
                    _ => Err(other_kind()),
                });
                evaluation.supply_storage(read, result);
            }
            Question::Logs(query) => {
                let result = answer.and_then(|answer| match answer {
                    // None found is not none there, when older blocks were not searched.
                    Answer::Logs(logs) if logs.found.is_empty() && logs.searched_from > query.from_block => {
                        let from = logs.searched_from;
                        Err(CallError::Unavailable(format!(
                            "no such event since block {from}, older ones are unknown yet"
                        )))
                    }
                    Answer::Logs(logs) => Ok(logs.found.iter().map(log).collect()),
                    _ => Err(other_kind()),
                });
                evaluation.supply_logs(query, result);
            }
        }
    }
}

fn log(log: &smartlayer_ethereum::Log) -> Log {
    Log { topics: log.topics.clone(), data: log.data.to_vec(), block: log.block_number, index: log.index }
}

fn other_kind() -> CallError {
    CallError::Unavailable("the answer is to another question".into())
}

/// Why an action is refused, as callers are told.
pub(crate) fn action_error(error: ActionError) -> ApiError {
    let code = match &error {
        ActionError::Unknown(_) => ErrorCode::UnknownAction,
        ActionError::UnknownArgument(_) | ActionError::InvalidArgument { .. } | ActionError::MissingArgument(_) => {
            ErrorCode::InvalidParams
        }
        ActionError::Denied { .. } => ErrorCode::SelectionDenies,
        ActionError::Undecided { error: FilterError::Attribute { error, .. }, .. }
        | ActionError::Attribute { error, .. }
            if is_unavailable(error) =>
        {
            ErrorCode::EvmFailure
        }
        ActionError::Undecided { error: FilterError::Attribute { error, .. }, .. }
        | ActionError::Attribute { error, .. }
            if error.is_locked() =>
        {
            ErrorCode::Locked
        }
        _ => ErrorCode::EvaluationFailed,
    };
    let mut details = serde_json::json!({ "refusal": error.code() });
    if let ActionError::Denied { selection, reason } = &error {
        details["selection"] = selection.as_str().into();
        details["denial"] = serde_json::to_value(reason).unwrap_or_default();
    }
    ApiError::new(code, error.to_string()).with(details)
}

fn is_unavailable(error: &AttributeError) -> bool {
    match error {
        AttributeError::Call(CallError::Unavailable(_)) => true,
        AttributeError::Reference { error, .. } => is_unavailable(error),
        _ => false,
    }
}
