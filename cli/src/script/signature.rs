//! What a script's signature proves, in the words of the report.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value as Json};
use smartlayer_script_signature::{verify as verify_signature, Limits as SignatureLimits, Verdict};
use smartlayer_token_script::Limits;

/// Without this no element of a signature can be in a file.
const NAMESPACE: &[u8] = b"http://www.w3.org/2000/09/xmldsig#";

/// The verdict on a script's signature.
pub struct Signature {
    /// `none`, `valid`, `invalid` or `unsupported`.
    pub verdict: &'static str,
    /// Who signed and how, or why it is invalid or unsupported; nothing without a signature.
    pub details: Option<Json>,
}

/// Looks at the signature of a script, also of one that is refused. Certificates are held against this machine's clock.
pub fn verify(script: &[u8], limits: &Limits) -> Signature {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let limits = SignatureLimits { bytes: limits.bytes, depth: limits.depth, ..SignatureLimits::default() };
    let verdict = match verify_signature(script, now, &limits) {
        // What can't be read as XML is unsigned all the same if there is nothing that could be a signature.
        Verdict::Unsupported { .. } if !script.windows(NAMESPACE.len()).any(|bytes| bytes == NAMESPACE) => {
            Verdict::None
        }
        verdict => verdict,
    };
    let details = match &verdict {
        Verdict::None => None,
        verdict => Some(details(verdict)),
    };
    Signature { verdict: verdict.status(), details }
}

fn details(verdict: &Verdict) -> Json {
    let mut details = match serde_json::to_value(verdict) {
        Ok(Json::Object(details)) => details,
        _ => Map::new(),
    };
    // It has a place of its own.
    details.remove("status");
    details.insert("message".into(), verdict.to_string().into());
    Json::Object(details)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_signature_nothing_is_said() {
        for script in [b"<token/>".as_slice(), b"<token>", b"", b"<!DOCTYPE t [<!ENTITY e SYSTEM 'e'>]><t>&e;</t>"] {
            let Signature { verdict, details } = verify(script, &Limits::default());
            assert_eq!((verdict, details), ("none", None));
        }
    }

    #[test]
    fn a_signature_that_can_not_be_judged_says_why() {
        let script = br#"<t><Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/></t>"#;
        let Signature { verdict, details } = verify(script, &Limits::default());
        let details = details.unwrap();
        assert_eq!(verdict, "unsupported");
        assert!(details["reason"].is_string() && details["message"].is_string(), "{details}");
        assert!(details.get("status").is_none());
    }
}
