//! What a session owes, promise by promise: nothing is charged for what was not delivered.
//!
//! A promise is *pending* from its acceptance until its call is answered, and *earned* once the answer is there. Only the earned promise
//! may be claimed, given to a watchtower, or shown as owed. A call that ends in an error lets the pending promise go: the session owes
//! what it owed before, and the next call promises that amount plus its price again.
//!
//! | what happens | earned | pending |
//! | --- | --- | --- |
//! | a promise is accepted | stays | the promise |
//! | the call is answered | the promise | none |
//! | the call fails | stays | none; or as if it was answered, if too many failed before |
//! | the node stops in between, and starts again | stays | stays: the call is worked on when its request comes again |
//! | another call is paid, on top of what is earned | stays | the new promise: the call before was never answered |
//! | another call is paid, on top of what is pending | what was pending | the new promise: its signer says that the answer came |
//!
//! Failing calls cost a node work for nothing, so there is a bound: each takes one from a session's credit, each charged call gives one
//! back, and without credit a failing call is charged like any other.

use smartlayer_primitives::{
    promise::{Promise, SignedPromise},
    Balance,
};

/// What is known of one session's promises.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The highest promise that was earned: what may be claimed.
    pub earned: Option<SignedPromise>,
    /// The promise of a call that was not answered yet.
    pub pending: Option<SignedPromise>,
    /// How many failing calls were not charged and not made up for by charged ones.
    pub failures: u32,
}

impl Account {
    /// What is owed in total, in planck; the chain may have paid out more than this, if records were lost.
    pub fn owed(&self) -> Balance {
        cumulative(self.earned.as_ref())
    }

    /// Whether this promise was accepted and its call not answered: then the node owes the work.
    pub fn is_pending(&self, promise: &Promise) -> bool {
        self.pending.as_ref().is_some_and(|pending| pending.promise == *promise)
    }

    /// What was owed before a call with this price that is paid with this promise. `claimed` is what the chain has paid out.
    ///
    /// That is what is earned; or what is pending, if the promise is on top of that: then its signer had the answer, and only this node
    /// forgot, by stopping too early, that it gave it.
    pub fn before(&self, promise: &Promise, price: Balance, claimed: Balance) -> Balance {
        let owed = self.owed().max(claimed);
        let pending = cumulative(self.pending.as_ref());
        match pending.checked_add(price) {
            Some(amount) if pending > owed && amount == promise.cumulative => pending,
            _ => owed,
        }
    }

    /// Takes in an accepted promise. `before` is what [`Account::before`] said.
    pub fn accept(&mut self, promise: SignedPromise, before: Balance) {
        match self.pending.take() {
            Some(pending) if pending.promise.cumulative == before && before > self.owed() => {
                self.earned = Some(pending)
            }
            _ => {}
        }
        self.pending = Some(promise);
    }

    /// The pending promise is earned by so many calls.
    pub fn earn(&mut self, calls: u32) {
        if let Some(pending) = self.pending.take() {
            self.earned = Some(pending);
            self.failures = self.failures.saturating_sub(calls);
        }
    }

    /// So many calls that one promise paid for have failed. Returns whether they are not charged, which is so while the session has
    /// not failed `bound` times more than it was charged: the promise is let go. Otherwise it is earned.
    #[must_use = "the receipt says whether it was charged"]
    pub fn fail(&mut self, calls: u32, bound: u32) -> bool {
        let free = self.failures < bound;
        if free {
            self.failures = self.failures.saturating_add(calls).min(bound);
            self.pending = None;
        } else if let Some(pending) = self.pending.take() {
            // Nothing was delivered, so no credit comes back.
            self.earned = Some(pending);
        }
        free
    }

    /// The calls failed through the node's own fault: the promise is let go, and no credit taken.
    pub fn let_go(&mut self) {
        self.pending = None;
    }
}

fn cumulative(promise: Option<&SignedPromise>) -> Balance {
    promise.map_or(0, |signed| signed.promise.cumulative)
}
