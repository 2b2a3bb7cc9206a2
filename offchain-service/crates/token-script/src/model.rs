//! What a token script says, whatever namespace version it was written in.

use std::fmt;

use alloy_primitives::{Address, U256};
use serde::{Serialize, Serializer};

use crate::{abi::AbiFunction, AbiType, Filter, FilterSyntaxError, Limits};

/// The namespace version of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Namespace {
    /// 2019/05
    V2019_05,
    /// 2019/10
    V2019_10,
    /// 2020/03
    V2020_03,
    /// 2020/06
    V2020_06,
    /// 2022/09
    V2022_09,
    /// 2024/01
    V2024_01,
}

impl Namespace {
    /// Every version that is read.
    pub const ALL: [Namespace; 6] = [
        Namespace::V2019_05,
        Namespace::V2019_10,
        Namespace::V2020_03,
        Namespace::V2020_06,
        Namespace::V2022_09,
        Namespace::V2024_01,
    ];

    /// As it stands in the namespace's URI, for example `2024/01`.
    pub fn as_str(self) -> &'static str {
        match self {
            Namespace::V2019_05 => "2019/05",
            Namespace::V2019_10 => "2019/10",
            Namespace::V2020_03 => "2020/03",
            Namespace::V2020_06 => "2020/06",
            Namespace::V2022_09 => "2022/09",
            Namespace::V2024_01 => "2024/01",
        }
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Namespace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A token script, parsed.
#[derive(Clone, Debug)]
pub struct TokenScript {
    /// The namespace version it was written in.
    pub namespace: Namespace,
    /// Its name: the `name` of the document element; in versions without one its label's text, else its contract's name.
    pub name: String,
    /// What the token is called, by language.
    pub labels: Labels,
    /// What the token is, by language.
    pub descriptions: Labels,
    /// Whether the token is said to be held by a custodian.
    pub custodian: bool,
    /// Whether there is an XML signature. It is not verified here.
    pub signed: bool,
    /// The contracts it names.
    pub contracts: Vec<Contract>,
    /// The names of the contracts that hold the token itself.
    pub origins: Vec<String>,
    /// The token's attributes.
    pub attributes: Vec<Attribute>,
    /// The token's selections.
    pub selections: Vec<Selection>,
    /// Its cards of every type, actions among them.
    pub cards: Vec<Card>,
    /// The data objects that its modules define.
    pub data_objects: Vec<DataObject>,
    /// What it says that can't be served, in the order of the script.
    pub problems: Vec<Problem>,
    pub(crate) limits: Limits,
}

impl TokenScript {
    /// The contract called `name`.
    pub fn contract(&self, name: &str) -> Option<&Contract> {
        self.contracts.iter().find(|c| c.name == name)
    }

    /// The token's attribute called `name`; attributes of cards are found in the card.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|a| a.name == name)
    }

    /// The token's selection called `name`.
    pub fn selection(&self, name: &str) -> Option<&Selection> {
        self.selections.iter().find(|s| s.name == name)
    }

    /// The card called `name`.
    pub fn card(&self, name: &str) -> Option<&Card> {
        self.cards.iter().find(|c| c.name == name)
    }

    /// The action called `name`.
    pub fn action(&self, name: &str) -> Option<&Card> {
        self.cards.iter().find(|c| c.card_type == CardType::Action && c.name == name)
    }

    /// The actions, in the order of the script.
    pub fn actions(&self) -> impl Iterator<Item = &Card> {
        self.cards.iter().filter(|c| c.card_type == CardType::Action)
    }

    /// The limits it was read with and is evaluated with.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The contract that holds the token: the first that the script's origins name, else the only one there is.
    pub fn holding_contract(&self) -> Option<&Contract> {
        match self.origins.first() {
            Some(name) => self.contract(name),
            None => self.contracts.first().filter(|_| self.contracts.len() == 1),
        }
    }
}

/// A text in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The BCP 47 tag in `xml:lang`, empty if there was none.
    pub language: String,
    /// For how many the text is (`one`, `other`…), if the script distinguishes.
    pub quantity: Option<String>,
    /// The text, with runs of white space collapsed.
    pub text: String,
}

/// A text in the languages that the script has it in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(pub Vec<Label>);

impl Labels {
    /// The text for one thing in the language that suits a caller who asked for `language` best: the same tag, else the same
    /// primary language, else English, else the first.
    pub fn text(&self, language: &str) -> Option<&str> {
        let primary = |tag: &str| tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        let wanted = primary(language);
        let rank = |label: &Label| {
            let language = match label.language.as_str() {
                tag if tag.eq_ignore_ascii_case(language) => 0,
                tag if primary(tag) == wanted => 1,
                tag if primary(tag) == "en" => 2,
                _ => 3,
            };
            (language, !matches!(label.quantity.as_deref(), None | Some("one")))
        };
        self.0.iter().min_by_key(|label| rank(label)).map(|label| label.text.as_str())
    }

    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// As an object from language to text.
impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let languages: std::collections::BTreeSet<&str> = self.0.iter().map(|l| l.language.as_str()).collect();
        serializer.collect_map(languages.into_iter().map(|language| (language, self.text(language))))
    }
}

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
    /// The line it starts on.
    pub line: u32,
}

impl Contract {
    /// Its address on the chain `chain_id`.
    pub fn address(&self, chain_id: u64) -> Option<Address> {
        self.addresses.iter().find(|(id, _)| *id == chain_id).map(|(_, address)| *address)
    }

