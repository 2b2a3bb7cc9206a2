//! Who serves an instance, as a quorum of the anchors that are active now signed it.

use std::time::Duration;

use codec::{DecodeAll, Encode};
use futures::future::join_all;
use smartlayer_api_types::rpc::{self, method, Placed};
use smartlayer_chain_client::ChainClient;
use smartlayer_primitives::{
    assignment::{Assignment, SignedAssignment},
    instance::InstanceState,
    payload::{blake2_256, Payload},
    quorum::{AnchorSet, QuorumError},
    AccountId, Hash, InstanceId,
};

use crate::{
    error::Error,
    service::ServiceClient,
    token::{anchor_services, text},
};

/// The most anchors that are asked, all at once, and then the most service nodes.
const ASKED: usize = 32;
/// How often it is tried when all that was found is of another anchor set: the anchors and this client may see a change at different blocks.
const TRIES: u32 = 3;
/// How long to wait in between: about a block.
const PAUSE: Duration = Duration::from_secs(6);

/// Who serves and holds an instance, as more than two thirds of the anchors that are active now signed it. There is no other way to
/// get one than to have that checked, so it says to whom a secret may go: [`crate::seal::unlock`].
///
/// [`crate::TokenClient::assignment`] also takes what anchors signed that are active no more: that nobody can check, and calls cost little.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attested(Assignment);

impl Attested {
    /// Asks the anchors, and service nodes if none of them shows it. Of several the newest counts, so one honest anchor is enough. Fails with
    /// [`Error::NotAttested`] if nobody shows one.
    pub async fn find(chain: &ChainClient, http: &reqwest::Client, instance: InstanceId) -> Result<Self, Error> {
        let attempt = async || {
            let view = chain.finalized()?;
            let judge = Judge { genesis: chain.genesis_hash(), set: view.active_set().await?, instance };
            let mut anchors = anchor_services(&view, http).await?;
            anchors.truncate(ASKED);
            let doubts = match judge.newest(&anchors).await {
                Ok(assignment) => return Ok(Ok(Self(assignment))),
                Err(doubts) => doubts,
            };
            let mut nodes: Vec<_> = view.nodes().await?.into_iter().map(|(_, node)| text(&node.endpoint)).collect();
            // Not always the same ones.
            fastrand::shuffle(&mut nodes);
            let nodes: Vec<_> =
                nodes.into_iter().take(ASKED).map(|url| ServiceClient::with_http(http.clone(), url)).collect();
            Ok(match judge.newest(&nodes).await {
                Ok(assignment) => Ok(Self(assignment)),
                Err(more) => Err(Doubt::gravest(doubts.into_iter().chain(more))),
            })
        };
        patiently(instance, PAUSE, attempt).await
    }

    /// What an anchor answered to [`crate::place_instance`], if it is about this very state. Fails with [`Error::NotAttested`] if it isn't, or if no
    /// quorum signed it.
    pub async fn placed(chain: &ChainClient, placed: &Placed, state: &InstanceState) -> Result<Self, Error> {
        let instance = state.instance;
        patiently(instance, PAUSE, async || {
            let set = chain.finalized()?.active_set().await?;
            let judge = Judge { genesis: chain.genesis_hash(), set, instance };
            Ok(judge.placed(placed, state).map(Self))
        })
        .await
    }

    /// Who serves and holds what.
    pub fn assignment(&self) -> &Assignment {
        &self.0
    }

    /// Fails with [`Error::Impossible`] if the node is not among those that serve the instance.
    pub fn serves(&self, node: &AccountId) -> Result<(), Error> {
        let Assignment { instance, serving, .. } = &self.0;
        let InstanceId { token_type, index } = instance;
        let refused = || {
            let what = format!("instance {index} of token type {token_type}");
            Error::Impossible(format!(
                "{node} does not serve {what}, as the anchors attested it, so it gets no key to it"
            ))
        };
        serving.contains(node).then_some(()).ok_or_else(refused)
    }
}

/// Tries again for as long as it may help.
async fn patiently(
    instance: InstanceId,
    pause: Duration,
    attempt: impl AsyncFn() -> Result<Result<Attested, Doubt>, Error>,
) -> Result<Attested, Error> {
    let mut left = TRIES;
    loop {
        left = left.saturating_sub(1);
        match attempt().await? {
            Ok(attested) => return Ok(attested),
            Err(Doubt::OtherSet { .. }) if left > 0 => tokio::time::sleep(pause).await,
            Err(doubt) => return Err(Error::NotAttested { instance, reason: doubt.to_string() }),
        }
    }
}

