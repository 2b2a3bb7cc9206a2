//! What must not pass, by name.

use base64::{engine::general_purpose::STANDARD, Engine};
use smartlayer_script_signature::{Flaw, Limits, Unsupported, Verdict};

use crate::{
    signer::{self, Certificate, Signing, EXCLUSIVE, HEAD, INCLUSIVE, SHA256, SHA512, TAIL},
    verify,
};

/// A signed script, once with each canonicalisation.
fn scripts() -> [String; 2] {
    let key = signer::secp256k1();
    [INCLUSIVE, EXCLUSIVE].map(|c| Signing::new(&key, "ecdsa-sha256", c).script())
}

/// The script with one place changed.
fn changed(script: &str, from: &str, to: &str) -> String {
    assert!(script.contains(from), "{from} is not in\n{script}");
    script.replacen(from, to, 1)
}

/// The script without its signature, and the signature.
fn apart(script: &str) -> (String, String) {
    let (start, end) = (script.find("<ds:Signature ").unwrap(), script.find("</ds:Signature>").unwrap() + 15);
    ([&script[..start], &script[end..]].concat(), script[start..end].to_owned())
}

#[track_caller]
fn invalid(script: &str, reason: Flaw) {
    match verify(script) {
        Verdict::Invalid { reason: given, .. } if given == reason => {}
        other => panic!("{other}, not {}\n{script}", reason.code()),
    }
}

#[track_caller]
fn unsupported(script: &str, reason: Unsupported) {
    match verify(script) {
        Verdict::Unsupported { reason: given, line: Some(_) } if given == reason => {}
        other => panic!("{other}, not {}\n{script}", reason.code()),
    }
}

#[test]
fn altered_text() {
    for script in scripts() {
        invalid(&changed(&script, "Entry", "Entri"), Flaw::DigestMismatch);
        invalid(&changed(&script, "Entry &amp; exit", "Entry exit"), Flaw::DigestMismatch);
        invalid(&changed(&script, "</ts:label>\n", "</ts:label>"), Flaw::DigestMismatch);
    }
}

#[test]
fn altered_attribute() {
    for script in scripts() {
        invalid(&changed(&script, "name=\"level\"", "name=\"leveL\""), Flaw::DigestMismatch);
        invalid(&changed(&script, "name=\"level\"", ""), Flaw::DigestMismatch);
        invalid(&changed(&script, "name=\"level\"", "name=\"level\" as=\"uint\""), Flaw::DigestMismatch);
        invalid(&changed(&script, "name=\"level\"", "ts:name=\"level\""), Flaw::DigestMismatch);
    }
}

#[test]
fn added_element() {
    for script in scripts() {
        invalid(&changed(&script, "</ts:token>", "<ts:card></ts:card></ts:token>"), Flaw::DigestMismatch);
        invalid(&changed(&script, "<ts:token", "<?run me?><ts:token"), Flaw::DigestMismatch);
    }
}

#[test]
fn moved_signature() {
    for script in scripts() {
        let (rest, signature) = apart(&script);
        unsupported(&changed(&rest, "</ts:label>", &format!("{signature}</ts:label>")), Unsupported::Misplaced);
        // Elsewhere among the document element's children nothing is another: what is signed is the script without it.
        assert_eq!(verify(changed(&rest, "<ts:label>", &format!("{signature}<ts:label>"))).status(), "valid");
        invalid(&changed(&rest, "<ts:label>", &format!(" {signature}<ts:label>")), Flaw::DigestMismatch);
    }
    let (_, signature) = apart(&scripts()[1]);
    unsupported(&signature, Unsupported::Misplaced);
}

#[test]
fn two_signatures() {
    for script in scripts() {
        let (_, signature) = apart(&script);
        unsupported(
            &changed(&script, "</ts:token>", &format!("{signature}</ts:token>")),
            Unsupported::SeveralSignatures,
        );
        let mut inside = script.clone();
        inside.insert_str(script.find("</ds:Signature>").unwrap(), &signature);
        unsupported(&inside, Unsupported::SeveralSignatures);
    }
}

