//! Attributes and their origins.

use std::collections::BTreeSet;

use alloy_primitives::U256;
use roxmltree::Node;

use super::{collapse, shorten, text, Parser};
use crate::{AbiType, As, Attribute, Contract, Origin, ScriptError, Syntax};

impl<'a, 'i> Parser<'a, 'i> {
    /// The attributes that are children of `parent`, under any of the names that the versions gave them.
    pub(super) fn attributes(
        &mut self,
        parent: Node<'a, 'i>,
        contracts: &[Contract],
        holding: Option<&str>,
    ) -> Result<Vec<Attribute>, ScriptError> {
        let groups = parent.children().filter(|n| self.is(*n, "attribute-types") || self.is(*n, "attributes"));
        let nodes = std::iter::once(parent)
            .chain(groups)
            .flat_map(|group| group.children())
            .filter(|n| self.is(*n, "attribute") || self.is(*n, "attribute-type"));
        let nodes = self.bounded(nodes, "attributes")?;
        let mut names = BTreeSet::new();
        let mut attributes = Vec::with_capacity(nodes.len());
        for node in nodes {
            let line = self.xml.line(node);
            let name = self.name(node, "attribute")?;
            self.unique(&mut names, &name, "attributes", line)?;
            let origins = self.origins(node, contracts, holding)?;
            let unsupported = origins.iter().filter_map(|origin| match origin {
                Origin::Unsupported { kind, line } => Some((*line, kind.clone())),
                _ => None,
            });
            for (line, kind) in unsupported.collect::<Vec<_>>() {
                self.problem(line, format!("attribute {}: {kind} is not served", shorten(&name)));
            }
            if origins.is_empty() {
                self.problem(line, format!("attribute {} has no origin", shorten(&name)));
            }
            let labels = self.labels(node, &["label", "name"]);
            attributes.push(Attribute { labels, syntax: self.syntax(node), origins, line, name });
        }
        Ok(attributes)
    }

    fn syntax(&self, attribute: Node<'a, 'i>) -> Option<Syntax> {
        let nested = self.child(attribute, "type").unwrap_or(attribute);
        let oid = match (attribute.attribute("syntax"), self.child(nested, "syntax")) {
            (Some(oid), _) => oid.trim().to_string(),
            (None, Some(node)) => text(node).trim().to_string(),
            (None, None) => return None,
        };
        Some(match oid.strip_prefix("1.3.6.1.4.1.1466.115.121.1.") {
            Some("7") => Syntax::Boolean,
            Some("27" | "36") => Syntax::Integer,
            Some("24") => Syntax::Time,
            Some("15" | "26") => Syntax::Text,
            _ => Syntax::Other(shorten(&oid)),
        })
    }

    fn origins(
        &mut self,
        attribute: Node<'a, 'i>,
        contracts: &[Contract],
        holding: Option<&str>,
    ) -> Result<Vec<Origin>, ScriptError> {
        // 2019/05 has `origin` beside `origins`.
        let groups = attribute.children().filter(|n| self.is(*n, "origins") || self.is(*n, "origin"));
        let nodes =
            self.bounded(groups.flat_map(|g| g.children()).filter(|n| n.is_element()), "origins of an attribute")?;
        let mut origins = Vec::with_capacity(nodes.len());
        for node in nodes {
            origins.push(match self.origin(node, contracts, holding)? {
                Ok(origin) => origin,
                Err(kind) => Origin::Unsupported { kind, line: self.xml.line(node) },
            });
        }
        Ok(origins)
    }

    /// The origin that `node` is, or what about it is not served.
    fn origin(
        &mut self,
        node: Node<'a, 'i>,
        contracts: &[Contract],
        holding: Option<&str>,
    ) -> Result<Result<Origin, String>, ScriptError> {
        let name = node.tag_name().name();
        let as_ = match node.attribute("as").map(as_).transpose() {
            Ok(as_) => as_,
            Err(kind) => return Ok(Err(kind)),
        };
        if self.child(node, "mapping").is_some() {
            return Ok(Err("mapping".into()));
        }
        let ours = node.tag_name().namespace() == Some(self.namespace);
        let ethereum = node.tag_name().namespace().is_some_and(|uri| uri.starts_with("urn:ethereum:"));
        // Until 2020/03 a call was `ts:ethereum` with a function.
        let old_call = ours && name == "ethereum" && node.attribute("function").is_some();
        if old_call || (ethereum && name == "call") {
            return Ok(self.call(node, contracts, holding)?.map(|mut call| {
                call.as_ = as_;
                Origin::EthereumCall(call)
            }));
        }
        Ok(match name {
            "user-entry" if ours => Ok(Origin::UserEntry { as_ }),
            "token-id" if ours => match node.attribute("bitmask").map(bitmask).transpose() {
                Ok(bitmask) => Ok(Origin::TokenId { bitmask, as_ }),
                Err(kind) => Err(kind),
            },
            "data" if ours => self.data(node, as_),
            "attribute" if ours && node.attribute("ref").is_some() => self.data(node, as_),
            "ethereum" if ours && node.attribute("event").is_some() => Err("ethereum:event".into()),
            _ if ethereum => Err(format!("ethereum:{}", shorten(name))),
            _ => Err(format!("ts:{}", shorten(name))),
        })
    }

    fn data(&self, node: Node<'a, 'i>, as_: Option<As>) -> Result<Origin, String> {
        if let Some(reference) = node.attribute("ref").map(collapse).filter(|r| !r.is_empty()) {
            return Ok(Origin::Data { reference, as_ });
        }
        let mut elements = node.children().filter(|n| n.is_element());
        match (elements.next(), elements.next()) {
            (None, _) if text(node).trim().is_empty() => Err("ts:data without a reference or a value".into()),
            (None, _) => Ok(Origin::Literal { text: text(node).trim().into(), ty: None, as_ }),
            (Some(value), None) => {
                let reference = value.attribute("ref").or(value.attribute("local-ref")).map(collapse);
                let ty = AbiType::elementary(value.tag_name().name());
                match (reference, ty) {
                    (Some(reference), _) => Ok(Origin::Data { reference, as_ }),
                    (None, Some(ty)) => Ok(Origin::Literal { text: text(value), ty: Some(ty), as_ }),
                    (None, None) => Err(format!("ts:data of type {}", shorten(value.tag_name().name()))),
                }
            }
            _ => Err("ts:data with more than one value".into()),
        }
    }
}

/// The conversion that `as` names.
pub(super) fn as_(name: &str) -> Result<As, String> {
    let scale = |digits: &str| digits.parse().ok().filter(|scale| *scale <= 77);
    match name.trim() {
        "uint" => Ok(As::Uint),
        "int" => Ok(As::Int),
        "address" => Ok(As::Address),
        "utf8" | "string" => Ok(As::Utf8),
        "bool" => Ok(As::Bool),
        "bytes" => Ok(As::Bytes),
        "abi" => Ok(As::Abi),
        other => match other.strip_prefix('e').and_then(scale) {
            Some(scale) => Ok(As::Scaled(scale)),
            None => Err(format!("as=\"{}\"", shorten(other))),
        },
    }
}

/// A mask of hexadecimal digits, at most 256 bits.
fn bitmask(digits: &str) -> Result<U256, String> {
    let digits = digits.trim();
    let digits = digits.strip_prefix("0x").unwrap_or(digits);
    let significant = digits.trim_start_matches('0');
    let valid = !digits.is_empty() && significant.len() <= 64 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    match valid {
        true => Ok(U256::from_str_radix(significant, 16).unwrap_or_default()),
        false => Err(format!("bitmask {}", shorten(digits))),
    }
}
