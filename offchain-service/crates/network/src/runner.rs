//! The runner: owns the swarm, answers the handle's commands, and follows what happens on the network.

use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, Instant},
};

use futures::{future::BoxFuture, stream::FuturesUnordered, FutureExt, StreamExt};
use libp2p::{
    gossipsub::{self, MessageAcceptance},
    identify,
    kad::{self, store::RecordStore, QueryId, QueryResult, Quorum, Record},
    multiaddr::Protocol,
    request_response::{self, InboundFailure, OutboundFailure, OutboundRequestId, ResponseChannel},
    swarm::{
        dial_opts::{DialOpts, PeerCondition},
        SwarmEvent,
    },
    Multiaddr, PeerId, Swarm,
};
use smartlayer_primitives::assignment::SignedAssignment;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, trace, warn};

use crate::{
    behaviour::{Behaviour, BehaviourEvent, Topics},
    bounds::{Bounds, Excess},
    config::Config,
    handle::{Command, InboundRequest, PublishError, RecordError, RequestError},
    messages::{Gossip, Message, RefusalCode, Request, Response},
    metrics::Metrics,
    records,
};

/// A lookup ends when this many peers gave a record that the validator accepts.
const ENOUGH_RECORDS: usize = 3;
/// The most different records that a lookup collects.
const MAX_RECORDS_FOUND: usize = 32;
/// The most addresses that are believed of one peer.
const MAX_ADDRESSES: usize = 16;
/// With fewer peers than this, the DHT is asked for more.
const FEW_PEERS: usize = 4;
/// The most requests that wait for a peer to be looked up.
const MAX_LOOKUPS: usize = 64;

type Reply<T> = oneshot::Sender<T>;
type RequestReply = Reply<Result<Response, RequestError>>;

/// An own request under way.
struct Outbound {
    peer: PeerId,
    kind: &'static str,
    reply: RequestReply,
}

/// A request that waits for its peer's addresses.
struct Lookup {
    peer: PeerId,
    request: Box<Request>,
    reply: RequestReply,
}

/// A running search for records.
struct Search {
    found: Vec<SignedAssignment>,
    valid: usize,
    reply: Reply<Vec<SignedAssignment>>,
}

/// The answer to another's request, once there is one.
struct Answered {
    peer: PeerId,
    kind: &'static str,
    channel: ResponseChannel<Response>,
    response: Option<Response>,
}

/// Drives the network. Nothing happens until [`NetworkRunner::run`] does.
#[must_use = "nothing happens on the network until it runs"]
pub struct NetworkRunner {
    pub(crate) config: Config,
    pub(crate) topics: Topics,
    pub(crate) swarm: Swarm<Behaviour>,
    pub(crate) metrics: Metrics,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) inbound: mpsc::Sender<InboundRequest>,
    pub(crate) gossip: broadcast::Sender<(PeerId, Gossip)>,
    pub(crate) peers: watch::Sender<BTreeSet<PeerId>>,
    pub(crate) addresses: watch::Sender<Vec<Multiaddr>>,
    pub(crate) state: State,
}

/// What is under way.
pub(crate) struct State {
    outbound: HashMap<OutboundRequestId, Outbound>,
    lookups: HashMap<QueryId, Lookup>,
    puts: HashMap<QueryId, Reply<Result<usize, RecordError>>>,
    searches: HashMap<QueryId, Search>,
    answers: FuturesUnordered<BoxFuture<'static, Answered>>,
    requests: Bounds<PeerId>,
    authors: Bounds<PeerId>,
}

impl State {
    pub(crate) fn new(config: &Config) -> Self {
        let limits = &config.limits;
        Self {
            outbound: HashMap::new(),
            lookups: HashMap::new(),
            puts: HashMap::new(),
            searches: HashMap::new(),
            answers: FuturesUnordered::new(),
            requests: Bounds::new(limits.requests_per_second, limits.requests_per_peer, limits.requests),
            authors: Bounds::new(limits.gossip_per_second, u32::MAX, u32::MAX),
        }
    }
}

