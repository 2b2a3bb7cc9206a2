//! From a link's text to what was signed: every step bounded, nothing trusted.

use alloy_primitives::{Address, B256};
use base64::{
    alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
    Engine,
};
use miniz_oxide::inflate::{decompress_to_vec_with_limit, decompress_to_vec_zlib_with_limit, TINFLStatus};
use serde_json::Value as Json;

use crate::{
    typed_data::{Content, Form, DOMAIN_NAME},
    Refusal,
};

/// The longest text that is read, in bytes.
pub(crate) const MAX_TEXT: usize = 8 << 10;
/// The longest JSON that it may inflate to, in bytes.
pub(crate) const MAX_INFLATED: usize = 64 << 10;
/// The longest version of a contract, in bytes.
const MAX_VERSION: usize = 32;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A package, read but not checked.
pub(crate) struct Package {
    pub content: Content,
    pub r: B256,
    pub s: B256,
    pub v: u64,
    /// What the package says the uid is.
    pub uid: Option<B256>,
    /// Who the package says signed.
    pub signer: Option<Address>,
}

impl Package {
    pub(crate) fn read(text: &str) -> Result<Self, Refusal> {
        let json = inflate(&decode(text)?)?;
        match serde_json::from_slice(&json).map_err(|_| Refusal::NotJson)? {
            Json::Array(items) => compact(&items),
            json @ Json::Object(_) => full(&json),
            _ => Err(malformed("package", "a JSON array or object")),
        }
    }
}

fn decode(text: &str) -> Result<Vec<u8>, Refusal> {
    let text = text.trim();
    if text.len() > MAX_TEXT {
        return Err(Refusal::TooLong { found: text.len() });
    }
    let standard: String = text
        .chars()
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            c => c,
        })
        .collect();
    BASE64.decode(standard).map_err(|_| Refusal::NotBase64)
}

fn inflate(bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
    // RFC 1950: a zlib header names the method 8, and is a multiple of 31.
    let inflated = match bytes {
        [] => return Err(Refusal::NotDeflated),
        [method, flags, ..] if method & 15 == 8 && u16::from_be_bytes([*method, *flags]) % 31 == 0 => {
            decompress_to_vec_zlib_with_limit(bytes, MAX_INFLATED)
        }
        _ => decompress_to_vec_with_limit(bytes, MAX_INFLATED),
    };
    inflated.map_err(|error| match error.status {
        TINFLStatus::HasMoreOutput => Refusal::TooLarge,
        _ => Refusal::NotDeflated,
    })
}

/// The SDK's array. Its version is told by its place in the array, and the type is always called `Attest`, as the SDK has it when
/// it unpacks.
fn compact(items: &[Json]) -> Result<Package, Refusal> {
    if !(15..=18).contains(&items.len()) {
        return Err(malformed("package", "an array of 15 to 18 items"));
    }
    let item = |at: usize| items.get(at).unwrap_or(&Json::Null);
    let version = match item(16) {
        Json::Null => 0,
        version => number(version, "version")?,
    };
    let form = match version {
        0 => Form::Legacy,
        1 => Form::Version1,
        2 => Form::Version2 { salt: bytes32(item(17), "salt")? },
        found => return Err(Refusal::UnknownVersion { found }),
    };
    let content = Content {
        form,
        domain_version: domain_version(item(0))?,
        chain_id: number(item(1), "chain id")?,
        verifying_contract: address(item(2), "verifying contract")?,
        schema: bytes32(item(8), "schema")?,
        recipient: match item(9).as_str() {
            Some("0") => Address::ZERO,
            _ => address(item(9), "recipient")?,
        },
        time: number(item(10), "time")?,
        expiration_time: number(item(11), "expiration time")?,
        ref_uid: match item(12).as_str() {
            Some("0") => B256::ZERO,
            _ => bytes32(item(12), "reference")?,
        },
        revocable: flag(item(13))?,
        data: data(item(14))?,
    };
    Ok(Package {
        content,
        r: bytes32(item(3), "signature")?,
        s: bytes32(item(4), "signature")?,
        v: number(item(5), "signature")?,
        signer: stated(item(6), |json| address(json, "signer"))?,
        uid: stated(item(7), |json| bytes32(json, "uid"))?,
    })
}

