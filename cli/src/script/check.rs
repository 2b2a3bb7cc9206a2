//! What service nodes would do with a script, said offline.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde::Serialize;
use serde_json::Value as Json;
use smartlayer_token_script::{
    parse, Access, ActionDescription, AttributeDescription, AttributeError, Card, CardType, Context, Filter, Labels,
    Limits, Problem, Reason, ScriptError, Selection, Step, TokenScript, ViewKind,
};

use super::{
    input::{read, Unread},
    namespace, remedy,
    signature::{self, Signature},
};

/// A file that can't be read.
const UNREADABLE: &str = "unreadable";

/// All that is said of one file. With `--json` a line holds exactly this.
#[derive(Debug, Serialize)]
pub struct Checked {
    /// The file, as it was named.
    pub file: String,
    /// Whether service nodes serve it.
    pub outcome: Outcome,
    /// The code of why not.
    pub reason: Option<&'static str>,
    /// The line that the reason is about, counted from 1.
    pub line: Option<u32>,
    /// Why not, in words.
    pub message: Option<String>,
    /// What to do about it.
    pub remedy: Option<&'static str>,
    /// The version of the namespace it is written in.
    pub namespace: Option<String>,
    /// The verdict on its signature: `none`, `valid`, `invalid` or `unsupported`. None if the file is not readable.
    pub signature: Option<&'static str>,
    /// What the signature says of who made it, and why the verdict is what it is.
    pub signer: Option<Json>,
    /// The script's name.
    pub name: Option<String>,
    /// The token's attributes.
    pub attributes: Vec<Attribute>,
    /// The selections, of the token first.
    pub selections: Vec<SelectionReport>,
    /// The cards, in the order of the script.
    pub cards: Vec<CardReport>,
    /// The methods that it adds to those that every token has: one for each action.
    pub methods: Vec<Method>,
    /// What it says that is not served, in the order of the script.
    pub problems: Vec<Problem>,
}

/// Whether service nodes serve a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// They do.
    Served,
    /// They don't.
    Refused,
}

/// An attribute of the token or of a card.
#[derive(Debug, Serialize)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// What it is called, in English or in the language that there is.
    pub label: Option<String>,
    /// What it is called, by language.
    pub labels: Labels,
    /// The JSON Schema of its value.
    pub schema: Json,
    /// Who may see it: `public` or `owner`.
    pub access: Access,
    /// Whether it can have a value, asked for by itself.
    pub available: bool,
    /// Why not.
    pub unavailable: Option<String>,
}

/// A selection of the token or of a card.
#[derive(Debug, Serialize)]
pub struct SelectionReport {
    /// Its name.
    pub name: String,
    /// The card that it belongs to; none if it is the token's.
    pub card: Option<String>,
    /// What it is called, by language.
    pub labels: Labels,
    /// The condition as written.
    pub expression: String,
    /// Who may know whether an instance is in it: `public` or `owner`.
    pub access: Access,
    /// What is wrong with the condition.
    pub error: Option<String>,
}

/// A card of any type.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CardReport {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub card_type: CardType,
    /// What it is called, in English or in the language that there is.
    pub label: Option<String>,
    /// What it is called, by language.
    pub labels: Labels,
    /// The selections whose instances it is not for.
    pub excluded_by: Vec<String>,
    /// Who may use it: `public` or `owner`.
    pub access: Access,
    /// The kinds of views that it has.
    pub views: Vec<ViewKind>,
    /// Its own attributes that nobody enters.
    pub attributes: Vec<Attribute>,
}

/// A method that an action becomes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Method {
    /// The action's name.
    pub name: String,
    /// What it is called, in English or in the language that there is.
    pub label: Option<String>,
    /// The JSON Schema of its inputs, an object.
    pub parameters: Json,
    /// Who may use it: `public` or `owner`.
    pub access: Access,
    /// Whether it makes a transaction for its caller to sign.
    pub transaction: bool,
    /// Why it can't be used at all.
    pub unavailable: Option<String>,
    /// The selections whose instances it is not for.
    pub excluded_by: Vec<String>,
}

