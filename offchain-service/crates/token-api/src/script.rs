//! A token script as it is served: parsed and its signature verified once, kept in memory within a bound.

use std::{
    ops::Deref,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use schnellru::{Limiter, LruMap};
use smartlayer_api_types::{ApiError, ErrorCode};
use smartlayer_primitives::Hash;
use smartlayer_script_signature::Verdict;
use smartlayer_token_script::{Limits, TokenScript};

/// The name by which scripts read who holds the token.
const OWNER: &[u8] = b"ownerAddress";

/// A script that is served.
pub(crate) struct Script {
    parsed: TokenScript,
    /// What its XML signature says.
    pub signature: Verdict,
    /// Whether anything in it may depend on who holds the token.
    pub names_owner: bool,
    /// Whether it keeps anything for the token's owner.
    pub has_private: bool,
    /// Its length in bytes.
    length: usize,
}

impl Deref for Script {
    type Target = TokenScript;

    fn deref(&self) -> &TokenScript {
        &self.parsed
    }
}

impl Script {
    /// Whether a contract says who holds the token.
    pub fn has_contract(&self) -> bool {
        self.holding_contract().is_some_and(|contract| !contract.addresses.is_empty())
    }

    /// Reads a script, off the runtime's threads: a large one takes a while.
    pub async fn parse(bytes: Vec<u8>) -> Result<Arc<Self>, ApiError> {
        let parsed = tokio::task::spawn_blocking(move || {
            let parsed = smartlayer_token_script::parse(&bytes, &Limits::default())?;
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
            Ok::<_, smartlayer_token_script::ScriptError>(Arc::new(Self {
                has_private: crate::access::has_private(&parsed),
                parsed,
                signature: smartlayer_script_signature::verify(&bytes, now, &Default::default()),
                names_owner: names_owner(&bytes),
                length: bytes.len(),
            }))
        });
        match parsed.await {
            Ok(Ok(script)) => Ok(script),
            Ok(Err(e)) => {
                let details = serde_json::json!({ "refusal": e.reason.code(), "line": e.line });
                Err(ApiError::new(ErrorCode::ScriptRefused, e.to_string()).with(details))
            }
            Err(_) => Err(ApiError::new(ErrorCode::Internal, "parsing the script failed")),
        }
    }
}

/// Whether a script may name the token's owner. Written with references to characters or entities, it is not looked through.
fn names_owner(script: &[u8]) -> bool {
    let has = |text: &[u8]| script.windows(text.len()).any(|at| at == text);
    has(OWNER) || has(b"&#") || has(b"<!ENTITY")
}

/// The scripts in memory. Those that were not asked for longest go when they become too much.
pub(crate) struct Scripts(Mutex<LruMap<Hash, Arc<Script>, Bound>>);

impl Scripts {
    /// `bytes`: how long the scripts that are kept may be together.
    pub fn new(bytes: usize) -> Self {
        Self(Mutex::new(LruMap::new(Bound { bytes, used: 0 })))
    }

    pub fn get(&self, hash: &Hash) -> Option<Arc<Script>> {
        self.lock().get(hash).cloned()
    }

    pub fn insert(&self, hash: Hash, script: Arc<Script>) {
        self.lock().insert(hash, script);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LruMap<Hash, Arc<Script>, Bound>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// A bound in bytes.
struct Bound {
    bytes: usize,
    used: usize,
}

impl Limiter<Hash, Arc<Script>> for Bound {
    type KeyToInsert<'a> = Hash;
    type LinkType = u32;

    fn is_over_the_limit(&self, _: usize) -> bool {
        self.used > self.bytes
    }

    fn on_insert(&mut self, _: usize, hash: Hash, script: Arc<Script>) -> Option<(Hash, Arc<Script>)> {
        // One that is larger than all of it together is parsed anew each time.
        if script.length > self.bytes {
            return None;
        }
        self.used += script.length;
        Some((hash, script))
    }

    fn on_replace(
        &mut self,
        _: usize,
        _: &mut Hash,
        _: Hash,
        before: &mut Arc<Script>,
        after: &mut Arc<Script>,
    ) -> bool {
        self.used = self.used.saturating_sub(before.length) + after.length;
        true
    }

    fn on_removed(&mut self, _: &mut Hash, script: &mut Arc<Script>) {
        self.used = self.used.saturating_sub(script.length);
    }

    fn on_cleared(&mut self) {
        self.used = 0;
    }

    fn on_grow(&mut self, _: usize) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_scripts_kept_are_bounded_by_their_length() {
        let text = |n: u8| format!(r#"<ts:token xmlns:ts="http://tokenscript.org/2024/01/tokenscript" name="T{n}"/>"#);
        let length = text(0).len();
        let scripts = Scripts::new(3 * length);
        for n in 0..5 {
            scripts.insert(Hash::repeat_byte(n), Script::parse(text(n).into_bytes()).await.unwrap());
        }
        let kept: Vec<u8> = (0..5).filter(|n| scripts.get(&Hash::repeat_byte(*n)).is_some()).collect();
        assert_eq!(kept, [2, 3, 4]);
        let small = Scripts::new(length - 1);
        small.insert(Hash::zero(), Script::parse(text(0).into_bytes()).await.unwrap());
        assert!(small.get(&Hash::zero()).is_none());
    }
}
