//! Why a contract did not return, in words.

use std::fmt;

use alloy_primitives::{hex, U256};

use crate::rpc::cut;

/// A contract that did not return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revert {
    /// The endpoint's words for it, cut to 200 characters.
    pub words: String,
    /// What the contract gave as its reason, if it gave one and the endpoint tells it.
    pub reason: Option<Reason>,
}

/// What a contract gives as its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// `Error(string)`: its words, cut to 200 characters.
    Message(String),
    /// `Panic(uint256)`: the number of what Solidity checks itself.
    Panic(U256),
    /// An error of its own: the selector, which the contract's ABI explains.
    Custom([u8; 4]),
}

impl Revert {
    /// From the endpoint's words, and what the contract gave; empty if nothing is known of it.
    pub(crate) fn new(words: String, data: &[u8]) -> Self {
        Revert { words, reason: Reason::read(data) }
    }

    /// What it takes up in memory beyond itself, in bytes; about.
    pub(crate) fn size(&self) -> usize {
        let reason = match &self.reason {
            Some(Reason::Message(words)) => words.len(),
            _ => 0,
        };
        self.words.len() + reason
    }
}

impl Reason {
    /// Reads what a contract gave. What claims to be a message and is none is a contract's own error like any other.
    fn read(data: &[u8]) -> Option<Self> {
        let (selector, arguments) = data.split_first_chunk::<4>()?;
        let read = match selector {
            [0x08, 0xc3, 0x79, 0xa0] => message(arguments).map(|words| Reason::Message(cut(words))),
            [0x4e, 0x48, 0x7b, 0x71] if arguments.len() == 32 => Some(Reason::Panic(U256::from_be_slice(arguments))),
            _ => None,
        };
        Some(read.unwrap_or(Reason::Custom(*selector)))
    }
}

/// The only argument, a string.
fn message(arguments: &[u8]) -> Option<&str> {
    let number = |at: usize| {
        let word = arguments.get(at..at.checked_add(32)?)?;
        usize::try_from(U256::from_be_slice(word)).ok()
    };
    let start = number(0)?;
    let (from, length) = (start.checked_add(32)?, number(start)?);
    std::str::from_utf8(arguments.get(from..from.checked_add(length)?)?).ok()
}

impl fmt::Display for Revert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Some(reason) => reason.fmt(f),
            None => f.write_str(&self.words),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Message(words) => f.write_str(words),
            Reason::Panic(number) => {
                let meaning = match u64::try_from(*number).unwrap_or(u64::MAX) {
                    0x01 => "an assertion failed",
                    0x11 => "an arithmetic operation overflowed",
                    0x12 => "a division by zero",
                    0x21 => "no such value of an enumeration",
                    0x22 => "a byte array in storage is badly encoded",
                    0x31 => "an empty array has no last element",
                    0x32 => "an index outside of the array",
                    0x41 => "too much memory was asked for",
                    0x51 => "a function that was not set was called",
                    _ => "a check of the compiler failed",
                };
                write!(f, "panic {number:#x}, {meaning}")
            }
            Reason::Custom(selector) => write!(f, "error {} of the contract", hex::encode_prefixed(selector)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(data: &str) -> String {
        Revert::new("words".into(), &hex::decode(data.replace([' ', '\n'], "")).unwrap()).to_string()
    }

    #[test]
    fn reasons_are_said() {
        let word = |number: u64| format!("{number:064x}");
        let no = format!("{:0<64}", hex::encode("not yours"));
        assert_eq!(shown(&format!("08c379a0{}{}{no}", word(32), word(9))), "not yours");
        assert_eq!(shown(&format!("4e487b71{}", word(0x11))), "panic 0x11, an arithmetic operation overflowed");
        assert_eq!(shown(&format!("4e487b71{}", "f".repeat(64))).matches("a check of the compiler").count(), 1);
        assert_eq!(shown("deadbeef"), "error 0xdeadbeef of the contract");
        assert_eq!(shown(&format!("deadbeef{}", word(7))), "error 0xdeadbeef of the contract");
        assert_eq!((shown(""), shown("0102")), ("words".into(), "words".into()));
    }

    #[test]
    fn what_claims_to_be_a_message_and_is_none_is_an_own_error() {
        let word = |number: u64| format!("{number:064x}");
        for arguments in [
            String::new(),
            word(32),
            format!("{}{}", word(32), word(1)),
            format!("{}{}", word(u64::MAX), word(1)),
            format!("{}{}", "f".repeat(64), word(1)),
            format!("{}{}{}", word(32), "f".repeat(64), word(0)),
            format!("{}{}{}", word(32), word(1), "ff".repeat(32)),
        ] {
            assert_eq!(shown(&format!("08c379a0{arguments}")), "error 0x08c379a0 of the contract");
        }
        let long = format!("{}{}{}", word(32), word(1000), "61".repeat(1024));
        assert_eq!(shown(&format!("08c379a0{long}")), format!("{}", "a".repeat(200)));
    }
}
