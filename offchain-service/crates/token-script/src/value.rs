//! Values, and their exact conversions.

use std::fmt;

use alloy_primitives::{Address, I256, U256};
use serde::{ser::SerializeMap, Serialize, Serializer};

use crate::{As, Syntax, Time};

/// The value of an attribute. Serialised as JSON with numbers as decimal strings, so that none loses a digit, and times as
/// RFC 3339 writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number without sign.
    Uint(U256),
    /// A number.
    Int(I256),
    /// A number with a fraction.
    Decimal(Decimal),
    /// An address.
    Address(Address),
    /// A text.
    Text(String),
    /// A truth value.
    Bool(bool),
    /// Bytes.
    Bytes(Vec<u8>),
    /// An instant.
    Time(Time),
    /// Several values of a kind.
    List(Vec<Value>),
    /// Named values, in the order of the contract's ABI; what has no name there is named by its position.
    Record(Vec<(String, Value)>),
}

/// An exact decimal: `digits` divided by ten to the power of `scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// Whether it is below zero.
    pub negative: bool,
    /// All its digits.
    pub digits: U256,
    /// How many of them are behind the point.
    pub scale: u8,
}

impl Decimal {
    /// Reads `-12.50`: at most 77 digits behind the point.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (negative, magnitude) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let fraction = magnitude.split_once('.').map_or("", |(_, fraction)| fraction).trim_end_matches('0');
        let scale = u8::try_from(fraction.len()).ok().filter(|scale| *scale <= 77)?;
        let digits = scale_up(magnitude, scale)?;
        Some(Decimal { negative: negative && !digits.is_zero(), digits, scale })
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = usize::from(self.scale);
        let digits = format!("{:0>width$}", self.digits.to_string(), width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let fraction = fraction.trim_end_matches('0');
        let sign = if self.negative { "-" } else { "" };
        let point = if fraction.is_empty() { "" } else { "." };
        write!(f, "{sign}{whole}{point}{fraction}")
    }
}

/// A value that can't be had as what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{from} is not {to}")]
pub struct NotConvertible {
    /// What there is, shortened.
    pub from: String,
    /// What was asked for.
    pub to: &'static str,
}