/// Why it is not taken that the anchors attested an assignment.
#[derive(Debug, thiserror::Error)]
enum Doubt {
    #[error("the chain has no active anchor and no service node to ask")]
    Nobody,
    #[error(transparent)]
    NoAnswer(Error),
    #[error("the answer is no assignment: {0}")]
    Form(#[from] codec::Error),
    #[error("the answer is of another instance")]
    OtherInstance,
    #[error("the answer is of another state than was sent")]
    OtherState,
    #[error("anchor set {signed} signed it, and the active one is {active}")]
    OtherSet { signed: u32, active: u32 },
    #[error("the certificate is not one of the active anchors: {0:?}")]
    NoQuorum(QuorumError),
}

impl Doubt {
    /// What to tell: another set's certificate before anything else, because trying again may help against it.
    fn gravest(doubts: impl IntoIterator<Item = Doubt>) -> Doubt {
        let mut told = Doubt::Nobody;
        for doubt in doubts {
            if !matches!(told, Doubt::OtherSet { .. }) {
                told = doubt;
            }
        }
        told
    }
}

/// What an assignment is checked against.
struct Judge {
    genesis: Hash,
    set: AnchorSet,
    instance: InstanceId,
}

impl Judge {
    /// The newest assignment that any of these services shows and that holds, or what is wrong with each answer.
    async fn newest(&self, services: &[ServiceClient]) -> Result<Assignment, Vec<Doubt>> {
        let answers = join_all(services.iter().map(|service| async move {
            let params = rpc::TokenHolders { instance: self.instance.into() };
            let holders: rpc::Holders = service.call(method::TOKEN_HOLDERS, params).await.map_err(Doubt::NoAnswer)?;
            self.judge(&holders)
        }));
        let (mut newest, mut doubts) = (None::<Assignment>, Vec::new());
        for answer in answers.await {
            match answer {
                Ok(found) if newest.as_ref().is_none_or(|newest| newest.version < found.version) => {
                    newest = Some(found)
                }
                Ok(_) => {}
                Err(doubt) => doubts.push(doubt),
            }
        }
        newest.ok_or(doubts)
    }

    /// Nothing beside the signed assignment counts: whoever answers can write there what he likes.
    fn judge(&self, holders: &rpc::Holders) -> Result<Assignment, Doubt> {
        let SignedAssignment { assignment, certificate } =
            SignedAssignment::decode_all(&mut &holders.assignment.0[..])?;
        if assignment.instance != self.instance {
            return Err(Doubt::OtherInstance);
        }
        match self.set.verify(&self.genesis, assignment.payload_hash(&self.genesis), &certificate) {
            Ok(()) => Ok(assignment),
            Err(QuorumError::OtherSet) => Err(Doubt::OtherSet { signed: certificate.set_id, active: self.set.id }),
            Err(e) => Err(Doubt::NoQuorum(e)),
        }
    }

    fn placed(&self, placed: &Placed, state: &InstanceState) -> Result<Assignment, Doubt> {
        let assignment = self.judge(&placed.holders)?;
        let same = assignment.state_hash == blake2_256(&state.encode());
        same.then_some(assignment).ok_or(Doubt::OtherState)
    }
}

#[cfg(test)]
mod tests {
    use axum::{Json, Router};
    use serde_json::{json, Value};
    use smartlayer_api_types::{rpc::Holder, HexBytes};
    use smartlayer_chain_client::Keypair;
    use smartlayer_primitives::{
        assignment::Coding,
        quorum::{attestation, Member},
    };

    use super::*;

    const GENESIS: Hash = Hash::repeat_byte(7);
    const INSTANCE: InstanceId = InstanceId { token_type: 0, index: 7 };

    fn node(n: u8) -> AccountId {
        AccountId::new([n; 32])
    }

    fn key(n: u8) -> Keypair {
        Keypair::from_seed(&[n; 32])
    }

    fn state() -> InstanceState {
        InstanceState { instance: INSTANCE, token_id: [1; 32], values: Default::default() }
    }

    /// The chain's active anchors: the keys 1 to 4, as set 3.
    fn judge() -> Judge {
        let members: Vec<_> = (1..=4).map(|n| Member { account: node(n), key: key(n).public() }).collect();
        let set = AnchorSet { id: 3, members: members.try_into().unwrap() };
        Judge { genesis: GENESIS, set, instance: INSTANCE }
    }

    fn assignment(version: u32, serving: u8) -> Assignment {
        Assignment {
            instance: INSTANCE,
            version,
            period: 1,
            state_hash: blake2_256(&state().encode()),
            coding: Coding { length: 1, symbol_size: 1, symbols_per_shard: 1, threshold: 1 },
            serving: vec![node(serving)].try_into().unwrap(),
            holdings: Default::default(),
        }
    }