    pub(crate) fn function(&self, name: &str, arguments: usize) -> Option<&AbiFunction> {
        self.functions.iter().find(|f| f.name == name && f.inputs.len() == arguments)
    }
}

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
    /// The line it starts on.
    pub line: u32,
}

impl Attribute {
    /// How a user's entry is read, if the value is a user's to enter.
    pub fn user_entry(&self) -> Option<Option<As>> {
        self.origins.iter().find_map(|origin| match origin {
            Origin::UserEntry { as_ } => Some(*as_),
            _ => None,
        })
    }

    /// Why it can't be served, if none of its origins can.
    pub fn unsupported(&self) -> Option<(&str, u32)> {
        let mut first = None;
        for origin in &self.origins {
            match origin {
                Origin::Unsupported { kind, line } => first = first.or(Some((kind.as_str(), *line))),
                _ => return None,
            }
        }
        first.or(self.origins.is_empty().then_some(("no origin", self.line)))
    }
}

/// Where an attribute's value comes from.
#[derive(Clone, Debug)]
pub enum Origin {
    /// The result of a call to a contract.
    EthereumCall(Call),
    /// What the caller enters.
    UserEntry {
        /// How the entry is read.
        as_: Option<As>,
    },
    /// Bits of the token's id.
    TokenId {
        /// Which bits, shifted down to the lowest of them; all if none.
        bitmask: Option<U256>,
        /// How they are read.
        as_: Option<As>,
    },
    /// Another attribute, or a part of it, or the issuer's value of that name.
    Data {
        /// What it refers to: `name`, `name.field`, `name[0]`.
        reference: String,
        /// How it is read.
        as_: Option<As>,
    },
    /// A value written in the script.
    Literal {
        /// As written.
        text: String,
        /// Its type, if the script gives one.
        ty: Option<AbiType>,
        /// How it is read.
        as_: Option<As>,
    },
    /// Something that is not served.
    Unsupported {
        /// What it is, for example `ethereum:event`.
        kind: String,
        /// Where it is.
        line: u32,
    },
}

/// A call to a contract's function.
#[derive(Clone, Debug)]
pub struct Call {
    /// The contract's name in the script.
    pub contract: String,
    /// The function's name.
    pub function: String,
    /// Its arguments.
    pub arguments: Vec<Argument>,
    /// How the result is read.
    pub as_: Option<As>,
    /// The line it starts on.
    pub line: u32,
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
    /// It is written in the script.
    Literal(String),
    /// It is `tokenId`, `ownerAddress`, `contractAddress`, or another attribute.
    Reference(String),
}

/// A named condition on instances.
#[derive(Clone, Debug)]
pub struct Selection {
    /// Its name.
    pub name: String,
    /// What it is called, by language.
    pub labels: Labels,
    /// What is shown to who is denied because of it, by language.
    pub denial: Labels,
    /// The condition as written.
    pub expression: String,
    /// The condition, or what is wrong with it.
    pub filter: Result<Filter, FilterSyntaxError>,
    /// The line it starts on.
    pub line: u32,
}

/// What a card is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CardType {
    /// It shows the token.
    Token,
    /// It does something with the token.
    Action,
    /// It shows something that happened.
    Activity,
    /// It is for who doesn't have the token yet.
    Onboarding,
    /// It is for everyone.
    Public,
}

/// A card.
#[derive(Clone, Debug)]
pub struct Card {
    /// Its name: as written, else made from its label (`mint-ape-2`) and its type.
    pub name: String,
    /// What it is for.
    pub card_type: CardType,
    /// What it is called, by language.
    pub labels: Labels,
    /// The selections whose instances it is not for.
    pub exclude: Vec<String>,
    /// The contracts whose tokens it is for; all if empty.
    pub origins: Vec<String>,
    /// Its own attributes.
    pub attributes: Vec<Attribute>,
    /// Its own selections.
    pub selections: Vec<Selection>,
    /// The transaction it makes, if any.
    pub transaction: Option<Transaction>,
    /// The line it starts on.
    pub line: u32,
}

impl Card {
    /// The card's own attribute called `name`.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|a| a.name == name)
    }
}

/// A transaction that a card makes.
#[derive(Clone, Debug)]
pub enum Transaction {
    /// It calls a contract's function, or transfers the chain's own currency.
    Ethereum {
        /// The contract's name; none if only `to` says where it goes.
        contract: Option<String>,
        /// Who gets it, instead of the contract.
        to: Option<Source>,
        /// The function's name and arguments; none for a plain transfer.
        function: Option<(String, Vec<Argument>)>,
        /// How much of the chain's own currency goes with it.
        value: Option<Source>,
        /// The line it starts on.
        line: u32,
    },
    /// Something that is not served.
    Unsupported {
        /// What it is.
        kind: String,
        /// Where it is.
        line: u32,
    },
}

/// A data object that one of the script's modules defines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DataObject {
    /// Its name.
    pub name: String,
    /// Its fields.
    pub fields: Vec<DataField>,
}

/// A field of a data object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DataField {
    /// Its name.
    pub name: String,
    /// Its type as written, for example `uint256`.
    #[serde(rename = "type")]
    pub ty: String,
    /// Whether the event's log indexes it.
    pub indexed: bool,
}

/// Something that a script says and that can't be served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The line it is on.
    pub line: u32,
    /// What it is.
    pub detail: String,
}