impl Value {
    /// The name of its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Uint(_) | Value::Int(_) => "integer",
            Value::Decimal(_) => "decimal",
            Value::Address(_) => "address",
            Value::Text(_) => "text",
            Value::Bool(_) => "boolean",
            Value::Bytes(_) => "bytes",
            Value::Time(_) => "time",
            Value::List(_) => "list",
            Value::Record(_) => "record",
        }
    }

    /// As text: numbers in decimal, truth values as `TRUE` and `FALSE`, addresses and bytes in hexadecimal, times as
    /// GeneralizedTime. Lists and records have none.
    pub fn text(&self) -> Option<String> {
        Some(match self {
            Value::Uint(number) => number.to_string(),
            Value::Int(number) => number.to_string(),
            Value::Decimal(number) => number.to_string(),
            Value::Address(address) => address.to_checksum(None),
            Value::Text(text) => text.clone(),
            Value::Bool(true) => "TRUE".into(),
            Value::Bool(false) => "FALSE".into(),
            Value::Bytes(bytes) => format!("0x{}", hex::encode(bytes)),
            Value::Time(time) => time.to_string(),
            Value::List(_) | Value::Record(_) => return None,
        })
    }

    /// The part that `path` leads to: `field`, `field.inner`, `[0].field`. All of it if the path is empty.
    pub fn at(&self, path: &str) -> Option<&Value> {
        let segments = path.split(['.', '[']).map(|segment| segment.strip_suffix(']').unwrap_or(segment));
        segments.filter(|segment| !segment.is_empty()).try_fold(self, |value, segment| match value {
            Value::Record(fields) => fields.iter().find(|(name, _)| name == segment).map(|(_, value)| value),
            Value::List(items) => items.get(segment.parse::<usize>().ok()?),
            _ => None,
        })
    }

    /// Reads a text: as `as_` says, then as the syntax says.
    pub(crate) fn read(text: &str, as_: Option<As>, syntax: Option<&Syntax>) -> Result<Value, NotConvertible> {
        let value = Value::Text(text.into());
        match as_ {
            Some(as_) => value.convert(as_)?.timed(syntax),
            None => value.typed_by(syntax),
        }
    }

    /// A text, as the kind of value that the syntax says.
    pub(crate) fn typed_by(self, syntax: Option<&Syntax>) -> Result<Value, NotConvertible> {
        match syntax {
            Some(Syntax::Boolean) => self.convert(As::Bool),
            Some(Syntax::Integer) => self.integer(),
            syntax => self.timed(syntax),
        }
    }

    /// A time if the syntax says so: what `as` made of it, a number of seconds or a text, only says how it was stored.
    pub(crate) fn timed(self, syntax: Option<&Syntax>) -> Result<Value, NotConvertible> {
        match syntax {
            Some(Syntax::Time) => self.convert(As::Time),
            _ => Ok(self),
        }
    }

    /// The value as what `as_` names.
    pub(crate) fn convert(self, as_: As) -> Result<Value, NotConvertible> {
        match as_ {
            As::Uint => self.uint().map(Value::Uint),
            As::Int => self.int().map(Value::Int),
            As::Address => self.address().map(Value::Address),
            As::Utf8 => self.utf8().map(Value::Text),
            As::Bool => self.bool().map(Value::Bool),
            As::Bytes => self.bytes().map(Value::Bytes),
            As::Scaled(scale) => {
                let (negative, digits) = match self.integer()? {
                    Value::Int(number) => (number.is_negative(), number.unsigned_abs()),
                    Value::Uint(number) => (false, number),
                    other => return other.refuse("a number"),
                };
                Ok(Value::Decimal(Decimal { negative, digits, scale }))
            }
            As::Time => self.time().map(Value::Time),
            // These say where to look for what it is.
            As::Abi | As::Mapping => Ok(self),
        }
    }

    /// Numbers are seconds since 1970; texts are GeneralizedTime or RFC 3339, in UTC without a zone.
    fn time(&self) -> Result<Time, NotConvertible> {
        let time = match self {
            Value::Time(time) => Some(*time),
            Value::Uint(seconds) => Time::from_uint(*seconds),
            Value::Int(seconds) => Time::from_int(*seconds),
            Value::Text(text) => Time::parse(text),
            _ => None,
        };
        time.map_or_else(|| self.refuse("a time of the years 0000 to 9999"), Ok)
    }

    fn refuse<T>(&self, to: &'static str) -> Result<T, NotConvertible> {
        let from = self.text().map_or_else(|| format!("a {}", self.kind()), |text| shorten(&text));
        Err(NotConvertible { from, to })
    }

    /// With a sign only if it has one.
    pub(crate) fn integer(self) -> Result<Value, NotConvertible> {
        match &self {
            Value::Int(number) if number.is_negative() => Ok(self),
            Value::Text(text) if text.trim().starts_with('-') => self.int().map(Value::Int),
            _ => self.uint().map(Value::Uint),
        }
    }

    pub(crate) fn uint(&self) -> Result<U256, NotConvertible> {
        let number = match self {
            Value::Uint(number) => Some(*number),
            Value::Int(number) if !number.is_negative() => Some(number.into_raw()),
            Value::Decimal(number) if !number.negative && number.scale == 0 => Some(number.digits),
            Value::Time(time) => u64::try_from(time.unix_seconds()).ok().map(U256::from),
            Value::Bool(value) => Some(U256::from(*value)),
            Value::Bytes(bytes) if bytes.len() <= 32 => Some(U256::from_be_slice(bytes)),
            Value::Text(text) => parse_uint(text.trim()),
            _ => None,
        };
        number.map_or_else(|| self.refuse("an integer from 0 to 2^256 - 1"), Ok)
    }

    pub(crate) fn int(&self) -> Result<I256, NotConvertible> {
        let number = match self {
            Value::Int(number) => Some(*number),
            Value::Text(text) if text.trim().starts_with('-') => {
                let magnitude = parse_uint(text.trim().trim_start_matches('-')).filter(|_| !text.contains("--"));
                magnitude.and_then(|m| I256::checked_from_sign_and_abs(alloy_primitives::Sign::Negative, m))
            }
            other => other.uint().ok().and_then(|n| I256::try_from(n).ok()),
        };
        number.map_or_else(|| self.refuse("an integer from -2^255 to 2^255 - 1"), Ok)
    }

    pub(crate) fn address(&self) -> Result<Address, NotConvertible> {
        let address = match self {
            Value::Address(address) => Some(*address),
            Value::Bytes(bytes) => Address::try_from(bytes.as_slice()).ok(),
            Value::Text(text) => address(text.trim()),
            _ => None,
        };
        address.map_or_else(|| self.refuse("an address"), Ok)
    }

    pub(crate) fn utf8(&self) -> Result<String, NotConvertible> {
        let text = match self {
            // What contracts pad a bytes32 text with.
            Value::Bytes(bytes) => {
                let end = bytes.iter().rposition(|b| *b != 0).map_or(0, |i| i + 1);
                std::str::from_utf8(&bytes[..end]).ok().map(String::from)
            }
            other => other.text(),
        };
        text.map_or_else(|| self.refuse("UTF-8 text"), Ok)
    }

    pub(crate) fn bool(&self) -> Result<bool, NotConvertible> {
        let value = match self {
            Value::Bool(value) => Some(*value),
            Value::Uint(number) => Some(!number.is_zero()),
            Value::Int(number) => Some(!number.is_zero()),
            // A count is a truth value too: whether there are any.
            Value::Text(text) => parse_bool(text.trim()).or_else(|| parse_uint(text.trim()).map(|n| !n.is_zero())),
            _ => None,
        };
        value.map_or_else(|| self.refuse("true or false"), Ok)
    }

    pub(crate) fn bytes(&self) -> Result<Vec<u8>, NotConvertible> {
        let bytes = match self {
            Value::Bytes(bytes) => Some(bytes.clone()),
            Value::Address(address) => Some(address.to_vec()),
            Value::Uint(number) => Some(number.to_be_bytes::<32>().to_vec()),
            Value::Text(text) => text.trim().strip_prefix("0x").and_then(|digits| hex::decode(digits).ok()),
            _ => None,
        };
        bytes.map_or_else(|| self.refuse("bytes in hexadecimal after 0x"), Ok)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Time(time) => serializer.serialize_str(&time.rfc3339()),
            Value::List(items) => serializer.collect_seq(items),
            Value::Record(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (name, value) in fields {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
            other => serializer.serialize_str(&other.text().unwrap_or_default()),
        }
    }
}

