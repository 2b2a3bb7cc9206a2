//! Random sequences of every call by everybody: no planck is made or lost, whatever comes after whatever.

use std::collections::BTreeMap;

use frame_support::BoundedVec;
use proptest::prelude::*;
use smartlayer_primitives::{notary::SignedAllocation, session::Payee};
use sp_keyring::Sr25519Keyring;
use sp_runtime::Permill;

use super::*;

/// One step. Sessions are picked out of all that were ever opened, so closed ones come up too.
#[derive(Clone, Debug)]
enum Step {
    Open { payer: usize, to: usize, token_type: Option<u32>, deposit: Balance, skip: u64, lifetime: u32 },
    TopUp { session: usize, payer: Option<usize>, amount: Balance },
    Claim(Owed),
    ClaimBatch(Vec<Owed>),
    ClaimFree(Owed),
    Close { session: usize, stranger: bool, last: Option<Owed> },
    RequestClose { session: usize, stranger: bool },
    Finish { session: usize },
    ChangeNotary { session: usize, notary: usize },
    Report { session: usize, former: bool, caps: Vec<Balance> },
    Wait { blocks: u32 },
    Govern { burn_rate: u32, window: u32, storage: Balance },
}

/// What somebody claims to be owed.
#[derive(Clone, Debug)]
struct Owed {
    session: usize,
    node: usize,
    former: bool,
    cumulative: Balance,
    cap: Balance,
    ticks: Option<u32>,
    forged: bool,
}

fn owed() -> impl Strategy<Value = Owed> {
    let ticks = prop::option::weighted(0.3, 0..6u32);
    (0..12usize, 0..3usize, prop::bool::weighted(0.2), 0..2_500u128, 0..1_500u128, ticks, prop::bool::weighted(0.1))
        .prop_map(|(session, node, former, cumulative, cap, ticks, forged)| Owed {
            session,
            node,
            former,
            cumulative,
            cap,
            ticks,
            forged,
        })
}

fn step() -> impl Strategy<Value = Step> {
    let session = || 0..12usize;
    let rarely = || prop::bool::weighted(0.2);
    prop_oneof![
        5 => (0..3usize, 0..6usize, prop::option::of(0..3u32), 0..2_000u128, 0..3u64, 0..40u32).prop_map(
            |(payer, to, token_type, deposit, skip, lifetime)| Step::Open { payer, to, token_type, deposit, skip, lifetime }
        ),
        2 => (session(), prop::option::weighted(0.2, 0..3usize), 0..1_000u128)
            .prop_map(|(session, payer, amount)| Step::TopUp { session, payer, amount }),
        6 => owed().prop_map(Step::Claim),
        3 => prop::collection::vec(owed(), 0..8).prop_map(Step::ClaimBatch),
        3 => owed().prop_map(Step::ClaimFree),
        2 => (session(), rarely(), prop::option::of(owed()))
            .prop_map(|(session, stranger, last)| Step::Close { session, stranger, last }),
        2 => (session(), rarely()).prop_map(|(session, stranger)| Step::RequestClose { session, stranger }),
        2 => session().prop_map(|session| Step::Finish { session }),
        2 => (session(), 0..3usize).prop_map(|(session, notary)| Step::ChangeNotary { session, notary }),
        1 => (session(), rarely(), prop::collection::vec(0..1_500u128, 1..4))
            .prop_map(|(session, former, caps)| Step::Report { session, former, caps }),
        3 => (0..15u32).prop_map(|blocks| Step::Wait { blocks }),
        1 => (0..=1_000_000u32, 0..12u32, 0..60u128)
            .prop_map(|(burn_rate, window, storage)| Step::Govern { burn_rate, window, storage }),
    ]
}

/// What the world outside knows of a session.
struct Known {
    id: SessionId,
    payer: AccountId,
    node: Option<AccountId>,
}