#[test]
fn second_reference() {
    for script in scripts() {
        let start = script.find("<ds:Reference").unwrap();
        let end = script.find("</ds:Reference>").unwrap() + 15;
        let reference = script[start..end].to_owned();
        unsupported(
            &changed(&script, "</ds:Reference>", &format!("</ds:Reference>{reference}")),
            Unsupported::SeveralReferences,
        );
        unsupported(&script.replace(&reference, ""), Unsupported::Structure);
    }
}

#[test]
fn reference_elsewhere() {
    let key = signer::p256();
    for reference_attributes in
        [" URI=\"#root\"", " URI=\"http://example.org/\"", " URI=\"#xpointer(/)\"", " URI=\" \""]
    {
        let signing = Signing { reference_attributes, ..Signing::new(&key, "ecdsa-sha256", EXCLUSIVE) };
        unsupported(&signing.script(), Unsupported::ReferenceUri);
    }
}

/// The signed script goes below or beside one of the attacker's.
#[test]
fn wrapped_copy() {
    for script in scripts() {
        unsupported(&format!("<ts:token xmlns:ts=\"evil\">{script}</ts:token>"), Unsupported::Misplaced);
        let (rest, signature) = apart(&script);
        let evil = rest.replace("Entry", "Evil");
        let wrapped = changed(&evil, "</ts:token>", &format!("{signature}{rest}</ts:token>"));
        invalid(&wrapped, Flaw::DigestMismatch);
        // Kept in the signature, where nobody signed it.
        let object = changed(&script, "</ds:Signature>", &format!("<ds:Object>{rest}</ds:Object></ds:Signature>"));
        unsupported(&object, Unsupported::ForeignElement);
        let empty = changed(&script, "</ds:Signature>", "<ds:Object/></ds:Signature>");
        unsupported(&empty, Unsupported::Structure);
        unsupported(&changed(&script, "</ds:KeyInfo>", "<ts:card/></ds:KeyInfo>"), Unsupported::ForeignElement);
        unsupported(&changed(&script, "<ds:SignatureValue>", "<ds:SignatureValue><x/>"), Unsupported::ForeignElement);
    }
}

#[test]
fn transform_added() {
    let transform = |uri: &str| format!("<ds:Transform Algorithm=\"{uri}\"></ds:Transform>");
    for script in scripts() {
        for uri in
            ["http://www.w3.org/TR/1999/REC-xpath-19991116", "http://www.w3.org/TR/1999/REC-xslt-19991116", EXCLUSIVE]
        {
            unsupported(
                &changed(&script, "</ds:Transforms>", &format!("{}</ds:Transforms>", transform(uri))),
                Unsupported::Transforms,
            );
            unsupported(
                &changed(&script, "<ds:Transforms>", &format!("<ds:Transforms>{}", transform(uri))),
                Unsupported::Transforms,
            );
        }
        let enveloped = transform("http://www.w3.org/2000/09/xmldsig#enveloped-signature");
        unsupported(&changed(&script, &enveloped, ""), Unsupported::Transforms);
        unsupported(
            &changed(&script, &enveloped, &transform("http://www.w3.org/2000/09/xmldsig#base64")),
            Unsupported::Transforms,
        );
    }
}

#[test]
fn other_canonicalisations() {
    let key = signer::p256();
    for uri in ["http://www.w3.org/2006/12/xml-c14n11", "http://www.w3.org/TR/1999/REC-xpath-19991116", ""] {
        let mut signing = Signing::new(&key, "ecdsa-sha256", EXCLUSIVE);
        signing.canonicalization = uri.into();
        unsupported(&signing.script(), Unsupported::Canonicalization);
        let mut signing = Signing::new(&key, "ecdsa-sha256", EXCLUSIVE);
        signing.signed_info_canonicalization = uri.into();
        unsupported(&signing.script(), Unsupported::Canonicalization);
    }
    for element in ["CanonicalizationMethod", "Transform"] {
        let script = Signing::new(&key, "ecdsa-sha256", EXCLUSIVE).script();
        let from = format!("<ds:{element} Algorithm=\"{EXCLUSIVE}\">");
        let prefixes = format!("{from}<ds:InclusiveNamespaces PrefixList=\"ts\"/>");
        unsupported(&changed(&script, &from, &prefixes), Unsupported::CanonicalizationParameters);
    }
}

