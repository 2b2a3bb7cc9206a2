//! JSON-RPC as it travels: requests from questions, answers from what came back. Pure.

use std::sync::Arc;

use alloy_primitives::{hex, Address, Bytes, B256, U256};
use serde::{Deserialize, Deserializer};
use serde_json::{json, Value};

use crate::{
    read::{LogQuery, Transaction},
    Answer, Block, Fault, Log, Logs, Revert,
};

/// The gas of a call: the most that a transaction may use by EIP-7825, so that a call without an end costs endpoints little, and all of
/// them the same.
const CALL_GAS: u64 = 1 << 24;
/// From how many blocks the usual tip is taken.
const TIP_BLOCKS: u64 = 10;
/// JSON-RPC's code for a method that there is not.
const NO_METHOD: i64 = -32601;
/// The longest text of an endpoint that is told on.
const MAX_WORDS: usize = 200;

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Request {
    method: &'static str,
    params: Value,
}

/// What is asked of an endpoint, at a block.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Question {
    pub(crate) block: Block,
    pub(crate) unit: Unit,
}

/// What one request can ask.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Unit {
    Call {
        from: Option<Address>,
        to: Address,
        value: Option<U256>,
        data: Bytes,
    },
    Gas(Transaction),
    /// `most`: what a unit of gas may cost.
    Fees {
        most: u128,
    },
    Tip {
        most: u128,
    },
    Nonce(Address),
    Storage {
        address: Address,
        slot: B256,
    },
    /// The logs from a block to another, both included.
    Range {
        query: Arc<LogQuery>,
        from: u64,
        to: u64,
    },
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Miss {
    /// Fewer blocks of logs have to be asked for.
    TooWide,
    /// The endpoint's fault.
    Fault(Fault),
}

/// An error that an endpoint answered with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RpcError {
    code: i64,
    message: String,
    /// What the contract gave as its reason.
    data: Option<Bytes>,
}

pub(crate) type Outcome = Result<Value, RpcError>;

impl Unit {
    pub(crate) fn address(&self) -> Address {
        match self {
            Unit::Call { to: address, .. } | Unit::Storage { address, .. } | Unit::Nonce(address) => *address,
            Unit::Gas(transaction) => transaction.to,
            Unit::Fees { .. } | Unit::Tip { .. } => Address::ZERO,
            Unit::Range { query, .. } => query.address,
        }
    }

    /// Whether it asks for logs of several blocks, so that fewer could be asked for.
    pub(crate) fn is_wide(&self) -> bool {
        matches!(self, Unit::Range { from, to, .. } if from < to)
    }

    /// Whether the block is named by the request itself.
    pub(crate) fn names_block(&self) -> bool {
        !matches!(self, Unit::Range { .. } | Unit::Tip { .. } | Unit::Nonce(_))
    }
}

impl Request {
    pub(crate) fn chain_id() -> Self {
        Self { method: "eth_chainId", params: json!([]) }
    }

    pub(crate) fn newest_block() -> Self {
        Self { method: "eth_getBlockByNumber", params: json!(["latest", false]) }
    }

    pub(crate) fn block(number: u64) -> Self {
        Self { method: "eth_getBlockByNumber", params: json!([quantity(number), false]) }
    }

