//! Published packages as they are, and for version 0, 1 and 2 packages that are made here, to be read, altered and refused.

use alloy_dyn_abi::DynSolValue;
use alloy_primitives::{hex, keccak256, Address, Bytes, B256, U256};
use alloy_sol_types::SolValue;
use base64::{prelude::*, Engine};
use k256::ecdsa::SigningKey;
use miniz_oxide::deflate::{compress_to_vec, compress_to_vec_zlib};
use proptest::prelude::*;
use serde_json::{json, Value as Json};
use smartlayer_token_script::{parse, AttestationDefinition, Context, Limits, Step, Value, Values};

use crate::{
    typed_data::{Content, Form},
    *,
};

/// From the tests of the EAS SDK, of version 2 and 1.
const SDK_2: &str = "eNqlkUtuJTEIRfdS41JkvoZhnpLaRKsH2IYFRImU5cevlAW01ExgAOde4M8BL/TSjvMgIOo7t28tfGd8PBi6pr92Egwbl5kpijzSL3rDBXQ3N1NBq4hRUzNqNtbZAaT3oY2qAVJ2JyNWjxG5llf1mWRtz60bgjihmLp1li6jOjtp9AUBwLObF4ZszHLTiZO1QtvQXExr24PjRHtyivxamgIRy+zSi2dqPMywY/dZdQ1HVL1FTXhZog4cY03ahmtLTV1YAohiNacPhy1lYm4SCDpblqBmGt4QovTmbNRC5giRDQUXJmjJNXLh7i8Tzwm8TwMeK4Ox9e0Vftf/d9ug3tDdAJ8lmoNB24jj/Pz4yifrONuJ92P+J/bTjr8/dNmG8A==";
const SDK_1: &str = "eNolkLuKHEEMRf+l42bRu6RwmnH/hHFQDylaHBgv+PNdsxPpXpCO4Pw88AM+4DgPRua2J/yzoh9C1yXYLOPRWKn7uN3dSPXKuPlJC/m9rG2ptOw2FzizNup9OYAugGSvlgtb9BE7Wi9ggt0mjn0lot8QDtA2Z5eiFovN1J3GEARvRY4l06l8zEYeY7nF/i8eijbGrH6c1F4cL4fhJTofcAPb6mJ1P+QZqSn0BLe6GOj9VMdcNTksG3KfKYpcA80G9UmptitSSs+lS+caxg0Um0JZwnhDOANCnKHrHF1VZWGoMEJKjVyUpeUaOVFADKOv7ELQigNrfUN2vJel4suc33bLTOvXdtC2j1l1jyAyO060AIpwpFfcMtARNuI4//75yhfrOOHE8/fX5+ev/ziaeyQ=";
/// Magic links' tickets of version 0, in the URL alphabet: published with an issuer's tools, and in a wallet's tests.
const LINK: &str = "eNrFk02OGzAIhe-SdVQZMAaWk4nmElUX5u8AVSv1-HUyR8giIHmB7MfD9vfzMn7gulwBgPks18v494lLrG93kuRJqp81jb7gfhMmHHekVaDAdXlshrGiK7vFFLX2XiaGA7A38lA5yZaF2KOitX2DeTQ6C-4k_RahSawYe5xKjKkZq3lEMC-jECcElDAfoJTusCxIx2oB0Ja8XFGfzktVpn4cP8YElLaY7eNGhjybCLNL2-LZVBBWZ_lSYcZA9SnVuLIHJcaZAMJjaypn9DoKM6AVjopUET9FxovxEDm3fzxMEsF5Hc_Cn99_63V5fdFcvDodvPH0I86LP3K8K-g73tV-wpgDXf0wBO1Blnpw0ZLpE5fSal8OZrUFDwWC5wv64QOUN3Un5gGPYG0RMigLrpRe07QInfaOHOkZlTnThvuCKAqCmSRxACt_FY_x6z-DJAMV";
const LINK_PASS: &str = "eNrFk0uOHDEIhu9S61bE23g5M5W-RDQLY8MBRomU48fVVyhpwgJbNv4Bi-_XAT_Ijgciqm73OODvB1nr9X5yWyrs_pHS-Ynne1MmOIkt0VHzuIIzqttw4hwllGZzqDRLG0w6tTdRnaDAiwcZ7DDP5rOKR8uCeokgzVEQWwhDHHBEOHfk1ZMwymoRD-aYjIGjtmvTp0k20OBFx4PapSNiuwdw62-6TM9ns3D9SfP0iOe53nYeS1mvpORTGUIbglCfgC6m4oqyK2XDYaEu-958QUTVnFAcHRNtIcBLBG7aJbJ_3zqK-a7jAa-D319_8r683yxu3u0O_-Pry4ayLEElFZl77XsYCb7PNgMM3Fm4se89bi_fl172ZCNabGII-CLRrM8OilXeyteGQYta2cVMtFErBwcHkhSO0bM7EHm0zXsLGJi8No7iF8te2hdTDvHqK6MJcY2VNXEZx1gOhXkXD_j8B3LDA5Y=";
const LINK_EXPIRED: &str = "eNrFU0uuGzAIvEvWUcXHYFg2L-klqi5sMAeoWqnHfyQ9QhYPWTaSYZixPD8v8I30ckVEkd6uF_j3QTq9bneeKYPNPs5w_oH32xQmuBPrQUM5l2exZ-7kzbgO2FTLcqIuSQdXdzF0UNp0DBwF_cRxqwMLfEUNeIFMmA6xQOciULWTYw0wxZAAt_SSip0rw82ajJb7cZGElJPVTGg-cc5UfGw9Rn5_DM-zbgCGBJM58MHyPWrO--01VE9ktVAJh7OHnsWNiki4XaghVghEFVNCkDmSR6ECEfoc_J_50Dl3s9qJMGs2I07kFoYHxQ5b4TZSAcpkLJu72EbgMrNWFE-Qfn01NR-t_ZW6gXb6vPnz--95zoG3wt5rh3izH-itbnx3PCArfGUIIxMzD5avGD-wl1FV1p4xwjTbXQNyoy7yOZsYnVSUqBWjvPc9Qvro328ythsld0e7umAM0YLK0VYlacMfw2mn5s65RhC5Vm1sxy9fyC5qK99TcLnCr082VwjX";

