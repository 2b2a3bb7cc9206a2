//! Values from outside: what callers enter as arguments, and typed values in JSON.

use serde_json::Value as Json;

use crate::{
    value::{scale_up, shorten},
    As, Decimal, NotConvertible, Syntax, Value,
};

impl Value {
    /// A value of the kind that `as_` names (`uint`, `int`, `utf8`, `address`, `bool`, `bytes`, `e0` to `e77`, `time`, `abi`),
    /// from JSON: truth values as such, integers as such or as strings (larger ones than JSON's readers keep exact must be
    /// strings), all else as strings. An array is a list of such values.
    ///
    /// - `e18` takes what a contract returns, an integer that is divided by 10^18, or a string with a point, which is the
    ///   result itself.
    /// - `time` takes seconds since 1970 as a JSON integer, and strings of GeneralizedTime or RFC 3339.
    /// - `abi` takes anything but fractions and null, as it is: strings as texts, integers as numbers, objects as records.
    ///
    /// # Errors
    ///
    /// [`NotConvertible`] if `as_` names no kind, or the JSON is not such a value. Fractions outside strings are refused:
    /// reading them as floating point has already lost digits.
    pub fn typed(as_: &str, json: &Json) -> Result<Value, NotConvertible> {
        let kind = As::named(as_).ok_or_else(|| NotConvertible {
            from: shorten(&format!("{as_:?}")),
            to: "a kind of value (uint, int, utf8, …)",
        })?;
        typed(kind, json)
    }

    /// Reads what a caller entered for a parameter: JSON booleans for truth values, JSON integers or strings for numbers, and
    /// strings for all else. Here `e18` multiplies.
    pub(crate) fn enter(json: &Json, as_: Option<As>, syntax: Option<&Syntax>) -> Result<Value, NotConvertible> {
        let value = scalar(json)?;
        match (as_, value.text()) {
            (Some(As::Scaled(scale)), Some(text)) => {
                scale_up(&text, scale).map(Value::Uint).ok_or_else(|| refuse(json, "such a decimal"))
            }
            (Some(As::Abi), _) => Err(refuse(json, "a parameter that can be entered")),
            (Some(as_), _) => value.convert(as_)?.timed(syntax),
            (None, _) => value.typed_by(syntax),
        }
    }
}

// Recursion is bounded by what reads JSON.
fn typed(kind: As, json: &Json) -> Result<Value, NotConvertible> {
    match (kind, json) {
        (_, Json::Array(items)) => {
            items.iter().map(|item| typed(kind, item)).collect::<Result<_, _>>().map(Value::List)
        }
        (As::Abi | As::Mapping, Json::Object(fields)) => {
            let fields = fields.iter().map(|(name, value)| Ok((name.clone(), typed(kind, value)?)));
            fields.collect::<Result<_, _>>().map(Value::Record)
        }
        (As::Scaled(_), Json::String(text)) if text.contains('.') => {
            Decimal::parse(text).map(Value::Decimal).ok_or_else(|| refuse(json, "a decimal"))
        }
        (As::Utf8, _) => scalar(json)?.convert(kind),
        // A number is one, and a text may be.
        (_, Json::Number(_)) => scalar(json)?.integer()?.convert(kind),
        _ => scalar(json)?.convert(kind),
    }
}

/// A JSON string, truth value or integer.
pub(crate) fn scalar(json: &Json) -> Result<Value, NotConvertible> {
    match json {
        Json::String(text) => Ok(Value::Text(text.clone())),
        Json::Bool(value) => Ok(Value::Bool(*value)),
        Json::Number(number) if number.is_u64() || number.is_i64() => Value::Text(number.to_string()).integer(),
        // Floating point has already lost what it would lose.
        Json::Number(_) => Err(refuse(json, "a number that JSON keeps exact; write it as a string")),
        _ => Err(refuse(json, "a string")),
    }
}

fn refuse(json: &Json, to: &'static str) -> NotConvertible {
    NotConvertible { from: shorten(&json.to_string()), to }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::U256;
    use serde_json::json;

    use super::*;

    fn text(as_: &str, json: Json) -> String {
        let value = Value::typed(as_, &json).unwrap_or_else(|e| panic!("{as_} {json}: {e}"));
        serde_json::to_string(&value).unwrap().replace('"', "")
    }

    #[test]
    fn typed_values_are_read() {
        for (as_, json, expected) in [
            ("uint", json!("123"), "123"),
            ("uint", json!(123), "123"),
            ("uint", json!("0xff"), "255"),
            ("int", json!(-5), "-5"),
            ("int", json!("-5"), "-5"),
            ("utf8", json!("007"), "007"),
            ("utf8", json!(7), "7"),
            ("bool", json!(false), "false"),
            ("bool", json!("TRUE"), "true"),
            ("bool", json!(0), "false"),
            ("bytes", json!("0xDEad"), "0xdead"),
            ("e18", json!("1500000000000000000"), "1.5"),
            ("e18", json!("1.50"), "1.5"),
            ("e2", json!(-150), "-1.5"),
            ("time", json!(1_769_860_800), "2026-01-31T12:00:00Z"),
            ("time", json!("20260131120000Z"), "2026-01-31T12:00:00Z"),
            ("time", json!("202601311200"), "2026-01-31T12:00:00Z"),
            ("abi", json!({ "level": 3, "tags": ["a", true] }), "{level:3,tags:[a,true]}"),
            ("uint", json!(["1", 2]), "[1,2]"),
        ] {
            assert_eq!(text(as_, json), expected, "{as_}");
        }
    }

    #[test]
    fn what_is_not_of_the_kind_is_refused() {
        for (as_, json) in [
            ("uint", json!(-1)),
            ("uint", json!(1.0)),
            ("uint", json!(1e30)),
            ("uint", json!("")),
            ("uint", json!(null)),
            ("uint", json!({})),
            ("bool", json!("yes")),
            ("address", json!("0x12")),
            ("bytes", json!("dead")),
            ("e18", json!("1.2.3")),
            ("time", json!("yesterday")),
            ("time", json!(u64::MAX)),
            ("abi", json!([1.5])),
            ("float", json!("1")),
            ("e78", json!("1")),
            ("e+1", json!("1")),
        ] {
            assert!(Value::typed(as_, &json).is_err(), "{as_} {json}");
        }
    }

    #[test]
    fn numbers_entered_are_numbers() {
        assert_eq!(Value::enter(&json!(7), None, None), Ok(Value::Uint(U256::from(7))));
        let seconds = Value::enter(&json!(0), Some(As::Uint), Some(&Syntax::Time)).unwrap();
        assert_eq!(seconds.text().unwrap(), "19700101000000Z");
    }
}