#[test]
fn comment_tricks() {
    for script in scripts() {
        let (before, value) = script.split_once("<ds:DigestValue>").unwrap();
        for (at, inserted) in [(0, "<!---->"), (7, "<!-- cut here -->"), (3, "<?cut here?>")] {
            let (left, right) = value.split_at(at);
            unsupported(&format!("{before}<ds:DigestValue>{left}{inserted}{right}"), Unsupported::Structure);
        }
        let hidden = changed(&script, "<ds:SignatureValue>", "<ds:SignatureValue><!--").replacen(
            "</ds:SignatureValue>",
            "--></ds:SignatureValue>",
            1,
        );
        unsupported(&hidden, Unsupported::Structure);
        // A signature in a comment is none.
        let (rest, signature) = apart(&script);
        assert_eq!(verify(changed(&rest, "</ts:label>", &format!("</ts:label><!--{signature}-->"))), Verdict::None);
        assert_eq!(verify(changed(&rest, "Entry", &format!("<![CDATA[{signature}]]>"))), Verdict::None);
    }
}

#[test]
fn namespace_redefinition() {
    for script in scripts() {
        invalid(&changed(&script, "tokenscript.org/2024/01", "tokenscript.org/2022/09"), Flaw::DigestMismatch);
        invalid(&changed(&script, "<ts:label>", "<ts:label xmlns:ts=\"evil\">"), Flaw::DigestMismatch);
        invalid(
            &changed(&script, "<ts:label>", "<ts:label xmlns:ts=\"evil\" xmlns:tt=\"evil\">"),
            Flaw::DigestMismatch,
        );
        let renamed = script.replace("ts:", "tt:").replace("xmlns:ts", "xmlns:tt");
        invalid(&renamed, Flaw::DigestMismatch);
        // Without its namespace it is not a signature.
        assert_eq!(
            verify(changed(&script, "xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"", "xmlns:ds=\"evil\"")),
            Verdict::None
        );
        let hidden = changed(&script, "<ds:SignedInfo>", "<ds:SignedInfo xmlns:ds=\"evil\">");
        unsupported(&hidden, Unsupported::ForeignElement);
        // A namespace can't be taken back for a prefix.
        let taken = verify(changed(&script, "<ts:label>", "<ts:label xmlns:ts=\"\">"));
        assert_ne!(taken.status(), "valid");
    }
    // One that nobody uses is written by the inclusive canonicalisation only.
    let [inclusive, exclusive] = scripts();
    invalid(&changed(&inclusive, "<ts:label>", "<ts:label xmlns:unused=\"u\">"), Flaw::DigestMismatch);
    assert_eq!(verify(changed(&exclusive, "<ts:label>", "<ts:label xmlns:unused=\"u\">")).status(), "valid");
}

#[test]
fn key_substitution() {
    let (victim, attacker) = (signer::secp256k1(), signer::secp256k1());
    let certificate = Certificate::default().issue(&victim, &signer::p256());
    let both = |key: &signer::Key| format!("<ds:KeyInfo>{}{}</ds:KeyInfo>", key.value(), signer::x509(&certificate));

    // Another KeyValue beside the victim's signature and certificate.
    let mut signing = Signing::new(&victim, "ecdsa-sha256", INCLUSIVE);
    signing.key_info = both(&victim);
    assert_eq!(verify(signing.script()).status(), "valid");
    signing.key_info = both(&attacker);
    invalid(&signing.script(), Flaw::SignatureMismatch);

    // The attacker's own signature beside the victim's certificate: valid, and not the victim's.
    let mut signing = Signing::new(&attacker, "ecdsa-sha256", INCLUSIVE);
    signing.key_info = both(&attacker);
    match verify(signing.script()) {
        Verdict::Valid(signed) => {
            assert_eq!(signed.signer.public_key, hex::encode(attacker.point()));
            assert!(!signed.certificate.unwrap().is_signing_key);
        }
        other => panic!("{other}"),
    }
    invalid(&signing.certified(&certificate).script(), Flaw::SignatureMismatch);
}

