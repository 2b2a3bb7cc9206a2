//! Tokens: who serves an instance, and calls that the next node answers when one fails.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use codec::DecodeAll;
use serde::de::DeserializeOwned;
use serde_json::Value;
use smartlayer_api_types::{
    rpc::{self, method},
    Instance,
};
use smartlayer_chain_client::{ChainClient, View};
use smartlayer_primitives::{
    assignment::{Assignment, SignedAssignment},
    node::Endpoint,
    payload::Payload,
    quorum::QuorumError,
    AccountId, Balance, InstanceId, SessionId, TokenTypeId,
};

use crate::{
    error::Error,
    grant::{Audience, Grantee},
    payer::{Opening, Payer, LIFETIME},
    service::{http_client, ServiceClient},
    till::Paid,
    transfer::{as_ordered, SignedTransfer},
};

/// How a client calls.
#[derive(Clone, Debug)]
pub struct Options {
    /// The most that one call may cost, in planck.
    pub limit: Balance,
    /// Opens a session with this deposit, in planck, to a node that there is none to yet; nothing to fail instead.
    pub open_with: Option<Balance>,
    /// How long one node may take to answer before the next is asked.
    pub timeout: Duration,
}

impl Default for Options {
    /// At most 0.1 SLT a call, no session opened unasked, 30 s a node.
    fn default() -> Self {
        Self { limit: smartlayer_primitives::SLT / 10, open_with: None, timeout: Duration::from_secs(30) }
    }
}

/// Calls tokens, whichever node answers. Cheap to clone.
#[derive(Clone)]
pub struct TokenClient {
    payer: Payer,
    options: Options,
    http: reqwest::Client,
    state: Arc<Mutex<State>>,
    grantee: Option<Grantee>,
}

#[derive(Default)]
struct State {
    /// Who serves what, as last seen.
    assignments: HashMap<InstanceId, Arc<Assignment>>,
    /// Where nodes answer, as last seen; forgotten when one doesn't.
    services: HashMap<AccountId, ServiceClient>,
    /// Whether the issuers of token types have a share in the payments, as last seen; forgotten when a node says otherwise.
    shared: HashMap<TokenTypeId, bool>,
    /// Who answered last.
    preferred: HashMap<InstanceId, AccountId>,
}

/// An answer and the node that gave it.
#[derive(Clone, Debug)]
pub struct Answered<R> {
    /// The answer.
    pub paid: Paid<R>,
    /// The node.
    pub node: AccountId,
    /// The session that paid.
    pub session: SessionId,
    /// The nodes that were asked before it, and why they did not answer.
    pub failed: Vec<(AccountId, String)>,
}

impl TokenClient {
    /// A client that pays with `payer`.
    pub fn new(payer: Payer, options: Options) -> Self {
        let http = http_client(options.timeout);
        Self { payer, options, http, state: Default::default(), grantee: None }
    }

    /// The same client, whose calls use this grant: for private attributes and actions of the grant's instance. A use names the node
    /// that it is sent to, and nodes take them in order, so these calls go one after the other.
    pub fn with_grant(&self, grantee: Grantee) -> Self {
        Self { grantee: Some(grantee), ..self.clone() }
    }

    /// Who pays.
    pub fn payer(&self) -> &Payer {
        &self.payer
    }

    /// Calls `method` on an instance: the serving nodes are asked in turn until one answers. `params` is the object of the method's
    /// parameters without `instance`, which is added. Operations go to the first serving node, which executes them.
    pub async fn call<R: DeserializeOwned>(
        &self,
        instance: InstanceId,
        method: &str,
        params: Value,
    ) -> Result<Answered<R>, Error> {
        let params = with_instance(instance, method, params)?;
        let mut failed: Vec<(AccountId, Error)> = Vec::new();
        // Who serves may have changed since it was last asked for; then it is asked for again.
        for fresh in [false, true] {
            let assignment = self.assignment(instance, fresh).await?;
            for node in self.order(&assignment, method) {
                match self.call_node(&node, instance.token_type, method, &params).await {
                    Ok((paid, session)) => {
                        self.state().preferred.insert(instance, node.clone());
                        let failed = failed.into_iter().map(|(node, e)| (node, e.to_string())).collect();
                        return Ok(Answered { paid, node, session, failed });
                    }
                    Err(e) if e.is_about_the_node() => {
                        tracing::debug!(%node, error = %e, "trying the next node");
                        let mut state = self.state();
                        state.services.remove(&node);
                        state.shared.remove(&instance.token_type);
                        drop(state);
                        failed.push((node, e));
                    }
                    Err(e) => return Err(e),
                }
            }
        }
        if let (Some(grantee), true) = (&self.grantee, failed.is_empty()) {
            let audience = &grantee.grant().audience;
            return Err(Error::Impossible(format!("the grant is for {audience}, which does not serve the instance")));
        }
        Err(all_failed(failed.into_iter().map(|(_, e)| e)))
    }