/// The schema of tickets that issuers use, and its uid in public code.
const TICKET: &str = "string eventId,string ticketId,uint8 ticketClass,bytes commitment";
const TICKET_UID: &str = "0x7f6fb09beb1886d0b223e9f15242961198dd360021b2c9f75ac879c0f786cafd";

const NOW: u64 = 1_700_000_000;

fn key() -> SigningKey {
    SigningKey::from_slice(&[7; 32]).unwrap()
}

fn schema(text: &str) -> Schema {
    Schema { text: text.into(), resolver: Address::ZERO, revocable: true }
}

fn ticket_data(event: &str, id: &str, class: u8) -> Bytes {
    let values = vec![
        DynSolValue::String(event.into()),
        DynSolValue::String(id.into()),
        DynSolValue::Uint(U256::from(class), 8),
        DynSolValue::Bytes(vec![4, 0xab]),
    ];
    DynSolValue::Tuple(values).abi_encode_params().into()
}

fn content(form: Form) -> Content {
    Content {
        form,
        domain_version: "1.3.0".into(),
        chain_id: 11_155_111,
        verifying_contract: Address::repeat_byte(0xea),
        schema: schema(TICKET).uid(),
        recipient: Address::repeat_byte(0x22),
        time: NOW - 10,
        expiration_time: NOW + 10,
        revocable: true,
        ref_uid: B256::repeat_byte(3),
        data: ticket_data("devcon6", "42", 2),
    }
}

fn forms() -> [Form; 4] {
    [Form::Legacy, Form::LegacyAttestation, Form::Version1, Form::Version2 { salt: B256::repeat_byte(9) }]
}

fn signature(content: &Content) -> (B256, B256, u64) {
    let (signature, id) = key().sign_prehash_recoverable(content.digest().as_slice()).unwrap();
    let (r, s) = signature.split_bytes();
    (B256::from_slice(&r), B256::from_slice(&s), 27 + u64::from(id.is_y_odd()))
}

fn signer() -> Address {
    Address::from_private_key(&key())
}

fn salt(form: Form) -> Json {
    match form {
        Form::Version2 { salt } => json!(salt),
        _ => Json::Null,
    }
}

fn compact(content: &Content) -> Json {
    let (r, s, v) = signature(content);
    json!([
        content.domain_version,
        content.chain_id,
        content.verifying_contract,
        r,
        s,
        v,
        signer(),
        content.uid(),
        content.schema,
        content.recipient,
        content.time,
        content.expiration_time,
        content.ref_uid,
        content.revocable,
        content.data,
        0,
        content.form.version(),
        salt(content.form)
    ])
}

fn full(content: &Content) -> Json {
    let (r, s, v) = signature(content);
    let version = content.form.version();
    let mut fields = vec![
        json!({ "name": "schema", "type": "bytes32" }),
        json!({ "name": "recipient", "type": "address" }),
        json!({ "name": "time", "type": "uint64" }),
        json!({ "name": "expirationTime", "type": "uint64" }),
        json!({ "name": "revocable", "type": "bool" }),
        json!({ "name": "refUID", "type": "bytes32" }),
        json!({ "name": "data", "type": "bytes" }),
    ];
    if version > 0 {
        fields.insert(0, json!({ "name": "version", "type": "uint16" }));
    }
    if version > 1 {
        fields.push(json!({ "name": "salt", "type": "bytes32" }));
    }
    let name = if content.form == Form::LegacyAttestation { "Attestation" } else { "Attest" };
    json!({
        "signer": signer(),
        "sig": {
            "version": version,
            "uid": content.uid(),
            "domain": {
                "name": "EAS Attestation", "version": content.domain_version, "chainId": content.chain_id.to_string(),
                "verifyingContract": content.verifying_contract,
            },
            "primaryType": name,
            "types": { name: fields },
            "signature": { "r": r, "s": s, "v": v },
            "message": {
                "version": version, "schema": content.schema, "recipient": content.recipient, "time": content.time.to_string(),
                "expirationTime": format!("{:#x}", content.expiration_time), "revocable": content.revocable,
                "refUID": content.ref_uid, "data": content.data, "salt": salt(content.form),
            }
        }
    })
}

fn pack(json: &Json) -> String {
    BASE64_STANDARD.encode(compress_to_vec_zlib(json.to_string().as_bytes(), 9))
}

fn read(json: &Json) -> Result<Attestation, Refusal> {
    Attestation::read(&pack(json))
}

/// The code of a refusal, of which the texts are there.
fn code<T: std::fmt::Debug>(result: Result<T, Refusal>) -> &'static str {
    let refusal = result.unwrap_err();
    assert!(!refusal.to_string().is_empty() && refusal.remedy().ends_with('.'), "{refusal:?}");
    refusal.code()
}

fn ticket() -> Attestation {
    read(&compact(&content(Form::Version1))).unwrap()
}

fn public_key(compressed: bool) -> String {
    hex::encode(key().verifying_key().to_encoded_point(compressed).as_bytes())
}