/// Looks at the script in `path`, or with `-` on standard input.
pub fn check(path: &Path, limits: &Limits) -> Checked {
    let file = path.display().to_string();
    match read(path, limits.bytes) {
        Ok(bytes) => check_bytes(file, &bytes, limits),
        Err(Unread::TooLarge) => {
            let error = ScriptError { reason: Reason::TooLarge { limit: limits.bytes }, line: None };
            Checked::refused(file, &error)
        }
        Err(Unread::Unreadable(message)) => Checked {
            reason: Some(UNREADABLE),
            message: Some(message),
            remedy: remedy::of(UNREADABLE),
            ..Checked::without_content(file, Outcome::Refused)
        },
    }
}

/// Looks at a script.
pub fn check_bytes(file: String, bytes: &[u8], limits: &Limits) -> Checked {
    let Signature { verdict, details } = signature::verify(bytes, limits);
    let parsed = parse(bytes, limits);
    let checked = match &parsed {
        Ok(script) => Checked::served(file, script),
        Err(error) => Checked { namespace: namespace::stated(bytes), ..Checked::refused(file, error) },
    };
    Checked { signature: Some(verdict), signer: details, ..checked }
}

impl Checked {
    fn without_content(file: String, outcome: Outcome) -> Self {
        Checked {
            file,
            outcome,
            reason: None,
            line: None,
            message: None,
            remedy: None,
            namespace: None,
            signature: None,
            signer: None,
            name: None,
            attributes: Vec::new(),
            selections: Vec::new(),
            cards: Vec::new(),
            methods: Vec::new(),
            problems: Vec::new(),
        }
    }

    fn refused(file: String, error: &ScriptError) -> Self {
        let code = error.reason.code();
        Checked {
            reason: Some(code),
            line: error.line,
            message: Some(error.reason.to_string()),
            remedy: remedy::of(code),
            ..Checked::without_content(file, Outcome::Refused)
        }
    }

    fn served(file: String, script: &TokenScript) -> Self {
        let described = script.describe();
        let offline = Offline::new(script);
        let attributes = described.attributes.into_iter().map(|attribute| {
            let never = offline.never(&attribute.name);
            Attribute::new(attribute, never)
        });
        let mut selections: Vec<_> = script.selections.iter().map(|s| offline.selection(s, None)).collect();
        let mut problems = described.problems;
        let mut cards = Vec::new();
        let mut methods = Vec::new();
        let mut by_name: BTreeMap<String, ActionDescription> =
            described.actions.into_iter().chain(described.cards).map(|card| (card.name.clone(), card)).collect();
        for card in &script.cards {
            let Some(description) = by_name.remove(&card.name) else { continue };
            selections.extend(card.selections.iter().map(|s| offline.selection(s, Some(card))));
            problems.extend(missing_selections(script, card));
            if card.card_type == CardType::Action {
                methods.push(Method::new(&description));
            }
            cards.push(CardReport::new(card, description));
        }
        problems.sort_by_key(|problem| problem.line);
        Checked {
            namespace: Some(script.namespace.to_string()),
            name: Some(described.name),
            attributes: attributes.collect(),
            selections,
            cards,
            methods,
            problems,
            ..Checked::without_content(file, Outcome::Served)
        }
    }
}

impl Attribute {
    fn new(described: AttributeDescription, never: Option<String>) -> Self {
        let unavailable = described.unavailable.or(never);
        Attribute {
            name: described.name,
            label: described.label,
            labels: described.labels,
            schema: described.schema,
            access: described.access,
            available: unavailable.is_none(),
            unavailable,
        }
    }
}

impl CardReport {
    fn new(card: &Card, described: ActionDescription) -> Self {
        CardReport {
            name: described.name,
            card_type: described.card_type,
            label: described.label,
            labels: described.labels,
            excluded_by: described.exclude,
            access: described.access,
            views: views(card),
            attributes: described.attributes.into_iter().map(|attribute| Attribute::new(attribute, None)).collect(),
        }
    }
}

impl Method {
    fn new(described: &ActionDescription) -> Self {
        Method {
            name: described.name.clone(),
            label: described.label.clone(),
            parameters: described.parameters.clone(),
            access: described.access,
            transaction: described.transaction,
            unavailable: described.unavailable.clone(),
            excluded_by: described.exclude.clone(),
        }
    }
}

/// Each kind once, in whatever languages the card has it.
fn views(card: &Card) -> Vec<ViewKind> {
    let kinds: BTreeSet<ViewKind> = card.views.iter().map(|view| view.kind).collect();
    kinds.into_iter().collect()
}

