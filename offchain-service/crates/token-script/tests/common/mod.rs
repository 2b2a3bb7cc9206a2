//! What several tests of scripts share.

#![allow(dead_code, reason = "each test uses a part")]

#[path = "files.rs"]
mod files;

use std::collections::BTreeSet;

use base64::{engine::general_purpose::STANDARD, Engine};
use scraper::{Html, Node};
use sha2::{Digest, Sha256};
use smartlayer_token_script::ViewContent;

#[allow(unused_imports, reason = "each test uses a part")]
pub use files::published;

/// The sources of a policy's directive.
pub fn sources(policy: &str, directive: &str) -> BTreeSet<String> {
    let found = policy.split("; ").find_map(|part| part.strip_prefix(directive));
    let sources = found.unwrap_or_else(|| panic!("no {directive} in {policy}"));
    sources.split_whitespace().filter(|source| *source != "'none'").map(String::from).collect()
}

/// The policy lists the scripts and styles that an HTML parser finds in the document, and no others.
pub fn assert_policy_is_exact(content: &ViewContent, what: &str) {
    let (mut scripts, mut styles) = (BTreeSet::new(), BTreeSet::new());
    for node in Html::parse_document(&content.html).tree.root().descendants() {
        let Node::Element(element) = node.value() else {
            assert!(!matches!(node.value(), Node::Comment(_)), "{what}: a comment");
            continue;
        };
        let text: String = node.children().filter_map(|n| n.value().as_text().map(|text| text.to_string())).collect();
        let hash = format!("'sha256-{}'", STANDARD.encode(Sha256::digest(&text)));
        let elsewhere = element.attrs().any(|(name, _)| match &*element.name.ns {
            "http://www.w3.org/1999/xhtml" => name == "src",
            _ => name == "href",
        });
        let ty = element.attr("type");
        match element.name() {
            _ if text.is_empty() => {}
            "script" if !elsewhere && matches!(ty, None | Some("" | "module" | "text/javascript")) => {
                _ = scripts.insert(hash)
            }
            "style" if matches!(ty, None | Some("" | "text/css")) => _ = styles.insert(hash),
            _ => {}
        }
    }
    assert_eq!(sources(&content.policy, "script-src "), scripts, "{what}: {}", content.html);
    assert_eq!(sources(&content.policy, "style-src "), styles, "{what}: {}", content.html);
}