    /// `token_attributes`: the attributes of an instance.
    pub async fn attributes(&self, instance: InstanceId) -> Result<Answered<rpc::Attributes>, Error> {
        self.call(instance, method::TOKEN_ATTRIBUTES, Value::Object(Default::default())).await
    }

    /// `token_call`: an action on an instance, with its inputs by name.
    pub async fn action(
        &self,
        instance: InstanceId,
        action: &str,
        inputs: &[(&str, &str)],
    ) -> Result<Answered<rpc::CallResult>, Error> {
        let inputs: serde_json::Map<_, _> =
            inputs.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
        let params = serde_json::json!({ "action": action, "inputs": inputs });
        self.call(instance, method::TOKEN_CALL, params).await
    }

    /// `token_transfer`: has an instance destroyed and another issued in exchange, as its owner ordered; see [`crate::transfer`]. Fails with
    /// [`Error::NotAsOrdered`] if answer or receipt say anything else.
    pub async fn transfer(&self, signed: &SignedTransfer) -> Result<Answered<rpc::Transferred>, Error> {
        let params = serde_json::to_value(signed).expect("objects with string keys; qed");
        let answered: Answered<rpc::Transferred> =
            self.call(signed.order.source, method::TOKEN_TRANSFER, params).await?;
        let receipt = answered.paid.receipt.as_ref();
        match as_ordered(&signed.order, &answered.paid.result, receipt.map(|signed| &signed.receipt)) {
            Ok(()) => Ok(answered),
            Err(problem) => {
                Err(Error::NotAsOrdered { node: answered.node, problem, receipt: answered.paid.receipt.map(Box::new) })
            }
        }
    }

    /// Who serves and holds an instance, attested by the anchors.
    pub async fn assignment(&self, instance: InstanceId, fresh: bool) -> Result<Arc<Assignment>, Error> {
        let cached = self.state().assignments.get(&instance).cloned();
        if let Some(assignment) = cached.filter(|_| !fresh) {
            return Ok(assignment);
        }
        let found = Arc::new(find_assignment(self.payer.chain(), &self.http, instance).await?);
        self.state().assignments.insert(instance, found.clone());
        Ok(found)
    }

    async fn call_node<R: DeserializeOwned>(
        &self,
        node: &AccountId,
        token_type: TokenTypeId,
        method: &str,
        params: &Value,
    ) -> Result<(Paid<R>, SessionId), Error> {
        let known = self.state().services.get(node).cloned();
        let service = match known {
            Some(service) => service,
            None => {
                let service = node_service(self.payer.chain(), &self.http, node).await?;
                self.state().services.insert(node.clone(), service.clone());
                service
            }
        };
        let shared = self.shares_revenue(token_type).await?;
        let session = match (self.payer.session_to(node, token_type, shared), self.options.open_with) {
            (Some(session), _) => session,
            (None, Some(deposit)) => {
                let token_type = shared.then_some(token_type);
                let opening = Opening { node: node.clone(), deposit, token_type, lifetime: LIFETIME };
                self.payer.open_all([opening]).await?.remove(0).0
            }
            (None, None) => return Err(Error::NoSession { node: node.clone() }),
        };
        let limit = self.options.limit;
        let paid = match &self.grantee {
            None => self.payer.call(&service, session, method, params, limit).await?,
            Some(grantee) => {
                let _turn = grantee.turn().await;
                let params = grantee.authorise(node, method, params.clone())?;
                self.payer.call(&service, session, method, &params, limit).await?
            }
        };
        Ok((paid, session))
    }

    /// Whether the issuer of a token type has a share in the payments for its calls.
    async fn shares_revenue(&self, token_type: TokenTypeId) -> Result<bool, Error> {
        let known = self.state().shared.get(&token_type).copied();
        if let Some(shared) = known {
            return Ok(shared);
        }
        let token = self.payer.chain().finalized()?.token(token_type).await?;
        let token = token.ok_or_else(|| Error::Impossible(format!("the chain knows no token type {token_type}")))?;
        let shared = token.spec.revenue_share.deconstruct() > 0;
        self.state().shared.insert(token_type, shared);
        Ok(shared)
    }

