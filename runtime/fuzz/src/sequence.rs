//! Sequences of steps: run, and made smaller when they fail.

use std::{
    collections::BTreeMap,
    fmt,
    panic::{catch_unwind, AssertUnwindSafe},
};

use frame_support::{
    dispatch::GetDispatchInfo,
    traits::{Authorize, ChangeMembers, GetCallMetadata},
};
use smartlayer_primitives::AccountId;
use smartlayer_runtime::{configs::governance::ElectedAnchors, Anchors, Runtime, RuntimeCall, RuntimeOrigin};
use sp_io::TestExternalities;
use sp_runtime::{traits::Dispatchable, transaction_validity::TransactionSource};

use crate::{
    actions::{choose, Action, Move, Must},
    books::{must_be_taken, Books},
    choice::Choice,
    world::{genesis, next_block, set_up, try_state, Memory},
};

/// In a jump over more blocks than this, not every block is checked.
const LONG: u32 = 64;

/// What was done.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Sequences that ran to their end.
    pub sequences: u64,
    /// Steps that had an action.
    pub steps: u64,
    /// Blocks that passed.
    pub blocks: u64,
    /// How often all invariants were checked.
    pub checks: u64,
    /// How often each call came to each outcome: `ok`, or the error.
    pub calls: BTreeMap<(String, String), BTreeMap<String, u64>>,
}

impl Counts {
    /// Adds what another one did.
    pub fn add(&mut self, other: &Self) {
        self.sequences += other.sequences;
        self.steps += other.steps;
        self.blocks += other.blocks;
        self.checks += other.checks;
        for (call, outcomes) in &other.calls {
            let mine = self.calls.entry(call.clone()).or_default();
            for (outcome, count) in outcomes {
                *mine.entry(outcome.clone()).or_default() += count;
            }
        }
    }

    fn outcome(&mut self, pallet: &str, call: &str, outcome: &str) {
        let outcomes = self.calls.entry((pallet.into(), call.into())).or_default();
        *outcomes.entry(outcome.into()).or_default() += 1;
    }

    /// How often a call succeeded.
    pub fn succeeded(&self, pallet: &str, call: &str) -> u64 {
        let outcomes = self.calls.get(&(pallet.into(), call.into()));
        outcomes.and_then(|outcomes| outcomes.get("ok")).copied().unwrap_or(0)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} sequences, {} steps, {} blocks, {} checks of all invariants",
            self.sequences, self.steps, self.blocks, self.checks
        )?;
        let all: u64 = self.calls.values().flat_map(|outcomes| outcomes.values()).sum();
        let ok: u64 = self.calls.values().filter_map(|outcomes| outcomes.get("ok")).sum();
        writeln!(f, "{all} calls, of which {ok} succeeded")?;
        for ((pallet, call), outcomes) in &self.calls {
            let ok = outcomes.get("ok").copied().unwrap_or(0);
            let refused: u64 = outcomes.values().sum::<u64>() - ok;
            let errors: Vec<_> = outcomes.iter().filter(|(name, _)| *name != "ok").collect();
            let errors: Vec<_> = errors.iter().map(|(name, count)| format!("{name} {count}")).collect();
            writeln!(f, "  {pallet}.{call}: {ok} ok, {refused} refused ({})", errors.join(", "))?;
        }
        Ok(())
    }
}

/// Why a sequence failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The step, from 0.
    pub step: usize,
    /// What it did.
    pub action: String,
    /// What did not hold.
    pub what: String,
}

impl Failure {
    /// What failures have in common that are the same.
    fn kind(&self) -> &str {
        self.what.split(':').next().unwrap_or_default()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}: {}\nafter: {}", self.step, self.what, self.action)
    }
}

/// The steps of the sequence with this seed.
pub fn steps(seed: u64, length: usize) -> Vec<u64> {
    let mut numbers = Choice::of(seed);
    (0..length).map(|_| numbers.number()).collect()
}

/// Runs a sequence on a new chain.
pub fn run(steps: &[u64]) -> Result<Counts, Failure> {
    run_with(steps, |_, _| ())
}

/// Runs a sequence on a new chain, and shows each step with its action first.
pub fn run_with(steps: &[u64], show: impl Fn(usize, &str)) -> Result<Counts, Failure> {
    let mut run = Run { counts: Counts::default(), memory: Memory::default(), step: 0, action: "set-up".into() };
    let result = catch_unwind(AssertUnwindSafe(|| run.all(steps, &show)));
    match result {
        Ok(Ok(())) => {
            run.counts.sequences = 1;
            Ok(run.counts)
        }
        Ok(Err(what)) => Err(Failure { step: run.step, action: run.action, what }),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string())).unwrap_or_default();
            Err(Failure { step: run.step, action: run.action, what: format!("panic: {text}") })
        }
    }
}

/// The fewest steps of a failing sequence that still fail in the same way, as far as leaving steps out leads.
pub fn shrink(steps: &[u64]) -> Vec<u64> {
    let Err(failure) = run(steps) else { return steps.to_vec() };
    let mut smallest = steps[..=failure.step.min(steps.len() - 1)].to_vec();
    let mut size = smallest.len() / 2;
    while size > 0 {
        let mut start = 0;
        let mut shrunk = false;
        while start < smallest.len() {
            let mut fewer = smallest.clone();
            fewer.drain(start..(start + size).min(smallest.len()));
            match run(&fewer) {
                Err(other) if other.kind() == failure.kind() => {
                    fewer.truncate(other.step + 1);
                    smallest = fewer;
                    shrunk = true;
                }
                _ => start += size,
            }
        }
        if !shrunk {
            size /= 2;
        }
    }
    smallest
}

