//! What is read from chains: calls, logs and storage.

use alloy_primitives::{keccak256, B256, I256, U256};

use super::{convert, AttributeError, CallError, EthereumCall, Evaluation, Log, LogQuery, Stop, StorageRead, Walk};
use crate::{
    abi::{self, AbiType},
    As, Call, EventQuery, Part, StorageSlot, Syntax, Value,
};

fn undecodable(why: impl Into<String>) -> Stop {
    Stop::Failed(AttributeError::Undecodable(why.into()))
}

/// Gives an evaluation's answer to a question, or notes that it is asked.
macro_rules! ask {
    ($evaluation:expr, $kind:ident, $question:expr, $walk:expr) => {{
        let limit = $evaluation.script.limits.calls;
        match $evaluation.answers.$kind.get(&$question) {
            Some(Some(answer)) => Ok(answer.as_ref().map_err(CallError::clone)?),
            None if $evaluation.answers.asked() >= limit => Err(AttributeError::TooManyCalls(limit).into()),
            _ => {
                $evaluation.answers.$kind.entry($question).or_default();
                $walk.waits = true;
                Err(Stop::Pending)
            }
        }
    }};
}

impl<'a> Evaluation<'a> {
    pub(super) fn call(
        &mut self,
        own: bool,
        call: &'a Call,
        as_: Option<As>,
        syntax: Option<&Syntax>,
        walk: &mut Walk,
    ) -> Result<Value, Stop> {
        let (chain_id, to) = self.script.contract_address(&call.contract, self.context)?;
        let values = self.arguments(own, call.arguments.iter(), walk)?;
        let arguments: Vec<_> = call.arguments.iter().map(|argument| &argument.ty).zip(values).collect();
        let request = EthereumCall { chain_id, to, data: abi::calldata(&call.function, &arguments)? };
        let data = ask!(self, calls, request, walk)?;
        let limits = &self.script.limits;
        if data.len() > limits.call_result {
            return Err(undecodable(format!("it is longer than {} bytes", limits.call_result)));
        }
        if data.is_empty() {
            return Err(undecodable("it is empty; is there a contract at this address?"));
        }
        returned(call, data, limits.decoded, as_, syntax)
    }

    /// The newest log that fits: an event tells what is since then, and what older ones told is over.
    pub(super) fn event(&mut self, own: bool, query: &'a EventQuery, walk: &mut Walk) -> Result<Value, Stop> {
        let (chain_id, address) = self.script.contract_address(&query.contract, self.context)?;
        let event = &query.event;
        let mut expected = Vec::with_capacity(query.conditions.len());
        let mut waits = false;
        for (position, parts) in &query.conditions {
            match self.part_values(own, parts, walk) {
                Err(Stop::Pending) => waits = true,
                value => expected.push((*position, value?)),
            }
        }
        if waits {
            return Err(Stop::Pending);
        }
        let mut topics = vec![Some(event.topic())];
        topics.extend(event.fields.iter().filter(|field| field.indexed).map(|_| None));
        for (position, value) in &expected {
            if let Some(at) = event.topic_of(*position) {
                topics[at] = Some(event.fields[*position].ty.topic(value)?);
            }
        }
        while topics.last() == Some(&None) {
            topics.pop();
        }
        let question = LogQuery { chain_id, address, topics, from_block: self.context.from_block };
        let answer = ask!(self, logs, question.clone(), walk)?;
        let limits = &self.script.limits;
        if answer.len() > limits.logs {
            return Err(undecodable(format!("there are more than {} logs", limits.logs)));
        }
        // Who answers may be wrong about what was asked.
        let asked = |log: &&Log| {
            log.topics.len() == event.topics()
                && question.topics.iter().zip(&log.topics).all(|(asked, topic)| asked.is_none_or(|t| t == *topic))
        };
        let mut logs: Vec<&Log> = answer.iter().filter(asked).collect();
        logs.sort_by_key(|log| std::cmp::Reverse((log.block, log.index)));
        for log in logs {
            let fields = event.decode(&log.topics, &log.data, limits.decoded.min(limits.call_result * 16));
            let fields = fields.map_err(|error| undecodable(error.to_string()))?;
            let fits = expected.iter().map(|(position, value)| {
                let field = &event.fields[*position];
                Ok(field.indexed || field.ty.is_same(&fields[*position].1, value)?)
            });
            if fits.collect::<Result<Vec<_>, AttributeError>>()?.into_iter().all(|fits| fits) {
                let value = match query.select {
                    Some(position) => fields.into_iter().nth(position).map(|(_, value)| value),
                    None => Some(Value::Record(fields)),
                };
                return value.ok_or_else(|| undecodable("the event has no such field"));
            }
        }
        Err(AttributeError::NoEvent(event.name.clone()).into())
    }