fn definition() -> AttestationDefinition {
    AttestationDefinition {
        kind: "eas".into(),
        schema_uid: Some(TICKET_UID.into()),
        keys: vec![public_key(false)],
        ..AttestationDefinition::default()
    }
}

#[test]
fn published_packages_are_read() {
    for (text, version, signer, uid, time, expiration, chain_id) in [
        (
            SDK_2,
            2,
            "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
            "0x854d8e26b2bbdc3577fc78c6d2f512258fcc9b91a60858985a216c0ef526ee82",
            1_690_299_812,
            Some(1_692_891_810),
            31_337,
        ),
        (
            SDK_1,
            1,
            "0x8f80b8f45cA0F036da46fFA4D9e5e42D086fB302",
            "0x35bcdfc396e713ace4513fb166b2ac2e5613f12e4aed5d5cdb637051750f6e0b",
            1_690_299_812,
            Some(1_692_891_810),
            31_337,
        ),
        (
            LINK,
            0,
            "0xCe88748Aedf95313d96559AB39254f332dfe8f9c",
            "0x7216fdeb687552c28b47ef26df03d2c12f1cbca8d85dcf62544c1f8132d7ee35",
            1_687_437_724,
            None,
            11_155_111,
        ),
        (
            LINK_PASS,
            0,
            "0x4461110869A5d65DF76b85E2cD8bbFDdA2ca6e4d",
            "0x28c530b5710429c018465485143a2361a6b584b5768d0bbffcc0f3b91e16d100",
            1_691_468_042,
            None,
            11_155_111,
        ),
        (
            LINK_EXPIRED,
            0,
            "0xE761Eb6e829DE49deaB008120733c1E35Acf77DB",
            "0x6ecdf79f5c90eb46ea399e1121b952829ac50cff32d0c289129cf16022197430",
            1_686_894_206,
            Some(1_686_980_606),
            11_155_111,
        ),
    ] {
        let attestation = Attestation::read(text).unwrap_or_else(|refusal| panic!("{uid}: {refusal}"));
        assert_eq!(attestation.version(), version);
        assert_eq!(attestation.signer(), signer.parse::<Address>().unwrap());
        assert_eq!(attestation.uid(), uid.parse::<B256>().unwrap());
        assert_eq!((attestation.time(), attestation.expiration()), (time, expiration));
        assert_eq!(attestation.chain_id(), chain_id);
        assert!(attestation.revocable());
        // Tickets are bound to an e-mail address.
        assert_eq!(attestation.recipient().is_none(), version == 0);
    }
    let link = Attestation::read(LINK).unwrap();
    let contract: Address = "0xC2679fBD37d54388Ce493F1DB75320D236e1815e".parse().unwrap();
    assert_eq!((link.verifying_contract(), link.schema_uid()), (contract, B256::ZERO));
}

/// A published ticket names no schema. By the ticket schema its bytes are what the issuer's tool says they are.
#[test]
fn a_published_ticket_has_the_data_that_its_issuer_says() {
    let link = Attestation::read(LINK).unwrap();
    assert_eq!(code(link.data(&schema(TICKET))), "forged-schema");
    let data = schema(TICKET).decode(&link.content.data).unwrap();
    let text = |path: &str| data.record().at(path).unwrap().text().unwrap();
    assert_eq!((text("eventId"), text("ticketId"), text("ticketClass")), ("222".into(), "333".into(), "1".into()));
    assert!(text("commitment").starts_with("0x0402b8b93c1fbc39d88f78e74b4268"));
}

#[test]
fn published_schemas_have_their_uids() {
    for (text, uid) in [
        (TICKET, TICKET_UID),
        (
            "string devconId,string ticketIdString,uint8 ticketClass,bytes commitment",
            "0x0630f3342772bf31b669bdbc05af0e9e986cf16458f292dfd3b57564b3dc3247",
        ),
        ("uint256 eventId, uint8 voteIndex", "0xb16fa048b0d597f5a821747eba64efa4762ee5143e9a80600d0005386edfc995"),
        ("bool like", "0x33e9094830a5cba5554d1954310e4fbed2ef5f859ec1404619adea4207f391fd"),
        ("bytes32 schemaId,string name", "0x44d562ac1d7cd77e232978687fea027ace48f719cf1d58c7888e509663bb87fc"),
    ] {
        assert_eq!(schema(text).uid(), uid.parse::<B256>().unwrap(), "{text}");
        let other = Schema { revocable: false, ..schema(text) };
        assert_ne!(other.uid(), schema(text).uid());
    }
}

#[test]
fn every_version_is_read_in_every_form() {
    for form in forms() {
        let content = content(form);
        let mut packages = vec![full(&content)];
        if form != Form::LegacyAttestation {
            packages.push(compact(&content));
        }
        // As the SDK's first versions wrote the signature.
        let mut beside = full(&content);
        let signature = beside["sig"]["signature"].take();
        for part in ["r", "s", "v"] {
            beside["sig"][part] = signature[part].clone();
        }
        packages.push(beside);
        for package in packages {
            let attestation = read(&package).unwrap_or_else(|refusal| panic!("{form:?} {package}: {refusal}"));
            assert_eq!(attestation.content, content);
            assert_eq!((attestation.signer(), attestation.uid()), (signer(), content.uid()));
            assert_eq!(attestation.recipient(), Some(content.recipient));
            assert_eq!(attestation.expiration(), Some(NOW + 10));
            let bytes = attestation.signature();
            let parity = bytes[64] == 28;
            let again = alloy_primitives::Signature::from_bytes_and_parity(&bytes[..64], parity);
            assert_eq!(again.recover_address_from_prehash(&content.digest()).unwrap(), signer());
            let json = package.to_string();
            let (zlib, raw) = (compress_to_vec_zlib(json.as_bytes(), 6), compress_to_vec(json.as_bytes(), 1));
            for text in [
                BASE64_STANDARD_NO_PAD.encode(&zlib),
                BASE64_URL_SAFE.encode(&zlib),
                BASE64_URL_SAFE_NO_PAD.encode(&raw),
                format!(" {}\n", BASE64_STANDARD.encode(&raw)),
            ] {
                assert_eq!(Attestation::read(&text).as_ref(), Ok(&attestation));
            }
        }
    }
    let uids = forms().map(|form| content(form).uid());
    assert_eq!(uids[0], uids[1], "the name of the type is not in the uid");
    assert!(uids[1] != uids[2] && uids[2] != uids[3]);
}

