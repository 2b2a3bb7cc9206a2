//! The `Signature` element: where it may stand, what it may be built of, and what it says.

use aws_lc_rs::digest::Context;
use base64::{engine::general_purpose::STANDARD, Engine};
use roxmltree::{Document, Node};

use crate::{
    algorithm::{Canonicalization, Digest, Method},
    c14n, certificate,
    key::{Curve, Encoding, Key, NoKey},
    verdict::{Algorithms, Flaw, Signed, Unsupported, Verdict},
};

const XMLDSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
const XMLDSIG_MORE: &str = "http://www.w3.org/2001/04/xmldsig-more#";
const XMLDSIG_11: &str = "http://www.w3.org/2009/xmldsig11#";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
/// How many keys and certificates are looked at.
const KEYS: usize = 16;
/// How much of a key's name is told, in characters.
const KEY_NAME: usize = 256;

/// Finds the one signature that a script may have.
pub(crate) fn find<'a, 'i>(document: &'a Document<'i>) -> Result<Option<Node<'a, 'i>>, Verdict> {
    let mut signatures = document.descendants().filter(|node| node.has_tag_name((XMLDSIG, "Signature")));
    let Some(first) = signatures.next() else { return Ok(None) };
    if let Some(second) = signatures.next() {
        return Err(unsupported(Unsupported::SeveralSignatures, second));
    }
    if first.parent() != Some(document.root_element()) {
        return Err(unsupported(Unsupported::Misplaced, first));
    }
    Ok(Some(first))
}

/// A signature whose parts are where they have to be.
pub(crate) struct Signature<'a, 'i> {
    element: Node<'a, 'i>,
    signed_info: Node<'a, 'i>,
    reference: Node<'a, 'i>,
    value: Node<'a, 'i>,
    algorithms: Algorithms,
    digest_value: Vec<u8>,
    signature_value: Vec<u8>,
    key_infos: Vec<Node<'a, 'i>>,
}

impl<'a, 'i> Signature<'a, 'i> {
    /// Reads `element`. Only what is expected passes; what is not looked at could mean something to somebody else.
    pub(crate) fn read(element: Node<'a, 'i>) -> Result<Self, Verdict> {
        let known =
            |node: &Node<'_, '_>| matches!(node.tag_name().namespace(), Some(XMLDSIG | XMLDSIG_MORE | XMLDSIG_11));
        if let Some(foreign) = element.descendants().find(|node| node.is_element() && !known(node)) {
            return Err(unsupported(Unsupported::ForeignElement, foreign));
        }

        let parts = children(element);
        let [signed_info, value, key_infos @ ..] = &parts[..] else {
            return Err(unsupported(Unsupported::Structure, element));
        };
        expect(*signed_info, "SignedInfo")?;
        expect(*value, "SignatureValue")?;
        // Some tool wrote a second KeyInfo beside the first. Neither is signed, and only a key that verifies counts.
        key_infos.iter().try_for_each(|info| expect(*info, "KeyInfo"))?;

        let parts = children(*signed_info);
        let [canonicalization, method, reference, more @ ..] = &parts[..] else {
            return Err(unsupported(Unsupported::Structure, *signed_info));
        };
        expect(*canonicalization, "CanonicalizationMethod")?;
        expect(*method, "SignatureMethod")?;
        expect(*reference, "Reference")?;
        if let Some(second) = more.first() {
            return Err(unsupported(Unsupported::SeveralReferences, *second));
        }
        if let Some(parameter) = method.first_element_child() {
            return Err(unsupported(Unsupported::Structure, parameter));
        }
        let algorithm = |node: Node<'a, 'i>| node.attribute("Algorithm").unwrap_or_default();
        let signature_method = Method::of(algorithm(*method)).map_err(|reason| unsupported(reason, *method))?;
        let signed_info_canonicalization = canonicalization_of(*canonicalization)?;

        if !matches!(reference.attribute("URI"), None | Some("")) {
            return Err(unsupported(Unsupported::ReferenceUri, *reference));
        }
        let parts = children(*reference);
        let [transforms, digest_method, digest_value] = &parts[..] else {
            return Err(unsupported(Unsupported::Structure, *reference));
        };
        expect(*transforms, "Transforms")?;
        expect(*digest_method, "DigestMethod")?;
        expect(*digest_value, "DigestValue")?;
        let steps = children(*transforms);
        let [enveloped, canonicalization] = &steps[..] else {
            return Err(unsupported(Unsupported::Transforms, *transforms));
        };
        expect(*enveloped, "Transform")?;
        expect(*canonicalization, "Transform")?;
        if algorithm(*enveloped) != ENVELOPED || enveloped.first_element_child().is_some() {
            return Err(unsupported(Unsupported::Transforms, *enveloped));
        }
        let digest = Digest::of(algorithm(*digest_method)).map_err(|reason| unsupported(reason, *digest_method))?;

        Ok(Signature {
            element,
            signed_info: *signed_info,
            reference: *reference,
            value: *value,
            algorithms: Algorithms {
                canonicalization: canonicalization_of(*canonicalization)?,
                signed_info_canonicalization,
                method: signature_method,
                digest,
            },
            digest_value: base64(*digest_value)?,
            signature_value: base64(*value)?,
            key_infos: key_infos.to_vec(),
        })
    }

