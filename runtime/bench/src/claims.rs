//! What settling promises weighs, alone and in batches, however many calls they stand for.

use frame_support::{dispatch::DispatchClass, weights::Weight};
use pallet_promise_settlement::{Call, Config, WeightInfo, MAX_BATCH};
use smartlayer_primitives::{
    promise::{session_id, Claim, Promise},
    session::Beneficiary,
    SessionId, SLT,
};
use smartlayer_runtime::{
    configs::system::RuntimeBlockWeights, PromiseSettlement, Runtime, RuntimeCall, RuntimeOrigin,
};
use smartlayer_runtime_fuzz::{
    cast::cast,
    world::{genesis, genesis_hash, set_up, Memory},
};
use sp_runtime::traits::TransactionExtension;

use crate::{
    figures::{Figures, Goal},
    median, micros_of,
};

type Weights = <Runtime as Config>::WeightInfo;

/// How many calls a session makes.
const FEW: u64 = 1_000;
const MANY: u64 = 1_000_000;

/// Settled promises per block, what one in a batch weighs, and that the number of calls makes no difference.
pub fn measure(figures: &mut Figures) {
    genesis().execute_with(|| {
        set_up();
        weights(figures);
        times(figures);
    });
}

fn weights(figures: &mut Figures) {
    let limits: frame_system::limits::BlockWeights = RuntimeBlockWeights::get();
    let class = limits.get(DispatchClass::Operational);
    // With the weight that each transaction has besides its call.
    let besides = class.base_extrinsic.saturating_add(extension_weight());
    let room = class.max_total.unwrap_or(limits.max_block).saturating_sub(limits.base_block).ref_time() as f64;
    let single = Weights::claim();
    // One node brings promises of so many sessions, and is paid once. The issuers of their tokens are paid as well; here one.
    let batch = Weights::claim_batch(MAX_BATCH).saturating_add(Weights::payouts(2));
    let worst = Weights::claim_batch(MAX_BATCH).saturating_add(Weights::payouts(2 * MAX_BATCH));
    let each = |of: Weight| of.ref_time() as f64 / f64::from(MAX_BATCH);
    let whole = |of: Weight| of.saturating_add(besides).ref_time() as f64;

    figures.heading("Settled promises, by the weights of the calls");
    figures.plain("promises settled per block, each claimed alone", (room / whole(single)).floor(), "promises");
    let batches = (room / whole(batch)).floor() * f64::from(MAX_BATCH);
    figures.plain("promises settled per block, in batches of 32", batches, "promises");
    figures.plain("weight of a claim alone, with its transaction", whole(single) / 1e6, "us");
    figures.plain("weight of a claim in a batch, with its part of the transaction", whole(batch) / 32e6, "us");
    figures.with_goal(
        "a claim in a batch to a claim alone",
        whole(batch) / f64::from(MAX_BATCH) / whole(single),
        "ratio",
        Goal::AtMost(0.4),
    );
    figures.plain("the same by the weight of the calls only", each(batch) / single.ref_time() as f64, "ratio");
    figures.plain("and where each claim pays two accounts of its own", each(worst) / single.ref_time() as f64, "ratio");

    figures.heading("Calls settled per second of block weight: a claim costs the same however many calls it settles");
    let claims = 1e12 / whole(single);
    figures.plain("calls settled, 1,000 a session", claims * FEW as f64, "per s");
    figures.plain("calls settled, 1,000,000 a session", claims * MANY as f64, "per s");
}

/// What the transaction's extension weighs of a claim.
fn extension_weight() -> Weight {
    let call: RuntimeCall = Call::<Runtime>::claim { claim: Box::new(claim(SessionId::default(), 1)) }.into();
    let extension: smartlayer_runtime::TxExtension =
        <Runtime as frame_system::offchain::CreateAuthorizedTransaction<Call<Runtime>>>::create_extension();
    extension.weight(&call)
}

fn claim(session: SessionId, cumulative: u128) -> Claim {
    let promise = Promise { session, cumulative, call_hash: Default::default(), ticks: None };
    Memory::default().promise(promise, &cast().signers[0]).into()
}

/// Claims of sessions that made few and many calls, at a price of a millionth SLT.
fn times(figures: &mut Figures) {
    let (payer, node) = (cast().payers[0].clone(), cast().nodes[0].clone());
    let beneficiary = Beneficiary::Node(node.clone());
    let session = session_id(&genesis_hash(), &payer, &node, 0);
    let signer = cast().signers[0].clone();
    let origin = RuntimeOrigin::signed(payer);
    PromiseSettlement::open(origin.clone(), beneficiary, signer, None, 2 * SLT, 0, 1_000).expect("it can open; qed");
    let time = |claim: &Claim| {
        let claim = Box::new(claim.clone());
        micros_of(|| PromiseSettlement::claim(origin.clone(), claim).expect("it is good; qed"))
    };
    let price = SLT / u128::from(MANY);
    let (few, many) = (claim(session, price * u128::from(FEW)), claim(session, price * u128::from(MANY)));
    let (mut of_few, mut of_many, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..501 {
        let (a, b) = (time(&few), time(&many));
        of_few.push(a);
        of_many.push(b);
        ratios.push(b / a);
    }
    figures.plain("measured time of a claim, 1,000 calls", median(of_few), "us");
    figures.plain("measured time of a claim, 1,000,000 calls", median(of_many), "us");
    figures.with_goal("1,000,000 calls to 1,000", median(ratios), "ratio", Goal::AtMost(1.1));
}