#[test]
fn short_forms_and_texts_of_numbers_are_read() {
    let content =
        Content { recipient: Address::ZERO, ref_uid: B256::ZERO, expiration_time: 0, ..content(Form::Legacy) };
    let mut package = compact(&content);
    (package[9], package[12], package[16]) = (json!("0"), json!("0"), Json::Null);
    package[1] = json!("0xaa36a7");
    package[10] = json!(content.time.to_string());
    package[5] = json!(package[5].as_u64().unwrap() - 27);
    package.as_array_mut().unwrap().truncate(16);
    let attestation = read(&package).unwrap();
    assert_eq!(attestation.content, content);
    assert_eq!((attestation.recipient(), attestation.expiration()), (None, None));
    assert_eq!(attestation.signature()[64], 27 + u8::try_from(package[5].as_u64().unwrap()).unwrap());
    assert_eq!(attestation.valid_at(u64::MAX), Ok(()));
}

#[test]
fn neither_uid_nor_signer_is_taken_from_the_package() {
    for form in [Form::Legacy, Form::Version1, Form::Version2 { salt: B256::repeat_byte(9) }] {
        let content = content(form);
        let mut unsaid = compact(&content);
        (unsaid[6], unsaid[7]) = (Json::Null, Json::Null);
        let attestation = read(&unsaid).unwrap();
        assert_eq!((attestation.signer(), attestation.uid()), (signer(), content.uid()));
        let mut package = compact(&content);
        package[7] = json!(B256::repeat_byte(1));
        let stated = B256::repeat_byte(1);
        assert_eq!(read(&package), Err(Refusal::OtherUid { stated, computed: content.uid() }));
        let mut package = compact(&content);
        package[6] = json!(Address::ZERO);
        assert_eq!(read(&package), Err(Refusal::OtherSigner { stated: Address::ZERO, recovered: signer() }));
        // However its package is written, it is revoked by one uid.
        let mut shouted = compact(&content);
        shouted[8] = json!(format!("0x{}", hex::encode_upper(content.schema)));
        assert_eq!(read(&shouted).unwrap().uid(), content.uid());
    }
}

#[test]
fn whatever_is_altered_has_another_signer() {
    for form in [Form::Legacy, Form::Version1, Form::Version2 { salt: B256::repeat_byte(9) }] {
        let original = compact(&content(form));
        let altered = [
            (0, json!("1.3.1")),
            (1, json!(1)),
            (2, json!(Address::ZERO)),
            (8, json!(B256::ZERO)),
            (9, json!(Address::ZERO)),
            (10, json!(0)),
            (11, json!(0)),
            (12, json!(B256::ZERO)),
            (13, json!(false)),
            (14, json!("0x")),
        ];
        let salted = (form.version() == 2).then(|| (17, json!(B256::ZERO)));
        for (at, value) in altered.into_iter().chain(salted) {
            let mut package = original.clone();
            package[at] = value;
            (package[6], package[7]) = (Json::Null, Json::Null);
            // A random point of the curve, or none.
            if let Ok(attestation) = read(&package) {
                assert_ne!(attestation.signer(), signer(), "{at}");
                assert_eq!(
                    code(attestation.matches(&AttestationDefinition {
                        schema_uid: Some(attestation.schema_uid().to_string()),
                        ..definition()
                    })),
                    "other-issuer"
                );
            }
        }
    }
    // Another version of the same content.
    let mut package = compact(&content(Form::Version1));
    package[16] = json!(0);
    assert_eq!(code(read(&package)), "other-uid");
}

#[test]
fn malformed_packages_are_refused() {
    let original = compact(&content(Form::Version2 { salt: B256::ZERO }));
    let word = json!("0x12");
    for (at, values) in [
        (0, vec![json!(1), json!("1".repeat(33)), Json::Null]),
        (
            1,
            vec![
                json!(-1),
                json!(1.5),
                json!("1e3"),
                json!("+1"),
                json!("0x"),
                json!(""),
                json!("18446744073709551616"),
                json!(1e30),
                json!(true),
            ],
        ),
        (2, vec![word.clone(), json!("0"), json!(0)]),
        (3, vec![word.clone(), Json::Null]),
        (4, vec![word.clone(), Json::Null]),
        (5, vec![json!("x"), Json::Null]),
        (6, vec![word.clone(), json!({})]),
        (7, vec![word.clone(), json!([])]),
        (8, vec![word.clone(), json!("0"), json!(hex::encode([1; 32]))]),
        (9, vec![word.clone(), json!(0)]),
        (10, vec![json!("soon")]),
        (11, vec![json!("-1")]),
        (12, vec![word.clone(), json!(0)]),
        (13, vec![json!(1), json!("true")]),
        (14, vec![json!("0x1"), json!("abcd"), Json::Null]),
        (16, vec![json!("two"), json!(-1)]),
        (17, vec![word, Json::Null]),
    ] {
        for value in values {
            let mut package = original.clone();
            package[at] = value;
            assert_eq!(code(read(&package)), "malformed", "{package}");
        }
    }
    for package in
        [json!([]), json!(["0.26"]), json!(vec![0; 19]), json!({}), json!({ "sig": 1 }), json!(1), json!(null)]
    {
        assert_eq!(code(read(&package)), "malformed", "{package}");
    }
    let mut package = original.clone();
    package[16] = json!(3);
    assert_eq!(read(&package), Err(Refusal::UnknownVersion { found: 3 }));
}