/// The SDK's object. Which type was signed the package itself says; the SDK's first versions wrote r, s and v beside the rest.
fn full(json: &Json) -> Result<Package, Refusal> {
    let part = |json: &Json, name: &str| json.get(name).cloned().unwrap_or(Json::Null);
    let sig = part(json, "sig");
    let (domain, message) = (part(&sig, "domain"), part(&sig, "message"));
    if part(&domain, "name").as_str() != Some(DOMAIN_NAME) {
        return Err(malformed("domain name", DOMAIN_NAME));
    }
    let version = || match part(&message, "version") {
        Json::Null => number(&part(&sig, "version"), "version"),
        version => number(&version, "version"),
    };
    let form = match signed_type(&part(&sig, "types")) {
        Some(Type::Legacy) => Form::Legacy,
        Some(Type::LegacyAttestation) => Form::LegacyAttestation,
        Some(Type::Version1) if version()? == 1 => Form::Version1,
        Some(Type::Version2) if version()? == 2 => Form::Version2 { salt: bytes32(&part(&message, "salt"), "salt")? },
        Some(Type::Version1 | Type::Version2) => return Err(Refusal::UnknownVersion { found: version()? }),
        None => return Err(Refusal::UnknownType),
    };
    let content = Content {
        form,
        domain_version: domain_version(&part(&domain, "version"))?,
        chain_id: number(&part(&domain, "chainId"), "chain id")?,
        verifying_contract: address(&part(&domain, "verifyingContract"), "verifying contract")?,
        schema: bytes32(&part(&message, "schema"), "schema")?,
        recipient: address(&part(&message, "recipient"), "recipient")?,
        time: number(&part(&message, "time"), "time")?,
        expiration_time: number(&part(&message, "expirationTime"), "expiration time")?,
        revocable: flag(&part(&message, "revocable"))?,
        ref_uid: bytes32(&part(&message, "refUID"), "reference")?,
        data: data(&part(&message, "data"))?,
    };
    let signature = match part(&sig, "signature") {
        Json::Null => sig.clone(),
        signature => signature,
    };
    Ok(Package {
        content,
        r: bytes32(&part(&signature, "r"), "signature")?,
        s: bytes32(&part(&signature, "s"), "signature")?,
        v: number(&part(&signature, "v"), "signature")?,
        signer: stated(&part(json, "signer"), |json| address(json, "signer"))?,
        uid: stated(&part(&sig, "uid"), |json| bytes32(json, "uid"))?,
    })
}

/// The types that off-chain attestations were ever signed as.
enum Type {
    Legacy,
    LegacyAttestation,
    Version1,
    Version2,
}

const VERSION: (&str, &str) = ("version", "uint16");
const FIELDS: [(&str, &str); 7] = [
    ("schema", "bytes32"),
    ("recipient", "address"),
    ("time", "uint64"),
    ("expirationTime", "uint64"),
    ("revocable", "bool"),
    ("refUID", "bytes32"),
    ("data", "bytes"),
];
const SALT: (&str, &str) = ("salt", "bytes32");

/// The type that a package says it was signed as. Its `primaryType` is not looked at: wallets find the type by what refers to it.
fn signed_type(types: &Json) -> Option<Type> {
    let types = types.as_object().filter(|types| types.len() == 1)?;
    let (name, fields) = types.iter().next()?;
    let fields =
        fields.as_array()?.iter().map(|field| Some((field.get("name")?.as_str()?, field.get("type")?.as_str()?)));
    let fields = fields.collect::<Option<Vec<_>>>()?;
    let is = |before: &[_], after: &[_]| fields == [before, &FIELDS[..], after].concat();
    match name.as_str() {
        "Attest" if is(&[], &[]) => Some(Type::Legacy),
        "Attestation" if is(&[], &[]) => Some(Type::LegacyAttestation),
        "Attest" if is(&[VERSION], &[]) => Some(Type::Version1),
        "Attest" if is(&[VERSION], &[SALT]) => Some(Type::Version2),
        _ => None,
    }
}

fn malformed(part: &'static str, expected: &'static str) -> Refusal {
    Refusal::Malformed { part, expected }
}

/// What a package says about itself, if it does.
fn stated<T>(json: &Json, read: impl Fn(&Json) -> Result<T, Refusal>) -> Result<Option<T>, Refusal> {
    match json {
        Json::Null => Ok(None),
        json => read(json).map(Some),
    }
}

/// The bytes of `0x` and hexadecimal digits.
fn bytes(json: &Json) -> Option<Vec<u8>> {
    hex::decode(json.as_str()?.strip_prefix("0x")?).ok()
}

fn bytes32(json: &Json, part: &'static str) -> Result<B256, Refusal> {
    let read = bytes(json).and_then(|bytes| B256::try_from(bytes.as_slice()).ok());
    read.ok_or_else(|| malformed(part, "0x and 64 hexadecimal digits"))
}

/// An address. Checksums are not looked at: what was signed has none.
fn address(json: &Json, part: &'static str) -> Result<Address, Refusal> {
    let read = bytes(json).and_then(|bytes| Address::try_from(bytes.as_slice()).ok());
    read.ok_or_else(|| malformed(part, "0x and 40 hexadecimal digits"))
}

fn data(json: &Json) -> Result<alloy_primitives::Bytes, Refusal> {
    bytes(json).map(Into::into).ok_or_else(|| malformed("data", "0x and hexadecimal digits"))
}

fn flag(json: &Json) -> Result<bool, Refusal> {
    json.as_bool().ok_or_else(|| malformed("revocable", "true or false"))
}

/// A whole number that 64 bits hold: in JSON, or as a text in decimal or after `0x` in hexadecimal.
fn number(json: &Json, part: &'static str) -> Result<u64, Refusal> {
    let read = match json {
        Json::Number(number) => number.as_u64(),
        Json::String(text) => {
            let (digits, radix) = text.strip_prefix("0x").map_or((text.as_str(), 10), |digits| (digits, 16));
            // The sign that the library would take.
            Some(digits)
                .filter(|digits| !digits.starts_with('+'))
                .and_then(|digits| u64::from_str_radix(digits, radix).ok())
        }
        _ => None,
    };
    read.ok_or_else(|| malformed(part, "a whole number of at most 64 bits"))
}

fn domain_version(json: &Json) -> Result<String, Refusal> {
    let version = json.as_str().filter(|version| version.len() <= MAX_VERSION);
    version.map(String::from).ok_or_else(|| malformed("contract version", "a text of at most 32 bytes"))
}