    /// Operations: the executor first. Reads: whoever answered last first.
    fn order(&self, assignment: &Assignment, method: &str) -> Vec<AccountId> {
        let mut nodes = assignment.serving.to_vec();
        let preferred = self.state().preferred.get(&assignment.instance).cloned();
        if let Some(Audience::Node(named)) = self.grantee.as_ref().map(|grantee| &grantee.grant().audience) {
            nodes.retain(|node| node == named);
        }
        if ![method::TOKEN_CALL, method::TOKEN_TRANSFER].contains(&method) {
            if let Some(position) = preferred.and_then(|p| nodes.iter().position(|n| *n == p)) {
                nodes[..=position].rotate_right(1);
            }
        }
        nodes
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn with_instance(instance: InstanceId, method: &str, params: Value) -> Result<Value, Error> {
    let Value::Object(mut params) = params else {
        return Err(Error::Impossible("the parameters are not a JSON object".into()));
    };
    match method {
        // Of a token type, not of one instance.
        method::TOKEN_SELECT | method::TOKEN_VIEW | method::TOKEN_DESCRIBE => {
            params.insert("tokenType".into(), instance.token_type.into());
        }
        _ => {
            let instance = serde_json::to_value(Instance::from(instance)).expect("two numbers; qed");
            params.insert("instance".into(), instance);
        }
    }
    Ok(Value::Object(params))
}

/// The client of a registered node, at the endpoint that the chain names.
pub async fn node_service(
    chain: &ChainClient,
    http: &reqwest::Client,
    node: &AccountId,
) -> Result<ServiceClient, Error> {
    let stored = chain.finalized()?.node(node).await?;
    let stored = stored.ok_or_else(|| Error::NotANode { node: node.clone() })?;
    Ok(ServiceClient::with_http(http.clone(), text(&stored.endpoint)))
}

/// The clients of the active anchors, at the endpoints that the chain names.
pub async fn anchor_services(view: &View, http: &reqwest::Client) -> Result<Vec<ServiceClient>, Error> {
    let mut services = Vec::new();
    for member in view.active_set().await?.members {
        if let Some(organisation) = view.organisation(&member.account).await? {
            services.push(ServiceClient::with_http(http.clone(), text(&organisation.endpoint)));
        }
    }
    Ok(services)
}

pub(crate) fn text(endpoint: &Endpoint) -> String {
    String::from_utf8_lossy(endpoint).into_owned()
}

/// The newest assignment of an instance that anchors or nodes tell of and the anchors attested.
async fn find_assignment(
    chain: &ChainClient,
    http: &reqwest::Client,
    instance: InstanceId,
) -> Result<Assignment, Error> {
    /// Enough to survive dead ones; asking everybody would not scale.
    const ASKED: usize = 8;
    let view = chain.finalized()?;
    let mut services = anchor_services(&view, http).await?;
    services.truncate(ASKED);
    let mut errors = Vec::new();
    for service in &services {
        match ask_for_assignment(chain, &view, service, instance).await {
            Ok(assignment) => return Ok(assignment),
            Err(e) => errors.push(e),
        }
    }
    for (_, node) in view.nodes().await?.into_iter().take(ASKED) {
        let service = ServiceClient::with_http(http.clone(), text(&node.endpoint));
        match ask_for_assignment(chain, &view, &service, instance).await {
            Ok(assignment) => return Ok(assignment),
            Err(e) => errors.push(e),
        }
    }
    Err(all_failed(errors))
}

async fn ask_for_assignment(
    chain: &ChainClient,
    view: &View,
    service: &ServiceClient,
    instance: InstanceId,
) -> Result<Assignment, Error> {
    let params = rpc::TokenHolders { instance: instance.into() };
    let holders: rpc::Holders = service.call(method::TOKEN_HOLDERS, params).await?;
    let signed = SignedAssignment::decode_all(&mut &holders.assignment.0[..])
        .map_err(|e| service.nonsense(format!("the assignment: {e}")))?;
    let SignedAssignment { assignment, certificate } = signed;
    if assignment.instance != instance {
        return Err(service.nonsense("the assignment is of another instance".into()));
    }
    let genesis = chain.genesis_hash();
    let set = view.active_set().await?;
    match set.verify(&genesis, assignment.payload_hash(&genesis), &certificate) {
        Ok(()) => Ok(assignment),
        // Attested by anchors that were active before the last change. That cannot be checked any more; what a wrong answer could
        // cost is one failed call, because nodes are paid only for answers with receipts. For secrets there is `Attested`.
        Err(QuorumError::OtherSet) => Ok(assignment),
        Err(e) => Err(service.nonsense(format!("the anchors did not attest the assignment: {e:?}"))),
    }
}

pub(crate) fn all_failed(errors: impl IntoIterator<Item = Error>) -> Error {
    let mut errors: Vec<Error> = errors.into_iter().collect();
    let tried = errors.len();
    match errors.pop() {
        Some(last) if tried == 1 => last,
        Some(last) => Error::AllFailed { tried, last: Box::new(last) },
        None => Error::Impossible("nobody to ask: the chain has no active anchor and no service node".into()),
    }
}