#[test]
fn full_packages_say_the_type_that_was_signed() {
    let original = full(&content(Form::Version1));
    let altered = |alter: &dyn Fn(&mut Json)| {
        let mut package = original.clone();
        alter(&mut package["sig"]);
        code(read(&package))
    };
    assert_eq!(altered(&|sig| sig["domain"]["name"] = json!("EAS")), "malformed");
    assert_eq!(altered(&|sig| sig["types"] = json!({})), "unknown-type");
    assert_eq!(altered(&|sig| sig["types"] = Json::Null), "unknown-type");
    assert_eq!(altered(&|sig| sig["types"]["Other"] = json!([])), "unknown-type");
    assert_eq!(altered(&|sig| sig["types"]["Attest"][1]["type"] = json!("bytes")), "unknown-type");
    assert_eq!(altered(&|sig| sig["types"]["Attest"][1]["name"] = json!(1)), "unknown-type");
    assert_eq!(altered(&|sig| drop(sig["types"]["Attest"].as_array_mut().unwrap().pop())), "unknown-type");
    assert_eq!(altered(&|sig| sig["message"]["version"] = json!(2)), "unknown-version");
    assert_eq!(altered(&|sig| sig["message"]["time"] = json!(NOW)), "other-uid");
    // Without the version in the message, it is that of the package.
    let mut package = original.clone();
    package["sig"]["message"]["version"] = Json::Null;
    assert!(read(&package).is_ok());
}

#[test]
fn signatures_have_one_form() {
    let original = compact(&content(Form::Version1));
    for (at, value) in [
        (5, json!(26)),
        (5, json!(29)),
        (5, json!(2)),
        (3, json!(B256::ZERO)),
        (4, json!(B256::ZERO)),
        (3, json!(B256::repeat_byte(0xff))),
    ] {
        let mut package = original.clone();
        package[at] = value;
        assert_eq!(code(read(&package)), "bad-signature", "{package}");
    }
    // The other signature that any verifier finds good which doesn't ask for the low s.
    let order: U256 = "0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141".parse().unwrap();
    let mut package = original.clone();
    let s: B256 = package[4].as_str().unwrap().parse().unwrap();
    package[4] = json!(B256::from(order - U256::from_be_bytes(s.0)));
    package[5] = json!(55 - package[5].as_u64().unwrap());
    assert_eq!(code(read(&package)), "bad-signature");
}

#[test]
fn texts_that_hold_no_package_are_refused() {
    let encoded = |bytes: &[u8]| BASE64_STANDARD.encode(bytes);
    assert_eq!(code(Attestation::read("é")), "not-base64");
    assert_eq!(code(Attestation::read("{}")), "not-base64");
    assert_eq!(code(Attestation::read("")), "not-deflated");
    assert_eq!(code(Attestation::read(&encoded(b"hello"))), "not-deflated");
    assert_eq!(code(Attestation::read(&encoded(&compress_to_vec_zlib(b"[1", 9)))), "not-json");
    assert_eq!(code(Attestation::read(&encoded(&compress_to_vec_zlib(b"\"\xff\"", 9)))), "not-json");
    let deep = "[".repeat(60_000);
    assert_eq!(code(Attestation::read(&encoded(&compress_to_vec_zlib(deep.as_bytes(), 9)))), "not-json");
    assert_eq!(Attestation::read(&"A".repeat(8193)), Err(Refusal::TooLong { found: 8193 }));
    assert_eq!(code(Attestation::read(&SDK_2[..200])), "not-deflated");
    // A checksum that is wrong.
    let mut zlib = compress_to_vec_zlib(b"[]", 9);
    *zlib.last_mut().unwrap() ^= 1;
    assert_eq!(code(Attestation::read(&encoded(&zlib))), "not-deflated");
}

#[test]
fn a_bomb_ends_at_the_bound() {
    // 4 MiB in 4 KiB.
    let zeros = vec![b' '; 4 << 20];
    for bomb in [compress_to_vec_zlib(&zeros, 9), compress_to_vec(&zeros, 9)] {
        let text = BASE64_STANDARD.encode(&bomb);
        assert!(text.len() <= 8 << 10, "{}", text.len());
        assert_eq!(code(Attestation::read(&text)), "too-large");
        // What the library built until then; a vector that grows may have room for as much again.
        let error = match bomb[0] & 15 {
            8 => miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(&bomb, 64 << 10),
            _ => miniz_oxide::inflate::decompress_to_vec_with_limit(&bomb, 64 << 10),
        };
        let output = error.unwrap_err().output;
        assert!(output.len() == 64 << 10 && output.capacity() <= 128 << 10);
    }
    let spaces = |n: usize| BASE64_STANDARD.encode(compress_to_vec_zlib(&vec![b' '; n], 9));
    assert_eq!(code(Attestation::read(&spaces(64 << 10))), "not-json");
    assert_eq!(code(Attestation::read(&spaces((64 << 10) + 1))), "too-large");
}

