//! Tokens that are attestations: what a caller shows in place of an entry on a contract, judged by the script and by the attestation's chain.

use alloy_primitives::Address;
use smartlayer_api_types::{ApiError, ErrorCode};
use smartlayer_eas_attestation::{
    not_revoked, registry, registry_call, revocation_call, schema_call, Attestation, Refusal, Schema,
};
use smartlayer_ethereum::{Answer, Read};
use smartlayer_token_script::{AttestationDefinition, Attested};

use crate::{access::now, evaluate::chain_error, evaluate::Chains, instances::Held};

/// An attestation that its issuer signed for one of the script's definitions, and that is valid now. What its chain says is still to be read.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    attestation: Attestation,
    /// The definitions that it fits as far as it can be told without its chain.
    definitions: Vec<AttestationDefinition>,
}

/// An attestation that is the instance's token.
pub(crate) struct Verified {
    /// Whose it is; nobody's in particular if it names nobody.
    pub recipient: Option<Address>,
    /// What the script sees.
    pub attested: Attested,
}

impl Shown {
    /// Fails with `attestation_refused` if the text is no attestation that the script knows, or not valid now.
    pub fn read(held: &Held, text: &str) -> Result<Self, ApiError> {
        let attestation = Attestation::read(text).map_err(refused)?;
        attestation.valid_at(now()).map_err(refused)?;
        let (mut definitions, mut why) = (Vec::new(), None);
        for definition in &held.script.attestations {
            match attestation.matches(definition) {
                Ok(()) => definitions.push(definition.clone()),
                Err(refusal) => why = Some(refusal),
            }
        }
        match (definitions.is_empty(), why) {
            (false, _) => Ok(Self { attestation, definitions }),
            (true, Some(refusal)) => Err(refused(refusal)),
            (true, None) => {
                Err(ApiError::new(ErrorCode::AttestationRefused, "the script defines no token that is an attestation"))
            }
        }
    }

    /// Asks its chain whether it was revoked and what its data says, and whether it is this instance. Fails with `attestation_refused` if not.
    pub async fn verify(&self, held: &Held, chains: &Chains<'_>) -> Result<Verified, ApiError> {
        let Self { attestation, definitions } = self;
        let (chain, eas) = (attestation.chain_id(), attestation.verifying_contract());
        let revocation = revocation_call(attestation.signer(), attestation.uid());
        let reads = [Read::call(eas, revocation.into()), Read::call(eas, registry_call().into())];
        let mut answers = chains.read(chain, &reads).await.into_iter();
        let mut returned = || answers.next().map_or(Ok(Vec::new()), |answer| answer.map(bytes));
        let (revoked, registered) = (returned().map_err(unread)?, returned().map_err(unread)?);
        not_revoked(&revoked).map_err(refused)?;
        let uid = attestation.schema_uid();
        let schema = match uid.is_zero() {
            true => Schema::of_tickets(),
            false => {
                let registry = registry(&registered).map_err(refused)?;
                let mut answers = chains.read(chain, &[Read::call(registry, schema_call(uid).into())]).await;
                let record = answers.pop().map_or(Ok(Vec::new()), |answer| answer.map(bytes)).map_err(unread)?;
                Schema::read(uid, &record).map_err(refused)?
            }
        };
        let data = attestation.data(&schema).map_err(refused)?;
        let mut why = None;
        for definition in definitions {
            let token_id =
                attestation.is_in_collection(definition, &data).and_then(|()| attestation.token_id(definition, &data));
            match token_id {
                Ok(id) if id == held.state.token_id => {
                    let attested = attestation.attested(&data);
                    return Ok(Verified { recipient: attestation.recipient(), attested });
                }
                Ok(_) => {}
                Err(refusal) => why = Some(refusal),
            }
        }
        Err(why.map_or_else(another_instance, refused))
    }
}

/// What a contract returned; nothing if it reverted.
fn bytes(answer: Answer) -> Vec<u8> {
    match answer {
        Answer::Returned(bytes) => bytes.into(),
        _ => Vec::new(),
    }
}

fn unread(error: smartlayer_ethereum::EthereumError) -> ApiError {
    chain_error(&error)
}

fn refused(refusal: Refusal) -> ApiError {
    let details = serde_json::json!({ "refusal": refusal.code(), "remedy": refusal.remedy() });
    ApiError::new(ErrorCode::AttestationRefused, refusal.to_string()).with(details)
}

fn another_instance() -> ApiError {
    let details = serde_json::json!({
        "refusal": "other-instance",
        "remedy": "Ask about the instance that the issuer stored with this attestation's token id."
    });
    ApiError::new(ErrorCode::AttestationRefused, "the attestation is not this instance").with(details)
}
