//! A bounded run of every target.

use smartlayer_fuzz_scripts::{shrink, Counts, Target};

/// How many inputs for each target: some seconds of work.
const INPUTS: u64 = 2_000;

#[test]
fn changed_inputs_are_taken_or_refused() {
    for target in Target::ALL {
        let mut counts = Counts::default();
        for seed in 1..=INPUTS {
            let input = target.input(seed);
            assert_eq!(input, target.input(seed), "the same seed makes the same input");
            match target.run(&input) {
                Ok(outcome) => counts.add(outcome),
                Err(failure) => {
                    let smallest = shrink(target, &input);
                    panic!("{target}, seed {seed}: {failure}\n{}", String::from_utf8_lossy(&smallest));
                }
            }
        }
        println!("{target}: {counts}");
        // Otherwise a change could quietly leave the fuzzer with nothing to do.
        assert!(counts.taken > INPUTS / 20 && counts.refused > INPUTS / 20, "{target}: {counts}");
    }
}
