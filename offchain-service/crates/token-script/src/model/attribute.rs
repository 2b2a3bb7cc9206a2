//! Attributes, and where their values come from.

use alloy_primitives::U256;

use crate::{AbiEvent, AbiType, Access, Labels, Part};

/// What kind of value an attribute has, as an RFC 4517 syntax.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// Boolean, `…121.1.7`
    Boolean,
    /// Integer, `…121.1.27`, or numeric string, `…121.1.36`
    Integer,
    /// GeneralizedTime, `…121.1.24`
    Time,
    /// DirectoryString, `…121.1.15`, or IA5String, `…121.1.26`
    Text,
    /// Any other.
    Other(String),
}

/// How an origin's raw value is turned into the attribute's (the script's `as`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum As {
    /// A number without sign.
    Uint,
    /// A number.
    Int,
    /// An address.
    Address,
    /// A text.
    Utf8,
    /// A truth value.
    Bool,
    /// Bytes.
    Bytes,
    /// `e0` to `e77`: what a user enters is a decimal that is multiplied by ten to that power; what a contract returns is
    /// divided by it. Exact both ways.
    Scaled(u8),
    /// Whatever the contract's ABI says.
    Abi,
    /// Whatever the origin's mapping makes of it.
    Mapping,
    /// A time: from a number of seconds since 1970, or from a text.
    Time,
}

impl As {
    /// The conversion that a script's `as` names.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name.trim() {
            "uint" => As::Uint,
            "int" => As::Int,
            "address" => As::Address,
            "utf8" | "string" => As::Utf8,
            "bool" => As::Bool,
            "bytes" => As::Bytes,
            "abi" => As::Abi,
            "mapping" => As::Mapping,
            "time" | "date" | "datetime" | "timestamp" => As::Time,
            other => {
                let digits = other.strip_prefix('e').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
                As::Scaled(digits.parse().ok().filter(|scale| *scale <= 77)?)
            }
        })
    }
}

/// An attribute of the token or of a card.
#[derive(Clone, Debug)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// What it is called, by language.
    pub labels: Labels,
    /// Its syntax, if stated.
    pub syntax: Option<Syntax>,
    /// Where its value comes from: the first that has one.
    pub origins: Vec<Origin>,
    /// What the script says about who may see it, if it does.
    pub marked: Option<Access>,
    /// Who may see it by the script: its mark, and what follows from others'.
    pub access: Access,
    /// The line it starts on.
    pub line: u32,
}

impl Attribute {
    /// The origin that is a user's entry, if there is one.
    pub fn user_entry(&self) -> Option<&Origin> {
        self.origins.iter().find(|origin| matches!(origin.kind, OriginKind::UserEntry))
    }

    /// Why it can't be served, if none of its origins can.
    pub fn unsupported(&self) -> Option<(&str, u32)> {
        let mut first = None;
        for origin in &self.origins {
            match &origin.kind {
                OriginKind::Unsupported(kind) => first = first.or(Some((kind.as_str(), origin.line))),
                _ => return None,
            }
        }
        first.or(self.origins.is_empty().then_some(("no origin", self.line)))
    }
}

/// Where an attribute's value comes from, and what is made of it.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Where it comes from.
    pub kind: OriginKind,
    /// How it is read.
    pub as_: Option<As>,
    /// What it is then mapped to.
    pub mapping: Option<Mapping>,
    /// The line it starts on.
    pub line: u32,
}

/// Where an attribute's value comes from.
#[derive(Clone, Debug)]
pub enum OriginKind {
    /// The result of a call to a contract.
    Call(Call),
    /// The newest log of an event that fits.
    Event(EventQuery),
    /// A variable in a contract's storage.
    Storage(StorageSlot),
    /// What the caller enters.
    UserEntry,
    /// Bits of the token's id.
    TokenId {
        /// Which bits, shifted down to the lowest of them; all if none.
        bitmask: Option<U256>,
    },
    /// Another attribute, or a part of it, or the issuer's value of that name: `name`, `name.field`, `name[0]`.
    Data(String),
    /// A value written in the script, with its type if the script gives one.
    Literal(String, Option<AbiType>),
    /// Several values, by name: as written, else their position.
    Record(Vec<(String, Argument)>),
    /// A part of the attestation that the token is; all of it if empty.
    Attestation(String),
    /// Something that is not served: what it is, for example `ts:magic`.
    Unsupported(String),
}

/// What values are shown as: the text of the option whose key the value's text is, compared as numbers if both are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping(pub Vec<(String, Labels)>);

/// A call to a contract's function.
#[derive(Clone, Debug)]
pub struct Call {
    /// The contract's name in the script.
    pub contract: String,
    /// The function's name.
    pub function: String,
    /// Its arguments.
    pub arguments: Vec<Argument>,
    /// The names and types of its results, if the contract's ABI says them.
    pub outputs: Option<Vec<(String, AbiType)>>,
    /// Which part of the results counts; all if none.
    pub select: Option<String>,
}

/// A question for the newest log of an event.
#[derive(Clone, Debug)]
pub struct EventQuery {
    /// The contract's name in the script.
    pub contract: String,
    /// The event.
    pub event: AbiEvent,
    /// What its fields must equal: the field's position, and the value's parts, to be joined.
    pub conditions: Vec<(usize, Vec<Part>)>,
    /// The position of the field that counts; all of them if none.
    pub select: Option<usize>,
}

/// A variable in a contract's storage that starts at the beginning of a slot.
#[derive(Clone, Debug)]
pub struct StorageSlot {
    /// The contract's name in the script.
    pub contract: String,
    /// The slot.
    pub slot: U256,
    /// Its type, if the script says it; else it is what its `as` needs.
    pub ty: Option<AbiType>,
}

/// One argument of a call.
#[derive(Clone, Debug)]
pub struct Argument {
    /// Its type.
    pub ty: AbiType,
    /// Where its value comes from.
    pub source: Source,
}

/// Where an argument's value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// It is written in the script. Of an array or a struct: as JSON.
    Literal(String),
    /// It is a name that the evaluation knows, or another attribute.
    Reference(String),
}
