//! Storing token instances, which is the issuer's to do.

use codec::Encode;
use smartlayer_api_types::{
    rpc::{method, PlaceInstance, Placed},
    HexBytes,
};
use smartlayer_chain_client::{ChainClient, Keypair};
use smartlayer_primitives::{
    instance::{InstanceState, StoreInstance},
    payload::blake2_256,
};

use crate::{error::Error, service::ServiceClient};

/// For how many blocks the anchors may carry out a request; about five minutes.
const VALID_FOR: u32 = 100;

/// Has an anchor store an instance: it chooses the nodes and hands them the state. `issuer` is the key of the account that registered the
/// token type, `script` the script that the registration names. Storing an instance again replaces its state. Who serves it is the anchor's
/// word: [`crate::Attested::placed`] checks that a quorum signed it.
pub async fn place_instance(
    chain: &ChainClient,
    anchor: &ServiceClient,
    issuer: &Keypair,
    state: &InstanceState,
    script: Vec<u8>,
) -> Result<Placed, Error> {
    let encoded = state.encode();
    let valid_until = chain.finalized()?.block().number.saturating_add(VALID_FOR);
    let request = StoreInstance {
        instance: state.instance,
        state_hash: blake2_256(&encoded),
        script_hash: blake2_256(&script),
        valid_until,
    };
    let signature = issuer.sign_payload(&request, &chain.genesis_hash());
    let params = PlaceInstance {
        state: HexBytes(encoded),
        script: HexBytes(script),
        valid_until,
        signature: (&signature).into(),
    };
    anchor.call(method::ANCHOR_PLACE_INSTANCE, params).await
}
