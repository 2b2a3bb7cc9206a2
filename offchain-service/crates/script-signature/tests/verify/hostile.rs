//! Whatever comes in, a verdict comes out.

use std::sync::OnceLock;

use proptest::prelude::*;
use smartlayer_script_signature::Verdict;

use crate::{
    signer::{self, Certificate, Signing, EXCLUSIVE, INCLUSIVE},
    verify,
};

/// Signed scripts to start from, of every shape.
fn scripts() -> &'static [String] {
    static SCRIPTS: OnceLock<Vec<String>> = OnceLock::new();
    SCRIPTS.get_or_init(|| {
        let (key, root) = (signer::secp256k1(), signer::secp256k1());
        let certificate =
            Certificate { issuer_alt_name: Some(root.point()), ..Certificate::default() }.issue(&key, &root);
        vec![
            Signing::new(&key, "ecdsa-sha256", INCLUSIVE).script(),
            Signing::new(&key, "ecdsa-sha256", EXCLUSIVE).certified(&certificate).script(),
            Signing::new(signer::rsa(), "rsa-sha256", EXCLUSIVE).script(),
        ]
    })
}

/// Looks at `script`, as a fuzzer would.
fn look(script: &[u8]) -> Verdict {
    let verdict = verify(script);
    let json = serde_json::to_string(&verdict).unwrap();
    assert_eq!(serde_json::from_str::<Verdict>(&json).unwrap(), verdict);
    let _ = verdict.to_string();
    verdict
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
        prop_assert_ne!(look(&bytes).status(), "valid");
    }

    #[test]
    fn any_markup(parts in proptest::collection::vec(prop::sample::select(vec![
        "<a>", "</a>", "<a", "/>", ">", "<!--", "-->", "<![CDATA[", "]]>", "<!DOCTYPE a", "[", "]", "<?xml ", "?>", "&amp;", "&", ";",
        " xmlns='u'", " xmlns:p=\"v\"", " p:b=''", "'", "\"", "=", "\r\n", "é", "x", "<p:c>", "</p:c>",
        "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">", "</ds:Signature>", "<ds:SignedInfo>", "</ds:SignedInfo>",
    ]), 0..40)) {
        prop_assert_ne!(look(parts.concat().as_bytes()).status(), "valid");
    }

    /// Bytes of a signed script cut out, doubled or replaced: it stays valid only if nothing that is signed changed, which
    /// for a single byte can be its certificate, its key's name, or white space in markup.
    #[test]
    fn damaged(which in 0..3usize, at in any::<prop::sample::Index>(), length in 0..20usize, with in prop_oneof![
        Just(Vec::new()),
        proptest::collection::vec(any::<u8>(), 1..4),
        "[ -~]{1,8}".prop_map(String::into_bytes),
    ]) {
        let script = &scripts()[which];
        let (at, mut damaged) = (at.index(script.len()), script.clone().into_bytes());
        damaged.splice(at..(at + length).min(script.len()), with);
        if let Verdict::Valid(_) = look(&damaged) {
            // Read again without comments, the script says the same outside the signature.
            let texts = |xml: &[u8]| {
                let xml = std::str::from_utf8(xml).unwrap().to_owned();
                let document = roxmltree::Document::parse(&xml).unwrap();
                let outside = |n: &roxmltree::Node<'_, '_>| !n.ancestors().any(|a| a.tag_name().name() == "Signature");
                document.descendants().filter(outside).map(|n| format!(
                    "{:?} {:?} {:?}", n.tag_name(),
                    n.attributes().map(|a| (a.namespace().map(String::from), a.name().to_owned(), a.value().to_owned()))
                        .collect::<std::collections::BTreeSet<_>>(),
                    n.text().filter(|_| n.is_text()),
                )).filter(|s| !s.contains("Comment")).collect::<Vec<_>>()
            };
            prop_assert_eq!(texts(&damaged), texts(script.as_bytes()));
        }
    }

    /// Damaged certificates are read or not; nothing worse.
    #[test]
    fn damaged_certificates(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        static CERTIFICATE: OnceLock<(signer::Key, Vec<u8>)> = OnceLock::new();
        let (key, certificate) = CERTIFICATE.get_or_init(|| {
            let key = signer::secp256k1();
            let certificate = Certificate { issuer_alt_name: Some(key.point()), ..Certificate::default() }.issue(&key, &key);
            (key, certificate)
        });
        let mut damaged = certificate.clone();
        let at = at.index(damaged.len());
        damaged[at] = byte;
        look(Signing::new(key, "ecdsa-sha256", EXCLUSIVE).certified(&damaged).script().as_bytes());
        damaged.truncate(cut.index(damaged.len()));
        look(Signing::new(key, "ecdsa-sha256", EXCLUSIVE).certified(&damaged).script().as_bytes());
    }
}
