//! Contracts that return what a test says, on a real EVM; and instances whose script reads them.
#![allow(dead_code, reason = "each test file uses a part")]

use std::{collections::BTreeMap, fmt::Write};

use alloy_primitives::{hex, keccak256, Address};
use codec::Encode;
use serde_json::json;
use smartlayer_network::messages::{Content, Placement, Response};
use smartlayer_primitives::{
    assignment::{Assignment, Holding},
    instance::InstanceState,
    payload::blake2_256,
    token::Redundancy,
    InstanceId,
};

use crate::{
    common::{account, sign as attest, World, NODE},
    ethereum::Anvil,
};

/// A contract's code: returns `bytes` to whoever calls the function with that signature, and reverts to everything else. A signature with
/// arguments after it (`0x…`) answers calls with exactly these first.
pub fn contract(functions: &[(&str, Vec<u8>)]) -> String {
    const BODY: usize = 16;
    let prologue = 6 + 11 * functions.len() + 5;
    let mut code = hex::decode("60003560e01c").unwrap();
    for (position, (signature, _)) in functions.iter().enumerate() {
        let destination = u16::try_from(prologue + BODY * position).unwrap();
        code.extend(
            [&[0x80, 0x63], &keccak256(signature)[..4], &[0x14, 0x61], &destination.to_be_bytes(), &[0x57]].concat(),
        );
    }
    code.extend(hex::decode("60006000fd").unwrap());
    let mut offset = prologue + BODY * functions.len();
    for (_, bytes) in functions {
        let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
        let at = u16::try_from(offset).unwrap().to_be_bytes();
        code.extend(
            [&[0x5b, 0x61], &length[..], &[0x61], &at, &[0x60, 0, 0x39, 0x61], &length, &[0x60, 0, 0xf3]].concat(),
        );
        offset += bytes.len();
    }
    functions.iter().for_each(|(_, bytes)| code.extend_from_slice(bytes));
    code.iter().fold("0x".to_owned(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

impl Anvil {
    /// Puts such a [`contract`] at an address.
    pub async fn put(&self, address: Address, functions: &[(&str, Vec<u8>)]) {
        self.rpc("anvil_setCode", json!([address, contract(functions)])).await;
    }
}

/// A number as a contract returns it.
pub fn number(number: u64) -> Vec<u8> {
    [&[0; 24][..], &number.to_be_bytes()].concat()
}

/// An address as a contract returns it.
pub fn word(address: Address) -> Vec<u8> {
    address.into_word().to_vec()
}

impl World {
    /// Registers `script` for token type 0.
    pub fn register_script(&self, script: &str) {
        self.chain.change(|s| s.tokens.get_mut(&0).unwrap().spec.script_hash = blake2_256(script.as_bytes()));
        self.chain.advance(&[]);
    }

    /// Places an instance of token type 0 with this script, which is registered, so that the node serves it.
    pub async fn place_instance(&self, script: &str, index: u32, token_id: u8, values: &[(&str, &str)]) {
        self.place_instance_of(script, 0, index, token_id, values).await;
    }

    /// The same of any token type.
    pub async fn place_instance_of(
        &self,
        script: &str,
        token_type: u32,
        index: u32,
        token_id: u8,
        values: &[(&str, &str)],
    ) {
        self.place_version(script, InstanceId { token_type, index }, 1, token_id, values).await;
    }

    /// Places a version of an instance.
    pub async fn place_version(
        &self,
        script: &str,
        instance: InstanceId,
        version: u32,
        token_id: u8,
        values: &[(&str, &str)],
    ) {
        let mut id = [0; 32];
        id[31] = token_id;
        self.place_token(script, instance, version, id, values).await;
    }

    /// Places a version of an instance with any token id.
    pub async fn place_token(
        &self,
        script: &str,
        instance: InstanceId,
        version: u32,
        token_id: [u8; 32],
        values: &[(&str, &str)],
    ) {
        let values: BTreeMap<_, _> = values.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let state = InstanceState { instance, token_id, values }.encode();
        let redundancy = Redundancy { serving: 1, shards: 1, threshold: 1 };
        let (coding, shards) = smartlayer_shards::encode(&state, &redundancy).unwrap();
        let holding =
            |shard: &smartlayer_shards::Shard| Holding { node: account(NODE), shard: shard.number, root: shard.root };
        let assignment = Assignment {
            instance,
            version,
            period: 0,
            state_hash: blake2_256(&state),
            coding,
            serving: vec![account(NODE)].try_into().unwrap(),
            holdings: shards.iter().map(holding).collect::<Vec<_>>().try_into().unwrap(),
        };
        let mut content = vec![Content::State(state)];
        content.extend(shards.into_iter().map(|shard| Content::Shard { number: shard.number, bytes: shard.bytes }));
        let placement = Placement { assignment: attest(assignment), content, script: script.into() };
        assert_eq!(self.place(placement).await, Response::Done);
    }
}
