//! From XML to the model, whatever the namespace version.

mod attestation;
mod attribute;
mod call;
mod card;
mod contract;
mod event;
mod label;
mod origin;
mod parameters;
mod view;

use std::collections::BTreeSet;

use roxmltree::Node;

use crate::{
    entities,
    xml::{Outline, Xml},
    Access, Contract, DataField, DataObject, Filter, Limits, Namespace, Problem, Reason, ScriptError, Selection,
    TokenScript, MARKS,
};

/// Where namespaces of marks begin, those of other versions too.
const FAMILY: &str = "https://smartlayer.network/tokenscript/";
const SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#";

pub(crate) fn script(bytes: &[u8], limits: &Limits) -> Result<TokenScript, ScriptError> {
    let text = entities::expand(bytes, limits)?;
    let outline = Outline::of(&text, limits)?;
    let xml = outline.parse(limits)?;
    let root = token_element(&xml)?;
    let namespace = root.tag_name().namespace().unwrap_or_default();
    let version = Namespace::ALL
        .into_iter()
        .find(|version| namespace == format!("http://tokenscript.org/{version}/tokenscript"))
        .ok_or_else(|| ScriptError::new(Reason::UnknownNamespace(shorten(namespace)), xml.line(root)))?;
    Parser { xml: &xml, namespace, limits, problems: Vec::new() }.token(root, version, bytes.len())
}

/// The `token` element: the document element, or what an enveloping signature wraps.
pub(crate) fn token_element<'a, 'i>(xml: &'a Xml<'i>) -> Result<Node<'a, 'i>, ScriptError> {
    let root = xml.document.root_element();
    let wrapped =
        (root.tag_name().namespace() == Some(SIGNATURE) && root.tag_name().name() == "Signature").then(|| {
            let objects = root.children().filter(|n| n.tag_name().name() == "Object");
            objects.flat_map(|object| object.children()).find(|n| n.is_element())
        });
    let token = wrapped.flatten().unwrap_or(root);
    let is_script = token.tag_name().namespace().is_some_and(|uri| uri.starts_with("http://tokenscript.org/"));
    // An action, or a card of any type, can stand alone: it is for who holds no particular token.
    if !is_script || !matches!(token.tag_name().name(), "token" | "action" | "card") {
        return Err(ScriptError::new(Reason::NotATokenScript, xml.line(token)));
    }
    Ok(token)
}

/// Keeps quotations of the script in errors short.
fn shorten(text: &str) -> String {
    text.chars().take(100).collect()
}

