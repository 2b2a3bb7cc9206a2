//! Payments in the parameters: what the headers of x402 are over HTTP, where there are no headers, as over WebSocket.
//!
//! The payment is the last, named parameter [`PAYMENT`], with the value of `PAYMENT-SIGNATURE`. It binds the bytes
//!
//! ```text
//! {"jsonrpc":"2.0","id":ID,"method":METHOD,"params":PARAMS}
//! ```
//!
//! with ID and PARAMS as sent, but PARAMS without `payment` and the comma in front of it. The answer has the value of `PAYMENT-RESPONSE` as
//! the last member `payment` of its result, or of its error's data; the receipt's result hash is of the answer's bytes (in the order
//! `jsonrpc`, `id`, `result` or `error`) without that member and its comma. An answer that asks for payment has the value of
//! `PAYMENT-REQUIRED` in its error's data as well, as [`PAYMENT_REQUIRED`] right before.
//!
//! IDs are numbers, or strings without characters that JSON has to escape.

use serde_json::{value::RawValue, Value};

/// The parameter, and the member of the answer.
pub const PAYMENT: &str = "payment";
/// The member of an answer that asks for payment.
pub const PAYMENT_REQUIRED: &str = "paymentRequired";

/// The bytes that a payment in the parameters binds. `params` is the JSON of an object.
pub fn request_bytes(id: &Value, method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":{},"params":{params}}}"#, Value::from(method))
}

/// The JSON object `object` with a member more at its end, whose value is base64. Nothing if it is no object.
pub fn attach(object: &str, member: &str, value: &str) -> Option<String> {
    let inside = object.trim_end().strip_suffix('}')?;
    let comma = if inside.trim() == "{" { "" } else { "," };
    Some(format!(r#"{inside}{comma}"{member}":"{value}"}}"#))
}

/// The valid JSON object `object` without its last member, and that member's value, if it is called so and its value is a string
/// without escapes.
pub fn detach(object: &str, member: &str) -> Option<(String, String)> {
    let inside = object.trim_end().strip_suffix('}')?.trim_end().strip_suffix('"')?;
    let (before, value) = inside.rsplit_once('"')?;
    let before = before.trim_end().strip_suffix(':')?.trim_end();
    let before = before.strip_suffix('"')?.strip_suffix(member)?.strip_suffix('"')?.trim_end();
    let before = before.strip_suffix(',').or_else(|| (before.trim() == "{").then_some(before))?;
    Some((format!("{before}}}"), value.to_owned()))
}

/// Where an answer carries payments: its result, or its error's data.
#[derive(serde::Deserialize)]
pub struct Carrier<'a> {
    /// The result.
    #[serde(borrow)]
    pub result: Option<&'a RawValue>,
    /// The error.
    #[serde(borrow)]
    pub error: Option<RawError<'a>>,
}

/// An error whose data is as it came.
#[derive(serde::Deserialize)]
pub struct RawError<'a> {
    /// The number.
    pub code: i32,
    /// For people.
    pub message: String,
    /// For programs.
    #[serde(borrow)]
    pub data: Option<&'a RawValue>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_parameter_is_the_payment_and_nothing_else_is() {
        let split = |params: &str| detach(params, PAYMENT).map(|(p, payment)| format!("{p} {payment}"));
        assert_eq!(split(r#"{"a":1,"payment":"eyJ9=="}"#).unwrap(), r#"{"a":1} eyJ9=="#);
        assert_eq!(split("{ \"a\" : [1] , \"payment\" : \"x\" }\n").unwrap(), r#"{ "a" : [1] } x"#);
        assert_eq!(split(r#"{"payment":"x"}"#).unwrap(), "{} x");
        for other in [
            r#"{}"#,
            r#"["payment","x"]"#,
            r#"{"payment":"x","a":1}"#,
            r#"{"payment":1}"#,
            r#"{"a":{"payment":"x"}}"#,
            r#"{"a\"payment":"x"}"#,
            r#"{"a":"\"payment\":\"x"}"#,
            r#"{"a":",\"payment\":x"}"#,
        ] {
            assert_eq!(split(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_attached_can_be_detached() {
        for object in ["{}", r#"{"b":{}}"#, r#"{"b":"}","c":[1,{"payment":"z"}]}"#] {
            let attached = attach(object, PAYMENT, "eA==").unwrap();
            assert!(serde_json::from_str::<Value>(&attached).is_ok(), "{attached}");
            assert_eq!(detach(&attached, PAYMENT), Some((object.to_owned(), "eA==".to_owned())));
        }
        assert_eq!(attach("[]", PAYMENT, "x"), None);
        let bytes = request_bytes(&Value::from(7), "token_call", r#"{"a": 1}"#);
        assert_eq!(bytes, r#"{"jsonrpc":"2.0","id":7,"method":"token_call","params":{"a": 1}}"#);
    }
}