    /// A question, its block named by number where the endpoint takes no hashes.
    pub(crate) fn question(question: &Question, by_number: bool) -> Self {
        let at = || match by_number {
            true => quantity(question.block.number).into(),
            false => json!({ "blockHash": text(question.block.hash), "requireCanonical": true }),
        };
        match &question.unit {
            Unit::Call { from, to, value, data } => {
                let call = call(from.as_ref(), to, value.as_ref(), data);
                Self { method: "eth_call", params: json!([call, at()]) }
            }
            Unit::Gas(Transaction { from, to, value, data }) => {
                let call = call(Some(from), to, Some(value), data);
                Self { method: "eth_estimateGas", params: json!([call, at()]) }
            }
            Unit::Fees { .. } => {
                Self { method: "eth_getBlockByHash", params: json!([text(question.block.hash), false]) }
            }
            Unit::Tip { .. } => {
                let newest = quantity(question.block.number);
                Self { method: "eth_feeHistory", params: json!([quantity(TIP_BLOCKS), newest, [50]]) }
            }
            Unit::Nonce(account) => {
                Self { method: "eth_getTransactionCount", params: json!([text(account), "pending"]) }
            }
            Unit::Storage { address, slot } => {
                Self { method: "eth_getStorageAt", params: json!([text(address), text(slot), at()]) }
            }
            Unit::Range { query, from, to } => {
                let topics = query.topics.iter().map(|values| match values.as_slice() {
                    [] => Value::Null,
                    [only] => text(only).into(),
                    several => several.iter().map(text).collect(),
                });
                let filter = json!({
                    "address": text(query.address),
                    "topics": topics.collect::<Vec<_>>(),
                    "fromBlock": quantity(*from),
                    "toBlock": quantity(*to),
                });
                Self { method: "eth_getLogs", params: json!([filter]) }
            }
        }
    }
}

fn call(from: Option<&Address>, to: &Address, value: Option<&U256>, data: &Bytes) -> Value {
    let mut call = json!({ "to": text(to), "data": text(data), "gas": quantity(CALL_GAS) });
    if let Some(from) = from {
        call["from"] = text(from).into();
    }
    if let Some(value) = value {
        call["value"] = format!("{value:#x}").into();
    }
    call
}

/// The body that asks several things: a batch, unless it is only one.
pub(crate) fn body(requests: &[Request]) -> Vec<u8> {
    let mut objects = requests
        .iter()
        .enumerate()
        .map(|(id, r)| json!({ "jsonrpc": "2.0", "id": id, "method": r.method, "params": r.params }));
    let body = match requests.len() {
        1 => objects.next().unwrap_or_default(),
        _ => Value::Array(objects.collect()),
    };
    body.to_string().into_bytes()
}

#[derive(Deserialize)]
struct RawAnswer {
    #[serde(default)]
    id: Value,
    #[serde(default, deserialize_with = "present")]
    result: Option<Value>,
    error: Option<RawError>,
}

#[derive(Deserialize)]
struct RawError {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
    #[serde(default)]
    data: Value,
}

impl From<RawError> for RpcError {
    fn from(error: RawError) -> Self {
        // Some endpoints wrap what the contract gave once more.
        let data = bytes(&error.data).or_else(|_| bytes(&error.data["data"])).ok();
        RpcError { code: error.code, message: cut(&error.message), data }
    }
}

/// A result of null is a result.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// The outcomes of `count` requests in their order, whatever order they came in.
pub(crate) fn outcomes(body: &[u8], count: usize) -> Result<Vec<Outcome>, Fault> {
    let garbage = |e: serde_json::Error| Fault::Garbage(cut(&e.to_string()));
    let answers: Vec<RawAnswer> = match body.trim_ascii_start().first() {
        Some(b'[') => serde_json::from_slice(body).map_err(garbage)?,
        _ => vec![serde_json::from_slice(body).map_err(garbage)?],
    };
    let mut ordered: Vec<Option<Outcome>> = vec![None; count];
    let mut refusal = None;
    for RawAnswer { id, result, error } in answers {
        let outcome = match (result, error) {
            (_, Some(e)) => Err(RpcError::from(e)),
            (Some(result), None) => Ok(result),
            (None, None) => return Err(Fault::Garbage("neither result nor error".into())),
        };
        if let Err(error) = &outcome {
            // Of the batch as a whole: by the specification without an id, by some endpoints with its first request's.
            if id.is_null() || error.words().contains("batch") {
                refusal = Some(error.clone());
            }
            if id.is_null() {
                continue;
            }
        }
        let place = id.as_u64().and_then(|id| ordered.get_mut(usize::try_from(id).ok()?));
        match place {
            Some(place @ None) => *place = Some(outcome),
            _ => return Err(Fault::Garbage("an answer to what was not asked".into())),
        }
    }
    match (ordered.into_iter().collect::<Option<_>>(), refusal) {
        (Some(outcomes), _) => Ok(outcomes),
        (None, Some(e)) if e.is_limit() => Err(Fault::RateLimited),
        (None, Some(e)) if count > 1 => {
            let too_many = ["large", "limit", "size", "exceed", "max", "many"].iter().any(|w| e.words().contains(w));
            Err(Fault::BatchRefused { too_many })
        }
        (None, Some(e)) => Err(e.into()),
        (None, None) => Err(Fault::MissingAnswer),
    }
}