/// Node 2 has no account of its own: payments below the existential deposit can't reach it.
fn nodes() -> [AccountId; 3] {
    [account(NODES[0]), account(NODES[1]), account(50)]
}

/// The number and the notary of a network session's running or former round.
fn round(session: SessionId, former: bool) -> (u16, AccountId) {
    match PromiseSettlement::session(session).map(|session| session.payee) {
        Some(Payee::Network(notary)) => {
            let round = notary.former.filter(|_| former).unwrap_or(notary.current);
            (round.number, round.notary)
        }
        _ => (0, notary()),
    }
}

fn signed_allocation(session: SessionId, node: &AccountId, former: bool, cap: Balance) -> SignedAllocation {
    let (round, notary) = round(session, former);
    let allocation = smartlayer_primitives::notary::Allocation { session, round, node: node.clone(), cap };
    allocation_by(&notary, allocation)
}

fn claim_of(known: &[Known], owed: &Owed) -> Claim {
    let Owed { session, node, former, cumulative, cap, ticks, forged } = owed.clone();
    let (session, network) = known.get(session).map_or((SessionId::zero(), false), |k| (k.id, k.node.is_none()));
    let node = &nodes()[node];
    let allocation = network.then(|| signed_allocation(session, node, former, cap));
    let counted = allocation.as_ref().map_or(session, |a| channel_id(&session, a.allocation.round, node));
    let mut promise = promise(counted, cumulative);
    let chain = tick_chain(7, 4);
    promise.ticks = ticks.map(|_| chain.0);
    // The fifth of four ticks is one that was never revealed.
    let ticks = ticks.map(|count| *chain.1.get(count as usize).unwrap_or(&chain.1[0]));
    let signer = if forged { Sr25519Keyring::Bob } else { SIGNER };
    Claim { promise: signed_by(signer, promise), ticks, allocation }
}

fn take(step: Step, known: &mut Vec<Known>) {
    let session_of = |known: &[Known], session: usize| {
        let known = known.get(session);
        known
            .map_or((SessionId::zero(), payer(), node()), |k| (k.id, k.payer.clone(), k.node.clone().unwrap_or(node())))
    };
    // Whatever the call answers: what must be true is checked afterwards.
    let _ = match step {
        Step::Open { payer, to, token_type, deposit, skip, lifetime } => {
            let payer = account(PAYERS[payer]);
            let beneficiary = match nodes().get(to) {
                Some(node) => Beneficiary::Node(node.clone()),
                None => network(to as u16 - 2),
            };
            let nonce = PromiseSettlement::next_nonce(payer.clone()).unwrap().saturating_add(skip).saturating_sub(1);
            let node = nodes().get(to).cloned();
            let id = id(payer.clone(), beneficiary.account().clone(), nonce);
            let signer = SIGNER.to_account_id();
            let result = PromiseSettlement::open(
                origin(payer.clone()),
                beneficiary,
                signer,
                token_type,
                deposit,
                nonce,
                lifetime,
            );
            if result.is_ok() {
                known.push(Known { id, payer, node });
            }
            result
        }
        Step::TopUp { session, payer, amount } => {
            let (id, owner, _) = session_of(known, session);
            let payer = payer.map_or(owner, |p| account(PAYERS[p]));
            PromiseSettlement::top_up(origin(payer), id, amount)
        }
        Step::Claim(owed) => bring(claim_of(known, &owed)).map(drop).map_err(|error| error.error),
        Step::ClaimBatch(batch) => {
            let claims: Vec<_> = batch.iter().map(|owed| claim_of(known, owed)).collect();
            PromiseSettlement::claim_batch(origin(anyone()), BoundedVec::try_from(claims).unwrap()).unwrap();
            Ok(())
        }
        Step::ClaimFree(owed) => {
            try_free(claim_of(known, &owed));
            Ok(())
        }
        Step::Close { session, stranger, last } => {
            let (id, payer, node) = session_of(known, session);
            let last = last.map(|owed| claim_of(known, &Owed { session, ..owed }));
            close(if stranger { payer } else { node }, id, last)
        }
        Step::RequestClose { session, stranger } => {
            let (id, payer, node) = session_of(known, session);
            PromiseSettlement::request_close(origin(if stranger { node } else { payer }), id)
        }
        Step::Finish { session } => {
            let finished = PromiseSettlement::finish(origin(anyone()), session_of(known, session).0);
            finished.map(drop).map_err(|error| error.error)
        }
        Step::ChangeNotary { session, notary } => {
            let (id, payer, _) = session_of(known, session);
            let notary = ANCHORS.get(notary).copied().map_or(anyone(), account);
            let changed = PromiseSettlement::change_notary(origin(payer), id, notary);
            changed.map(drop).map_err(|error| error.error)
        }
        Step::Report { session, former, caps } => {
            let (id, ..) = session_of(known, session);
            let nodes = (100..).map(account);
            let evidence: Vec<_> =
                nodes.zip(caps).map(|(node, cap)| signed_allocation(id, &node, former, cap)).collect();
            let evidence = BoundedVec::try_from(evidence).unwrap();
            PromiseSettlement::report_over_allocation(origin(account(PAYERS[0])), id, evidence)
        }
        Step::Wait { blocks } => {
            wait(blocks);
            Ok(())
        }
        Step::Govern { burn_rate, window, storage } => {
            BurnRate::set(Permill::from_parts(burn_rate));
            ChallengeWindow::set(window);
            StorageDeposit::set(storage);
            Ok(())
        }
    };
}