/// The selections that the card names and that don't exist: whether the card is for an instance can then never be said.
fn missing_selections<'a>(script: &'a TokenScript, card: &'a Card) -> impl Iterator<Item = Problem> + 'a {
    let exists = |name: &str| card.selections.iter().any(|s| s.name == name) || script.selection(name).is_some();
    card.exclude.iter().filter(move |name| !exists(name)).map(|name| Problem {
        line: card.line,
        detail: format!("card {} excludes the selection {name}, which the script does not define", card.name),
    })
}

/// A script evaluated for an instance that doesn't exist, without asking any chain: what fails already here fails for every
/// instance.
struct Offline<'a> {
    script: &'a TokenScript,
    context: Context,
    /// The cards that exclude a selection, by its name.
    excluding: BTreeMap<&'a str, Vec<&'a Card>>,
}

impl<'a> Offline<'a> {
    fn new(script: &'a TokenScript) -> Self {
        let contract = script.holding_contract().or(script.contracts.first());
        let chain_id = contract.and_then(|c| c.addresses.first()).map(|(chain_id, _)| *chain_id);
        let mut excluding: BTreeMap<&str, Vec<&Card>> = BTreeMap::new();
        for card in &script.cards {
            card.exclude.iter().for_each(|name| excluding.entry(name).or_default().push(card));
        }
        let context = Context { owner: Some(Default::default()), chain_id, ..Context::default() };
        Offline { script, context, excluding }
    }

    /// The first step's error of `name`, if it needs no chain to come out.
    fn error(&self, name: &str) -> Option<AttributeError> {
        match self.script.evaluate([name], &self.context).step() {
            Step::Done(mut values) => values.remove(name)?.err(),
            _ => None,
        }
    }

    /// Why the attribute, asked for by itself, has no value for any instance.
    fn never(&self, name: &str) -> Option<String> {
        let error = self.error(name)?;
        let placeless =
            |contract: &str| self.script.contract(contract).is_some_and(|contract| contract.addresses.is_empty());
        let of_itself = match &error {
            AttributeError::Reference { error, .. } => error.as_ref(),
            error => error,
        };
        // Some values a card's program sets in a wallet: here they are entered, for that card alone.
        if let AttributeError::Unknown(entry) = of_itself {
            let mut cards = self.script.cards.iter();
            if let Some(card) = cards.find(|card| card.entries.iter().any(|entered| entered.name == *entry)) {
                return Some(format!("{entry} is entered for {} only", card.name));
            }
        }
        let never = match of_itself {
            AttributeError::NoAddress { contract, .. } => placeless(contract),
            error => matches!(
                error.code(),
                "unknown-attribute"
                    | "unsupported"
                    | "cycle"
                    | "unresolved-reference"
                    | "too-deep"
                    | "too-many-steps"
                    | "too-many-calls"
            ),
        };
        never.then(|| error.to_string())
    }

    fn selection(&self, selection: &Selection, card: Option<&Card>) -> SelectionReport {
        SelectionReport {
            name: selection.name.clone(),
            card: card.map(|card| card.name.clone()),
            labels: selection.labels.clone(),
            expression: selection.expression.clone(),
            access: selection.access,
            error: match &selection.filter {
                Err(error) => Some(error.to_string()),
                Ok(filter) => {
                    let name = self.unknown(filter, &selection.name, card);
                    name.map(|name| format!("there is no attribute {name}"))
                }
            },
        }
    }

    /// A name in the filter that no attribute has. Attributes of a card are known only while the card is evaluated: its own
    /// selections, and those that it excludes.
    fn unknown<'f>(&self, filter: &'f Filter, selection: &str, card: Option<&Card>) -> Option<&'f str> {
        let names = filter.attributes().into_iter().filter(|name| {
            let attribute = self.script.attribute(name).or(self.script.attribute(base(name)));
            attribute.is_none() && matches!(self.error(name), Some(AttributeError::Unknown(_)))
        });
        let mut names = names.peekable();
        names.peek()?;
        let excluding = self.excluding.get(selection).into_iter().flatten().copied();
        let of_cards: BTreeSet<&str> =
            card.into_iter().chain(excluding).flat_map(|card| &card.attributes).map(|a| a.name.as_str()).collect();
        names.find(|name| !of_cards.contains(name) && !of_cards.contains(base(name)))
    }
}

/// The attribute that a path leads into.
fn base(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or_default()
}