impl NetworkRunner {
    /// Runs until `stop` is cancelled; then every connection closes. Requests under way fail with [`RequestError::Stopped`].
    pub async fn run(mut self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(self.config.redial_interval.max(Duration::from_millis(100)));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = tick.tick() => self.tend(),
                Some(command) = self.commands.recv() => self.command(command),
                Some(answered) = self.state.answers.next() => self.answer(answered),
                event = self.swarm.select_next_some() => self.event(event),
            }
        }
        info!("network stopped");
    }

    /// What is due from time to time.
    fn tend(&mut self) {
        for address in self.config.bootstrap.clone() {
            self.dial(address);
        }
        if self.peers.borrow().len() < FEW_PEERS {
            // Fails only while the routing table is empty.
            let _ = self.swarm.behaviour_mut().kad.bootstrap();
        }
        let now = Instant::now();
        self.state.requests.prune(now);
        self.state.authors.prune(now);
        // Whoever gave up waiting.
        self.state.outbound.retain(|_, outbound| !outbound.reply.is_closed());
        let kept = self.swarm.behaviour_mut().kad.store_mut().records().count();
        self.metrics.records_kept.set(kept as i64);
    }

    fn dial(&mut self, address: Multiaddr) {
        let Some(Protocol::P2p(peer)) = address.iter().last() else {
            warn!(%address, "not dialled: an address has to end in /p2p/<peer id>");
            return;
        };
        if peer == self.config.keypair.public().to_peer_id() {
            return;
        }
        let options = DialOpts::peer_id(peer)
            .condition(PeerCondition::DisconnectedAndNotDialing)
            .addresses(vec![address.clone()])
            // The peer may listen elsewhere by now, which others can tell.
            .extend_addresses_through_behaviour()
            .build();
        if let Err(error) = self.swarm.dial(options) {
            trace!(%address, %error, "not dialled");
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Dial { address } => self.dial(address),
            Command::Request { peer, request, reply } => self.request(peer, request, reply),
            Command::Publish { gossip, reply } => {
                let _ = reply.send(self.publish(&gossip));
            }
            Command::PutRecord { assignment, reply } => match self.put(&assignment) {
                Ok(query) => {
                    self.state.puts.insert(query, reply);
                }
                Err(error) => {
                    let _ = reply.send(Err(error));
                }
            },
            Command::FindRecords { instance, reply } => {
                let query = self.swarm.behaviour_mut().kad.get_record(records::key(&instance));
                self.state.searches.insert(query, Search { found: Vec::new(), valid: 0, reply });
            }
        }
    }

    /// Sends a request, or looks its peer up first if nobody here knows where it is.
    fn request(&mut self, peer: PeerId, request: Box<Request>, reply: RequestReply) {
        if self.swarm.is_connected(&peer) || self.knows(&peer) {
            return self.send(peer, *request, reply);
        }
        if self.state.lookups.len() >= MAX_LOOKUPS {
            let _ = reply.send(Err(RequestError::TooMany));
            return;
        }
        let query = self.swarm.behaviour_mut().kad.get_closest_peers(peer);
        self.state.lookups.insert(query, Lookup { peer, request, reply });
    }

    /// Whether the routing table has the peer.
    fn knows(&mut self, peer: &PeerId) -> bool {
        let bucket = self.swarm.behaviour_mut().kad.kbucket(*peer);
        bucket.is_some_and(|bucket| bucket.iter().any(|entry| entry.node.key.preimage() == peer))
    }

    fn send(&mut self, peer: PeerId, request: Request, reply: RequestReply) {
        let kind = kind(&request);
        let under_way = self.state.outbound.values().filter(|outbound| outbound.peer == peer).count();
        if under_way >= self.config.limits.outbound_per_peer as usize {
            self.metrics.request_out(kind, "too_many");
            let _ = reply.send(Err(RequestError::TooMany));
            return;
        }
        let id = self.swarm.behaviour_mut().requests.send_request(&peer, request);
        self.state.outbound.insert(id, Outbound { peer, kind, reply });
    }

    fn publish(&mut self, gossip: &Gossip) -> Result<(), PublishError> {
        let (topic, name) = self.topics.of(gossip);
        let result = gossip.to_bytes().map_err(PublishError::from).and_then(|bytes| {
            match self.swarm.behaviour_mut().gossip.publish(topic.clone(), bytes) {
                Ok(_) => Ok(()),
                Err(gossipsub::PublishError::Duplicate) => Err(PublishError::Duplicate),
                Err(gossipsub::PublishError::NoPeersSubscribedToTopic) => Err(PublishError::NoPeers),
                Err(gossipsub::PublishError::AllQueuesFull(_)) => Err(PublishError::Busy),
                Err(other) => Err(PublishError::Failed(other.to_string())),
            }
        });
        let outcome = match &result {
            Ok(()) => "sent",
            Err(PublishError::Duplicate) => "duplicate",
            Err(PublishError::NoPeers) => "no_peers",
            Err(_) => "failed",
        };
        self.metrics.gossip_out(name, outcome);
        result
    }

    fn put(&mut self, assignment: &SignedAssignment) -> Result<QueryId, RecordError> {
        let record = Record::new(records::key(&assignment.assignment.instance), assignment.to_bytes()?);
        let kad = &mut self.swarm.behaviour_mut().kad;
        if !records::supersedes(kad.store_mut(), assignment) {
            return Err(RecordError::Older);
        }
        // As many as Kademlia replicates to: with a lower quorum it would stop at the first that takes the record.
        kad.put_record(record, Quorum::All).map_err(|_| RecordError::Full)
    }

    fn event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Identify(event)) => self.identified(event),
            SwarmEvent::Behaviour(BehaviourEvent::Kad(event)) => self.kademlia(event),
            SwarmEvent::Behaviour(BehaviourEvent::Gossip(event)) => self.gossiped(event),
            SwarmEvent::Behaviour(BehaviourEvent::Requests(event)) => self.requested(event),
            SwarmEvent::Behaviour(BehaviourEvent::Ping(_)) => {}
            SwarmEvent::NewListenAddr { address, .. } => {
                info!(%address, "listening");
                self.addresses.send_modify(|known| known.push(address));
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => {
                self.addresses.send_modify(|known| known.retain(|a| *a != address));
            }
            SwarmEvent::ListenerClosed { addresses, reason, .. } => {
                warn!(?addresses, ?reason, "a listener closed");
                self.addresses.send_modify(|known| known.retain(|a| !addresses.contains(a)));
            }
            SwarmEvent::ConnectionClosed { peer_id, num_established: 0, cause, .. } => {
                debug!(peer = %peer_id, ?cause, "disconnected");
                self.forget(&peer_id);
            }
            SwarmEvent::OutgoingConnectionError { peer_id, error, .. } => {
                debug!(peer = ?peer_id, %error, "could not connect");
            }
            other => trace!(event = ?other, "swarm"),
        }
    }

    fn forget(&mut self, peer: &PeerId) {
        self.peers.send_if_modified(|peers| peers.remove(peer));
        self.metrics.peers.set(self.peers.borrow().len() as i64);
    }

    /// A peer told what it speaks and where it listens.
    fn identified(&mut self, event: identify::Event) {
        let identify::Event::Received { peer_id, info, .. } = event else { return };
        if info.protocol_version != self.config.protocol("services") {
            debug!(peer = %peer_id, speaks = %info.protocol_version, "a peer of another network");
            let _ = self.swarm.disconnect_peer_id(peer_id);
            return;
        }
        for address in info.listen_addrs.into_iter().filter(reachable).take(MAX_ADDRESSES) {
            self.swarm.behaviour_mut().kad.add_address(&peer_id, address);
        }
        if self.peers.send_if_modified(|peers| peers.insert(peer_id)) {
            debug!(peer = %peer_id, agent = %info.agent_version, "connected");
            self.metrics.peers.set(self.peers.borrow().len() as i64);
        }
    }

    fn kademlia(&mut self, event: kad::Event) {
        match event {
            kad::Event::InboundRequest {
                request: kad::InboundRequest::PutRecord { source, record: Some(record), .. },
            } => {
                let store = self.swarm.behaviour_mut().kad.store_mut();
                match records::keep(store, record, &*self.config.record_validator) {
                    Ok(()) => self.metrics.record("kept"),
                    Err(refusal) => {
                        debug!(peer = %source, %refusal, "record not kept");
                        self.metrics.record(match refusal {
                            records::RecordRefusal::Malformed => "malformed",
                            records::RecordRefusal::Older => "older",
                            records::RecordRefusal::Invalid => "invalid",
                            records::RecordRefusal::Full => "full",
                        });
                    }
                }
            }
            kad::Event::OutboundQueryProgressed { id, result, step, .. } => {
                self.progressed(id, result);
                if step.last {
                    self.finished(id);
                }
            }
            other => trace!(event = ?other, "kademlia"),
        }
    }

    fn progressed(&mut self, id: QueryId, result: QueryResult) {
        match result {
            QueryResult::GetRecord(Ok(kad::GetRecordOk::FoundRecord(found))) => {
                let Some(search) = self.state.searches.get_mut(&id) else { return };
                let Some(assignment) = records::decode(&found.record) else { return };
                if self.config.record_validator.is_valid(&assignment) {
                    search.valid += 1;
                }
                if search.found.len() < MAX_RECORDS_FOUND && !search.found.contains(&assignment) {
                    search.found.push(assignment);
                }
                if search.valid >= ENOUGH_RECORDS {
                    if let Some(mut query) = self.swarm.behaviour_mut().kad.query_mut(&id) {
                        query.finish();
                    }
                }
            }
            QueryResult::PutRecord(result) => {
                let taken = match result {
                    Ok(_) => kad::K_VALUE.get(),
                    Err(
                        kad::PutRecordError::QuorumFailed { success, .. }
                        | kad::PutRecordError::Timeout { success, .. },
                    ) => success.len(),
                };
                if let Some(reply) = self.state.puts.remove(&id) {
                    let _ = reply.send(Ok(taken));
                }
            }
            QueryResult::GetClosestPeers(result) => {
                let Some(Lookup { peer, request, reply }) = self.state.lookups.remove(&id) else { return };
                let peers = match result {
                    Ok(found) => found.peers,
                    Err(kad::GetClosestPeersError::Timeout { peers, .. }) => peers,
                };
                let addresses = peers.into_iter().filter(|found| found.peer_id == peer).flat_map(|found| found.addrs);
                for address in addresses.filter(reachable).take(MAX_ADDRESSES) {
                    self.swarm.add_peer_address(peer, address);
                }
                // Without an address this fails at once, as unreachable.
                self.send(peer, *request, reply);
            }
            _ => {}
        }
    }

    fn finished(&mut self, id: QueryId) {
        if let Some(mut search) = self.state.searches.remove(&id) {
            search.found.sort_by_key(|found| std::cmp::Reverse(found.assignment.version));
            let _ = search.reply.send(search.found);
        }
        self.state.puts.remove(&id);
        self.state.lookups.remove(&id);
    }

    /// A gossip message: passed on, and handed over, only if it is what its topic is for and its author keeps within the rate.
    fn gossiped(&mut self, event: gossipsub::Event) {
        let gossipsub::Event::Message { propagation_source, message_id, message } = event else { return };
        let author = message.source.unwrap_or(propagation_source);
        let (name, acceptance) = match Gossip::from_bytes(&message.data) {
            Ok(gossip) => {
                let (topic, name) = self.topics.of(&gossip);
                if topic.hash() != message.topic {
                    (name, MessageAcceptance::Reject)
                } else if self.state.authors.admit(author, Instant::now()).is_err() {
                    (name, MessageAcceptance::Ignore)
                } else {
                    self.state.authors.release(&author);
                    // Nobody listens: nothing to do.
                    let _ = self.gossip.send((author, gossip));
                    (name, MessageAcceptance::Accept)
                }
            }
            Err(error) => {
                debug!(peer = %propagation_source, %error, "gossip refused");
                ("unknown", MessageAcceptance::Reject)
            }
        };
        self.metrics.gossip_in(
            name,
            match acceptance {
                MessageAcceptance::Accept => "accepted",
                MessageAcceptance::Reject => "rejected",
                MessageAcceptance::Ignore => "too_fast",
            },
        );
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        gossip.report_message_validation_result(&message_id, &propagation_source, acceptance);
    }

    fn requested(&mut self, event: request_response::Event<Request, Response>) {
        match event {
            request_response::Event::Message { peer, message, .. } => match message {
                request_response::Message::Request { request, channel, .. } => self.serve(peer, request, channel),
                request_response::Message::Response { request_id, response } => {
                    if let Some(outbound) = self.state.outbound.remove(&request_id) {
                        let outcome = if matches!(response, Response::Refused(_)) { "refused" } else { "answered" };
                        self.metrics.request_out(outbound.kind, outcome);
                        let _ = outbound.reply.send(Ok(response));
                    }
                }
            },
            request_response::Event::OutboundFailure { peer, request_id, error, .. } => {
                debug!(%peer, %error, "request failed");
                if let Some(outbound) = self.state.outbound.remove(&request_id) {
                    let (outcome, error) = match error {
                        OutboundFailure::DialFailure => ("unreachable", RequestError::Unreachable),
                        OutboundFailure::Timeout => ("timeout", RequestError::Timeout),
                        OutboundFailure::ConnectionClosed => ("closed", RequestError::ConnectionClosed),
                        OutboundFailure::UnsupportedProtocols => ("unsupported", RequestError::Unsupported),
                        OutboundFailure::Io(error) => ("stream", RequestError::Stream(error.to_string())),
                    };
                    self.metrics.request_out(outbound.kind, outcome);
                    let _ = outbound.reply.send(Err(error));
                }
            }
            request_response::Event::InboundFailure { peer, error, .. } => {
                debug!(%peer, %error, "could not answer a request");
                self.metrics.request_in(
                    "unknown",
                    match error {
                        InboundFailure::Timeout => "timeout",
                        InboundFailure::Io(_) => "stream",
                        _ => "failed",
                    },
                );
            }
            request_response::Event::ResponseSent { .. } => {}
        }
    }

    /// Hands another's request over, or refuses it.
    fn serve(&mut self, peer: PeerId, request: Request, channel: ResponseChannel<Response>) {
        let kind = kind(&request);
        if let Err(excess) = self.state.requests.admit(peer, Instant::now()) {
            let reason = match excess {
                Excess::Rate => "more requests a second than allowed",
                Excess::InWork => "too many requests of yours are in work",
                Excess::Total => "too many requests are in work",
            };
            return self.refuse(kind, channel, RefusalCode::Busy, reason);
        }
        let (respond, response) = oneshot::channel();
        match self.inbound.try_send(InboundRequest { peer, request, respond }) {
            Ok(()) => {
                let limit = self.config.request_timeout;
                let answer = async move {
                    let response = tokio::time::timeout(limit, response).await.ok().and_then(Result::ok);
                    Answered { peer, kind, channel, response }
                };
                self.state.answers.push(answer.boxed());
            }
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.state.requests.release(&peer);
                self.refuse(kind, channel, RefusalCode::Busy, "too many requests are waiting");
            }
            Err(mpsc::error::TrySendError::Closed(_)) => {
                self.state.requests.release(&peer);
                self.refuse(kind, channel, RefusalCode::Failed, "this service takes no requests");
            }
        }
    }

    fn refuse(&mut self, kind: &'static str, channel: ResponseChannel<Response>, code: RefusalCode, reason: &str) {
        self.metrics.request_in(kind, "refused_unseen");
        let refusal = Response::refused(code, reason);
        // Fails only if the peer has gone.
        let _ = self.swarm.behaviour_mut().requests.send_response(channel, refusal);
    }

    fn answer(&mut self, answered: Answered) {
        let Answered { peer, kind, channel, response } = answered;
        self.state.requests.release(&peer);
        let response = match response {
            Some(response) => match response.check() {
                Ok(()) => response,
                Err(error) => {
                    warn!(%error, kind, "an answer too large to be sent");
                    Response::refused(RefusalCode::Failed, "the answer is too large")
                }
            },
            None => Response::refused(RefusalCode::Failed, "no answer from this service"),
        };
        let outcome = if matches!(response, Response::Refused(_)) { "refused" } else { "answered" };
        self.metrics.request_in(kind, outcome);
        let _ = self.swarm.behaviour_mut().requests.send_response(channel, response);
    }
}