    /// Verifies the digest of the script and the signature over it.
    pub(crate) fn verify(&self, now: u64) -> Result<Signed, Verdict> {
        let mut digest = Context::new(self.algorithms.digest.algorithm());
        // A reference to the whole document leaves out its comments, whatever the canonicalisation would do with them.
        let method = match self.algorithms.canonicalization.exclusive() {
            true => Canonicalization::Exclusive,
            false => Canonicalization::Inclusive,
        };
        c14n::document_without(self.element, method, &mut |text| digest.update(text.as_bytes()));
        if digest.finish().as_ref() != self.digest_value {
            return Err(invalid(Flaw::DigestMismatch, self.reference));
        }

        let mut signed_info = String::new();
        let method = self.algorithms.signed_info_canonicalization;
        c14n::element(self.signed_info, method, &mut |text| signed_info.push_str(text));
        self.signer(signed_info.as_bytes(), now)
    }

    /// Finds the key that made the signature. If there are values of keys, it is one of these; a certificate beside them
    /// only says something about it.
    fn signer(&self, message: &[u8], now: u64) -> Result<Signed, Verdict> {
        let (values, certificates) = (self.beside("KeyValue"), self.beside("X509Certificate"));
        if values.len() + certificates.len() > KEYS {
            return Err(unsupported(Unsupported::TooManyKeys, self.element));
        }
        let ders: Vec<_> = certificates.iter().map(|node| base64(*node).unwrap_or_default()).collect();
        let read: Vec<_> = ders.iter().map(|der| certificate::read(der)).collect();

        let candidates: Vec<_> = if values.is_empty() {
            let unreadable = NoKey::Unsupported(Unsupported::Certificate);
            let keys = read.iter().map(|c| c.as_ref().ok_or(unreadable).and_then(certificate::key));
            certificates.into_iter().zip(keys).collect()
        } else {
            values.into_iter().map(|node| (node, key_value(node))).collect()
        };

        let mut failures = Vec::new();
        for (node, key) in candidates {
            let tried = key.and_then(|key| {
                let method = self.algorithms.method;
                let verified = key.verify(method, message, &self.signature_value, Encoding::Fixed);
                verified.map(|()| key).map_err(NoKey::Flaw)
            });
            let key = match tried {
                Ok(key) => key,
                Err(why) => {
                    failures.push((node, why));
                    continue;
                }
            };
            let mut described: Vec<_> =
                read.iter().flatten().map(|certificate| certificate::describe(certificate, &key, now)).collect();
            let own = described.iter().position(|certificate| certificate.is_signing_key).unwrap_or(0);
            return Ok(Signed {
                line: line(self.element),
                signer: key.signer(key_name(node)),
                certificate: (own < described.len()).then(|| described.swap_remove(own)),
                algorithms: self.algorithms,
            });
        }
        Err(self.refusal(&failures))
    }

    /// The elements called `name` in the KeyInfos.
    fn beside(&self, name: &str) -> Vec<Node<'a, 'i>> {
        let all = self.key_infos.iter().flat_map(Node::descendants);
        all.filter(|node| node.has_tag_name((XMLDSIG, name))).collect()
    }

    /// What to say of keys that all failed: most of the one that came furthest.
    fn refusal(&self, failures: &[(Node<'a, 'i>, NoKey)]) -> Verdict {
        let of = |wanted: fn(&NoKey) -> bool| failures.iter().find(|(_, why)| wanted(why));
        let tried = of(|why| matches!(why, NoKey::Flaw(Flaw::SignatureMismatch | Flaw::SignatureLength)));
        let flawed = tried.or_else(|| of(|why| matches!(why, NoKey::Flaw(_))));
        match flawed.or(failures.first()) {
            Some((_, NoKey::Flaw(flaw))) if tried.is_some() => invalid(*flaw, self.value),
            Some((node, NoKey::Flaw(flaw))) => invalid(*flaw, *node),
            Some((node, NoKey::Unsupported(reason))) => unsupported(*reason, *node),
            None => unsupported(Unsupported::NoKey, self.element),
        }
    }
}