    /// The value that a condition's parts make: an attribute's own if it stands alone, else a text.
    fn part_values(&mut self, own: bool, parts: &[Part], walk: &mut Walk) -> Result<Value, Stop> {
        if let [Part::Attribute(name)] = parts {
            return self.resolve(name, own, walk);
        }
        let mut text = String::new();
        for part in parts {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Attribute(name) => text.push_str(&self.resolve(name, own, walk)?.utf8()?),
            }
        }
        Ok(Value::Text(text))
    }

    pub(super) fn storage(
        &mut self,
        variable: &'a StorageSlot,
        as_: Option<As>,
        syntax: Option<&Syntax>,
        walk: &mut Walk,
    ) -> Result<Value, Stop> {
        let (chain_id, address) = self.script.contract_address(&variable.contract, self.context)?;
        let read = |slot| StorageRead { chain_id, address, slot };
        let word: B256 = *ask!(self, storage, read(variable.slot), walk)?;
        let dynamic = match (&variable.ty, as_.or(by_syntax(syntax))) {
            (Some(AbiType::String | AbiType::Bytes), _) | (None, Some(As::Utf8 | As::Bytes)) => true,
            (Some(ty), _) => return Ok(convert(low_bytes(ty, word)?, as_)?),
            (None, None | Some(As::Mapping | As::Abi)) => {
                return Err(undecodable("neither `as` nor `type` says what it is"))
            }
            (None, _) => false,
        };
        let as_ = as_.or(by_syntax(syntax));
        if !dynamic {
            let ty = match as_ {
                Some(As::Address) => AbiType::Address,
                Some(As::Bool) => AbiType::Bool,
                Some(As::Int) => AbiType::Int(256),
                _ => AbiType::Uint(256),
            };
            return Ok(convert(low_bytes(&ty, word)?, as_)?);
        }
        // Up to 31 bytes are in the slot itself, with twice their number; more are behind its hash, and the slot has twice
        // their number and one.
        let number = U256::from_be_bytes(word.0);
        let bytes = if !number.bit(0) {
            let length = usize::from(word[31] / 2);
            word.get(..length).filter(|_| length < 32).ok_or_else(|| undecodable("not a text or bytes"))?.to_vec()
        } else {
            let most = self.script.limits.storage_words * 32;
            let length = usize::try_from(number >> 1).ok().filter(|length| *length <= most);
            let length = length.ok_or_else(|| undecodable(format!("it is longer than {most} bytes")))?;
            let first = U256::from_be_bytes(keccak256(variable.slot.to_be_bytes::<32>()).0);
            let mut bytes = Vec::with_capacity(length + 32);
            let mut waits = false;
            for i in 0..length.div_ceil(32) {
                let answer: Result<&B256, Stop> = ask!(self, storage, read(first.wrapping_add(U256::from(i))), walk);
                match answer {
                    Err(Stop::Pending) => waits = true,
                    word => bytes.extend_from_slice(word?.as_slice()),
                }
            }
            if waits {
                return Err(Stop::Pending);
            }
            bytes.truncate(length);
            bytes
        };
        let value = match (&variable.ty, as_) {
            (Some(AbiType::String), _) | (_, Some(As::Utf8)) => {
                Value::Text(String::from_utf8(bytes).map_err(|_| undecodable("not UTF-8 text"))?)
            }
            _ => Value::Bytes(bytes),
        };
        Ok(convert(value, as_)?)
    }
}

