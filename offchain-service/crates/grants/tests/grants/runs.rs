//! Runs of many calls by an honest website, an eavesdropper and an owner who changes his mind.

use proptest::prelude::*;
use smartlayer_grants::*;

use crate::common::*;

#[derive(Clone, Debug)]
enum Step {
    /// The website signs a new use, with a sequence number of its choice.
    Use(u64),
    /// Someone sends once more what was sent before, counted from the last.
    Replay(usize),
    /// Someone without the grantee's key signs a use.
    Forge(u64),
    /// The owner revokes this grant, or all that begin before a time around its beginning.
    Revoke,
    RevokeBefore(u64),
    /// The token is sold, or bought back.
    Sell(bool),
    /// Time goes by, in seconds.
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0u64..40).prop_map(Step::Use),
        4 => (0usize..6).prop_map(Step::Replay),
        1 => (0u64..1000).prop_map(Step::Forge),
        1 => Just(Step::Revoke),
        1 => (NOW - 70..NOW - 50).prop_map(Step::RevokeBefore),
        1 => any::<bool>().prop_map(Step::Sell),
        2 => (0u64..200).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// What a node accepts, judged from outside: never more uses than granted, never one twice or out of order, never a forged one,
    /// never outside the grant's time, after its revocation, or while someone else owns the token. And every new use that breaks none
    /// of these is accepted.
    #[test]
    fn no_run_of_calls_gets_more_than_was_granted(
        ethereum in any::<bool>(),
        uses in proptest::option::of(1u32..6),
        life in 1u64..1000,
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let (owner, grantee) = if ethereum {
            (Key::ethereum(1), Key::ethereum(2))
        } else {
            (Key::sr25519(1), Key::sr25519(2))
        };
        let (buyer, thief) = (Key::sr25519(3).principal(), Key::sr25519(4));
        let case = Case::of(owner, grantee).grant(|grant| {
            grant.uses = uses;
            grant.expires_at = grant.not_before + life;
        });
        let (grant, id) = (case.grant.clone(), case.grant.id());
        let first = case.signed();

        let (mut known, mut revocations) = (Known::default(), Revocations::default());
        let (mut now, mut sold, mut sent) = (NOW - 60, false, Vec::<Authorisation>::new());
        let (mut accepted, mut revoked) = (Vec::<u64>::new(), false);
        for step in steps {
            let (authorisation, forged) = match step {
                Step::Use(sequence) | Step::Forge(sequence) => {
                    let usage = Use { sequence, issued_at: now, ..case.usage.clone() };
                    let forged = matches!(step, Step::Forge(_));
                    let key = if forged { &thief } else { &case.grantee };
                    let use_signature = key.sign(&usage.on(&grant.genesis));
                    (Authorisation { usage, use_signature, ..first.clone() }, forged)
                }
                Step::Replay(back) => match sent.iter().rev().nth(back) {
                    Some(authorisation) => (authorisation.clone(), false),
                    None => continue,
                },
                Step::Revoke => {
                    revocations.add(Revoked::Grant(id)).unwrap();
                    revoked = true;
                    continue;
                }
                Step::RevokeBefore(time) => {
                    revocations.add(Revoked::Before(time)).unwrap();
                    revoked |= grant.not_before < time;
                    continue;
                }
                Step::Sell(to_buyer) => {
                    sold = to_buyer;
                    continue;
                }
                Step::Wait(seconds) => {
                    now += seconds;
                    continue;
                }
            };
            known.revoked = revocations.covers(&grant, &id);
            let result = checked_after(&authorisation, &known, now, |ask| {
                if sold {
                    ask.owner = Some(&buyer);
                }
            });
            let sequence = authorisation.usage.sequence;
            let due = !forged
                && !revoked
                && !sold
                && now < grant.expires_at
                && authorisation.usage.issued_at.abs_diff(now) <= MAX_AGE
                && uses.is_none_or(|uses| accepted.len() < uses as usize)
                && accepted.last().is_none_or(|&last| sequence > last);
            prop_assert_eq!(result.is_ok(), due, "{:?}", result);
            if let Ok(permit) = result {
                prop_assert_eq!(permit.grant, id);
                accepted.push(sequence);
                prop_assert_eq!(permit.known.uses, accepted.len() as u64);
                known = permit.known;
            }
            if !forged {
                sent.push(authorisation);
            }
        }
        prop_assert!(accepted.is_sorted_by(|a, b| a < b));
        prop_assert!(uses.is_none_or(|uses| accepted.len() <= uses as usize));
    }

    /// Whatever bytes and JSON come, reading them does not panic, and what is read is checked without one.
    #[test]
    fn nothing_that_is_sent_makes_a_node_panic(
        not_before in any::<u64>(),
        expires_at in any::<u64>(),
        issued_at in any::<u64>(),
        now in any::<u64>(),
        sequence in any::<u64>(),
        signature in proptest::collection::vec(any::<u8>(), 65),
        names in proptest::collection::vec(any::<String>(), 0..4),
    ) {
        let mut authorisation = Case::new().signed();
        authorisation.grant.not_before = not_before;
        authorisation.grant.expires_at = expires_at;
        authorisation.grant.attributes = names;
        authorisation.usage.issued_at = issued_at;
        authorisation.usage.sequence = sequence;
        let signature: [u8; 65] = signature.try_into().unwrap();
        authorisation.signature = StatementSignature::Eip712(signature);
        let _ = authorisation.grant.typed_data();
        prop_assert!(checked_after(&authorisation, &Known::default(), now, |_| ()).is_err());
        let digest = StatementSignature::Eip712(signature);
        prop_assert!(!digest.verify(&authorisation.grant, &Key::ethereum(1).principal()));
    }
}