/// A sequence as text: one step a line, in hexadecimal.
pub fn print(steps: &[u64]) -> String {
    steps.iter().map(|step| format!("{step:016x}\n")).collect()
}

/// The sequence that [`print()`] made; lines that begin with `#` are comments.
pub fn parse(text: &str) -> Result<Vec<u64>, std::num::ParseIntError> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| u64::from_str_radix(line, 16)).collect()
}

struct Run {
    counts: Counts,
    memory: Memory,
    step: usize,
    action: String,
}

impl Run {
    fn all(&mut self, steps: &[u64], show: &impl Fn(usize, &str)) -> Result<(), String> {
        let mut chain = genesis();
        let mut books = chain.execute_with(|| {
            set_up();
            frame_system::Pallet::<Runtime>::reset_events();
            try_state().map(|()| Books::open())
        })?;
        for (step, seed) in steps.iter().enumerate() {
            self.step = step;
            let action = chain.execute_with(|| choose(&mut Choice::of(*seed), &mut self.memory, &books));
            let Some(action) = action else { continue };
            self.counts.steps += 1;
            self.action = describe(&action);
            show(step, &self.action);
            match action {
                Action::Blocks(count) => self.pass(count, &mut chain, &mut books)?,
                other => chain.execute_with(|| self.act(other, &mut books))?,
            }
        }
        Ok(())
    }

    /// Lets blocks pass.
    fn pass(&mut self, count: u32, chain: &mut TestExternalities, books: &mut Books) -> Result<(), String> {
        for passed in 1..=count {
            chain.execute_with(|| {
                books.before_block();
                next_block();
                self.counts.blocks += 1;
                if count <= LONG || passed % LONG == 0 || passed == count {
                    books.book(None, &self.memory)?;
                    self.check()?;
                }
                Ok::<_, String>(())
            })?;
            // As at the end of real blocks. What was removed would lie in the way of everything that iterates otherwise.
            if passed % LONG == 0 || passed == count {
                chain.commit_all()?;
            }
        }
        Ok(())
    }

    fn act(&mut self, action: Action, books: &mut Books) -> Result<(), String> {
        match action {
            // Blocks pass outside of the chain.
            Action::Blocks(_) => Ok(()),
            Action::Elect { members, term } => {
                let old = pallet_anchors::Elected::<Runtime>::get().into_inner();
                let (incoming, outgoing) = changes(&old, &members);
                ElectedAnchors::change_members_sorted(&incoming, &outgoing, &members);
                if term {
                    Anchors::set_prime(None);
                }
                self.counts.outcome("Elections", if term { "term" } else { "replacement" }, "ok");
                books.book(None, &self.memory)?;
                self.check()
            }
            Action::FreeClaim(claim) => {
                let call: RuntimeCall = pallet_promise_settlement::Call::<Runtime>::claim_authorized { claim }.into();
                let valid = call.authorize(TransactionSource::External);
                match valid {
                    Some(Ok(_)) => {
                        let origin = frame_system::RawOrigin::Authorized.into();
                        self.dispatch(Move { origin, call, must: Must::Succeed, then: None }, books)
                    }
                    _ => {
                        self.counts.outcome("PromiseSettlement", "claim_authorized", "invalid");
                        self.check()
                    }
                }
            }
            Action::Call(call) => {
                let mut call = *call;
                if let RuntimeCall::ServiceStaking(pallet_service_staking::Call::report_breach { entry, .. }) =
                    &call.call
                {
                    if call.must == Must::Comply && must_be_taken(books, entry, &self.memory) {
                        call.must = Must::Succeed;
                    }
                }
                self.dispatch(call, books)
            }
        }
    }

    fn dispatch(&mut self, Move { origin, call, must, then }: Move, books: &mut Books) -> Result<(), String> {
        let names = call.get_call_metadata();
        let declared = call.get_dispatch_info().call_weight;
        let result = call.clone().dispatch(origin);
        let (outcome, info) = match &result {
            Ok(info) => ("ok", info),
            Err(error) => (<&'static str>::from(error.error), &error.post_info),
        };
        self.counts.outcome(names.pallet_name, names.function_name, outcome);
        match (must, &result) {
            (Must::Fail, Ok(_)) => return Err(format!("{} succeeded: it is wrong", names.function_name)),
            (Must::Succeed, Err(error)) => {
                return Err(format!("{} failed: it is right, {:?}", names.function_name, error.error))
            }
            _ => {}
        }
        if info.actual_weight.is_some_and(|actual| actual.any_gt(declared)) {
            return Err(format!("{} weighs more: than it declared", names.function_name));
        }
        if let (Some(then), Ok(_)) = (then, &result) {
            then(&mut self.memory);
        }
        books.book(Some(&call), &self.memory)?;
        self.check()
    }

    fn check(&mut self) -> Result<(), String> {
        self.counts.checks += 1;
        try_state()
    }
}

fn changes(old: &[AccountId], new: &[AccountId]) -> (Vec<AccountId>, Vec<AccountId>) {
    let incoming = new.iter().filter(|account| !old.contains(account)).cloned().collect();
    let outgoing = old.iter().filter(|account| !new.contains(account)).cloned().collect();
    (incoming, outgoing)
}

/// An action in one line, or a long one.
fn describe(action: &Action) -> String {
    match action {
        Action::Blocks(count) => format!("{count} blocks"),
        Action::Elect { members, term } => format!("elect {members:?}, a new term: {term}"),
        Action::FreeClaim(claim) => format!("free claim {claim:?}"),
        Action::Call(call) => format!("{:?} {:?} {:?}", call.must, origin(&call.origin), call.call),
    }
}

fn origin(origin: &RuntimeOrigin) -> String {
    match frame_system::ensure_signed(origin.clone()) {
        Ok(who) => format!("{who:?}"),
        Err(_) => "root".into(),
    }
}