pub(crate) fn shorten(text: &str) -> String {
    text.chars().take(80).collect()
}

/// An address of 40 hexadecimal digits after `0x`. Checksums in scripts are often wrong, and are not looked at.
pub(crate) fn address(text: &str) -> Option<Address> {
    let digits = text.strip_prefix("0x").or(text.strip_prefix("0X"))?;
    let bytes: [u8; 20] = hex::decode(digits).ok()?.try_into().ok()?;
    Some(Address::from(bytes))
}

pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" => Some(true),
        "0" => Some(false),
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// Decimal, or hexadecimal after `0x`.
fn parse_uint(text: &str) -> Option<U256> {
    let (digits, radix) = match text.strip_prefix("0x").or(text.strip_prefix("0X")) {
        Some(digits) => (digits, 16u8),
        None => (text, 10),
    };
    // The library also takes underscores and an empty text.
    let valid = !digits.is_empty() && digits.bytes().all(|b| char::from(b).is_digit(radix.into()));
    valid.then(|| U256::from_str_radix(digits, radix.into()).ok()).flatten()
}

/// A decimal text times ten to the power of `scale`, if that is an integer that fits.
pub(crate) fn scale_up(text: &str, scale: u8) -> Option<U256> {
    let text = text.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let valid = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !valid(whole) || !valid(fraction) || text.len() > 256 {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let scale = usize::from(scale);
    if fraction.len() > scale {
        return None;
    }
    U256::from_str_radix(&format!("0{whole}{fraction:0<scale$}"), 10).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;

    use super::*;

    fn text(s: &str) -> Value {
        Value::Text(s.into())
    }

    fn uint(n: u64) -> Value {
        Value::Uint(U256::from(n))
    }

    #[test]
    fn conversions_are_exact() {
        let max = U256::MAX.to_string();
        assert_eq!(text(&max).convert(As::Uint), Ok(Value::Uint(U256::MAX)));
        assert!(text(&format!("{max}0")).convert(As::Uint).is_err());
        assert_eq!(text("0xff").convert(As::Uint), Ok(uint(255)));
        assert_eq!(text("-5").convert(As::Int).unwrap().text().unwrap(), "-5");
        assert_eq!(text(&I256::MIN.to_string()).convert(As::Int), Ok(Value::Int(I256::MIN)));
        assert!(text("--5").convert(As::Int).is_err());
        assert!(Value::Uint(U256::MAX).convert(As::Int).is_err());
        assert!(text("-5").convert(As::Uint).is_err() && text("1_0").convert(As::Uint).is_err());
        assert!(text("").convert(As::Uint).is_err() && text("1.0").convert(As::Uint).is_err());
        assert_eq!(Value::Bytes(b"LX\0\0".to_vec()).convert(As::Utf8), Ok(text("LX")));
        assert!(Value::Bytes(vec![0xff]).convert(As::Utf8).is_err());
        assert_eq!(Value::Bytes(vec![1, 0]).convert(As::Uint), Ok(uint(256)));
        assert!(Value::Bytes(vec![1; 33]).convert(As::Uint).is_err());
        assert_eq!(uint(2).convert(As::Bool), Ok(Value::Bool(true)));
        assert_eq!(text("False").convert(As::Bool), Ok(Value::Bool(false)));
        assert_eq!(text("2").convert(As::Bool), Ok(Value::Bool(true)));
        assert!(text("").convert(As::Bool).is_err() && text("yes").convert(As::Bool).is_err());
        assert_eq!(text("0x0102").convert(As::Bytes), Ok(Value::Bytes(vec![1, 2])));
        assert!(text("0102").convert(As::Bytes).is_err());
        let address = "0x63cCEF733a093E5Bd773b41C96D3eCE361464942";
        assert_eq!(text(&address.to_lowercase()).convert(As::Address).unwrap().text().unwrap(), address);
        assert!(text("0x431").convert(As::Address).is_err());
    }

    #[test]
    fn scaled_numbers_are_exact_both_ways() {
        let display = |n: U256, scale| Value::Uint(n).convert(As::Scaled(scale)).unwrap().text().unwrap();
        assert_eq!(display(U256::from(1_500_000_000_000_000_000u64), 18), "1.5");
        assert_eq!(display(U256::from(5), 18), "0.000000000000000005");
        assert_eq!(display(U256::from(300), 2), "3");
        assert_eq!(display(U256::ZERO, 18), "0");
        assert_eq!(display(U256::from(7), 0), "7");
        assert_eq!(text("-150").convert(As::Scaled(2)).unwrap().text().unwrap(), "-1.5");
        let enter = |s: &str, scale| Value::enter(&Json::String(s.into()), Some(As::Scaled(scale)), None);
        assert_eq!(enter("1.5", 18), Ok(uint(1_500_000_000_000_000_000)));
        assert_eq!(enter("0.000000000000000005", 18), Ok(uint(5)));
        assert_eq!(enter(".5", 2), Ok(uint(50)));
        assert_eq!(enter("1.500", 1), Ok(uint(15)));
        for bad in ["1.55", "-1", "", ".", "1e3", "1,5"] {
            assert!(enter(bad, 1).is_err(), "{bad}");
        }
        assert!(enter(&U256::MAX.to_string(), 18).is_err());
    }

    #[test]
    fn entries_are_strict() {
        let enter = |json: Json, as_| Value::enter(&json, Some(as_), None);
        assert_eq!(enter(Json::from(7), As::Uint), Ok(uint(7)));
        assert!(enter(Json::from(7.0), As::Uint).is_err());
        assert!(enter(Json::Null, As::Utf8).is_err());
        assert_eq!(enter(Json::Bool(true), As::Bool), Ok(Value::Bool(true)));
        assert!(enter(serde_json::json!(["1"]), As::Uint).is_err());
    }

    #[test]
    fn paths_lead_into_records_and_lists() {
        let record =
            Value::Record(vec![("a".into(), Value::List(vec![uint(1), Value::Record(vec![("b".into(), uint(2))])]))]);
        assert_eq!(record.at("a[1].b"), Some(&uint(2)));
        assert_eq!(record.at("a.0"), Some(&uint(1)));
        assert_eq!(record.at(""), Some(&record));
        for missing in ["b", "a[2]", "a[0].b", "a[x]"] {
            assert_eq!(record.at(missing), None, "{missing}");
        }
    }

    #[test]
    fn json_keeps_every_digit() {
        let value = Value::Record(vec![("n".into(), Value::Uint(U256::MAX)), ("ok".into(), Value::Bool(true))]);
        let json = serde_json::to_string(&value).unwrap();
        assert_eq!(json, format!(r#"{{"n":"{}","ok":true}}"#, U256::MAX));
    }
}