impl RpcError {
    fn words(&self) -> String {
        self.message.to_lowercase()
    }

    /// Whether the contract did not return, rather than the endpoint not having answered.
    fn is_revert(&self) -> bool {
        let words = self.words();
        let says = |these: &[&str]| these.iter().any(|w| words.contains(w));
        // 3 is geth's "execution error", which others follow; those that don't say it in words, one of them with -32015.
        let by_contract = self.code == 3 || self.code == -32015;
        let by_words = says(&[
            "revert",
            "out of gas",
            "outofgas",
            "invalid opcode",
            "opcode",
            "invalid jump",
            "invalidjump",
            "stack underflow",
            "stack overflow",
            "evm error",
            "vm exception",
            "vm execution error",
        ]);
        (by_contract || by_words) && !says(&["timeout", "timed out", "aborted"])
    }

    /// Whether the transaction can't be made, whatever the contract says.
    fn is_unaffordable(&self) -> bool {
        let words = self.words();
        ["insufficient funds", "gas required exceeds", "insufficient balance", "intrinsic gas too low"]
            .iter()
            .any(|w| words.contains(w))
    }

    fn revert(self) -> Answer {
        Answer::Reverted(Revert::new(self.message, &self.data.unwrap_or_default()))
    }

    /// Whether the endpoint wants to be asked less.
    fn is_limit(&self) -> bool {
        let words = self.words();
        let says = ["rate limit", "too many requests", "request count", "requests per", "compute units", "throughput"];
        self.code == 429 || says.iter().any(|w| words.contains(w))
    }

    /// Whether the endpoint did not understand the parameters, as one that does not know EIP-1898.
    pub(crate) fn is_about_params(&self) -> bool {
        let words = self.words();
        let says = ["invalid argument", "unmarshal", "blockhash", "invalid type", "invalid params", "missing 0x"];
        self.code == -32602 || says.iter().any(|w| words.contains(w))
    }

    /// Whether the endpoint does not know the block.
    fn is_unknown_block(&self) -> bool {
        let words = self.words();
        let says = ["not found", "unknown block", "canonical", "missing trie node", "state is not available", "pruned"];
        self.code == -32001 || (self.code != NO_METHOD && says.iter().any(|w| words.contains(w)))
    }
}

impl From<RpcError> for Fault {
    fn from(error: RpcError) -> Self {
        match error.is_limit() {
            true => Fault::RateLimited,
            false => Fault::Refused { code: error.code, message: error.message },
        }
    }
}

