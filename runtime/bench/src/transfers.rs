//! Signed transfers, on this chain and on the bare one.

use std::time::Duration;

use sp_core::{sr25519, Pair};

use crate::{
    figures::{Figures, Goal},
    median,
};

/// How many transfers a block has.
const TRANSFERS: u32 = 1_000;
/// How many accounts send them.
const SENDERS: u32 = 100;
/// How many blocks of each chain are measured, by turns.
const ROUNDS: usize = 41;

/// Writes down a module that makes and applies transfers on one chain.
macro_rules! chain {
    ($(#[$doc:meta])* $name:ident: $chain:path, $genesis:path) => {
        $(#[$doc])*
        mod $name {
            use std::time::{Duration, Instant};

            use codec::Encode;
            use frame_support::traits::fungible::Mutate;
            use smartlayer_primitives::{AccountId, Hash, SLT};
            use smartlayer_runtime::{Header, SLOT_MILLISECONDS};
            use sp_consensus_babe::digests::{PreDigest, SecondaryPlainPreDigest};
            use sp_core::{sr25519, Pair};
            use sp_runtime::{generic::Era, Digest, DigestItem};
            use $chain as chain;

            /// A block's header; with the slot that our consensus asks for, and that the bare chain does not look at.
            fn header(slot: u64) -> Header {
                let pre_digest = PreDigest::SecondaryPlain(SecondaryPlainPreDigest {
                    authority_index: 0,
                    slot: slot.into(),
                });
                let logs = vec![DigestItem::PreRuntime(sp_consensus_babe::BABE_ENGINE_ID, pre_digest.encode())];
                Header {
                    number: 1,
                    parent_hash: Hash::default(),
                    state_root: Hash::default(),
                    extrinsics_root: Hash::default(),
                    digest: Digest { logs },
                }
            }

            fn transfer(from: &sr25519::Pair, to: AccountId, nonce: u32) -> chain::UncheckedExtrinsic {
                let call: chain::RuntimeCall =
                    pallet_balances::Call::transfer_keep_alive { dest: to.into(), value: SLT / 10 }.into();
                let extension: chain::TxExtension = (
                    frame_system::AuthorizeCall::new(),
                    frame_system::CheckNonZeroSender::new(),
                    frame_system::CheckSpecVersion::new(),
                    frame_system::CheckTxVersion::new(),
                    frame_system::CheckGenesis::new(),
                    frame_system::CheckEra::from(Era::Immortal),
                    frame_system::CheckNonce::from(nonce),
                    frame_system::CheckWeight::new(),
                    pallet_transaction_payment::ChargeTransactionPayment::from(0),
                    frame_metadata_hash_extension::CheckMetadataHash::new(false),
                    frame_system::WeightReclaim::new(),
                );
                let payload = chain::SignedPayload::new(call.clone(), extension.clone()).expect("it can be signed; qed");
                let signature = payload.using_encoded(|bytes| from.sign(bytes));
                let sender = AccountId::from(from.public());
                chain::UncheckedExtrinsic::new_signed(call, sender.into(), signature.into(), extension)
            }

            /// How long it takes to apply a block's transfers, from these accounts by turns.
            pub fn block(senders: &[sr25519::Pair], count: u32) -> Duration {
                $genesis().execute_with(|| {
                    let accounts: Vec<AccountId> = senders.iter().map(|pair| pair.public().into()).collect();
                    for account in &accounts {
                        chain::Balances::mint_into(account, 1_000 * SLT).expect("it can be minted; qed");
                    }
                    let slot = 1_000;
                    chain::Executive::initialize_block(&header(slot));
                    let now = slot * SLOT_MILLISECONDS;
                    let time = chain::UncheckedExtrinsic::new_bare(pallet_timestamp::Call::set { now }.into());
                    chain::Executive::apply_extrinsic(time).expect("it is valid; qed").expect("it can be set; qed");
                    // Signed now: the first block fixes the hash of the genesis that signatures name.
                    let each = accounts.len();
                    let transfers: Vec<_> = (0..count as usize)
                        .map(|i| {
                            let to = accounts[(i + 1) % each].clone();
                            transfer(&senders[i % each], to, (i / each) as u32)
                        })
                        .collect();
                    let begin = Instant::now();
                    for transfer in transfers {
                        chain::Executive::apply_extrinsic(transfer)
                            .expect("it is valid; qed")
                            .expect("they have money; qed");
                    }
                    begin.elapsed()
                })
            }
        }
    };
}

chain! {
    /// This project's chain.
    ours: smartlayer_runtime, smartlayer_runtime_fuzz::world::genesis
}
chain! {
    /// The yardstick.
    bare: crate::bare, crate::bare::genesis
}

/// Transfers per second on both chains, and how ours compares.
pub fn measure(figures: &mut Figures) {
    let senders: Vec<_> = (0..SENDERS)
        .map(|number| {
            let mut seed = [7u8; 32];
            seed[..4].copy_from_slice(&number.to_le_bytes());
            sr25519::Pair::from_seed(&seed)
        })
        .collect();
    // Whatever is set up once is set up before.
    ours::block(&senders, 10);
    bare::block(&senders, 10);
    let (mut own, mut yardstick, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // The machine may be busy with other things: neighbours in time are compared, and each chain is first as often.
        let (a, b) = if round % 2 == 0 {
            let a = ours::block(&senders, TRANSFERS);
            (a, bare::block(&senders, TRANSFERS))
        } else {
            let b = bare::block(&senders, TRANSFERS);
            (ours::block(&senders, TRANSFERS), b)
        };
        own.push(per_second(a));
        yardstick.push(per_second(b));
        ratios.push(b.as_secs_f64() / a.as_secs_f64());
    }
    figures.heading("Signed transfers, applied natively (the code that runs as wasm is the same)");
    figures.plain("transfers on a bare chain, the yardstick", median(yardstick), "per s");
    figures.plain("transfers on this chain", median(own), "per s");
    figures.with_goal("this chain to the bare one", median(ratios), "ratio", Goal::AtLeast(0.95));
}

fn per_second(time: Duration) -> f64 {
    f64::from(TRANSFERS) / time.as_secs_f64()
}