/// As a block's author: what is not valid is left out, and what is valid is settled.
fn try_free(claim: Claim) {
    use frame_support::traits::Authorize;
    use sp_runtime::transaction_validity::TransactionSource;
    let call = crate::Call::<Test>::claim_authorized { claim: Box::new(claim.clone()) };
    if !matches!(call.authorize(TransactionSource::External), Some(Ok(_))) {
        return;
    }
    let authorized = RuntimeOrigin::from(frame_system::RawOrigin::Authorized);
    assert_ok!(PromiseSettlement::claim_authorized(authorized, Box::new(claim)));
}

/// What all events told so far, of each session.
#[derive(Default)]
struct Told {
    deposit: Balance,
    paid: Balance,
    burned: Balance,
    issuer: Balance,
    refunded: Option<Balance>,
    /// What bonds paid.
    shortfall: Balance,
}

/// Adds what the step's events told, and forgets the events.
fn listen(told: &mut BTreeMap<SessionId, Told>) {
    for event in events() {
        match event {
            Event::Opened { session, deposit, .. } => told.entry(session).or_default().deposit += deposit,
            Event::ToppedUp { session, amount, .. } => told.entry(session).or_default().deposit += amount,
            Event::Claimed { session, paid, burned, issuer, cumulative, .. } => {
                let so_far = told.entry(session).or_default();
                so_far.paid += paid;
                so_far.burned += burned;
                so_far.issuer += issuer;
                assert!(cumulative >= paid + burned + issuer, "a claim settles no more than its count");
            }
            Event::ShortfallPaid { session, amount, .. } => told.entry(session).or_default().shortfall += amount,
            Event::Closed { session, deposit, paid, burned, issuer, refunded, .. } => {
                let so_far = told.entry(session).or_default();
                assert_eq!(deposit, paid + burned + issuer + refunded, "nothing is lost when a session closes");
                assert_eq!((so_far.deposit, so_far.paid), (deposit, paid));
                assert_eq!((so_far.burned, so_far.issuer), (burned, issuer));
                so_far.refunded = Some(refunded);
            }
            Event::ClaimFailed { .. }
            | Event::CloseRequested { .. }
            | Event::NotaryChanged { .. }
            | Event::OverAllocated { .. } => {}
        }
    }
    System::reset_events();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..Default::default() })]

    #[test]
    fn no_sequence_of_calls_makes_or_loses_money(steps in prop::collection::vec(step(), 1..60)) {
        new_test_ext().execute_with(|| {
            Available::mutate(|available| available.push(account(50)));
            let numbers = PAYERS.into_iter().chain(NODES).chain(ANCHORS).chain([ISSUER, GONE_ISSUER, 50]);
            let everyone: Vec<_> = numbers.map(account).collect();
            let issuance = Balances::total_issuance();
            let bonds = || ANCHORS.map(|anchor| Balances::balance(&account(anchor))).iter().sum::<Balance>();
            let bonded = bonds();
            let (mut known, mut told) = (vec![], BTreeMap::new());
            for step in steps {
                take(step, &mut known);
                PromiseSettlement::do_try_state().unwrap();

                listen(&mut told);
                let sum = |of: fn(&Told) -> Balance| told.values().map(of).sum::<Balance>();
                let burned = issuance - Balances::total_issuance();
                assert_eq!(burned, sum(|t| t.burned), "issuance falls by exactly what is burned");
                let balances: Balance = everyone.iter().map(Balances::total_balance).sum();
                assert_eq!(balances, Balances::total_issuance(), "nobody else has any of it");
                let slashed: Balance = Slashed::get().iter().map(|(_, amount, _)| amount).sum();
                assert_eq!(bonds(), bonded - sum(|t| t.shortfall) - slashed, "bonds pay for that and nothing else");
                let still_held: Balance = everyone.iter().map(held).sum();
                let out = sum(|t| t.paid) + sum(|t| t.burned) + sum(|t| t.issuer) + sum(|t| t.refunded.unwrap_or(0));
                assert_eq!(sum(|t| t.deposit), out + still_held);
                for (session, told) in &told {
                    let settled = told.paid + told.burned + told.issuer;
                    assert!(settled <= told.deposit, "no session pays more than its deposit");
                    assert_eq!(told.refunded.is_none(), Sessions::<Test>::contains_key(session));
                }
            }
        });
    }

    /// Notaries that keep to their budget never pay, whatever is claimed and however often they are changed.
    #[test]
    fn the_bond_of_a_notary_that_keeps_to_its_budget_is_safe(
        caps in prop::collection::vec(prop::collection::vec((0..3usize, 1..600u128, 1..900u128), 0..8), 1..5),
    ) {
        new_test_ext().execute_with(|| {
            let session = opened_network(1_000, 9);
            let bonded = ANCHORS.map(|anchor| bond(&account(anchor)));
            for (number, round) in (0u16..).zip(caps) {
                let budget = PromiseSettlement::budget(session).unwrap();
                let mut allocated = [0; 3];
                for (node, raise, cumulative) in round {
                    if allocated.iter().sum::<Balance>() + raise <= budget {
                        allocated[node] += raise;
                    }
                    let _ = bring(network_claim(session, number, &nodes()[node], cumulative, allocated[node]));
                    PromiseSettlement::do_try_state().unwrap();
                }
                let mut evidence: Vec<_> =
                    nodes().iter().zip(allocated).map(|(node, cap)| allocation(session, number, node, cap)).collect();
                evidence.sort_by(|a, b| a.allocation.node.cmp(&b.allocation.node));
                let evidence = BoundedVec::try_from(evidence).unwrap();
                let reported = PromiseSettlement::report_over_allocation(origin(anyone()), session, evidence);
                assert_eq!(reported, Err(Error::<Test>::NotOverAllocated.into()));
                let next = account(ANCHORS[usize::from(number + 1) % 2]);
                assert_ok!(PromiseSettlement::change_notary(origin(payer()), session, next));
                wait(10);
            }
            assert_eq!(ANCHORS.map(|anchor| bond(&account(anchor))), bonded);
        });
    }
}