#[test]
fn truncated_signature() {
    for (key, method, reason) in [
        (&signer::secp256k1(), "ecdsa-sha256", Flaw::SignatureLength),
        (&signer::p521(), "ecdsa-sha512", Flaw::SignatureLength),
        (signer::rsa(), "rsa-sha256", Flaw::SignatureLength),
    ] {
        let script = Signing::new(key, method, EXCLUSIVE).script();
        let (before, rest) = script.split_once("<ds:SignatureValue>").unwrap();
        let (value, after) = rest.split_once("</ds:SignatureValue>").unwrap();
        let bytes = STANDARD.decode(value.replace(['\n', ' '], "")).unwrap();
        let with =
            |bytes: &[u8]| format!("{before}<ds:SignatureValue>{}</ds:SignatureValue>{after}", STANDARD.encode(bytes));
        assert_eq!(verify(with(&bytes)).status(), "valid");
        for wrong in
            [&bytes[1..], &bytes[..bytes.len() - 1], &[&bytes[..], &[0]].concat(), &[&[0], &bytes[..]].concat(), &[]]
        {
            invalid(&with(wrong), reason);
        }
        for byte in [0, bytes.len() / 2, bytes.len() - 1] {
            let mut flipped = bytes.clone();
            flipped[byte] ^= 1;
            invalid(&with(&flipped), Flaw::SignatureMismatch);
        }
        invalid(&with(&vec![0; bytes.len()]), Flaw::SignatureMismatch);
        invalid(&changed(&script, "<ds:SignatureValue>\n", "<ds:SignatureValue>*"), Flaw::BadBase64);
    }
}

/// The digest fits the script, under another name than the one that was signed or at another length.
#[test]
fn digest_of_other_algorithm() {
    let key = signer::p256();
    let script = Signing::new(&key, "ecdsa-sha256", EXCLUSIVE).script();
    invalid(&changed(&script, SHA256, SHA512), Flaw::DigestMismatch);
    let mut signing = Signing::new(&key, "ecdsa-sha256", EXCLUSIVE);
    signing.digest = SHA512;
    invalid(&changed(&signing.script(), SHA512, SHA256), Flaw::DigestMismatch);
    // A digest that fits, but was not what was signed.
    let (before, rest) = script.split_once("<ds:DigestValue>").unwrap();
    let (_, after) = rest.split_once("</ds:DigestValue>").unwrap();
    let evil = format!("{}{}", HEAD.replace("Entry", "Evil"), TAIL);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, evil.as_bytes());
    let forged =
        format!("{before}<ds:DigestValue>{}</ds:DigestValue>{after}", STANDARD.encode(digest)).replace("Entry", "Evil");
    invalid(&forged, Flaw::SignatureMismatch);
    invalid(&format!("{before}<ds:DigestValue></ds:DigestValue>{after}"), Flaw::DigestMismatch);
}

#[test]
fn weak_algorithms() {
    let script = &scripts()[1];
    unsupported(&changed(script, SHA256, "http://www.w3.org/2000/09/xmldsig#sha1"), Unsupported::WeakDigest);
    unsupported(&changed(script, SHA256, "http://www.w3.org/2001/04/xmlenc#ripemd160"), Unsupported::DigestMethod);
    let method = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256";
    unsupported(&changed(script, method, "http://www.w3.org/2000/09/xmldsig#rsa-sha1"), Unsupported::WeakDigest);
    unsupported(&changed(script, method, "http://www.w3.org/2000/09/xmldsig#hmac-sha1"), Unsupported::SignatureMethod);
    unsupported(
        &changed(script, method, "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"),
        Unsupported::SignatureMethod,
    );
    invalid(&changed(script, method, "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"), Flaw::WrongKeyKind);
}

