//! Tests of types, encoding and decoding.

use alloy_dyn_abi::DynSolType;
use alloy_primitives::{hex, U256};
use proptest::prelude::*;

use super::*;

fn param(json: &str) -> AbiType {
    AbiType::of(&serde_json::from_str(json).unwrap(), 0, &mut 100).unwrap()
}

#[test]
fn elementary_types() {
    for (name, canonical) in [("uint", "uint256"), ("int8", "int8"), ("byte", "bytes1"), ("bytes32", "bytes32")] {
        assert_eq!(AbiType::elementary(name).unwrap().name(), canonical);
    }
    for bad in ["uint7", "uint264", "uint08", "bytes33", "bytes0", "int0", "tuple", "struct", "", "uint256[]"] {
        assert_eq!(AbiType::elementary(bad), None, "{bad}");
    }
}

#[test]
fn a_known_call_is_encoded() {
    // transfer(address,uint256), from the ERC-20 standard
    let to = Value::Text("0x63cCEF733a093E5Bd773b41C96D3eCE361464942".into());
    let data =
        calldata("transfer", &[(&AbiType::Address, to), (&AbiType::Uint(256), Value::Uint(U256::from(1)))]).unwrap();
    let expected = "a9059cbb00000000000000000000000063ccef733a093e5bd773b41c96d3ece3614649420000000000000000000000000000000000000000000000000000000000000001";
    assert_eq!(hex::encode(data), expected);
    assert_eq!(hex::encode(calldata("totalSupply", &[]).unwrap()), "18160ddd");
}

#[test]
fn arguments_must_fit() {
    let fits = |ty: &str, value: Value| calldata("f", &[(&AbiType::elementary(ty).unwrap(), value)]).is_ok();
    let text = |s: &str| Value::Text(s.into());
    assert!(fits("uint8", text("255")) && !fits("uint8", text("256")) && !fits("uint8", text("-1")));
    assert!(fits("int8", text("127")) && !fits("int8", text("128")));
    assert!(fits("int8", text("-128")) && !fits("int8", text("-129")));
    assert!(fits("bytes2", text("0x0102")) && !fits("bytes2", text("0x01")) && !fits("bytes2", text("zz")));
    assert!(fits("string", text("")) && fits("bytes", text("0x")));
    assert!(!fits("uint256", Value::List(vec![])));
}

#[test]
fn structs_are_decoded_with_their_names() {
    let ty = param(
        r#"{"name":"","type":"tuple","components":[
            {"name":"state","type":"tuple","components":[{"name":"level","type":"uint8"},{"name":"friends","type":"uint256[]"}]},
            {"name":"ok","type":"bool"},{"name":"","type":"int16[2]"}]}"#,
    );
    let same: DynSolType = ty.name().parse().unwrap();
    let number = |n: u64| DynSolValue::Uint(U256::from(n), 256);
    let value = DynSolValue::Tuple(vec![
        DynSolValue::Tuple(vec![DynSolValue::Uint(U256::from(3), 8), DynSolValue::Array(vec![number(5), number(6)])]),
        DynSolValue::Bool(true),
        DynSolValue::FixedArray(vec![DynSolValue::Int(I256::MINUS_ONE, 16), DynSolValue::Int(I256::ONE, 16)]),
    ]);
    assert!(value.matches(&same));
    let data = DynSolValue::Tuple(vec![value]).abi_encode_params();
    let decoded = decode(&[(String::new(), ty)], &data, 1 << 20).unwrap().remove(0).1;
    assert_eq!(decoded.at("state.level").unwrap().text().unwrap(), "3");
    assert_eq!(decoded.at("state.friends[1]").unwrap().text().unwrap(), "6");
    assert_eq!(decoded.at("2[0]").unwrap().text().unwrap(), "-1");
}