#[test]
fn definitions_are_compared() {
    let ticket = ticket();
    let with = |change: &dyn Fn(&mut AttestationDefinition)| {
        let mut definition = definition();
        change(&mut definition);
        ticket.matches(&definition)
    };
    assert_eq!(with(&|_| {}), Ok(()));
    for kind in ["", "EAS", "Eas"] {
        assert_eq!(with(&|d| d.kind = kind.into()), Ok(()));
    }
    assert_eq!(code(with(&|d| d.kind = "asn1".into())), "other-kind");
    for uid in [TICKET_UID.to_uppercase().replace("0X", "0x"), TICKET_UID[2..].into()] {
        assert_eq!(with(&|d| d.schema_uid = Some(uid.clone())), Ok(()));
    }
    for uid in [None, Some(String::new()), Some("0x7f".into()), Some(B256::ZERO.to_string())] {
        assert_eq!(code(with(&|d| d.schema_uid = uid.clone())), "other-schema");
    }
    let (uncompressed, compressed) = (public_key(false), public_key(true));
    let folded = format!("{}\n  {}", &uncompressed[..64], &uncompressed[64..]);
    for key in [compressed.clone(), format!("0x{compressed}"), format!("0X{}", uncompressed.to_uppercase()), folded] {
        assert_eq!(with(&|d| d.keys = vec!["nonsense".into(), key.clone()]), Ok(()), "{key}");
    }
    let off_curve = format!("04{}", "11".repeat(64));
    let private = "07".repeat(32);
    let bad = ["", "0x", "04", &off_curve, &private, &uncompressed[2..], &signer().to_string(), "00"];
    for key in bad.map(String::from).into_iter().chain([format!("05{}", &compressed[2..]), format!("{compressed}00")]) {
        assert_eq!(with(&|d| d.keys = vec![key.clone()]), Err(Refusal::OtherIssuer { signer: signer() }), "{key}");
    }
    assert_eq!(code(with(&|d| d.keys.clear())), "other-issuer");
    // What names no schema is of the zero schema, as in a definition that names none.
    let zero = read(&compact(&Content { schema: B256::ZERO, ..content(Form::Legacy) })).unwrap();
    assert_eq!(zero.matches(&AttestationDefinition { schema_uid: None, ..definition() }), Ok(()));
}

#[test]
fn an_attestation_has_its_time() {
    let ticket = ticket();
    assert_eq!(ticket.valid_at(NOW - 11), Err(Refusal::NotYetValid { time: NOW - 10, now: NOW - 11 }));
    assert_eq!(ticket.valid_at(NOW - 10), Ok(()));
    assert_eq!(ticket.valid_at(NOW + 10), Ok(()));
    assert_eq!(ticket.valid_at(NOW + 11), Err(Refusal::Expired { expiration_time: NOW + 10, now: NOW + 11 }));
    assert_eq!((code(ticket.valid_at(0)), code(ticket.valid_at(u64::MAX))), ("not-yet-valid", "expired"));
}

#[test]
fn collections_and_ids_are_told_by_fields() {
    let attestation = ticket();
    let data = attestation.data(&schema(TICKET)).unwrap();
    let collection = |fields: &[(&str, &str)]| {
        let collection_fields = fields.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
        attestation.is_in_collection(&AttestationDefinition { collection_fields, ..definition() }, &data)
    };
    assert_eq!(collection(&[]), Ok(()));
    assert_eq!(collection(&[("eventId", "devcon6"), ("data.ticketClass", "2"), ("commitment", "0x04AB")]), Ok(()));
    assert_eq!(collection(&[("schema", "")]), Ok(()), "a field without a text tells nothing");
    assert_eq!(code(collection(&[("eventId", "Devcon6")])), "other-collection");
    assert_eq!(code(collection(&[("eventId", "devcon6"), ("ticketClass", "3")])), "other-collection");
    assert_eq!(code(collection(&[("day", "1")])), "missing-field");
    let id = |fields: &[&str]| {
        let id_fields = fields.iter().map(|name| name.to_string()).collect();
        attestation.token_id(&AttestationDefinition { id_fields, ..definition() }, &data)
    };
    assert_eq!(id(&[]), Ok(attestation.uid().0));
    assert_eq!(id(&["ticketId"]), Ok(keccak256("42").0));
    assert_eq!(id(&["eventId", "data.ticketId", "ticketClass", "commitment"]), Ok(keccak256("devcon6-42-2-0x04ab").0));
    assert_eq!(code(id(&["ticketId", "seat"])), "missing-field");
    assert_eq!(code(id(&["data"])), "missing-field");
    // The same ticket, issued again.
    let again = Content { time: NOW, ..content(Form::Version2 { salt: B256::ZERO }) };
    let again = read(&compact(&again)).unwrap();
    let by_ticket = AttestationDefinition { id_fields: vec!["ticketId".into()], ..definition() };
    assert_ne!(again.uid(), attestation.uid());
    assert_eq!(again.token_id(&by_ticket, &again.data(&schema(TICKET)).unwrap()), id(&["ticketId"]));
}

