//! What the grantee signs with every call, so that a grant that was overheard is worth nothing.

use codec::{Decode, Encode};
use serde::{Deserialize, Serialize};
use serde_json::{json, Map, Value};
use smartlayer_primitives::{
    payload::{blake2_256, Payload},
    AccountId, Hash,
};

use crate::{
    grant::{Malformed, MAX_NUMBER},
    principal::account_text,
    signature::Statement,
    typed_data::{self, structs, USE_TYPE},
};

/// How far the time in a use may be from the node's clock, either way, in seconds.
pub const MAX_AGE: u64 = 120;

/// The parameters that a use cannot cover: itself, and the promise that pays for the request, which covers the use.
const NOT_COVERED: [&str; 2] = ["authorisation", "payment"];

/// "I use this grant at this node, for this request."
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Use {
    /// [`crate::Grant::id`] of the grant.
    pub grant: Hash,
    /// The account of the node that is called: another node cannot have it answered again.
    #[serde(with = "account")]
    pub node: AccountId,
    /// Larger with every use of the grant at this node; the time in milliseconds will do. At most [`MAX_NUMBER`].
    pub sequence: u64,
    /// When it was signed, in seconds since 1970 (UTC).
    pub issued_at: u64,
    /// [`request_hash`] of the call.
    pub request: Hash,
}

impl Payload for Use {
    const DOMAIN: &'static str = "smartlayer/grant-use/1";
}

impl Use {
    /// Checks what does not depend on where and when it is shown.
    pub fn validate(&self) -> Result<(), Malformed> {
        if self.sequence > MAX_NUMBER || self.issued_at > MAX_NUMBER {
            return Err(Malformed::TooLarge);
        }
        Ok(())
    }

    /// This use on the chain with this genesis hash: what is signed.
    pub fn on<'a>(&'a self, genesis: &'a Hash) -> UseOn<'a> {
        UseOn { usage: self, genesis }
    }
}

/// A [`Use`] and the chain that its grant is for.
#[derive(Clone, Copy, Debug)]
pub struct UseOn<'a> {
    usage: &'a Use,
    genesis: &'a Hash,
}

impl Statement for UseOn<'_> {
    fn signing_payload(&self) -> Vec<u8> {
        self.usage.signing_payload(self.genesis)
    }

    fn typed_hash(&self) -> [u8; 32] {
        let message = structs::Use {
            grant: self.usage.grant.to_fixed_bytes().into(),
            node: account_text(&self.usage.node),
            sequence: self.usage.sequence,
            issuedAt: self.usage.issued_at,
            request: self.usage.request.to_fixed_bytes().into(),
        };
        typed_data::digest(self.genesis, &message)
    }

    fn typed_data(&self) -> Value {
        typed_data::request(self.genesis, USE_TYPE, json!(self.usage))
    }
}

/// The hash that binds a use to one request: blake2-256 of `"smartlayer/request/1" ‖ JSON([method, parameters])`.
///
/// The JSON is canonical (RFC 8785: no white space, keys sorted by their UTF-16 code units), the parameters are those of the call
/// without `authorisation` and `payment`. Numbers must be whole and at most 2^53 - 1, so that every language writes them alike; the
/// API's larger ones are text.
pub fn request_hash(method: &str, params: &Map<String, Value>) -> Result<Hash, Malformed> {
    let mut bytes = b"smartlayer/request/1[".to_vec();
    write_text(method, &mut bytes);
    bytes.push(b',');
    write_object(params.iter().filter(|(name, _)| !NOT_COVERED.contains(&name.as_str())), &mut bytes)?;
    bytes.push(b']');
    Ok(blake2_256(&bytes))
}

fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), Malformed> {
    match value {
        Value::Null => out.extend(b"null"),
        Value::Bool(true) => out.extend(b"true"),
        Value::Bool(false) => out.extend(b"false"),
        Value::Number(number) => {
            let whole = number.as_i64().filter(|n| n.unsigned_abs() <= MAX_NUMBER).ok_or(Malformed::BadNumber)?;
            out.extend(whole.to_string().bytes());
        }
        Value::String(text) => write_text(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(members) => write_object(members.iter(), out)?,
    }
    Ok(())
}

fn write_object<'a>(
    members: impl Iterator<Item = (&'a String, &'a Value)>,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let mut members: Vec<_> = members.collect();
    members.sort_unstable_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    out.push(b'{');
    for (i, (name, value)) in members.into_iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write_text(name, out);
        out.push(b':');
        write(value, out)?;
    }
    out.push(b'}');
    Ok(())
}

/// serde_json escapes exactly what RFC 8785 says, and in the same way.
fn write_text(text: &str, out: &mut Vec<u8>) {
    out.extend(Value::from(text).to_string().bytes());
}

/// Accounts in the one text form that is signed.
mod account {
    use serde::{Deserialize, Deserializer, Serializer};
    use smartlayer_primitives::AccountId;

    use crate::{principal::account_text, Principal};

    pub fn serialize<S: Serializer>(account: &AccountId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&account_text(account))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<AccountId, D::Error> {
        match Principal::deserialize(deserializer)? {
            Principal::Substrate(account) => Ok(account),
            Principal::Ethereum(_) => Err(serde::de::Error::custom("a node has an account in SS58")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(value: &Value) -> String {
        let mut out = Vec::new();
        write(value, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// The strings and the sorting examples of RFC 8785, sections 3.2.2 and 3.2.3.
    #[test]
    fn parameters_are_hashed_in_the_canonical_form_of_rfc_8785() {
        let value: Value = serde_json::from_str(
            r#"{ "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false], "n": -7 }"#,
        )
        .unwrap();
        let expected = "{\"literals\":[null,true,false],\"n\":-7,\"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
        assert_eq!(canonical(&value), expected);

        let value = json!({ "\u{20ac}": 1, "\r": 2, "\u{fb33}": 3, "1": 4, "\u{1f600}": 5, "\u{80}": 6, "\u{f6}": 7 });
        let order: Vec<u64> = canonical(&value).chars().filter_map(|c| c.to_digit(10)).map(u64::from).collect();
        // The key "1" itself is a digit too.
        assert_eq!(order, [2, 1, 4, 6, 7, 1, 5, 3]);
    }

    #[test]
    fn a_request_is_its_method_and_its_parameters_without_what_signs_it() {
        let hash = |method, params: Value| request_hash(method, params.as_object().unwrap());
        let plain = hash("token_call", json!({ "action": "open", "inputs": { "door": "1" } })).unwrap();
        let expected = blake2_256(br#"smartlayer/request/1["token_call",{"action":"open","inputs":{"door":"1"}}]"#);
        assert_eq!(plain, expected);
        // The example in docs/integrate/grants.md, hashed by another implementation of blake2-256.
        let example =
            hash("token_attributes", json!({ "names": ["seat"], "instance": { "tokenType": 0, "index": 7 } }));
        let expected = "0xf87b26b0fe8277904b402ab2346bcde50e62ed9dad4010ca87bf2ea75db706b0";
        assert_eq!(format!("{:?}", example.unwrap()), expected);
        let full = json!({
            "payment": {}, "inputs": { "door": "1" }, "authorisation": { "use": 1.5 }, "action": "open"
        });
        assert_eq!(hash("token_call", full).unwrap(), plain);
        // Below the top these are parameters like others.
        let inner = hash("token_call", json!({ "action": "open", "inputs": { "door": "1", "payment": "x" } }));
        assert_ne!(inner.unwrap(), plain);
        assert_ne!(hash("token_attributes", json!({ "action": "open", "inputs": { "door": "1" } })).unwrap(), plain);
        for bad in [json!(1.5), json!(1e300), json!(1u64 << 53), json!(u64::MAX), json!(-0.0)] {
            assert_eq!(hash("m", json!({ "n": [bad] })), Err(Malformed::BadNumber));
        }
    }
}
