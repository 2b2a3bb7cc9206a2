//! What a token script says, whatever namespace version it was written in.

mod attribute;
mod card;
mod contract;
mod label;

use std::fmt;

use serde::{Serialize, Serializer};

pub use attribute::{
    Argument, As, Attribute, Call, EventQuery, Mapping, Origin, OriginKind, Source, StorageSlot, Syntax,
};
pub use card::{Card, CardType, Entry, Exchanged, Include, Transaction, View, ViewKind};
pub use contract::Contract;
pub use label::{Label, Labels};

use crate::{Access, Filter, FilterSyntaxError, Limits};

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
    /// The attestations it knows.
    pub attestations: Vec<AttestationDefinition>,
    /// The data objects that its modules define.
    pub data_objects: Vec<DataObject>,
    /// What it says that can't be served, in the order of the script.
    pub problems: Vec<Problem>,
    pub(crate) limits: Limits,
    /// Where the elements of shared contents start, by name.
    pub(crate) contents: Vec<(String, u32)>,
    /// How many bytes the script has.
    pub(crate) length: usize,
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
    /// What the script says about who may know whether an instance is in it, if it does.
    pub marked: Option<Access>,
    /// Who may know whether an instance is in it by the script: its mark, and what follows from others'.
    pub access: Access,
    /// The line it starts on.
    pub line: u32,
}

/// An attestation that a script knows: a token that is a signed statement instead of an entry in a contract.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttestationDefinition {
    /// Its name.
    pub name: String,
    /// Its kind, for example `eas`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The schema's id, in hexadecimal.
    pub schema_uid: Option<String>,
    /// The public keys that may sign it, in hexadecimal.
    pub keys: Vec<String>,
    /// The fields that make it one of its kind, as paths.
    pub id_fields: Vec<String>,
    /// The fields that its collection is told by: paths, and the texts that they must have, empty if any will do. Of a
    /// script that names none, its deprecated `eventId` as the field of that name.
    pub collection_fields: Vec<(String, String)>,
    /// The fields to be shown: paths and what they are called.
    pub fields: Vec<(String, String)>,
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