#[test]
fn nested_data_is_decoded_and_zero_is_a_text() {
    let schema = schema("bool paid,address who,uint8 zero,string none,(uint256 a, string b)[] items");
    let item = |a: u64, b: &str| {
        DynSolValue::Tuple(vec![DynSolValue::Uint(U256::from(a), 256), DynSolValue::String(b.into())])
    };
    let values = vec![
        DynSolValue::Bool(false),
        DynSolValue::Address(signer()),
        DynSolValue::Uint(U256::ZERO, 8),
        DynSolValue::String(String::new()),
        DynSolValue::Array(vec![item(1, "x"), item(2, "y")]),
    ];
    let bytes: Bytes = DynSolValue::Tuple(values).abi_encode_params().into();
    let content = Content { schema: schema.uid(), data: bytes.clone(), ..content(Form::Legacy) };
    let attestation = read(&compact(&content)).unwrap();
    let data = attestation.data(&schema).unwrap();
    assert_eq!(data.record().at("items[1].b"), Some(&Value::Text("y".into())));
    let by = |fields: &[&str]| {
        let id_fields = fields.iter().map(|name| name.to_string()).collect();
        attestation.token_id(&AttestationDefinition { id_fields, ..definition() }, &data)
    };
    assert_eq!(by(&["paid", "zero", "none", "items[0].a"]), Ok(keccak256("false-0--1").0));
    assert_eq!(by(&["who"]), Ok(keccak256(signer().to_checksum(None)).0));
    assert_eq!(
        (code(by(&["items"])), code(by(&["items[0]"])), code(by(&["items[9].a"]))),
        ("no-text", "no-text", "missing-field")
    );
    let in_collection = |text: &str| {
        let collection_fields = vec![("items".into(), text.into())];
        attestation.is_in_collection(&AttestationDefinition { collection_fields, ..definition() }, &data)
    };
    assert_eq!((in_collection(""), code(in_collection("x"))), (Ok(()), "no-text"));
    // Data that ends early, and data that is not of its types.
    for data in [bytes.slice(..bytes.len() - 64), Bytes::from(vec![0xff; 320])] {
        assert_eq!(code(schema.decode(&data)), "bad-data");
    }
    assert_eq!(code(Schema { text: "nonsense".into(), ..schema }.decode(&bytes)), "bad-schema");
}

#[test]
fn data_that_points_at_itself_is_bounded() {
    // Every element of every level points at the same next level.
    let mut data = Vec::new();
    let mut push = |n: u64| data.extend(U256::from(n).to_be_bytes::<32>());
    push(32);
    for _ in 0..5 {
        push(64);
        (0..64).for_each(|_| push(64 * 32));
    }
    assert_eq!(code(schema("uint256[][][][][] a").decode(&data)), "bad-data");
}

#[test]
fn the_chain_is_asked_and_its_answers_are_checked() {
    assert_eq!(hex::encode(registry_call()), "f10b5cc8");
    let uid = B256::repeat_byte(7);
    assert_eq!(hex::encode(schema_call(uid)), format!("a2ea7c6e{}", "07".repeat(32)));
    let expected = format!("b469318d{}{}{}", "00".repeat(12), hex::encode(signer()), "07".repeat(32));
    assert_eq!(hex::encode(revocation_call(signer(), uid)), expected);

    assert_eq!(registry(&signer().abi_encode()), Ok(signer()));
    for bad in [&[][..], &[0; 31], &[0; 32], &[0xff; 32]] {
        assert_eq!(code(registry(bad)), "bad-answer");
    }
    let number = |n: u64| U256::from(n).to_be_bytes::<32>();
    assert_eq!((is_revoked(&number(0)), is_revoked(&number(NOW))), (Ok(false), Ok(true)));
    assert_eq!((not_revoked(&number(0)), not_revoked(&number(1))), (Ok(()), Err(Refusal::Revoked)));
    assert_eq!(code(not_revoked(&number(1))), "revoked");
    for bad in [&[][..], &[0; 31], &[0xff; 32], &vec![0; (64 << 10) + 32]] {
        assert_eq!((code(is_revoked(bad)), code(not_revoked(bad))), ("bad-answer", "bad-answer"));
    }

    let record =
        |uid: B256, text: &str, revocable: bool| (uid, Address::ZERO, revocable, text.to_string()).abi_encode();
    let ticket: B256 = TICKET_UID.parse().unwrap();
    assert_eq!(Schema::read(ticket, &record(ticket, TICKET, true)), Ok(schema(TICKET)));
    assert_eq!(code(Schema::read(ticket, &record(ticket, TICKET, false))), "forged-schema");
    assert_eq!(code(Schema::read(ticket, &record(ticket, "string ticketId,string eventId", true))), "forged-schema");
    assert_eq!(code(Schema::read(uid, &record(ticket, TICKET, true))), "forged-schema");
    assert_eq!(code(Schema::read(ticket, &record(B256::ZERO, "", false))), "unknown-schema");
    for bad in [&[][..], &[0xff; 256], &record(ticket, TICKET, true)[..200]] {
        assert_eq!(code(Schema::read(ticket, bad)), "bad-answer");
    }
}

/// Tickets name no schema.
#[test]
fn tickets_have_the_fields_that_tickets_always_had() {
    let content = Content { schema: B256::ZERO, ..content(Form::Version1) };
    let attestation = read(&compact(&content)).unwrap();
    let data = attestation.data(&Schema::of_tickets()).unwrap();
    assert_eq!(data.record().at("ticketId").unwrap().text(), Some("42".into()));
    assert_eq!(code(attestation.data(&schema("string eventId"))), "forged-schema");
    assert_eq!(code(ticket().data(&Schema::of_tickets())), "forged-schema");
}