/// What came of a question.
pub(crate) fn answer(question: &Question, outcome: Outcome) -> Result<Answer, Miss> {
    let number = question.block.number;
    match (&question.unit, outcome) {
        (Unit::Call { .. }, Ok(value)) => Ok(Answer::Returned(bytes(&value)?)),
        (Unit::Call { .. } | Unit::Gas(_), Err(e)) if e.is_revert() => Ok(e.revert()),
        (Unit::Call { value: Some(_), .. } | Unit::Gas(_), Err(e)) if e.is_unaffordable() => Ok(e.revert()),
        (Unit::Gas(_), Ok(value)) => match self::number(&value)? {
            gas @ 1..=CALL_GAS => Ok(Answer::Gas(gas)),
            _ => Err(Garbage("more gas than was allowed, or none").into()),
        },
        (Unit::Fees { most }, Ok(value)) => fees(&value, &question.block, *most),
        (Unit::Tip { most }, Ok(value)) => Ok(Answer::Tip(tip(&value, *most)?)),
        (Unit::Nonce(_), Ok(value)) => Ok(Answer::Nonce(self::number(&value)?)),
        (Unit::Storage { .. }, Ok(value)) => Ok(Answer::Word(word(&value)?)),
        (Unit::Range { query, from, to }, Ok(value)) => {
            let found = logs(&value, query, *from..=*to)?;
            let other_chain = |log: &Log| log.block_number == number && log.block_hash != question.block.hash;
            match found.iter().any(other_chain) {
                true => Err(Miss::Fault(Fault::BlockUnknown(number))),
                false => Ok(Answer::Logs(Arc::new(Logs { found, searched_from: *from }))),
            }
        }
        (unit @ Unit::Range { .. }, Err(e)) if unit.is_wide() && !e.is_limit() && e.code != NO_METHOD => {
            Err(Miss::TooWide)
        }
        (_, Err(e)) if e.is_unknown_block() && !e.is_limit() => Err(Miss::Fault(Fault::BlockUnknown(number))),
        (_, Err(e)) => Err(Miss::Fault(e.into())),
    }
}

/// What the block's header says of gas.
fn fees(value: &Value, block: &Block, most: u128) -> Result<Answer, Miss> {
    if value.is_null() {
        return Err(Miss::Fault(Fault::BlockUnknown(block.number)));
    }
    if hash(&value["hash"])? != block.hash || number(&value["number"])? != block.number {
        return Err(Garbage("another block than the one asked for").into());
    }
    let base_fee = match &value["baseFeePerGas"] {
        Value::Null => None,
        fee => Some(price(fee, most)?),
    };
    Ok(Answer::Fees { gas_limit: number(&value["gasLimit"])?, base_fee })
}

/// The middle one of what half of the transactions of each block gave.
fn tip(value: &Value, most: u128) -> Result<u128, Garbage> {
    let blocks = value["reward"].as_array().ok_or(Garbage("no history of fees"))?;
    // None can be had of a chain younger than that.
    let mut tips = blocks.iter().map(|block| price(&block[0], most)).collect::<Result<Vec<_>, _>>()?;
    tips.sort_unstable();
    Ok(tips.get(tips.len() / 2).copied().unwrap_or_default())
}

/// What a unit of gas costs.
fn price(value: &Value, most: u128) -> Result<u128, Garbage> {
    let price = u128::from_str_radix(digits(value)?, 16).map_err(|_| Garbage("no hexadecimal number of 128 bits"))?;
    match price <= most {
        true => Ok(price),
        false => Err(Garbage("a fee beyond what is believed")),
    }
}

/// The number of the chain.
pub(crate) fn chain_id(outcome: Outcome) -> Result<u64, Fault> {
    Ok(number(&outcome?)?)
}

/// A block, if the endpoint knows it.
pub(crate) fn block(outcome: Outcome) -> Result<Option<Block>, Fault> {
    let value = outcome?;
    if value.is_null() {
        return Ok(None);
    }
    let block = Block {
        number: number(&value["number"])?,
        hash: hash(&value["hash"])?,
        timestamp: number(&value["timestamp"])?,
    };
    Ok(Some(block))
}