    /// The assignment as these keys signed it, in this set's name, in the answer of a service that says that node 66 serves.
    fn signed(assignment: Assignment, keys: &[u8], set_id: u32) -> rpc::Holders {
        let message = attestation(&GENESIS, assignment.payload_hash(&GENESIS));
        let signatures = keys.iter().enumerate().map(|(position, n)| (position, key(*n).sign(&message)));
        let mut certificate = judge().set.certificate(signatures);
        certificate.set_id = set_id;
        rpc::Holders {
            instance: INSTANCE.into(),
            version: assignment.version,
            assignment: HexBytes::of(&SignedAssignment { assignment, certificate }),
            serving: vec![Holder { account: node(66), endpoint: None }],
            shards: vec![],
        }
    }

    async fn service(holders: rpc::Holders) -> ServiceClient {
        let answer = async move |Json(request): Json<Value>| {
            Json(json!({ "jsonrpc": "2.0", "id": request["id"], "result": holders }))
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
        ServiceClient::new(url)
    }

    /// Whoever answers with serving nodes of its own choice is not believed, whichever set it names, and gets no key.
    #[tokio::test]
    async fn a_made_up_assignment_gets_no_key() {
        let mallory = 66;
        let random_set = signed(assignment(9, mallory), &[11, 12, 13], 1_234_567);
        let forged = signed(assignment(9, mallory), &[11, 12, 13], 3);
        let too_few = signed(assignment(9, mallory), &[1, 2], 3);
        let made_up = [service(random_set.clone()).await, service(forged).await, service(too_few).await];
        let doubts = judge().newest(&made_up).await.unwrap_err();
        assert!(matches!(Doubt::gravest(doubts), Doubt::OtherSet { signed: 1_234_567, active: 3 }));

        // One service that tells the truth is enough, wherever it stands; and of two true answers the newer counts.
        let honest = service(signed(assignment(2, 5), &[1, 2, 3], 3)).await;
        let old = service(signed(assignment(1, 6), &[1, 2, 3], 3)).await;
        let dead = ServiceClient::new("http://127.0.0.1:1");
        let all: Vec<_> = made_up.into_iter().chain([dead.clone(), old, honest]).collect();
        let attested = Attested(judge().newest(&all).await.unwrap());
        assert_eq!(*attested.assignment(), assignment(2, 5));
        attested.serves(&node(5)).unwrap();
        for other in [node(mallory), node(6)] {
            assert!(attested.serves(&other).unwrap_err().to_string().contains("gets no key"));
        }
        assert!(matches!(judge().newest(&[dead]).await.unwrap_err()[..], [Doubt::NoAnswer(_)]));
        assert!(matches!(Doubt::gravest(judge().newest(&[]).await.unwrap_err()), Doubt::Nobody));
    }

    #[test]
    fn what_was_placed_is_what_was_sent() {
        let placed = |holders| Placed { holders };
        let good = placed(signed(assignment(1, 5), &[1, 2, 3], 3));
        // Who serves is what was signed, not what stands beside it.
        assert_eq!(judge().placed(&good, &state()).unwrap().serving[..], [node(5)]);
        let other = InstanceState { token_id: [2; 32], ..state() };
        assert!(matches!(judge().placed(&good, &other), Err(Doubt::OtherState)));
        let elsewhere = Judge { instance: InstanceId { index: 8, ..INSTANCE }, ..judge() };
        assert!(matches!(elsewhere.placed(&good, &state()), Err(Doubt::OtherInstance)));
        let random_set = placed(signed(assignment(1, 66), &[11, 12, 13], 77));
        assert!(matches!(judge().placed(&random_set, &state()), Err(Doubt::OtherSet { signed: 77, active: 3 })));
        let forged = placed(signed(assignment(1, 66), &[11, 12, 13], 3));
        assert!(matches!(judge().placed(&forged, &state()), Err(Doubt::NoQuorum(QuorumError::BadSignature))));
        let mut broken = good;
        broken.holders.assignment.0.pop();
        assert!(matches!(judge().placed(&broken, &state()), Err(Doubt::Form(_))));
    }

    #[tokio::test]
    async fn a_change_of_the_anchors_is_waited_for_and_nothing_else() {
        let tried = std::cell::Cell::new(0);
        let attempt = async |doubt: fn() -> Doubt| {
            tried.set(0);
            let failed = patiently(INSTANCE, Duration::ZERO, async || {
                tried.set(tried.get() + 1);
                Ok(Err(doubt()))
            });
            (failed.await.unwrap_err().to_string(), tried.get())
        };
        let (told, tries) = attempt(|| Doubt::OtherSet { signed: 4, active: 3 }).await;
        assert!(told.contains("anchor set 4") && told.contains("store the instance again"), "{told}");
        assert_eq!(tries, TRIES);
        assert_eq!(attempt(|| Doubt::OtherState).await.1, 1);
    }
}
