//! Cards: what a script shows and does.

use std::collections::BTreeSet;

use alloy_primitives::Address;
use serde::Serialize;

use super::{Argument, Attribute, EventQuery, Labels, Selection, Source};
use crate::{AbiType, Access};

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
    /// The events that an activity card is about.
    pub events: Vec<EventQuery>,
    /// The transaction it makes, if any.
    pub transaction: Option<Transaction>,
    /// What it says that it takes, to be shown.
    pub inputs: Vec<Exchanged>,
    /// What it says that it gives, to be shown.
    pub outputs: Vec<Exchanged>,
    /// Its views.
    pub views: Vec<View>,
    /// How its button looks (`buttonClass`), if it says so.
    pub button_class: Option<String>,
    /// What must be entered for it though no attribute has that name: values that in a wallet the card's own program sets.
    pub entries: Vec<Entry>,
    /// The names of what its transaction needs, directly or through attributes.
    pub needed: BTreeSet<String>,
    /// What the script says about who may use it, if it does.
    pub marked: Option<Access>,
    /// Who may use it by the script: its mark, and what follows from others'.
    pub access: Access,
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
        /// The chain, if the card's input says it; EIP-155.
        chain_id: Option<u64>,
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

/// A value that must be entered for a card and that is no attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// The type of the argument that it is for.
    pub ty: AbiType,
}

/// A token, or a chain's own currency, that a card takes or gives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exchanged {
    /// Its name.
    pub name: String,
    /// The chain of a chain's own currency, as an EIP-155 id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain_id: Option<u64>,
    /// Where a token's contract is: EIP-155 ids and addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contracts: Vec<(u64, Address)>,
}

/// Which of a card's views it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ViewKind {
    /// The card itself.
    View,
    /// The card in a list (`item-view`, and `view-iconified` as it was called until 2020).
    ItemView,
    /// What is shown beside a guide.
    GuideView,
}

/// A view of a card, without its content: [`TokenScript::view`](crate::TokenScript::view) reads that from the script's bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    /// Which it is.
    pub kind: ViewKind,
    /// The BCP 47 tag in `xml:lang`, empty if there was none.
    pub language: String,
    /// A page to be shown instead of the content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What follows `#` in the address that the content sees, to tell it which card it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url_fragment: Option<String>,
    /// Whether the wallet shows a button of its own.
    pub ui_button: bool,
    /// Whether it takes the whole screen.
    pub full_screen: bool,
    /// The shared contents (`viewContent`) that it uses, by name.
    pub contents: Vec<String>,
    /// The files that it includes.
    pub includes: Vec<Include>,
    /// Where its element starts in the script, in bytes after internal entities were expanded.
    #[serde(skip)]
    pub(crate) start: u32,
}

/// A file that a view includes. It is never fetched: whoever has the signed bundle that it belongs to can supply it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Include {
    /// What it is: `html`, `css` or `js`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it is, as written.
    pub src: String,
}