/// A text with its white space collapsed.
fn collapse(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What names in the script may mean.
struct Scope {
    contracts: Vec<Contract>,
    /// The contract that holds the token, which is meant where none is named.
    holding: Option<String>,
    objects: Vec<DataObject>,
}

impl Scope {
    fn contract(&self, name: &str) -> Option<&Contract> {
        self.contracts.iter().find(|contract| contract.name == name)
    }

    /// The contract that `node` names or means, or what about it is not served.
    fn contract_of(&self, node: Node<'_, '_>, what: &str) -> Result<String, String> {
        let named = node.attribute("contract").map(collapse).filter(|name| !name.is_empty());
        let contract = named.or(self.holding.clone()).ok_or_else(|| format!("{what} without a contract"))?;
        match self.contract(&contract) {
            Some(_) => Ok(contract),
            None => Err(format!("{what} to contract {}, which the script does not define", shorten(&contract))),
        }
    }

    /// Whether a name stands for something that no script defines.
    fn is_reserved(&self, name: &str) -> bool {
        ["tokenId", "ownerAddress", "walletAddress", "chainId", "contractAddress", "attestation", "attestationSig"]
            .contains(&name)
            || name.starts_with("contractAddress_")
    }
}

struct Parser<'a, 'i> {
    xml: &'a Xml<'i>,
    namespace: &'a str,
    limits: &'a Limits,
    problems: Vec<Problem>,
}

impl<'a, 'i> Parser<'a, 'i> {
    fn token(mut self, root: Node<'a, 'i>, namespace: Namespace, length: usize) -> Result<TokenScript, ScriptError> {
        let labels = self.labels(root, &["label", "name"]);
        let meta = self.child(root, "meta");
        let descriptions = meta.map(|meta| self.strings(self.children(meta, "description"))).unwrap_or_default();
        let contracts = self.contracts(root)?;
        let origins = self.token_origins(root);
        let holding = origins.first().cloned().or_else(|| match contracts.as_slice() {
            [only] => Some(only.name.clone()),
            _ => None,
        });
        let scope = Scope { contracts, holding, objects: self.data_objects(root)? };
        // The attributes and selections of a card that stands alone are its own.
        let token = self.is(root, "token");
        let attributes = if token { self.attributes(root, &scope)? } else { Vec::new() };
        let selections = if token { self.selections(root)? } else { Vec::new() };
        let mut cards = self.cards(root, &scope)?;
        parameters::find(&mut cards, &attributes, &scope);
        let card = cards.first().filter(|_| !token).map(|card| card.name.clone());
        let names =
            [root.attribute("name").map(collapse), labels.text("en").map(String::from), scope.holding.clone(), card];
        let name = names
            .into_iter()
            .flatten()
            .find(|name| !name.is_empty())
            .ok_or_else(|| ScriptError::new(Reason::MissingName { element: "token" }, self.xml.line(root)))?;
        let attestations = self.attestations(root)?;
        let contents = self.contents(root)?;
        let signed = self.xml.document.descendants().any(|n| n.has_tag_name((SIGNATURE, "Signature")));
        self.marks()?;
        self.problems.sort_by_key(|problem| problem.line);
        let mut script = TokenScript {
            namespace,
            name,
            labels,
            descriptions,
            custodian: matches!(root.attribute("custodian"), Some("true" | "1")),
            signed,
            contracts: scope.contracts,
            origins,
            attributes,
            selections,
            cards,
            attestations,
            data_objects: scope.objects,
            problems: self.problems,
            limits: self.limits.clone(),
            contents,
            length,
        };
        script.settle_access();
        Ok(script)
    }

    /// Refuses marks that would not be heeded: who wrote one meant something by it.
    fn marks(&self) -> Result<(), ScriptError> {
        for node in self.xml.document.descendants() {
            for attribute in node.attributes() {
                let Some(uri) = attribute.namespace().filter(|uri| uri.starts_with(FAMILY)) else { continue };
                let element = node.tag_name();
                let heeded = match element.name() {
                    "attribute" | "attribute-type" => node.attribute("ref").is_none(),
                    "selection" | "card" | "action" => true,
                    name => {
                        matches!(name, "token-card" | "activity" | "activity-card" | "onboarding" | "onboarding-card")
                    }
                };
                if uri != MARKS
                    || attribute.name() != "access"
                    || element.namespace() != Some(self.namespace)
                    || !heeded
                {
                    let mark = format!("{} on {}", shorten(attribute.name()), shorten(element.name()));
                    return Err(ScriptError::new(Reason::UnknownMark(mark), self.xml.line(node)));
                }
            }
        }
        Ok(())
    }

    /// What the script says about who may see or use what `node` is.
    fn access(&self, node: Node<'a, 'i>) -> Result<Option<Access>, ScriptError> {
        let Some(mark) = node.attribute((MARKS, "access")) else { return Ok(None) };
        let access = Access::named(mark.trim());
        let unknown = || ScriptError::new(Reason::UnknownAccess(shorten(mark)), self.xml.line(node));
        access.map(Some).ok_or_else(unknown)
    }

    /// The selections that are children of `parent`, or, as in 2019, of its `selections`.
    fn selections(&mut self, parent: Node<'a, 'i>) -> Result<Vec<Selection>, ScriptError> {
        let group = self.child(parent, "selections");
        let nodes =
            self.children(parent, "selection").chain(group.into_iter().flat_map(|g| self.children(g, "selection")));
        let nodes = self.bounded(nodes, "selections")?;
        let mut names = BTreeSet::new();
        let mut selections = Vec::with_capacity(nodes.len());
        for node in nodes {
            let line = self.xml.line(node);
            let name = self.name(node, "selection")?;
            self.unique(&mut names, &name, "selections", line)?;
            let expression = match (node.attribute("filter"), self.child(node, "filter")) {
                (Some(filter), _) => filter.trim().to_string(),
                (None, Some(filter)) => text(filter).trim().to_string(),
                (None, None) => String::new(),
            };
            let filter = Filter::parse(&expression, self.limits);
            if let Err(error) = &filter {
                self.problem(line, format!("the filter of selection {}: {error}", shorten(&name)));
            }
            let (labels, denial) = (self.labels(node, &["label", "name"]), self.labels(node, &["denial"]));
            let (marked, access) = (self.access(node)?, Access::default());
            selections.push(Selection { marked, access, name, labels, denial, expression, filter, line });
        }
        Ok(selections)
    }

    fn data_objects(&mut self, root: Node<'a, 'i>) -> Result<Vec<DataObject>, ScriptError> {
        const ASNX: &str = "urn:ietf:params:xml:ns:asnx";
        // Until 2020/03 modules were in the contract, and a module was a type by itself.
        let contracts: Vec<_> = self.children(root, "contract").collect();
        let parents = std::iter::once(root).chain(contracts);
        let modules = parents.flat_map(|parent| parent.children()).filter(|n| n.has_tag_name((ASNX, "module")));
        let types = modules.flat_map(|module| {
            let named: Vec<_> = module.children().filter(|n| n.tag_name().name() == "namedType").collect();
            if named.is_empty() {
                vec![module]
            } else {
                named
            }
        });
        let types = types.filter(|n| n.attribute("name").is_some());
        let mut objects = Vec::new();
        for named in self.bounded(types, "data objects")? {
            let fields =
                named.descendants().filter(|n| n.tag_name().name() == "element" && n.attribute("name").is_some());
            let attribute = |node: Node<'a, 'i>, name: &str| {
                node.attributes().find(|a| a.name() == name).map(|a| collapse(a.value())).unwrap_or_default()
            };
            let fields = self.bounded(fields, "fields of a data object")?;
            objects.push(DataObject {
                name: attribute(named, "name"),
                fields: fields
                    .into_iter()
                    .map(|field| DataField {
                        name: attribute(field, "name"),
                        ty: attribute(field, "type"),
                        indexed: attribute(field, "indexed") == "true",
                    })
                    .collect(),
            });
        }
        Ok(objects)
    }

    // Helpers that every part uses.

    /// The element children of `node` in the script's own namespace called `name`.
    fn children<'b>(&self, node: Node<'a, 'i>, name: &'b str) -> impl Iterator<Item = Node<'a, 'i>> + use<'a, 'b, 'i> {
        let namespace = self.namespace;
        node.children().filter(move |n| n.has_tag_name((namespace, name)))
    }

    fn child(&self, node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
        self.children(node, name).next()
    }

    /// Whether `node` is the script's own element `name`.
    fn is(&self, node: Node<'a, 'i>, name: &str) -> bool {
        node.has_tag_name((self.namespace, name))
    }

    /// `name`, or `id` as in 2019.
    fn name(&self, node: Node<'a, 'i>, element: &'static str) -> Result<String, ScriptError> {
        let name = node.attribute("name").or(node.attribute("id")).map(collapse).filter(|name| !name.is_empty());
        name.ok_or_else(|| ScriptError::new(Reason::MissingName { element }, self.xml.line(node)))
    }

    fn bounded<T>(&self, items: impl Iterator<Item = T>, kind: &'static str) -> Result<Vec<T>, ScriptError> {
        let limit = self.limits.items;
        let items: Vec<T> = items.take(limit + 1).collect();
        match items.len() > limit {
            true => Err(ScriptError::new(Reason::TooMany { kind, limit }, None)),
            false => Ok(items),
        }
    }

    fn unique(
        &self,
        names: &mut BTreeSet<String>,
        name: &str,
        kind: &'static str,
        line: u32,
    ) -> Result<(), ScriptError> {
        match names.insert(name.to_string()) {
            true => Ok(()),
            false => Err(ScriptError::new(Reason::Duplicate { kind, name: shorten(name) }, line)),
        }
    }

    fn problem(&mut self, line: u32, detail: String) {
        // A script can't make the list longer than itself, but it could repeat itself.
        if self.problems.len() < self.limits.items {
            self.problems.push(Problem { line, detail });
        }
    }
}

/// All text directly inside `node`.
fn text(node: Node<'_, '_>) -> String {
    node.children().filter(|n| n.is_text()).filter_map(|n| n.text()).collect()
}