fn by_syntax(syntax: Option<&Syntax>) -> Option<As> {
    match syntax? {
        Syntax::Boolean => Some(As::Bool),
        Syntax::Integer | Syntax::Time => Some(As::Uint),
        Syntax::Text => Some(As::Utf8),
        Syntax::Other(_) => None,
    }
}

/// What a contract returned, as the script's ABI or its `as` says.
fn returned(call: &Call, data: &[u8], budget: usize, as_: Option<As>, syntax: Option<&Syntax>) -> Result<Value, Stop> {
    let decode =
        |types: &[(String, AbiType)]| abi::decode(types, data, budget).map_err(|error| undecodable(error.to_string()));
    if let Some(outputs) = call.outputs.as_ref().filter(|outputs| !outputs.is_empty()) {
        let mut values = decode(outputs)?;
        if let Some(path) = &call.select {
            // A single struct is selected from as if its fields were the results.
            let alone = values.first().filter(|_| values.len() == 1).and_then(|(_, value)| value.at(path)).cloned();
            let part = alone.or_else(|| Value::Record(values).at(path).cloned());
            return Ok(convert(part.ok_or_else(|| AttributeError::Unresolved(path.clone()))?, as_)?);
        }
        let single = values.len() == 1 || !matches!(as_, None | Some(As::Abi | As::Mapping));
        // `as` of one kind with several results means the first of them.
        return match single {
            true => Ok(convert(values.swap_remove(0).1, as_)?),
            false => Ok(Value::Record(values)),
        };
    }
    let as_ = as_.or(by_syntax(syntax));
    let name = match as_ {
        None | Some(As::Mapping) => return Err(undecodable("neither `as` nor an ABI says what it is")),
        Some(As::Abi) => return Err(undecodable("the script's ABI has no such function")),
        // Contracts of before the string type was common return texts in one word.
        Some(As::Utf8 | As::Bytes) if data.len() == 32 => "bytes32",
        Some(As::Utf8) => "string",
        Some(As::Bytes) => "bytes",
        Some(As::Int) => "int256",
        Some(As::Address) => "address",
        Some(As::Uint | As::Bool | As::Scaled(_) | As::Time) => "uint256",
    };
    let ty = AbiType::elementary(name).map(|ty| (String::new(), ty));
    let value = decode(ty.as_slice())?.into_iter().next().ok_or_else(|| undecodable("it is empty"))?;
    Ok(convert(value.1, as_)?)
}

/// A value of an elementary type in the low bytes of a slot; what shares the slot with it is above.
fn low_bytes(ty: &AbiType, word: B256) -> Result<Value, Stop> {
    let number = U256::from_be_bytes(word.0);
    let masked = |bits: usize| match bits {
        256.. => number,
        bits => number & ((U256::ONE << bits) - U256::ONE),
    };
    Ok(match ty {
        AbiType::Uint(bits) => Value::Uint(masked(*bits)),
        AbiType::Int(bits) => {
            let shift = 256 - (*bits).min(256);
            Value::Int(I256::from_raw(masked(*bits) << shift).asr(shift))
        }
        AbiType::Address => Value::Address(alloy_primitives::Address::from_slice(&word[12..])),
        AbiType::Bool => Value::Bool(!masked(8).is_zero()),
        AbiType::FixedBytes(length) => Value::Bytes(word[32 - length..].to_vec()),
        _ => return Err(undecodable(format!("a {} is not in one slot", ty.name()))),
    })
}