/// The events, the newest first.
fn logs(value: &Value, query: &LogQuery, blocks: std::ops::RangeInclusive<u64>) -> Result<Vec<Log>, Garbage> {
    let values = value.as_array().ok_or(Garbage("no list of logs"))?;
    let mut logs = Vec::with_capacity(values.len());
    for value in values {
        let topics = value["topics"].as_array().ok_or(Garbage("a log without topics"))?;
        let log = Log {
            address: Address::from_slice(&exactly::<20>(&value["address"])?),
            topics: topics.iter().map(hash).collect::<Result<_, _>>()?,
            data: bytes(&value["data"])?,
            block_number: number(&value["blockNumber"])?,
            block_hash: hash(&value["blockHash"])?,
            transaction: hash(&value["transactionHash"])?,
            index: number(&value["logIndex"])?,
        };
        if !query.admits(&log) || !blocks.contains(&log.block_number) {
            return Err(Garbage("a log that was not asked for"));
        }
        logs.push(log);
    }
    logs.sort_by_key(|log| std::cmp::Reverse((log.block_number, log.index)));
    Ok(logs)
}

/// A value that is not what it has to be.
struct Garbage(&'static str);

impl From<Garbage> for Fault {
    fn from(garbage: Garbage) -> Self {
        Fault::Garbage(garbage.0.into())
    }
}

impl From<Garbage> for Miss {
    fn from(garbage: Garbage) -> Self {
        Miss::Fault(garbage.into())
    }
}

fn digits(value: &Value) -> Result<&str, Garbage> {
    value.as_str().and_then(|text| text.strip_prefix("0x")).ok_or(Garbage("no hexadecimal text"))
}

fn bytes(value: &Value) -> Result<Bytes, Garbage> {
    hex::decode(digits(value)?).map(Bytes::from).map_err(|_| Garbage("no hexadecimal bytes"))
}

fn number(value: &Value) -> Result<u64, Garbage> {
    u64::from_str_radix(digits(value)?, 16).map_err(|_| Garbage("no hexadecimal number of 64 bits"))
}

/// A word, of which some endpoints leave zeros at the front away.
fn word(value: &Value) -> Result<B256, Garbage> {
    let digits = digits(value)?;
    let number = match digits {
        "" => Ok(U256::ZERO),
        _ => U256::from_str_radix(digits, 16),
    };
    number.map(B256::from).map_err(|_| Garbage("no word of 32 bytes"))
}

fn exactly<const N: usize>(value: &Value) -> Result<[u8; N], Garbage> {
    bytes(value)?.as_ref().try_into().map_err(|_| Garbage("hexadecimal bytes of a wrong length"))
}

fn hash(value: &Value) -> Result<B256, Garbage> {
    exactly::<32>(value).map(B256::from)
}

fn text(bytes: impl AsRef<[u8]>) -> String {
    hex::encode_prefixed(bytes)
}

fn quantity(number: u64) -> String {
    format!("0x{number:x}")
}

/// An endpoint's words, as far as they are told on.
pub(crate) fn cut(words: &str) -> String {
    words.chars().filter(|c| !c.is_control()).take(MAX_WORDS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: i64, message: &str) -> RpcError {
        RpcError { code, message: message.into(), data: None }
    }

    fn question(unit: Unit) -> Question {
        Question { block: Block { number: 9, hash: B256::repeat_byte(9), timestamp: 0 }, unit }
    }

    fn call() -> Question {
        question(Unit::Call { from: None, to: Address::repeat_byte(1), value: None, data: Bytes::from_static(&[2]) })
    }

    fn range(from: u64, to: u64) -> Question {
        let topics = vec![vec![B256::repeat_byte(7)], vec![]];
        let query = LogQuery { address: Address::repeat_byte(1), topics, from_block: 0, newest: 1 };
        question(Unit::Range { query: query.into(), from, to })
    }

    #[test]
    fn requests_name_the_block_by_hash_or_by_number() {
        let at = json!({ "blockHash": text(B256::repeat_byte(9)), "requireCanonical": true });
        let to = text([1; 20]);
        let request = Request::question(&call(), false);
        assert_eq!(request.params, json!([{ "to": to, "data": "0x02", "gas": "0x1000000" }, at]));
        assert_eq!(Request::question(&call(), true).params[1], "0x9");
        let storage = question(Unit::Storage { address: Address::repeat_byte(1), slot: B256::ZERO });
        assert_eq!(Request::question(&storage, false).params, json!([to, text(B256::ZERO), at]));
        let logs = Request::question(&range(3, 9), false);
        let topics = json!([text(B256::repeat_byte(7)), null]);
        assert_eq!(logs.params, json!([{ "address": to, "topics": topics, "fromBlock": "0x3", "toBlock": "0x9" }]));
        let one: Value = serde_json::from_slice(&body(&[Request::chain_id()])).unwrap();
        assert_eq!(one, json!({ "jsonrpc": "2.0", "id": 0, "method": "eth_chainId", "params": [] }));
        let two: Value = serde_json::from_slice(&body(&[Request::chain_id(), Request::newest_block()])).unwrap();
        assert_eq!(two[1]["id"], 1);
    }

    #[test]
    fn outcomes_are_put_in_order_or_refused() {
        let of = |text: &str, count| outcomes(text.as_bytes(), count);
        let two = r#" [{"id":1,"error":{"code":3,"message":"no\n"}},{"id":0,"result":null}]"#;
        assert_eq!(of(two, 2), Ok(vec![Ok(Value::Null), Err(error(3, "no"))]));
        assert_eq!(of(r#"{"id":0,"result":"0x1"}"#, 1), Ok(vec![Ok("0x1".into())]));
        assert_eq!(of(r#"[{"id":0,"result":"0x1"}]"#, 2), Err(Fault::MissingAnswer));
        assert_eq!(of("[]", 1), Err(Fault::MissingAnswer));
        for garbage in [
            "",
            "<html>",
            "12",
            "[1]",
            r#"[{"id":0}]"#,
            r#"[{"id":5,"result":1}]"#,
            r#"[{"id":"0","result":1}]"#,
            r#"[{"id":0,"result":1},{"id":0,"result":2}]"#,
        ] {
            assert!(matches!(of(garbage, 1), Err(Fault::Garbage(_))), "{garbage}");
        }
        let refused = |message: &str, id: &str| {
            of(&format!(r#"{{"id":{id},"error":{{"code":-32600,"message":"{message}"}}}}"#), 3)
        };
        assert_eq!(refused("batch requests are not supported", "null"), Err(Fault::BatchRefused { too_many: false }));
        assert_eq!(refused("batch too large", "0"), Err(Fault::BatchRefused { too_many: true }));
        assert_eq!(refused("too many requests", "null"), Err(Fault::RateLimited));
        assert_eq!(refused("other", "0"), Err(Fault::MissingAnswer));
        assert_eq!(
            of(r#"{"id":null,"error":{"code":-32700,"message":"what?"}}"#, 1),
            Err(Fault::Refused { code: -32700, message: "what?".into() })
        );
        let long = format!(r#"{{"id":0,"error":{{"code":1,"message":"{}"}}}}"#, "é".repeat(500));
        assert_eq!(of(&long, 1), Ok(vec![Err(error(1, &"é".repeat(200)))]));
    }

    #[test]
    fn a_revert_is_an_answer_and_a_failure_is_not() {
        for (code, words) in [
            (3, "execution reverted"),
            (-32000, "execution reverted: no"),
            (-32000, "out of gas"),
            (-32000, "invalid opcode: INVALID"),
            (-32015, "VM execution error."),
            (-32603, "EVM error OutOfGas"),
        ] {
            assert_eq!(answer(&call(), Err(error(code, words))), Ok(Answer::Reverted(Revert::new(words.into(), &[]))));
        }
        let fault = |code, words: &str| match answer(&call(), Err(error(code, words))) {
            Err(Miss::Fault(fault)) => fault.code(),
            other => panic!("{words}: {other:?}"),
        };
        assert_eq!(fault(-32000, "execution aborted (timeout = 5s)"), "refused");
        assert_eq!(fault(-32005, "rate limit exceeded"), "rate-limited");
        assert_eq!(fault(429, "no"), "rate-limited");
        assert_eq!(fault(-32000, "header not found"), "block-unknown");
        assert_eq!(fault(-32001, "Resource not found"), "block-unknown");
        assert_eq!(fault(-32000, "hash 0x is not currently canonical"), "block-unknown");
        assert_eq!(fault(-32603, "internal"), "refused");
        assert!(error(-32602, "").is_about_params());
        assert!(error(-32000, "json: cannot unmarshal object into Go value").is_about_params());
        assert_eq!(answer(&call(), Ok("0x0102".into())), Ok(Answer::Returned(vec![1, 2].into())));
        for garbage in [json!(12), json!("12"), json!("0x1"), json!("0xzz"), Value::Null] {
            assert!(matches!(answer(&call(), Ok(garbage)), Err(Miss::Fault(Fault::Garbage(_)))));
        }
    }

    #[test]
    fn a_transaction_is_estimated_within_bounds() {
        let (from, to) = (Address::repeat_byte(5), Address::repeat_byte(1));
        let transaction = Transaction { from, to, value: U256::from(258), data: Bytes::from_static(&[2]) };
        let gas = question(Unit::Gas(transaction));
        let request = Request::question(&gas, true);
        let call = json!({ "from": text(from), "to": text(to), "value": "0x102", "data": "0x02", "gas": "0x1000000" });
        assert_eq!((request.method, request.params), ("eth_estimateGas", json!([call, "0x9"])));
        assert_eq!(answer(&gas, Ok("0x5208".into())), Ok(Answer::Gas(21_000)));
        for absurd in ["0x0", "0x1000001", "0xffffffffffffffff", "0x"] {
            assert!(matches!(answer(&gas, Ok(absurd.into())), Err(Miss::Fault(Fault::Garbage(_)))), "{absurd}");
        }
        for words in ["insufficient funds for gas * price + value", "gas required exceeds allowance (16777216)"] {
            assert!(matches!(answer(&gas, Err(error(-32000, words))), Ok(Answer::Reverted(_))), "{words}");
        }
        assert!(answer(&gas, Err(error(-32601, "no such method"))).is_err());

        let fees = question(Unit::Fees { most: 1000 });
        let header = |number: &str, base: Value| {
            let hash = text(B256::repeat_byte(9));
            answer(&fees, Ok(json!({ "number": number, "hash": hash, "gasLimit": "0x1c9c380", "baseFeePerGas": base })))
        };
        let expected = |base_fee| Ok(Answer::Fees { gas_limit: 30_000_000, base_fee });
        assert_eq!(header("0x9", "0x3e8".into()), expected(Some(1000)));
        assert_eq!(header("0x9", Value::Null), expected(None));
        assert!(header("0x9", "0x3e9".into()).is_err() && header("0x8", Value::Null).is_err());
        assert_eq!(answer(&fees, Ok(Value::Null)), Err(Miss::Fault(Fault::BlockUnknown(9))));

        let tip = question(Unit::Tip { most: 1000 });
        assert_eq!(Request::question(&tip, false).params, json!(["0xa", "0x9", [50]]));
        let tips = |reward: Value| answer(&tip, Ok(json!({ "reward": reward })));
        assert_eq!(tips(json!([["0x0"], ["0x9"], ["0x2"]])), Ok(Answer::Tip(2)));
        assert_eq!(tips(json!([])), Ok(Answer::Tip(0)));
        assert!(tips(json!([["0x3e9"]])).is_err() && tips(json!([[]])).is_err() && tips(Value::Null).is_err());

        let nonce = question(Unit::Nonce(from));
        assert_eq!(Request::question(&nonce, false).params, json!([text(from), "pending"]));
        assert_eq!(answer(&nonce, Ok("0x7".into())), Ok(Answer::Nonce(7)));
    }

    #[test]
    fn what_a_contract_gives_as_its_reason_is_kept() {
        for data in [r#""0x4e487b71""#, r#"{"data":"0x4e487b71"}"#] {
            let body = format!(r#"{{"id":0,"error":{{"code":3,"message":"execution reverted","data":{data}}}}}"#);
            let outcome = outcomes(body.as_bytes(), 1).unwrap().remove(0);
            assert_eq!(outcome.unwrap_err().data, Some(Bytes::from_static(&[0x4e, 0x48, 0x7b, 0x71])));
        }
        let body = r#"{"id":0,"error":{"code":3,"message":"no","data":{"data":7}}}"#;
        assert_eq!(outcomes(body.as_bytes(), 1).unwrap().remove(0).unwrap_err().data, None);
    }

    #[test]
    fn reads_words_blocks_and_numbers() {
        let storage = question(Unit::Storage { address: Address::ZERO, slot: B256::ZERO });
        let short = |text: &str| answer(&storage, Ok(text.into()));
        assert_eq!(short("0x"), Ok(Answer::Word(B256::ZERO)));
        assert_eq!(short("0x1"), Ok(Answer::Word(B256::with_last_byte(1))));
        assert_eq!(short(&text(B256::repeat_byte(8))), Ok(Answer::Word(B256::repeat_byte(8))));
        assert!(short(&format!("0x1{}", "0".repeat(64))).is_err());
        assert_eq!(chain_id(Ok("0x1f".into())), Ok(31));
        assert!(chain_id(Ok("31".into())).is_err() && chain_id(Ok("0x1ffffffffffffffff".into())).is_err());
        assert_eq!(block(Ok(Value::Null)), Ok(None));
        assert!(block(Ok(json!({ "number": "0x1" }))).is_err());
    }

    #[test]
    fn logs_are_those_that_were_asked_for() {
        let log = |number: u64, index: u64| {
            json!({
                "address": text([1; 20]),
                "topics": [text([7; 32]), text([8; 32])],
                "data": "0x",
                "blockNumber": quantity(number),
                "blockHash": text([number as u8; 32]),
                "transactionHash": text([3; 32]),
                "logIndex": quantity(index),
            })
        };
        let Ok(Answer::Logs(logs)) = answer(&range(3, 9), Ok(json!([log(4, 0), log(9, 0), log(4, 2)]))) else {
            panic!("no logs")
        };
        let places: Vec<_> = logs.found.iter().map(|l| (l.block_number, l.index)).collect();
        assert_eq!((places, logs.searched_from), (vec![(9, 0), (4, 2), (4, 0)], 3));

        let miss = |question: &Question, outcome| answer(question, outcome).unwrap_err();
        let not_asked = Miss::Fault(Fault::Garbage("a log that was not asked for".into()));
        assert_eq!(miss(&range(3, 9), Ok(json!([log(2, 0)]))), not_asked);
        let mut other = log(4, 0);
        other["address"] = text([2; 20]).into();
        assert_eq!(miss(&range(3, 9), Ok(json!([other]))), not_asked);
        let mut other = log(4, 0);
        other["topics"] = json!([text([7; 32])]);
        assert_eq!(miss(&range(3, 9), Ok(json!([other]))), not_asked);
        let mut fork = log(9, 0);
        fork["blockHash"] = text([1; 32]).into();
        assert_eq!(miss(&range(3, 9), Ok(json!([fork]))), Miss::Fault(Fault::BlockUnknown(9)));
        assert_eq!(miss(&range(3, 9), Err(error(-32005, "query returned more than 10000 results"))), Miss::TooWide);
        assert_eq!(miss(&range(9, 9), Err(error(-32005, "no"))), Miss::Fault(error(-32005, "no").into()));
        assert_eq!(miss(&range(3, 9), Err(error(-32601, "no"))), Miss::Fault(error(-32601, "no").into()));
        assert_eq!(miss(&range(3, 9), Err(error(429, "no"))), Miss::Fault(Fault::RateLimited));
    }
}