/// What a script makes of the value, and of the message where a contract takes it as a struct.
#[test]
fn scripts_see_the_attestation() {
    let attestation = read(&compact(&content(Form::Version2 { salt: B256::repeat_byte(9) }))).unwrap();
    let data = attestation.data(&schema(TICKET)).unwrap();
    let attested = attestation.attested(&data);
    let value = &attested.parts;
    let text = |path: &str| value.at(path).unwrap().text().unwrap();
    assert_eq!(text("data.ticketId"), "42");
    assert_eq!(text("schema"), TICKET_UID);
    assert_eq!(text("recipient"), Address::repeat_byte(0x22).to_checksum(None));
    assert_eq!((text("time"), text("expirationTime")), ((NOW - 10).to_string(), (NOW + 10).to_string()));
    assert_eq!((text("version"), text("revocable")), ("2".into(), "TRUE".into()));
    assert_eq!((text("refUID"), text("salt")), (B256::repeat_byte(3).to_string(), B256::repeat_byte(9).to_string()));
    assert_eq!(ticket().attested(&data).parts.at("salt"), None);

    let script = parse(
        br#"<ts:token xmlns:ts="http://tokenscript.org/2024/01/tokenscript" xmlns:ethereum="urn:ethereum:constantinople" name="T">
<ts:contract name="C"><ts:address network="1">0x63cCEF733a093E5Bd773b41C96D3eCE361464942</ts:address>
  <ts:abi>[{"type":"function","name":"mint","stateMutability":"nonpayable","outputs":[],"inputs":[{"name":"attestation","type":"tuple",
    "components":[{"name":"version","type":"uint16"},{"name":"schema","type":"bytes32"},{"name":"recipient","type":"address"},
    {"name":"time","type":"uint64"},{"name":"expirationTime","type":"uint64"},{"name":"revocable","type":"bool"},
    {"name":"refUID","type":"bytes32"},{"name":"data","type":"bytes"},{"name":"salt","type":"bytes32"}]},
    {"name":"signature","type":"bytes"}]}]</ts:abi></ts:contract>
<ts:origins><ts:ethereum contract="C"/></ts:origins>
<ts:attribute name="event"><ts:origins><ts:data ref="attestation.data.eventId"/></ts:origins></ts:attribute>
<ts:cards><ts:card type="action" name="Mint"><ts:transaction><ethereum:transaction contract="C" function="mint"><ts:data>
  <ts:struct ref="attestation"/><ts:bytes ref="attestationSig"/></ts:data></ethereum:transaction></ts:transaction></ts:card></ts:cards></ts:token>"#,
        &Limits::default(),
    )
    .unwrap();
    let context = Context { attestation: Some(attested), chain_id: Some(1), ..Context::default() };
    let Step::Done(values) = script.evaluate(["event"], &context).step() else { panic!("it asks for nothing") };
    assert_eq!(values["event"], Ok(Value::Text("devcon6".into())));
    // The contract takes the bytes that were signed, and not what they mean, and the signature.
    let made = script.transaction("Mint", &context, &Values::new()).unwrap().unwrap();
    let content = &attestation.content;
    let arguments = (
        2u16,
        content.schema,
        content.recipient,
        content.time,
        content.expiration_time,
        content.revocable,
        content.ref_uid,
        content.data.clone(),
        B256::repeat_byte(9),
    );
    let signature = Bytes::from(attestation.signature().to_vec());
    assert_eq!(hex::encode(&made.data[4..]), hex::encode((arguments, signature).abi_encode_params()));
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        "(0x)?[0-9a-f]{0,70}".prop_map(Json::from),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            proptest::collection::btree_map("[a-z]{1,4}", inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_makes_reading_panic(text in ".{0,200}", bytes in proptest::collection::vec(any::<u8>(), 0..300), json in any_json()) {
        let _ = Attestation::read(&text);
        let _ = Attestation::read(&BASE64_STANDARD.encode(&bytes));
        let _ = Attestation::read(&BASE64_STANDARD.encode(compress_to_vec_zlib(&bytes, 1)));
        let _ = read(&json);
    }

    /// What of a good package is replaced by anything, it is refused or another's.
    #[test]
    fn nothing_is_forged(at in 0usize..18, json in any_json(), version in 0usize..4) {
        let content = content(forms()[version]);
        let mut package = compact(&content);
        package[at] = json;
        if let Ok(attestation) = read(&package) {
            prop_assert!(attestation.signer() != signer() || attestation.content == content);
        }
        let mut package = full(&content);
        let names: Vec<String> = package["sig"]["message"].as_object().unwrap().keys().cloned().collect();
        package["sig"]["message"][&names[at % names.len()]] = Json::Null;
        let _ = read(&package);
    }

    #[test]
    fn no_answer_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), small in any::<bool>()) {
        let bytes: Vec<u8> = if small { bytes.iter().map(|b| b % 3 * 32).collect() } else { bytes };
        let _ = (registry(&bytes), is_revoked(&bytes), Schema::read(B256::ZERO, &bytes));
        let _ = (schema(TICKET).decode(&bytes), schema("(uint8 a,string[] b)[] c,bytes[][2] d").decode(&bytes));
    }

    #[test]
    fn what_was_signed_is_read(time in any::<u64>(), end in any::<u64>(), chain in any::<u64>(), data in proptest::collection::vec(any::<u8>(), 0..500), form in 0usize..4) {
        let content = Content { time, expiration_time: end, chain_id: chain, data: data.into(), ..content(forms()[form]) };
        prop_assert_eq!(&read(&full(&content)).unwrap().content, &content);
    }

    #[test]
    fn no_key_makes_it_panic(key in ".{0,140}", hex in "(0x)?0[0-9][0-9a-f]{64}", path in ".{0,20}") {
        let definition = AttestationDefinition { keys: vec![key, hex], id_fields: vec![path.clone()], collection_fields: vec![(path, "x".into())], ..definition() };
        let attestation = ticket();
        prop_assert!(attestation.matches(&definition).is_err());
        let data = attestation.data(&schema(TICKET)).unwrap();
        let _ = (attestation.token_id(&definition, &data), attestation.is_in_collection(&definition, &data));
    }
}
