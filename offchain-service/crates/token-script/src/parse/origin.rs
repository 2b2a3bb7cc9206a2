//! The origins of attributes.

use alloy_primitives::U256;
use roxmltree::Node;

use super::{collapse, shorten, text, Parser, Scope};
use crate::{AbiType, As, Mapping, Origin, OriginKind, ScriptError, Source, StorageSlot};

impl<'a, 'i> Parser<'a, 'i> {
    /// The origin that `node` is; what about it is not served makes it an unsupported one.
    pub(super) fn origin(&mut self, node: Node<'a, 'i>, scope: &Scope) -> Result<Origin, ScriptError> {
        let line = self.xml.line(node);
        let mapping = self.mapping(node)?;
        let unsupported = |kind| Origin { kind: OriginKind::Unsupported(kind), as_: None, mapping: None, line };
        let as_ = match node.attribute("as").map(as_).transpose() {
            Ok(as_) => as_,
            Err(kind) => return Ok(unsupported(kind)),
        };
        Ok(match self.origin_kind(node, scope)? {
            Ok(kind) => Origin { kind, as_, mapping, line },
            Err(kind) => unsupported(kind),
        })
    }

    fn origin_kind(&mut self, node: Node<'a, 'i>, scope: &Scope) -> Result<Result<OriginKind, String>, ScriptError> {
        let name = node.tag_name().name();
        let ours = node.tag_name().namespace() == Some(self.namespace);
        let ethereum = node.tag_name().namespace().is_some_and(|uri| uri.starts_with("urn:ethereum:"));
        // Until 2020/03 calls and events were `ts:ethereum` with a function or an event.
        let old = |what: &str| ours && name == "ethereum" && node.attribute(what).is_some();
        if old("function") || (ethereum && name == "call") {
            return Ok(self.call(node, scope)?.map(OriginKind::Call));
        }
        if old("event") || (ethereum && name == "event") {
            return Ok(self.event(node, scope).map(OriginKind::Event));
        }
        Ok(match name {
            "storage" if ethereum => self.storage(node, scope),
            "user-entry" if ours => Ok(OriginKind::UserEntry),
            "token-id" if ours => {
                node.attribute("bitmask").map(bitmask).transpose().map(|bitmask| OriginKind::TokenId { bitmask })
            }
            "data" if ours => return self.data(node),
            "attribute" if ours && node.attribute("ref").is_some() => return self.data(node),
            "attestation" if ours => {
                let path = node.attribute("ref").or(node.attribute("select")).map(collapse).unwrap_or_default();
                let path = path.strip_prefix("attestation").filter(|rest| rest.starts_with('.')).unwrap_or(&path);
                Ok(OriginKind::Attestation(path.trim_start_matches('.').into()))
            }
            _ if ethereum => Err(format!("ethereum:{}", shorten(name))),
            _ => Err(format!("ts:{}", shorten(name))),
        })
    }

    fn data(&self, node: Node<'a, 'i>) -> Result<Result<OriginKind, String>, ScriptError> {
        let reference = |node: Node<'a, 'i>| {
            node.attribute("ref")
                .or(node.attribute("local-ref"))
                .map(collapse)
                .filter(|reference| !reference.is_empty())
        };
        if let Some(reference) = reference(node) {
            return Ok(Ok(OriginKind::Data(reference)));
        }
        let mapping = |n: &Node<'a, 'i>| self.is(*n, "mapping");
        let values = node.children().filter(|n| n.is_element() && !mapping(n));
        let values = self.bounded(values, "values of a data origin")?;
        Ok(match values.as_slice() {
            [] if text(node).trim().is_empty() => Err("ts:data without a reference or a value".into()),
            [] => Ok(OriginKind::Literal(text(node).trim().into(), None)),
            [value] => match (reference(*value), AbiType::elementary(value.tag_name().name())) {
                (Some(reference), _) => Ok(OriginKind::Data(reference)),
                (None, Some(ty)) => Ok(OriginKind::Literal(text(*value), Some(ty))),
                (None, None) => Err(format!("ts:data of type {}", shorten(value.tag_name().name()))),
            },
            values => {
                let names = values.iter().enumerate().map(|(i, value)| match value.attribute("name").map(collapse) {
                    Some(name) if !name.is_empty() => name,
                    _ => i.to_string(),
                });
                let arguments = self.typed_arguments(values, None);
                arguments.map(|arguments| OriginKind::Record(names.zip(arguments).collect()))
            }
        })
    }

    fn storage(&self, node: Node<'a, 'i>, scope: &Scope) -> Result<OriginKind, String> {
        let contract = scope.contract_of(node, "ethereum:storage")?;
        let index = node.attribute("index").unwrap_or_default().trim();
        let slot = AbiType::Uint(256).read(index).ok().and_then(|slot| slot.uint().ok());
        let slot = slot.ok_or_else(|| format!("ethereum:storage at {:?}", shorten(index)))?;
        if node.attribute("select").is_some() {
            return Err("ethereum:storage with select".into());
        }
        let ty = match node.attribute("type") {
            Some(name) => {
                let ty = AbiType::elementary(name.trim());
                Some(ty.ok_or_else(|| format!("ethereum:storage of type {}", shorten(name)))?)
            }
            None => None,
        };
        Ok(OriginKind::Storage(StorageSlot { contract, slot, ty }))
    }

    fn mapping(&self, node: Node<'a, 'i>) -> Result<Option<Mapping>, ScriptError> {
        let Some(mapping) = self.child(node, "mapping") else { return Ok(None) };
        let options = self.bounded(self.children(mapping, "option"), "options of a mapping")?;
        let option = |option: Node<'a, 'i>| {
            let key = option.attribute("key").unwrap_or_default().trim();
            let labels = self.strings(self.children(option, "value"));
            // An option without elements has its text directly.
            (key.into(), if labels.is_empty() { self.strings(std::iter::once(option)) } else { labels })
        };
        Ok(Some(Mapping(options.into_iter().map(option).collect())))
    }
}

/// The conversion that `as` names.
fn as_(name: &str) -> Result<As, String> {
    As::named(name).ok_or_else(|| format!("as=\"{}\"", shorten(name.trim())))
}

/// A mask of hexadecimal digits, at most 256 bits, over lines if the script breaks them.
fn bitmask(digits: &str) -> Result<U256, String> {
    let digits: String = digits.split_whitespace().collect();
    let digits = digits.strip_prefix("0x").unwrap_or(&digits);
    let significant = digits.trim_start_matches('0');
    let valid = !digits.is_empty() && significant.len() <= 64 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    match valid {
        true => Ok(U256::from_str_radix(significant, 16).unwrap_or_default()),
        false => Err(format!("bitmask {}", shorten(digits))),
    }
}

/// Where the value of the element `node` comes from.
pub(super) fn source(node: Node<'_, '_>) -> Source {
    let reference = node.attribute("ref").or(node.attribute("local-ref")).map(collapse).filter(|r| !r.is_empty());
    reference.map_or_else(|| Source::Literal(text(node)), Source::Reference)
}
