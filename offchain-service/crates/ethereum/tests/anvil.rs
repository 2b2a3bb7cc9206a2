//! Reading a real EVM: round trips, the cache, blocks, reverts, storage and logs. Needs anvil at the path in `ANVIL`.

mod common;

use std::{collections::HashSet, time::Duration};

use alloy_primitives::{keccak256, Address, B256, U256};
use common::*;
use serde_json::{json, Value};
use smartlayer_ethereum::{Answer, ChainConfig, EstimateError, LogQuery, Read, Reason, Transaction};

/// How the example's contract numbers what it stores: `holders` is its first mapping.
const HOLDERS: u64 = 0;

fn word(number: u64) -> B256 {
    U256::from(number).into()
}

fn seat(contract: Address, ticket: u64) -> Read {
    Read::call(contract, calldata("seat(uint256)", &[word(ticket)]))
}

/// The `eth_call`s in these bodies, as (calldata, block).
fn calls(bodies: &[Value]) -> Vec<(String, String)> {
    let all = bodies.iter().flat_map(requests).filter(|r| r["method"] == "eth_call");
    all.map(|r| (r["params"][0]["data"].to_string(), r["params"][1].to_string())).collect()
}

fn with_calls(bodies: &[Value]) -> usize {
    bodies.iter().filter(|body| requests(body).iter().any(|r| r["method"] == "eth_call")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_reads_take_one_round_trip_and_a_hundred_askers_one_call_each() {
    let anvil = Anvil::start().await;
    let contract = anvil.deploy(Address::repeat_byte(1), 100).await;
    let (url, seen) = anvil.behind_proxy().await;
    let client = Client::new([ChainConfig::new(1, vec![url])]);
    let reads: Vec<_> = (1..=20).map(|ticket| seat(contract, ticket)).collect();

    let view = client.view().await.unwrap();
    let answers = view.read(&reads).await;
    assert!(answers.iter().all(|a| matches!(a, Ok(Answer::Returned(data)) if data.len() == 96)), "{answers:?}");
    let bodies = seen.lock().unwrap().clone();
    assert_eq!((with_calls(&bodies), calls(&bodies).len()), (1, 20));
    assert_eq!(view.read(&reads).await, answers);
    assert_eq!(with_calls(&seen.lock().unwrap()), 1, "from memory");

    // All at once, of other tickets.
    seen.lock().unwrap().clear();
    let reads: Vec<_> = (21..=40).map(|ticket| seat(contract, ticket)).collect();
    let ask = |_| {
        let (view, reads) = (view.clone(), reads.clone());
        tokio::spawn(async move { view.read(&reads).await })
    };
    let asked: Vec<_> = (0..100).map(ask).collect();
    for answers in asked {
        assert!(answers.await.unwrap().iter().all(|a| matches!(a, Ok(Answer::Returned(_)))));
    }
    let bodies = seen.lock().unwrap().clone();
    assert_eq!((with_calls(&bodies), calls(&bodies).len()), (1, 20));
    let distinct: HashSet<_> = calls(&bodies).into_iter().collect();
    assert_eq!(distinct.len(), 20);
    assert_eq!(client.counted(&["ethereum_reads_total", "asked"]), 40);
    assert_eq!(
        client.counted(&["ethereum_reads_total", "cached"]) + client.counted(&["reads_total", "joined"]),
        20 + 1980
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_block_and_a_reorganisation_are_read_anew() {
    let anvil = Anvil::start().await;
    let holder: Address = anvil.rpc("eth_accounts", json!([])).await[0].as_str().unwrap().parse().unwrap();
    let contract = anvil.deploy(holder, 10).await;
    let config =
        ChainConfig { poll_interval: Duration::from_millis(50), ..ChainConfig::new(1, vec![anvil.url.clone()]) };
    let client = Client::new([config]);
    let owner = Read::call(contract, calldata("ownerOf(uint256)", &[word(1)]));
    let owner_in = |to: Address| Ok(Answer::Returned(to.into_word().to_vec().into()));

    let before = client.view().await.unwrap();
    assert_eq!(before.read(std::slice::from_ref(&owner)).await, [owner_in(holder)]);
    let snapshot = anvil.rpc("evm_snapshot", json!([])).await;

    let hand_over = |to: Address| {
        let data = calldata("transferFrom(address,address,uint256)", &[holder.into_word(), to.into_word(), word(1)]);
        anvil.send(json!({ "from": holder.to_string(), "to": contract.to_string(), "data": data.to_string() }))
    };
    let (other, third) = (Address::repeat_byte(2), Address::repeat_byte(3));
    hand_over(other).await;
    let newer = async |hash| client.view().await.unwrap().block().hash != hash;
    until("the block is seen", async || newer(before.block().hash).await).await;
    let after = client.view().await.unwrap();
    assert_eq!(after.block().number, before.block().number + 1);
    assert_eq!(after.read(std::slice::from_ref(&owner)).await, [owner_in(other)]);
    assert_eq!(before.read(std::slice::from_ref(&owner)).await, [owner_in(holder)], "an evaluation keeps its block");
    let uncached = Read::call(contract, calldata("balanceOf(address)", &[other.into_word()]));
    assert_eq!(before.read(std::slice::from_ref(&uncached)).await, [Ok(Answer::Returned(word(0).to_vec().into()))]);
    assert_eq!(after.read(&[uncached]).await, [Ok(Answer::Returned(word(1).to_vec().into()))]);

    // The same number, another block.
    anvil.rpc("evm_revert", json!([snapshot])).await;
    hand_over(third).await;
    until("the other block is seen", async || newer(after.block().hash).await && newer(before.block().hash).await)
        .await;
    let again = client.view().await.unwrap();
    assert_eq!(again.block().number, after.block().number);
    assert_eq!(again.read(std::slice::from_ref(&owner)).await, [owner_in(third)]);
    let replaced = after.read(&[seat(contract, 9)]).await;
    assert!(matches!(&replaced[0], Err(e) if e.to_string().contains("does not know block")), "{replaced:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revert_is_an_answer_and_is_kept() {
    let anvil = Anvil::start().await;
    let contract = anvil.deploy(Address::repeat_byte(1), 10).await;
    let (url, seen) = anvil.behind_proxy().await;
    let client = Client::new([ChainConfig::new(1, vec![url])]);
    let view = client.view().await.unwrap();
    let reads = [seat(contract, 1), seat(contract, 11), seat(Address::repeat_byte(9), 1)];
    for _ in 0..2 {
        let answers = view.read(&reads).await;
        assert!(matches!(&answers[0], Ok(Answer::Returned(_))));
        assert!(matches!(&answers[1], Ok(Answer::Reverted(revert)) if revert.words.contains("revert")), "{answers:?}");
        assert_eq!(answers[2], Ok(Answer::Returned(Default::default())), "no contract there");
    }
    assert_eq!(with_calls(&seen.lock().unwrap()), 1);
    assert_eq!(client.counted(&["endpoint_failures_total{"]), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_storage_and_logs_with_calls_in_one_round_trip() {
    let anvil = Anvil::start().await;
    let holder: Address = anvil.rpc("eth_accounts", json!([])).await[0].as_str().unwrap().parse().unwrap();
    let contract = anvil.deploy(holder, 3).await;
    let to = Address::repeat_byte(2);
    for ticket in [1, 2] {
        anvil.rpc("anvil_mine", json!(["0x14"])).await;
        let data =
            calldata("transferFrom(address,address,uint256)", &[holder.into_word(), to.into_word(), word(ticket)]);
        anvil.send(json!({ "from": holder.to_string(), "to": contract.to_string(), "data": data.to_string() })).await;
    }
    let (url, seen) = anvil.behind_proxy().await;
    let client = Client::new([ChainConfig::new(1, vec![url.clone()])]);
    let transfers = |topics: &[Option<B256>], newest| {
        let event = vec![keccak256("Transfer(address,address,uint256)")];
        let topics = topics.iter().map(|topic| Vec::from_iter(*topic));
        LogQuery { address: contract, topics: std::iter::once(event).chain(topics).collect(), from_block: 0, newest }
    };
    let slot = keccak256([word(1).as_slice(), word(HOLDERS).as_slice()].concat());
    let reads = [
        Read::Storage { address: contract, slot },
        Read::Logs(transfers(&[None, Some(to.into_word())], 10)),
        Read::Logs(transfers(&[None, None, Some(word(3))], 10)),
        Read::Logs(transfers(&[], 2)),
        Read::Logs(transfers(&[Some(to.into_word())], 2)),
        seat(contract, 1),
    ];
    let view = client.view().await.unwrap();
    let logs = |answer: &Result<Answer, _>| match answer {
        Ok(Answer::Logs(logs)) => {
            (logs.found.iter().map(|log| (log.block_number, log.topics[3])).collect::<Vec<_>>(), logs.searched_from)
        }
        other => panic!("{other:?}"),
    };
    let answers = view.read(&reads).await;
    assert_eq!(answers[0], Ok(Answer::Word(to.into_word())));
    assert_eq!(logs(&answers[1]), (vec![(43, word(2)), (22, word(1))], 0));
    assert_eq!(logs(&answers[2]), (vec![(1, word(3))], 0));
    assert_eq!(logs(&answers[3]), (vec![(43, word(2)), (22, word(1))], 0));
    assert_eq!(logs(&answers[4]), (vec![], 0));
    assert!(matches!(answers[5], Ok(Answer::Returned(_))));
    assert_eq!(with_calls(&seen.lock().unwrap()), 1);
    let asking_logs = |body: &&Value| requests(body).iter().any(|r| r["method"] == "eth_getLogs");
    assert_eq!(seen.lock().unwrap().iter().filter(asking_logs).count(), 1);

    // In ranges, of which not all are needed, and not further back than bounded.
    let config = |log_requests| ChainConfig { log_range: 10, log_requests, ..ChainConfig::new(1, vec![url.clone()]) };
    for (log_requests, found, searched_from) in [(64, vec![(1, word(3))], 0), (3, vec![], 14)] {
        seen.lock().unwrap().clear();
        let view = Client::new([config(log_requests)]).view().await.unwrap();
        let answers = view.read(&[reads[2].clone(), reads[3].clone()]).await;
        assert_eq!(logs(&answers[0]), (found, searched_from));
        assert_eq!(logs(&answers[1]).0.len(), 2);
        let of_ticket =
            |r: &Value| r["method"] == "eth_getLogs" && r["params"].to_string().contains(&word(3).to_string());
        let count = seen.lock().unwrap().iter().flat_map(requests).filter(of_ticket).count();
        assert_eq!(count, log_requests.min(5) as usize);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_estimated_in_one_round_trip_or_said_to_fail() {
    let anvil = Anvil::start().await;
    let accounts = anvil.rpc("eth_accounts", json!([])).await;
    let [holder, stranger]: [Address; 2] = [0, 1].map(|i: usize| accounts[i].as_str().unwrap().parse().unwrap());
    let contract = anvil.deploy(holder, 3).await;
    let (url, seen) = anvil.behind_proxy().await;
    let client = Client::new([ChainConfig::new(1, vec![url])]);
    let view = client.view().await.unwrap();
    let hand_over = |from: Address| {
        let words = [holder.into_word(), Address::repeat_byte(2).into_word(), word(1)];
        let data = calldata("transferFrom(address,address,uint256)", &words);
        Transaction { from, to: contract, value: U256::ZERO, data }
    };
    let estimate = view.estimate(&hand_over(holder)).await.unwrap();
    assert!((21_000..200_000).contains(&estimate.gas) && !estimate.bounded, "{estimate:?}");
    let fees = estimate.fees.unwrap();
    assert_eq!(fees.max_fee, 2 * fees.base_fee + fees.max_priority_fee);
    assert_eq!((estimate.nonce, estimate.block), (1, view.block()), "the holder deployed the contract");
    let estimating = |bodies: &[Value]| {
        bodies.iter().filter(|body| requests(body).iter().any(|r| r["method"] == "eth_estimateGas")).count()
    };
    assert_eq!(estimating(&seen.lock().unwrap()), 1);
    assert_eq!(view.estimate(&hand_over(holder)).await, Ok(estimate));
    assert_eq!(estimating(&seen.lock().unwrap()), 1, "from memory");
    // What it says is what it takes.
    let data = hand_over(holder).data.to_string();
    let receipt = anvil.send(json!({
        "from": holder.to_string(), "to": contract.to_string(), "data": data, "gas": format!("{:#x}", estimate.gas),
        "maxFeePerGas": format!("{:#x}", fees.max_fee), "maxPriorityFeePerGas": format!("{:#x}", fees.max_priority_fee),
        "nonce": format!("{:#x}", estimate.nonce),
    }));
    receipt.await;
    let again = view.estimate(&hand_over(holder)).await.unwrap();
    assert_eq!(again.nonce, 2, "nonces are asked for anew");

    let Err(EstimateError::Reverted(revert)) = view.estimate(&hand_over(stranger)).await else { panic!("it can't") };
    let selector = |error: &str| Some(Reason::Custom(keccak256(error)[..4].try_into().unwrap()));
    assert_eq!(revert.reason, selector("NotTheHolder(address)"), "{revert:?}");
    let paying = Transaction { value: U256::ONE, ..hand_over(holder) };
    let failing = view.estimate(&paying).await;
    assert!(matches!(failing, Err(EstimateError::Reverted(_))), "the function takes no payment: {failing:?}");

    // Who calls is part of the question.
    let Transaction { to, data, .. } = hand_over(holder);
    let call = |from| Read::Call { from, to, value: None, data: data.clone() };
    let answers = view.read(&[call(Some(holder)), call(Some(stranger)), call(None)]).await;
    assert!(matches!(answers[0], Ok(Answer::Returned(_))), "{answers:?}");
    for refused in &answers[1..] {
        assert!(matches!(refused, Ok(Answer::Reverted(revert)) if revert.reason == selector("NotTheHolder(address)")));
    }
}