/// What a request is called in metrics.
fn kind(request: &Request) -> &'static str {
    match request {
        Request::Place(_) => "place",
        Request::Shard { .. } => "shard",
        Request::State { .. } => "state",
        Request::Blob { .. } => "blob",
        Request::Attest(_) => "attest",
        Request::Gaps { .. } => "gaps",
        Request::Committed { .. } => "committed",
        Request::Updates { .. } => "updates",
        Request::InstanceKeys { .. } => "instance_keys",
        Request::Operations { .. } => "operations",
    }
}

/// Whether an address can be dialled at all. Private networks are welcome: services run in them.
fn reachable(address: &Multiaddr) -> bool {
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) => !ip.is_unspecified() && !ip.is_multicast(),
        Some(Protocol::Ip6(ip)) => !ip.is_unspecified() && !ip.is_multicast(),
        Some(Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_)) => true,
        _ => false,
    }
}

/// Builds the swarm and everything around it; see [`crate::new`].
pub(crate) fn build(
    config: Config,
    metrics: Metrics,
) -> Result<(crate::Network, NetworkRunner, mpsc::Receiver<InboundRequest>), crate::NetworkError> {
    let topics = Topics::new(&config);
    let behaviour = Behaviour::new(&config, &topics)?;
    let failed = |e: &dyn std::fmt::Display| crate::NetworkError::Protocol(e.to_string());
    let idle = config.idle_timeout;
    let mut swarm = libp2p::SwarmBuilder::with_existing_identity(config.keypair.clone())
        .with_tokio()
        .with_tcp(
            libp2p::tcp::Config::default().nodelay(true),
            libp2p::noise::Config::new,
            libp2p::yamux::Config::default,
        )
        .map_err(|e| failed(&e))?
        .with_dns()
        .map_err(|e| failed(&e))?
        .with_behaviour(|_| behaviour)
        .map_err(|e| failed(&e))?
        .with_swarm_config(|swarm| swarm.with_idle_connection_timeout(idle))
        .build();
    for address in &config.listen {
        swarm.listen_on(address.clone()).map_err(|e| crate::NetworkError::Listen(address.clone(), e.to_string()))?;
    }
    for address in &config.external {
        swarm.add_external_address(address.clone());
    }

    let (commands, command_queue) = mpsc::channel(256);
    let (inbound, inbound_queue) = mpsc::channel(config.limits.requests as usize);
    let (gossip, _) = broadcast::channel(config.limits.gossip_queue);
    let (peers, known_peers) = watch::channel(BTreeSet::new());
    let (addresses, known_addresses) = watch::channel(Vec::new());
    let network = crate::Network {
        local: config.keypair.public().to_peer_id(),
        timeout: config.request_timeout,
        commands,
        gossip: gossip.clone(),
        peers: known_peers,
        addresses: known_addresses,
    };
    let state = State::new(&config);
    let runner = NetworkRunner {
        config,
        topics,
        swarm,
        metrics,
        commands: command_queue,
        inbound,
        gossip,
        peers,
        addresses,
        state,
    };
    Ok((network, runner, inbound_queue))
}