/// The name in the same KeyInfo as `key`.
fn key_name(key: Node<'_, '_>) -> Option<String> {
    let info = key.ancestors().find(|node| node.has_tag_name((XMLDSIG, "KeyInfo")))?;
    let name = children(info).into_iter().find(|node| node.has_tag_name((XMLDSIG, "KeyName")))?;
    Some(text(name)?.trim().chars().take(KEY_NAME).collect())
}

/// Reads a KeyValue: RSAKeyValue, ECKeyValue of XML Signature 1.1, or ECDSAKeyValue with the coordinates in base64, as the
/// tools of TokenScript write it.
fn key_value(node: Node<'_, '_>) -> Result<Key, NoKey> {
    let unknown = NoKey::Unsupported(Unsupported::KeyKind);
    let [value] = children(node)[..] else { return Err(unknown) };
    let namespace = value.tag_name().namespace().unwrap_or_default();
    let bytes = |name: &str| {
        let part = descendant(value, namespace, name).ok_or(unknown)?;
        base64(part).map_err(|_| NoKey::Flaw(Flaw::BadBase64))
    };
    let named_curve = || {
        let curve = descendant(value, namespace, "NamedCurve");
        let uri = curve.and_then(|c| c.attribute("URI").or_else(|| c.attribute("URN")));
        uri.and_then(|uri| uri.strip_prefix("urn:oid:")).and_then(Curve::of).ok_or(unknown)
    };
    match (namespace, value.tag_name().name()) {
        (XMLDSIG, "RSAKeyValue") => Key::rsa(&bytes("Modulus")?, &bytes("Exponent")?),
        (XMLDSIG_11, "ECKeyValue") => Key::ec(named_curve()?, &bytes("PublicKey")?),
        (XMLDSIG_MORE, "ECDSAKeyValue") => {
            let (curve, x, y) = (named_curve()?, bytes("X")?, bytes("Y")?);
            if x.len() != curve.width() || y.len() != curve.width() {
                return Err(NoKey::Flaw(Flaw::BadKey));
            }
            Key::ec(curve, &[&[4], &x[..], &y].concat())
        }
        _ => Err(unknown),
    }
}

fn descendant<'a, 'i>(node: Node<'a, 'i>, namespace: &str, name: &str) -> Option<Node<'a, 'i>> {
    node.descendants().find(|n| n.has_tag_name((namespace, name)))
}

fn canonicalization_of(node: Node<'_, '_>) -> Result<Canonicalization, Verdict> {
    let method = Canonicalization::of(node.attribute("Algorithm").unwrap_or_default());
    let method = method.map_err(|reason| unsupported(reason, node))?;
    match node.first_element_child() {
        Some(parameter) => Err(unsupported(Unsupported::CanonicalizationParameters, parameter)),
        None => Ok(method),
    }
}

fn children<'a, 'i>(node: Node<'a, 'i>) -> Vec<Node<'a, 'i>> {
    node.children().filter(Node::is_element).collect()
}

fn expect(node: Node<'_, '_>, name: &str) -> Result<(), Verdict> {
    match node.has_tag_name((XMLDSIG, name)) {
        true => Ok(()),
        false => Err(unsupported(Unsupported::Structure, node)),
    }
}

/// The text of an element that holds nothing else: a comment could hide from one reader what another sees.
fn text(node: Node<'_, '_>) -> Option<String> {
    node.children().map(|child| child.is_text().then(|| child.text().unwrap_or_default())).collect()
}

fn base64(node: Node<'_, '_>) -> Result<Vec<u8>, Verdict> {
    let text = text(node).ok_or_else(|| unsupported(Unsupported::Structure, node))?;
    let packed: String = text.chars().filter(|c| !matches!(c, ' ' | '\t' | '\r' | '\n')).collect();
    STANDARD.decode(packed).map_err(|_| invalid(Flaw::BadBase64, node))
}

fn line(node: Node<'_, '_>) -> u32 {
    node.document().text_pos_at(node.range().start).row
}

fn invalid(reason: Flaw, node: Node<'_, '_>) -> Verdict {
    Verdict::invalid(reason, line(node))
}

fn unsupported(reason: Unsupported, node: Node<'_, '_>) -> Verdict {
    Verdict::unsupported(reason, line(node))
}