#[test]
fn huge_modulus() {
    let script = Signing::new(signer::rsa(), "rsa-sha256", EXCLUSIVE).script();
    let (before, rest) = script.split_once("<ds:Modulus>").unwrap();
    let (modulus, after) = rest.split_once("</ds:Modulus>").unwrap();
    let with = |bytes: &[u8]| format!("{before}<ds:Modulus>{}</ds:Modulus>{after}", STANDARD.encode(bytes));
    unsupported(&with(&[0xff; 1_000_000]), Unsupported::KeyTooLarge);
    unsupported(&with(&[0xff; 1025]), Unsupported::KeyTooLarge);
    invalid(&with(&[0xff; 1024]), Flaw::SignatureLength);
    unsupported(&with(&[0xff; 128]), Unsupported::WeakKey);
    unsupported(&with(&[0; 256]), Unsupported::WeakKey);
    unsupported(&with(&[]), Unsupported::WeakKey);
    assert_eq!(verify(with(&STANDARD.decode(modulus).unwrap())).status(), "valid");
    let (before, rest) = script.split_once("<ds:Exponent>").unwrap();
    let (_, after) = rest.split_once("</ds:Exponent>").unwrap();
    let with = |bytes: &[u8]| format!("{before}<ds:Exponent>{}</ds:Exponent>{after}", STANDARD.encode(bytes));
    invalid(&with(&[0xff; 256]), Flaw::BadKey);
    invalid(&with(&[]), Flaw::BadKey);
    invalid(&with(&[1]), Flaw::SignatureMismatch);
}

#[test]
fn bad_keys() {
    let script = &scripts()[1];
    let (before, rest) = script.split_once("<e:X>").unwrap();
    let (_, after) = rest.split_once("</e:X>").unwrap();
    for x in [&[0; 32][..], &[1; 32], &[1; 31], &[0; 0], &[0xff; 32]] {
        invalid(&format!("{before}<e:X>{}</e:X>{after}", STANDARD.encode(x)), Flaw::BadKey);
    }
    unsupported(&changed(script, "urn:oid:1.3.132.0.10", "urn:oid:1.3.132.0.9"), Unsupported::KeyKind);
    unsupported(&changed(script, "1.3.132.0.10", ""), Unsupported::KeyKind);
    unsupported(&script.replace("e:X>", "e:Z>"), Unsupported::KeyKind);
    unsupported(&changed(script, "<ds:KeyValue>", "<ds:KeyValue><ds:DSAKeyValue/>"), Unsupported::KeyKind);

    let key = signer::p256();
    let mut signing = Signing::new(&key, "ecdsa-sha256", EXCLUSIVE);
    for key_info in ["", "<ds:KeyInfo/>", "<ds:KeyInfo><ds:KeyName>Ann</ds:KeyName></ds:KeyInfo>"] {
        signing.key_info = key_info.into();
        unsupported(&signing.script(), Unsupported::NoKey);
    }
    unsupported(&signing.clone().certified(b"junk").script(), Unsupported::Certificate);
    signing.key_info = format!("<ds:KeyInfo>{}</ds:KeyInfo>", key.value().repeat(16));
    assert_eq!(verify(signing.script()).status(), "valid");
    signing.key_info = format!("<ds:KeyInfo>{}</ds:KeyInfo>", key.value().repeat(17));
    unsupported(&signing.script(), Unsupported::TooManyKeys);
}

