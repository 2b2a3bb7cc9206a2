//! Issuers' updates: an anchor tells everyone of them, and keeps none.

use std::{sync::Mutex, time::Instant};

use smartlayer_api_types::{
    rpc::{IssuerPublish, PublishStatus, Published},
    ApiError, ErrorCode,
};
use smartlayer_issuer_feed::SignedUpdate;
use smartlayer_network::{messages::Gossip, PublishError};

use crate::shared::{lock, Shared};

/// How many updates an anchor passes on, a second for long and at once. Others pass on only so much of one author, and the anchor has
/// operations and measurements to tell as well: whoever sends it the updates of others again must not use that up.
const PER_SECOND: f64 = 20.0;
const AT_ONCE: f64 = 100.0;

/// How many updates may be passed on now.
pub(crate) struct Pace(Mutex<(f64, Instant)>);

impl Pace {
    pub fn new(now: Instant) -> Self {
        Self(Mutex::new((AT_ONCE, now)))
    }

    /// Takes one, if there is one.
    fn take(&self, now: Instant) -> bool {
        let mut state = lock(&self.0);
        let passed = now.saturating_duration_since(state.1).as_secs_f64();
        let left = (state.0 + passed * PER_SECOND).min(AT_ONCE);
        let taken = left >= 1.0;
        *state = (if taken { left - 1.0 } else { left }, now);
        taken
    }
}

/// `issuer_publish`: tells everyone of an update that the issuer signed.
pub(crate) async fn publish(shared: &Shared, params: IssuerPublish) -> Result<Published, ApiError> {
    let signed = SignedUpdate::try_from(params).map_err(|e| ApiError::new(ErrorCode::InvalidParams, e.to_string()))?;
    let update = &signed.update;
    update.check().map_err(|e| ApiError::new(ErrorCode::UpdateInvalid, e.to_string()))?;
    let (instance, sequence) = (update.instance, update.sequence);
    let facts = shared.facts()?;
    let token = shared.token(&facts, instance.token_type).await?;
    let unknown = || ApiError::new(ErrorCode::UnknownToken, format!("no token type {}", instance.token_type));
    let issuer = token.ok_or_else(unknown)?.issuer;
    if !signed.verify(&shared.genesis, &issuer) {
        return Err(ApiError::new(ErrorCode::NotTheIssuer, format!("the update is not signed by {issuer}")));
    }
    if !shared.updates.take(Instant::now()) {
        return Err(ErrorCode::Overloaded.into());
    }
    match shared.network.publish(Gossip::Update(Box::new(signed))).await {
        Ok(()) | Err(PublishError::Duplicate) => {}
        Err(reason) => return Err(ApiError::new(ErrorCode::NotPassedOn, reason.to_string())),
    }
    Ok(Published { instance: instance.into(), sequence, status: PublishStatus::PassedOn, missing: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn no_more_is_passed_on_than_the_pace_allows() {
        let start = Instant::now();
        let pace = Pace::new(start);
        let taken = |at: Instant| (0..1000).filter(|_| pace.take(at)).count();
        assert_eq!(taken(start), 100);
        assert_eq!(taken(start + Duration::from_secs(2)), 40);
        assert_eq!(taken(start + Duration::from_secs(3600)), 100);
    }
}
