//! `token_proof`: an operation and its proof against the commitment on the chain.

use smartlayer_api_types::{
    rpc::{Proof, TokenProof},
    ApiError, ErrorCode,
};

use crate::{node::Node, operations::kind_of};

pub(super) async fn prove(node: &Node, params: TokenProof) -> Result<Proof, ApiError> {
    let token = node.instances.token(node, params.instance.token_type).await?;
    let kind = kind_of(&token, &params.operation).ok_or_else(|| {
        let message =
            format!("{:?} is no key operation of token type {}", params.operation, params.instance.token_type);
        ApiError::new(ErrorCode::UnknownAction, message)
    })?;
    node.operations.prove(node, params.instance.into(), kind, params.period).await
}
