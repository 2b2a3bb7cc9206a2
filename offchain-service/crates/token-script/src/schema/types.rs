//! JSON Schemas of values and arguments, by `as`, syntax and the ABI's types.

use serde_json::{json, Map, Value as Json};

use crate::{AbiType, As, Syntax};

/// Integers are decimal strings, so that none loses a digit on its way.
pub(super) fn integer() -> Json {
    json!({ "type": "string", "pattern": "^-?[0-9]{1,78}$" })
}

fn address() -> Json {
    json!({ "type": "string", "pattern": "^0x[0-9a-fA-F]{40}$" })
}

fn bytes() -> Json {
    json!({ "type": "string", "pattern": "^0x([0-9a-fA-F]{2})*$" })
}

pub(super) fn time() -> Json {
    json!({ "type": "string", "format": "date-time" })
}

pub(super) fn as_schema(as_: As) -> Json {
    match as_ {
        As::Uint => json!({ "type": "string", "pattern": "^[0-9]{1,78}$" }),
        As::Int => integer(),
        As::Address => address(),
        As::Utf8 => json!({ "type": "string" }),
        As::Bool => json!({ "type": "boolean" }),
        As::Bytes => bytes(),
        As::Scaled(_) => json!({ "type": "string", "pattern": "^-?[0-9]+(\\.[0-9]+)?$" }),
        As::Time => time(),
        As::Abi | As::Mapping => json!({}),
    }
}

/// What a caller may enter.
pub(super) fn entry_schema(as_: Option<As>, syntax: Option<&Syntax>, limit: usize) -> Json {
    match (as_, syntax) {
        (Some(As::Scaled(0)), _) => json!({ "type": "string", "pattern": "^[0-9]{1,78}$" }),
        (Some(As::Scaled(scale)), _) => {
            json!({ "type": "string", "pattern": format!("^[0-9]{{1,78}}(\\.[0-9]{{1,{scale}}})?$") })
        }
        (Some(As::Bytes), _) => {
            json!({ "type": "string", "pattern": "^0x([0-9a-fA-F]{2})*$", "maxLength": limit })
        }
        (Some(As::Utf8), _) => json!({ "type": "string", "maxLength": limit }),
        (Some(As::Time), _) => json!({ "type": "string", "maxLength": 64 }),
        (Some(as_), _) => as_schema(as_),
        (None, Some(Syntax::Boolean)) => json!({ "type": "boolean" }),
        (None, Some(Syntax::Integer)) => integer(),
        // Scripts' own GeneralizedTime is taken as well.
        (None, Some(Syntax::Time)) => json!({ "type": "string", "maxLength": 64 }),
        (None, _) => json!({ "type": "string", "maxLength": limit }),
    }
}

pub(super) fn outputs_schema(outputs: &[(String, AbiType)]) -> Json {
    match outputs {
        [(_, only)] => type_schema(only),
        outputs => fields_schema(outputs),
    }
}

// Recursion is bounded by the depth that reading the ABI allowed.
pub(super) fn type_schema(ty: &AbiType) -> Json {
    match ty {
        AbiType::Uint(_) => as_schema(As::Uint),
        AbiType::Int(_) => as_schema(As::Int),
        AbiType::Address => address(),
        AbiType::Bool => as_schema(As::Bool),
        AbiType::FixedBytes(_) | AbiType::Bytes => bytes(),
        AbiType::String => as_schema(As::Utf8),
        AbiType::Array(inner) => json!({ "type": "array", "items": type_schema(inner) }),
        AbiType::FixedArray(inner, length) => {
            json!({ "type": "array", "items": type_schema(inner), "minItems": length, "maxItems": length })
        }
        AbiType::Tuple(fields) => fields_schema(fields),
    }
}

fn fields_schema(fields: &[(String, AbiType)]) -> Json {
    let name = |(i, (name, ty)): (usize, &(String, AbiType))| match name.is_empty() {
        true => (i.to_string(), type_schema(ty)),
        false => (name.clone(), type_schema(ty)),
    };
    let properties: Map<String, Json> = fields.iter().enumerate().map(name).collect();
    let required: Vec<&String> = properties.keys().collect();
    json!({ "type": "object", "properties": &properties, "required": required })
}

/// The fields of an event, by name.
pub(super) fn event_schema(event: &crate::AbiEvent) -> Json {
    let field = |field: &crate::EventField| {
        let ty = if field.indexed && field.ty.is_hashed() { AbiType::FixedBytes(32) } else { field.ty.clone() };
        (field.name.clone(), ty)
    };
    fields_schema(&event.fields.iter().map(field).collect::<Vec<_>>())
}
