//! Contracts, and what their ABIs say of them.

use alloy_primitives::Address;

use crate::{AbiEvent, AbiFunction};

/// A contract that the script names.
#[derive(Clone, Debug)]
pub struct Contract {
    /// The name by which the script refers to it.
    pub name: String,
    /// What it claims to implement, for example `erc721`.
    pub interface: Option<String>,
    /// Where it lives: EIP-155 chain ids and addresses, in the order of the script.
    pub addresses: Vec<(u64, Address)>,
    /// The functions of its ABI, if the script carries one.
    pub functions: Vec<AbiFunction>,
    /// The events of its ABI.
    pub events: Vec<AbiEvent>,
    /// The errors of its ABI: names and fields, as functions without results.
    pub errors: Vec<AbiFunction>,
    /// The line it starts on.
    pub line: u32,
}

impl Contract {
    /// Its address on the chain `chain_id`.
    pub fn address(&self, chain_id: u64) -> Option<Address> {
        self.addresses.iter().find(|(id, _)| *id == chain_id).map(|(_, address)| *address)
    }
}
