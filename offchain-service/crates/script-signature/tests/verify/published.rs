//! The verdicts on published scripts.

use std::path::PathBuf;

use smartlayer_script_signature::{Standing, Verdict};

use crate::verify;

/// How a certificate stands, and whether it is self-signed.
type Stands = Option<(Standing, bool)>;

/// The signed ones: what begins the file's name, the key, what begins its fingerprint, and how its certificate stands, if
/// there is one.
const SIGNED: [(&str, &str, &str, Stands); 10] = [
    ("2019-05_EntryToken-future-cert", "rsa-2048", "b8277ffe74c875b8", Some((Standing::NotYetValid, true))),
    ("2019-05_EntryToken_", "rsa-2048", "8d979b019cb3394b", Some((Standing::Expired, false))),
    ("2024-01_7dragons-baobab-st_", "secp256k1", "44bc9fe9f3638f4b", None),
    ("2024-01_7dragons-baobab_", "secp256k1", "505037db56f70d0f", None),
    ("2024-01_sablier-v2-mainnet_", "secp256k1", "f49b807dd9ced41b", None),
    ("2024-01_sablier-v2-polygon_", "secp256k1", "f49b807dd9ced41b", None),
    ("2024-01_smart-cat-launchpad-demo_", "secp256k1", "44bc9fe9f3638f4b", Some((Standing::Expired, false))),
    ("2024-01_smart-cat-loot-mumbai_", "secp256k1", "505037db56f70d0f", None),
    ("2024-01_smart-cat-loot-prod_", "secp256k1", "44bc9fe9f3638f4b", Some((Standing::Expired, false))),
    ("2024-01_smart-cat-loot-sepolia_", "secp256k1", "505037db56f70d0f", None),
];

/// Whose key is in the IssuerAltName of the certificates there are for keys of secp256k1.
const CERTIFIER: &str = "0x1c18e4eF0C9740e258835Dbb26E6C5fB4684C7a0";

#[test]
fn every_published_script_has_the_verdict_that_it_deserves() {
    // They are not part of the tree.
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/tokenscripts");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: no published token scripts in {}", folder.display());
        return;
    };
    let mut paths: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "xml" || e == "tsml"))
        .collect();
    paths.sort();
    let mut signed_scripts = 0;
    for path in paths {
        let (file, bytes) = (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap());
        let verdict = verify(&bytes);
        println!("{file:<60} {verdict}");
        let contains = |what: &str| bytes.windows(what.len()).any(|w| w == what.as_bytes());
        let Some((_, kind, fingerprint, certificate)) = SIGNED.iter().find(|(name, ..)| file.starts_with(name)) else {
            // All document types in them declare entities.
            let expected = if contains("<!DOCTYPE") { Some("doctype") } else { None };
            assert_eq!(
                (verdict.reason(), verdict.status() == "none"),
                (expected, expected.is_none()),
                "{file}: {verdict}"
            );
            continue;
        };
        signed_scripts += 1;
        let Verdict::Valid(signed) = verdict else { panic!("{file}: {verdict}") };
        assert_eq!(signed.signer.key_kind, *kind, "{file}");
        assert!(signed.signer.fingerprint.starts_with(fingerprint), "{file}: {}", signed.signer.fingerprint);
        assert_eq!(signed.certificate.as_ref().map(|c| (c.standing, c.self_signed)), *certificate, "{file}");
        if let Some(certificate) = signed.certificate {
            assert!(certificate.is_signing_key, "{file}");
            let certifier = certificate.certifier.map(|c| (c.ethereum_address, c.signed));
            assert_eq!(certifier, (*kind == "secp256k1").then(|| (CERTIFIER.to_owned(), true)), "{file}");
        }
        // Any change of it is noticed.
        let mut changed = bytes;
        let at = changed.windows(6).position(|w| w == b"name=\"").unwrap() + 6;
        changed[at] ^= 1;
        assert_eq!(verify(&changed).reason(), Some("digest-mismatch"), "{file}");
    }
    assert_eq!(signed_scripts, SIGNED.len());
}