#[test]
fn dirty_words_are_refused() {
    let refused = |ty: &str, word: U256| {
        decode(&[(String::new(), AbiType::elementary(ty).unwrap())], &word.to_be_bytes::<32>(), 1000).is_err()
    };
    assert!(refused("uint8", U256::from(256)) && refused("bool", U256::from(2)));
    assert!(refused("address", U256::MAX) && refused("int8", U256::from(128)));
    assert!(!refused("int8", U256::MAX));
}

#[test]
fn overlapping_offsets_are_bounded() {
    // Every element of every level points at the same next level: exponential, if it were not charged.
    let ty = param(r#"{"name":"","type":"uint256[][][][][][][]"}"#);
    let mut data = Vec::new();
    let push = |data: &mut Vec<u8>, n: usize| data.extend(U256::from(n).to_be_bytes::<32>());
    push(&mut data, 32);
    for _ in 0..7 {
        push(&mut data, 64);
        (0..64).for_each(|_| push(&mut data, 64 * 32));
    }
    assert_eq!(decode(&[(String::new(), ty)], &data, 1 << 20), Err(DecodeError::TooMany));
    let empty = param(r#"{"name":"","type":"tuple[]","components":[]}"#);
    let mut data = Vec::new();
    push(&mut data, 32);
    push(&mut data, usize::MAX);
    assert_eq!(decode(&[(String::new(), empty)], &data, 1 << 20), Err(DecodeError::TooMany));
}

#[test]
fn types_are_bounded() {
    let refused = |ty: &str| AbiType::of(&Param { ty: ty.into(), ..Param::default() }, 0, &mut 100).is_err();
    assert!(refused("uint256[99999999]") && refused(&format!("uint256{}", "[]".repeat(9))) && refused("uint256[-1]"));
    assert!(refused("uint256[") && refused("uint256[]x") && refused("mapping"));
}

proptest! {
    #[test]
    fn decoding_never_panics(data in proptest::collection::vec(any::<u8>(), 0..600), small in any::<bool>()) {
        let data: Vec<u8> = if small { data.iter().map(|b| b % 3 * 32).collect() } else { data };
        for ty in ["uint256[]", "string", "bytes[][2]", "(uint8,string[],(bool,bytes32)[])"] {
            let ty = match ty.starts_with('(') {
                true => param(r#"{"name":"","type":"tuple","components":[{"name":"a","type":"uint8"},{"name":"b","type":"string[]"},
                    {"name":"c","type":"tuple[]","components":[{"name":"d","type":"bool"},{"name":"e","type":"bytes32"}]}]}"#),
                false => param(&format!(r#"{{"name":"","type":"{ty}"}}"#)),
            };
            let _ = decode(&[(String::new(), ty)], &data, 1 << 16);
        }
    }

    /// The library that encodes, and the decoder here, agree.
    #[test]
    fn what_is_encoded_is_decoded(numbers in proptest::collection::vec(any::<u64>(), 0..20), text in ".{0,80}", flag in any::<bool>()) {
        let ty = param(r#"{"name":"","type":"tuple[]","components":[{"name":"n","type":"uint64"},{"name":"s","type":"string"},
            {"name":"f","type":"bool[2]"}]}"#);
        let items = numbers.iter().map(|n| DynSolValue::Tuple(vec![
            DynSolValue::Uint(U256::from(*n), 64), DynSolValue::String(text.clone()),
            DynSolValue::FixedArray(vec![DynSolValue::Bool(flag), DynSolValue::Bool(!flag)])]));
        let data = DynSolValue::Tuple(vec![DynSolValue::Array(items.collect())]).abi_encode_params();
        let decoded = decode(&[(String::new(), ty)], &data, 1 << 20).unwrap().remove(0).1;
        for (i, n) in numbers.iter().enumerate() {
            prop_assert_eq!(decoded.at(&format!("[{i}].n")), Some(&Value::Uint(U256::from(*n))));
            prop_assert_eq!(decoded.at(&format!("[{i}].s")), Some(&Value::Text(text.clone())));
            prop_assert_eq!(decoded.at(&format!("[{i}].f[1]")), Some(&Value::Bool(!flag)));
        }
    }
}
