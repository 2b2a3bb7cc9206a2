//! Token types: registered, changed, paid for.

use frame_support::traits::Get;
use pallet_smart_tokens::{Call, NextTokenType, Tokens};
use smartlayer_primitives::{
    sla::Objectives,
    token::{Redundancy, TokenSpec},
    Period,
};
use smartlayer_runtime::{parameters::bounded, Runtime};
use sp_runtime::Permill;

use super::{signed, Action, Must};
use crate::{
    cast::cast,
    choice::Choice,
    world::{bytes, Memory},
};

pub fn register(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let most = bounded::smart_tokens::MaxRevenueShare::get();
    let mut spec = TokenSpec {
        script_hash: choice.hash(),
        script_uris: vec![bytes("https://script")].try_into().ok()?,
        requirement: Objectives::default(),
        redundancy: Redundancy { serving: 2, shards: 6, threshold: 1 + choice.below(6) as u8 },
        key_operations: vec![bytes("redeem"), bytes("transfer")].try_into().ok()?,
        revenue_share: Permill::from_parts(choice.between(0, most.deconstruct().into()) as u32),
    };
    let mut periods = 1 + choice.below(20) as Period;
    let mut wrong = true;
    match choice.twist(6) {
        1 => periods = 0,
        2 => spec.script_uris = Default::default(),
        3 => spec.redundancy.threshold = 0,
        4 => spec.key_operations = vec![bytes("a"), bytes("a")].try_into().ok()?,
        5 => match Permill::from_parts(most.deconstruct() + 1) {
            above if above > most => spec.revenue_share = above,
            _ => wrong = false,
        },
        6 => periods = Period::MAX,
        _ => wrong = false,
    }
    signed(&choice.pick(&cast().issuers)?, Call::register { spec, periods }, Must::fail_if(wrong))
}

pub fn update_script(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let (token_type, issuer) = token(choice)?;
    let longer = "https://a-longer-name".repeat(1 + choice.below(9) as usize);
    let (who, uris, wrong) = match choice.twist(2) {
        1 => (choice.pick(&cast().payers)?, vec![bytes(&longer)], true),
        2 => (issuer, vec![], true),
        _ => (issuer, vec![bytes(&longer)], false),
    };
    let call = Call::update_script { token_type, script_hash: choice.hash(), script_uris: uris.try_into().ok()? };
    signed(&who, call, Must::fail_if(wrong))
}

pub fn fund_rent(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let who = choice.pick(&cast().everybody())?;
    let (token_type, _) = token(choice)?;
    let next = NextTokenType::<Runtime>::get();
    let (token_type, periods, wrong) = match choice.twist(2) {
        1 => (token_type, 0, true),
        2 => (next, 1, true),
        _ => (token_type, 1 + choice.below(9) as Period, false),
    };
    signed(&who, Call::fund_rent { token_type, periods }, Must::fail_if(wrong))
}

pub fn set_revenue_share(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let (token_type, issuer) = token(choice)?;
    let most = bounded::smart_tokens::MaxRevenueShare::get();
    let good = Permill::from_parts(choice.between(0, most.deconstruct().into()) as u32);
    let (who, share, wrong) = match choice.twist(2) {
        1 => (choice.pick(&cast().payers)?, good, true),
        2 => (issuer, Permill::one(), most < Permill::one()),
        _ => (issuer, good, false),
    };
    signed(&who, Call::set_revenue_share { token_type, share }, Must::fail_if(wrong))
}

fn token(choice: &mut Choice) -> Option<(u32, smartlayer_primitives::AccountId)> {
    let tokens: Vec<_> = Tokens::<Runtime>::iter().map(|(number, token)| (number, token.issuer)).collect();
    choice.pick(&tokens)
}
