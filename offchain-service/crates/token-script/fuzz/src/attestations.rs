//! Attestations as callers show them, their schemas, and what their contracts return.

use base64::{prelude::BASE64_STANDARD, Engine};
use miniz_oxide::deflate::compress_to_vec_zlib;
use smartlayer_eas_attestation::{is_revoked, registry, Attestation, Schema};

use crate::{change::change, ensure, Choice, Outcome};

/// Packages of versions 2, 1 and 0: the first two from the tests of the EAS SDK, the last a published ticket.
const PACKAGES: &[&str] = &[
    r#"["1.3.0","31337","0x6f2E42BB4176e9A7352a8bF8886255Be9F3D2d13","0x086528faabfc6eafc046c711577b603f0123e79383469abaedd9ff7ce38028fd","0x22c1f437874575bf74936a7d1a114c789f2a53e7d986c2c46fa60b6ed43d7351",28,"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266","0x854d8e26b2bbdc3577fc78c6d2f512258fcc9b91a60858985a216c0ef526ee82","0x33e9094830a5cba5554d1954310e4fbed2ef5f859ec1404619adea4207f391fd","0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",1690299812,1692891810,"0",true,"0x",0,2,"0x0000000000000000000000000000000000000000000000000000000000000123"]"#,
    r#"["1.0.0","31337","0x6f2E42BB4176e9A7352a8bF8886255Be9F3D2d13","0x657d547ea6cd0833572aad8005d00e38f7ed179ab98f76af03209abc1b547445","0x39057cca4f279d3665882bb41087f281f4c82f8bc7289bd8692d1489516bbcfa",27,null,null,"0x33e9094830a5cba5554d1954310e4fbed2ef5f859ec1404619adea4207f391fd","0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",1690299812,1692891810,"0",true,"0x",0,1,null]"#,
    r#"["0.26",11155111,"0xC2679fBD37d54388Ce493F1DB75320D236e1815e","0x106cfedff79828eaa69792012fa2508787859de22f0ecf8fba19bcf2b572ad38","0x1343582ca0d38c048dc6f50cc55693c7b32127c9b0183dbb169c3806f7118f7d",28,null,null,"0x0000000000000000000000000000000000000000000000000000000000000000","0",1687437724,0,"0",true,"0x000000000000000000000000000000000000000000000000000000000000008000000000000000000000000000000000000000000000000000000000000000c0000000000000000000000000000000000000000000000000000000000000000100000000000000000000000000000000000000000000000000000000000001000000000000000000000000000000000000000000000000000000000000000003323232000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000033333330000000000000000000000000000000000000000000000000000000000",0]"#,
];
const WORDS: &[&str] = &[
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "\"",
    "null",
    "true",
    "0",
    "1",
    "2",
    "-1",
    "1e9",
    "18446744073709551616",
    "0x",
    "0x00",
    "\"sig\"",
    "\"message\"",
    "\"types\"",
    "\"signature\"",
    "\"salt\"",
    "27",
    "string a,",
    "uint8[] b",
    "(bytes c)[2]",
    "ffffffff",
    "é",
];

pub(crate) fn input(choice: &mut Choice) -> Vec<u8> {
    let mut input = choice.pick(PACKAGES).as_bytes().to_vec();
    // What is another digit is as likely another's attestation as none.
    match choice.once_in(2) {
        true => (0..=choice.below(3)).for_each(|_| digit(&mut input, choice)),
        false => change(&mut input, WORDS, choice),
    }
    input
}

fn digit(input: &mut [u8], choice: &mut Choice) {
    let at = choice.below(input.len());
    if let Some(digit) = input.iter_mut().skip(at).find(|byte| byte.is_ascii_digit()) {
        *digit = *choice.pick(b"0123456789");
    }
}

pub(crate) fn run(input: &[u8]) -> Result<Outcome, String> {
    // As it is, as a schema's text, and as what contracts return.
    let text = String::from_utf8_lossy(input);
    let _ = (Attestation::read(&text), registry(input), is_revoked(input), Schema::read(Default::default(), input));
    let schema = Schema { text: text.into_owned(), ..Schema::of_tickets() };
    let packed = BASE64_STANDARD.encode(compress_to_vec_zlib(input, 1));
    let attestation = match Attestation::read(&packed) {
        Ok(attestation) => attestation,
        Err(refusal) => {
            let explained = !refusal.code().is_empty() && !refusal.remedy().is_empty();
            ensure(explained && refusal.to_string().len() < 1000, || format!("a refusal: {refusal}"))?;
            return Ok(Outcome::Refused);
        }
    };
    ensure(Attestation::read(&packed).as_ref() == Ok(&attestation), || "read twice, it is two".into())?;
    ensure(attestation.data(&schema).is_err(), || "a schema that it does not name".into())?;
    if let Ok(data) = attestation.data(&Schema::of_tickets()) {
        let attested = attestation.attested(&data);
        ensure(attested.parts.at("data.eventId").is_some(), || "a ticket without an event".into())?;
        ensure(attested.signature.len() == 65, || "a signature of another length".into())?;
    }
    Ok(Outcome::Taken)
}