#[test]
fn entity_tricks() {
    for script in scripts() {
        let entity = "<!DOCTYPE t [<!ENTITY e \"Entry\">]>";
        unsupported(&format!("{entity}{}", changed(&script, "Entry", "&e;")), Unsupported::Doctype);
        unsupported(&format!("<!DOCTYPE t [<!ATTLIST ts:label as CDATA \"evil\">]>{script}"), Unsupported::Doctype);
        unsupported(
            &format!("<!DOCTYPE t [<!ENTITY % p SYSTEM \"http://example.org/\"> %p;]>{script}"),
            Unsupported::Doctype,
        );
        unsupported(&changed(&script, "Entry", "&e;"), Unsupported::Malformed);
        unsupported(&format!("<!DOCTYPE t SYSTEM \"e\">{}", changed(&script, "Entry", "&e;")), Unsupported::Malformed);
        let bomb: String =
            (1..9).map(|i| format!("<!ENTITY e{i} \"{}\">", format!("&e{};", i - 1).repeat(10))).collect();
        unsupported(
            &format!("<!DOCTYPE t [<!ENTITY e0 \"x\">{bomb}]>{}", changed(&script, "Entry", "&e8;")),
            Unsupported::Doctype,
        );
        unsupported(&format!("<?xml version=\"1.0\" encoding=\"UTF-7\"?>{script}"), Unsupported::NotUtf8);
    }
}

#[test]
fn ten_thousand_nested_elements() {
    let script = &scripts()[1];
    let nested = format!("{}{}", "<x>".repeat(10_000), "</x>".repeat(10_000));
    unsupported(&changed(script, "</ts:token>", &format!("{nested}</ts:token>")), Unsupported::TooDeep);
    unsupported(&"<x>".repeat(1_000_000), Unsupported::TooDeep);
    // Depth is bounded for its memory, not for the stack.
    let limits = Limits { depth: 20_000, ..Limits::default() };
    let deep = changed(script, "</ts:token>", &format!("{nested}</ts:token>"));
    assert_eq!(smartlayer_script_signature::verify(deep.as_bytes(), 0, &limits).reason(), Some("digest-mismatch"));
}

#[test]
fn too_much_of_anything() {
    let attributes: String = (0..200).map(|i| format!(" a{i}=''")).collect();
    unsupported(&format!("<x{attributes}/>"), Unsupported::TooManyAttributes);
    let namespaces: String = (0..1100).map(|i| format!("<x xmlns:a{i}='a'/>")).collect();
    unsupported(&format!("<x>{namespaces}</x>"), Unsupported::TooManyNamespaces);
    unsupported(&format!("<x>{}</x>", "<x/>".repeat(200_000)), Unsupported::TooManyNodes);
    let large = vec![b' '; (4 << 20) + 1];
    assert_eq!(verify(large), Verdict::Unsupported { reason: Unsupported::TooLarge, line: None });
}

/// What could cost most within the bounds.
#[test]
fn the_worst_within_bounds_takes_seconds_at_most() {
    let started = std::time::Instant::now();
    for script in scripts() {
        let declarations: String = (0..1000).map(|i| format!(" xmlns:n{i}=\"u{i}\"")).collect();
        // As many as one element may have, nested.
        let nested: String = (0..8)
            .map(|j| format!("<x{}>", (0..120).map(|i| format!(" xmlns:n{}=\"u\"", j * 120 + i)).collect::<String>()))
            .collect();
        let many = "<n1:x a='&amp;' n2:b='' n119:c=''>&#13;</n1:x>".repeat(60_000);
        let body = format!("{nested}{many}{}", "</x>".repeat(8));
        let verdict = verify(changed(&script, "</ts:token>", &format!("{body}</ts:token>")));
        assert!(matches!(verdict.reason(), Some("digest-mismatch" | "too-many-nodes")), "{verdict}");
        assert_eq!(
            verify(changed(&script, "<ts:label>", &format!("<ts:label{declarations}>"))).reason(),
            Some("too-many-attributes")
        );
    }
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}

/// Each reason has a code of its own.
#[test]
fn codes_are_unique() {
    let codes: Vec<_> = Flaw::ALL.iter().map(|r| r.code()).chain(Unsupported::ALL.iter().map(|r| r.code())).collect();
    let unique: std::collections::BTreeSet<_> = codes.iter().collect();
    assert_eq!(unique.len(), codes.len());
    assert!(codes.iter().all(|code| code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')));
}
