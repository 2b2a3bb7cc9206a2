//! Signatures that hold, and what is said of their keys and certificates.

use alloy_primitives::{Address, U256};
use base64::{engine::general_purpose::STANDARD, Engine};
use smartlayer_script_signature::{Canonicalization, Signed, Standing, Verdict};

use crate::{
    signer::{self, Certificate, Key, Signing, EXCLUSIVE, HEAD, INCLUSIVE, SHA256, SHA384, SHA512, TAIL},
    verify,
};

fn signed(script: impl AsRef<[u8]>) -> Signed {
    match verify(&script) {
        Verdict::Valid(signed) => *signed,
        other => panic!("{other}\n{}", String::from_utf8_lossy(script.as_ref())),
    }
}

#[test]
fn every_key_and_canonicalisation() {
    let keys: [(&Key, &[&'static str], &str); 5] = [
        (signer::rsa(), &["rsa-sha256", "rsa-sha384", "rsa-sha512"], "rsa-2048"),
        (&signer::p256(), &["ecdsa-sha256"], "p-256"),
        (&signer::p384(), &["ecdsa-sha384"], "p-384"),
        (&signer::p521(), &["ecdsa-sha512"], "p-521"),
        (&signer::secp256k1(), &["ecdsa-sha256"], "secp256k1"),
    ];
    for (key, methods, kind) in keys {
        for &method in methods {
            for canonicalization in [INCLUSIVE, EXCLUSIVE] {
                for (digest, digest_name) in [(SHA256, "sha256"), (SHA384, "sha384"), (SHA512, "sha512")] {
                    for reference_attributes in ["", " URI=\"\""] {
                        let signing =
                            Signing { digest, reference_attributes, ..Signing::new(key, method, canonicalization) };
                        let signed = signed(signing.script());
                        assert_eq!(signed.signer.key_kind, kind);
                        assert_eq!(signed.line, 3);
                        assert_eq!(signed.certificate, None);
                        let algorithms = serde_json::to_value(signed.algorithms).unwrap();
                        let name = if canonicalization == INCLUSIVE { "inclusive" } else { "exclusive" };
                        let expected = serde_json::json!({
                            "canonicalization": name, "signedInfoCanonicalization": name, "method": method,
                            "digest": digest_name,
                        });
                        assert_eq!(algorithms, expected);
                    }
                }
            }
        }
    }
}

#[test]
fn the_signer_is_told() {
    let key = signer::secp256k1();
    let signer = signed(Signing::new(&key, "ecdsa-sha256", INCLUSIVE).script()).signer;
    assert_eq!(signer.public_key, hex::encode(key.point()));
    let address = Address::from_raw_public_key(&key.point()[1..]);
    assert_eq!(signer.ethereum_address, Some(address.to_checksum(None)));
    assert_eq!(signer.key_name.as_deref(), Some("Ann"));

    let signer = signed(Signing::new(signer::rsa(), "rsa-sha256", EXCLUSIVE).script()).signer;
    assert_eq!(signer.public_key, hex::encode(signer::rsa().info()));
    assert_eq!(signer.ethereum_address, None);
    let fingerprint = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &signer::rsa().info());
    assert_eq!(signer.fingerprint, hex::encode(fingerprint));
}

/// Wallets' signers don't choose the lower of the two values that hold.
#[test]
fn high_and_low_values_hold() {
    let order = U256::from_str_radix("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16).unwrap();
    let script = Signing::new(&signer::secp256k1(), "ecdsa-sha256", INCLUSIVE).script();
    let (before, rest) = script.split_once("<ds:SignatureValue>").unwrap();
    let (value, after) = rest.split_once("</ds:SignatureValue>").unwrap();
    let mut bytes = STANDARD.decode(value.replace(['\n', ' '], "")).unwrap();
    let other = order - U256::from_be_slice(&bytes[32..]);
    bytes.splice(32.., other.to_be_bytes::<32>());
    signed(&script);
    signed(format!("{before}<ds:SignatureValue>{}</ds:SignatureValue>{after}", STANDARD.encode(bytes)));
}

/// The document's comments aren't signed; those of SignedInfo are if the method says so.
#[test]
fn comments() {
    let key = signer::p256();
    for base in [INCLUSIVE.to_string(), EXCLUSIVE.trim_end_matches('#').to_string()] {
        let with = format!("{base}#WithComments");
        let signing = Signing::new(&key, "ecdsa-sha256", &with);
        let script = signing.script().replace("Entry", "<!-- one -->En<!-- two -->try");
        let algorithms = signed(&script).algorithms;
        assert!(matches!(
            algorithms.canonicalization,
            Canonicalization::InclusiveWithComments | Canonicalization::ExclusiveWithComments
        ));
        let script = script.replace("<ds:Reference", "<!-- three --><ds:Reference");
        assert_eq!(verify(script).reason(), Some("signature-mismatch"));
    }
    let script = Signing::new(&key, "ecdsa-sha256", EXCLUSIVE).script();
    signed(script.replace("<ds:Reference", "<!-- three --><ds:Reference"));
}

/// What canonicalisation is for: other ways to write the same don't matter.
#[test]
fn the_same_written_otherwise() {
    for canonicalization in [INCLUSIVE, EXCLUSIVE] {
        let script = Signing::new(&signer::p256(), "ecdsa-sha256", canonicalization).script();
        for (from, to) in [
            ("\n", "\r\n"),
            ("name=\"entry\"", "  name = '&#101;ntry'  "),
            ("Entry &amp; exit", "<![CDATA[Entry & exit]]>"),
            ("></ts:attribute>", "\n/>"),
            ("<ts:token", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\n<ts:token"),
            ("<ts:token", "\u{feff}<!-- a --><ts:token"),
            ("<ts:token", "<!DOCTYPE token SYSTEM \"token.dtd\"><ts:token"),
            ("></ds:SignatureMethod>", " />"),
        ] {
            assert!(script.contains(from));
            signed(script.replace(from, to));
        }
    }
}

#[test]
fn a_script_in_a_language_and_with_instructions() {
    let lang = |text: &str| text.replace("name=", "xml:lang=\"en\" name=").replace("name=\"entry\" ", "");
    let key = signer::p256();
    let head = lang(HEAD).replace("xml:lang=\"en\" name=\"entry\"", "name=\"entry\" xml:lang=\"en\"");
    let mut signing = Signing::new(&key, "ecdsa-sha256", EXCLUSIVE);
    signing.canonical = (format!("<?before it?>\n{head}"), format!("{TAIL}\n<?after?>"));
    signed(format!("<?before   it?>{head}{}{TAIL}<?after ?>\n", signing.signature()));

    // Without the processing instruction it is another document.
    assert_eq!(verify(format!("{head}{}{TAIL}", signing.signature())).reason(), Some("digest-mismatch"));
}

#[test]
fn the_signature_may_be_first_and_elsewhere() {
    let key = signer::p256();
    let mut signing = Signing::new(&key, "ecdsa-sha256", EXCLUSIVE);
    let whole = [HEAD, TAIL].concat();
    for at in [HEAD.find('>').unwrap() + 1, whole.rfind("</").unwrap()] {
        let (before, after) = whole.split_at(at);
        signing.canonical = (before.into(), after.into());
        signed([before, &signing.signature(), after].concat());
    }
}

#[test]
fn a_valid_signature_with_a_certificate_that_is_not() {
    let (key, root) = (signer::p256(), signer::p384());
    let cases = [
        ("20260101000000Z", "20270101000000Z", Standing::Valid, "valid, signed by p-256"),
        ("20200101000000Z", "20210101000000Z", Standing::Expired, "certificate expired"),
        ("20890101000000Z", "20900101000000Z", Standing::NotYetValid, "certificate not yet valid"),
    ];
    for (not_before, not_after, standing, said) in cases {
        let certificate = Certificate { not_before, not_after, ..Certificate::default() }.issue(&key, &root);
        let script = Signing::new(&key, "ecdsa-sha256", EXCLUSIVE).certified(&certificate).script();
        let verdict = verify(&script);
        assert!(verdict.to_string().contains(said), "{verdict}");
        let signed = signed(script);
        assert_eq!(signed.signer.key_kind, "p-256");
        let certificate = signed.certificate.unwrap();
        assert_eq!((certificate.subject.as_str(), certificate.issuer.as_str()), ("CN=Ann", "CN=Root"));
        assert_eq!(certificate.standing, standing);
        assert!(certificate.is_signing_key && !certificate.self_signed);
        assert_eq!(certificate.certifier, None);
    }
}

#[test]
fn validity_includes_its_ends() {
    let key = signer::p256();
    let certificate =
        Certificate { not_before: "20260101000000Z", not_after: "20260101000010Z", ..Certificate::default() };
    let script = Signing::new(&key, "ecdsa-sha256", EXCLUSIVE).certified(&certificate.issue(&key, &key)).script();
    for (now, standing) in [
        (1_767_225_599, Standing::NotYetValid),
        (1_767_225_600, Standing::Valid),
        (1_767_225_610, Standing::Valid),
        (1_767_225_611, Standing::Expired),
        (u64::MAX, Standing::Expired),
        (0, Standing::NotYetValid),
    ] {
        match smartlayer_script_signature::verify(script.as_bytes(), now, &Default::default()) {
            Verdict::Valid(signed) => assert_eq!(signed.certificate.unwrap().standing, standing, "{now}"),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn self_signed_means_signed_by_itself() {
    let keys: [(&Key, &'static str); 3] =
        [(signer::rsa(), "rsa-sha256"), (&signer::p521(), "ecdsa-sha512"), (&signer::secp256k1(), "ecdsa-sha256")];
    for (key, method) in keys {
        let issue = |issuer, by| {
            let certificate = Certificate { issuer, ..Certificate::default() }.issue(key, by);
            signed(Signing::new(key, method, EXCLUSIVE).certified(&certificate).script())
                .certificate
                .unwrap()
                .self_signed
        };
        assert!(issue("Ann", key));
        assert!(!issue("Root", key));
        assert!(!issue("Ann", &signer::p256()));
    }
}

#[test]
fn the_key_in_issuer_alt_name() {
    let (key, root, other) = (signer::secp256k1(), signer::secp256k1(), signer::secp256k1());
    for (by, really) in [(&root, true), (&other, false)] {
        let certificate = Certificate { issuer_alt_name: Some(root.point()), ..Certificate::default() }.issue(&key, by);
        let script = Signing::new(&key, "ecdsa-sha256", INCLUSIVE).certified(&certificate).script();
        let certifier = signed(script).certificate.unwrap().certifier.unwrap();
        assert_eq!(certifier.public_key, hex::encode(root.point()));
        let address = Address::from_raw_public_key(&root.point()[1..]);
        assert_eq!(certifier.ethereum_address, address.to_checksum(None));
        assert_eq!(certifier.signed, really);
    }
    // Names as the book has them.
    let certificate = Certificate { issuer_alt_name: Some(b"\x30\x05\x82\x03a.b"), ..Certificate::default() };
    let script = Signing::new(&key, "ecdsa-sha256", INCLUSIVE).certified(&certificate.issue(&key, &root)).script();
    assert_eq!(signed(script).certificate.unwrap().certifier, None);
}

/// As real tools order them: the issuer's certificate may come first.
#[test]
fn the_signers_certificate_among_several() {
    let (key, root, other) = (signer::p256(), signer::p384(), signer::p256());
    let own = Certificate::default().issue(&key, &root);
    let issuer = Certificate { subject: "Root", ..Certificate::default() }.issue(&root, &root);
    for value in [String::new(), key.value()] {
        let mut signing = Signing::new(&key, "ecdsa-sha256", EXCLUSIVE);
        signing.key_info = format!(
            "<ds:KeyInfo>{value}{}{}{}</ds:KeyInfo>",
            signer::x509(b"junk"),
            signer::x509(&issuer),
            signer::x509(&own)
        );
        let certificate = signed(signing.script()).certificate.unwrap();
        assert_eq!(certificate.subject, "CN=Ann");
        assert!(certificate.is_signing_key);
    }
    // If none of them verifies, it isn't said that the issuer's is of another kind.
    let mut signing = Signing::new(&key, "ecdsa-sha256", EXCLUSIVE);
    let rsa = Certificate { subject: "Root", ..Certificate::default() }.issue(signer::rsa(), &root);
    signing.key_info = format!("<ds:KeyInfo>{}{}</ds:KeyInfo>", signer::x509(&rsa), signer::x509(&own));
    signed(signing.script());
    signing.key = &other;
    assert_eq!(verify(signing.script()).reason(), Some("signature-mismatch"));
    // A tool wrote the same twice, in two KeyInfos.
    let mut signing = Signing::new(&key, "ecdsa-sha256", EXCLUSIVE);
    signing.key_info = signing.key_info.repeat(2);
    signed(signing.script());
    // Beside a key that verifies, a certificate that cannot be read is no matter.
    signing.key_info = format!("<ds:KeyInfo>{}{}</ds:KeyInfo>", key.value(), signer::x509(b"junk"));
    assert_eq!(signed(signing.script()).certificate, None);
}

#[test]
fn a_key_as_xml_signature_1_1_writes_it() {
    let key = signer::p256();
    let mut signing = Signing::new(&key, "ecdsa-sha256", EXCLUSIVE);
    let point = key.point();
    let compressed = [&[2 + (point[64] & 1)], &point[1..33]].concat();
    for point in [point, &compressed] {
        signing.key_info = format!(
            "<ds:KeyInfo><ds:KeyValue><k:ECKeyValue xmlns:k=\"http://www.w3.org/2009/xmldsig11#\">\
             <k:NamedCurve URI=\"urn:oid:1.2.840.10045.3.1.7\"/><k:PublicKey>{}</k:PublicKey></k:ECKeyValue></ds:KeyValue>\
             </ds:KeyInfo>",
            STANDARD.encode(point)
        );
        assert_eq!(signed(signing.script()).signer.public_key, hex::encode(key.point()));
    }
}

#[test]
fn verdicts_go_through_json() {
    let (key, root) = (signer::secp256k1(), signer::secp256k1());
    let certificate = Certificate { issuer_alt_name: Some(root.point()), ..Certificate::default() }.issue(&key, &root);
    let script = Signing::new(&key, "ecdsa-sha256", INCLUSIVE).certified(&certificate).script();
    for (verdict, json) in [
        (verify("<a/>"), "{\"status\":\"none\"}"),
        (verify("<a>"), "{\"status\":\"unsupported\",\"reason\":\"malformed\",\"line\":1}"),
        (verify(script.replace("Entry", "Exit")), "{\"status\":\"invalid\",\"reason\":\"digest-mismatch\",\"line\":6}"),
        (verify(script), "{\"status\":\"valid\",\"line\":3,\"signer\":{\"keyKind\":\"secp256k1\","),
    ] {
        let written = serde_json::to_string(&verdict).unwrap();
        assert!(written.starts_with(json), "{written}");
        assert_eq!(serde_json::from_str::<Verdict>(&written).unwrap(), verdict);
    }
}
