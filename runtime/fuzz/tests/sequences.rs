//! The committed sequences, and a bounded run of random ones.

use std::path::Path;

use frame_support::traits::GetCallMetadata;
use smartlayer_runtime::RuntimeCall;
use smartlayer_runtime_fuzz::sequence::{parse, run, steps, Counts};

/// How many random sequences: some 20 s of work.
const SEQUENCES: u64 = 10;
/// How long each is.
const STEPS: usize = 700;

#[test]
fn what_once_failed_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/regressions");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    assert!(!files.is_empty());
    for path in files {
        let steps = parse(&std::fs::read_to_string(&path).unwrap()).unwrap();
        if let Err(failure) = run(&steps) {
            panic!("{}: {failure}", path.display());
        }
    }
}

#[test]
fn random_sequences_hold_and_reach_every_call() {
    let mut counts = Counts::default();
    for seed in 1..=SEQUENCES {
        match run(&steps(seed, STEPS)) {
            Ok(more) => counts.add(&more),
            Err(failure) => panic!(
                "sequence {seed} failed at {failure}\n`smartlayer-fuzz-runtime --seed {seed} --steps {STEPS}` makes it smaller"
            ),
        }
    }
    // Otherwise a change could quietly leave the fuzzer with nothing to do.
    for pallet in
        ["Anchors", "ServiceStaking", "SlaRegistry", "PromiseSettlement", "CommitmentSnapshots", "SmartTokens"]
    {
        for call in RuntimeCall::get_call_names(pallet) {
            assert!(counts.succeeded(pallet, call) > 0, "{pallet}.{call} never succeeded:\n{counts}");
        }
    }
}
