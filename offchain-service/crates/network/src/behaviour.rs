//! The libp2p protocols that a service speaks, and how each is set up.

use std::time::Duration;

use libp2p::{
    connection_limits::{self, ConnectionLimits},
    gossipsub::{
        self, IdentTopic, MessageAuthenticity, MessageId, PeerScoreParams, PeerScoreThresholds, TopicScoreParams,
    },
    identify,
    kad::{
        self,
        store::{MemoryStore, MemoryStoreConfig},
    },
    ping,
    request_response::{self, ProtocolSupport},
    swarm::NetworkBehaviour,
    StreamProtocol,
};
use smartlayer_primitives::payload::blake2_256;

use crate::{
    codec::ScaleCodec,
    config::Config,
    messages::{Gossip, MAX_GOSSIP_BYTES},
    NetworkError,
};

/// Streams that one connection may have open for requests, both ways together.
const STREAMS_PER_CONNECTION: usize = 48;

#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    // First, so that what it denies costs the others nothing.
    pub(crate) limits: connection_limits::Behaviour,
    pub(crate) ping: ping::Behaviour,
    pub(crate) identify: identify::Behaviour,
    pub(crate) kad: kad::Behaviour<MemoryStore>,
    pub(crate) gossip: gossipsub::Behaviour,
    pub(crate) requests: request_response::Behaviour<ScaleCodec>,
}

/// The gossip topics of this chain.
pub(crate) struct Topics {
    pub(crate) operations: IdentTopic,
    pub(crate) measurements: IdentTopic,
    pub(crate) assignments: IdentTopic,
    pub(crate) updates: IdentTopic,
}

impl Topics {
    pub(crate) fn new(config: &Config) -> Self {
        let topic = |name| IdentTopic::new(config.protocol(name));
        Self {
            operations: topic("operations"),
            measurements: topic("measurements"),
            assignments: topic("assignments"),
            updates: topic("updates"),
        }
    }

    /// Where a message belongs, and what the topic is called in metrics.
    pub(crate) fn of(&self, gossip: &Gossip) -> (&IdentTopic, &'static str) {
        match gossip {
            Gossip::Operation(_) => (&self.operations, "operations"),
            Gossip::Measurement(_) => (&self.measurements, "measurements"),
            Gossip::Assignment(_) => (&self.assignments, "assignments"),
            Gossip::Update(_) => (&self.updates, "updates"),
        }
    }

    fn all(&self) -> [&IdentTopic; 4] {
        [&self.operations, &self.measurements, &self.assignments, &self.updates]
    }
}

impl Behaviour {
    pub(crate) fn new(config: &Config, topics: &Topics) -> Result<Self, NetworkError> {
        let peer = config.keypair.public().to_peer_id();
        let protocol = |name| {
            StreamProtocol::try_from_owned(config.protocol(name)).expect("protocol names start with a slash; qed")
        };
        let limits = ConnectionLimits::default()
            .with_max_established_incoming(Some(config.limits.connections))
            .with_max_established_outgoing(Some(config.limits.connections))
            .with_max_pending_incoming(Some(config.limits.connections))
            .with_max_established_per_peer(Some(4));
        let identify = identify::Config::new(config.protocol("services"), config.keypair.public())
            .with_agent_version(concat!("smartlayer-service/", env!("CARGO_PKG_VERSION")).into())
            .with_push_listen_addr_updates(true);
        let requests = request_response::Config::default()
            .with_request_timeout(config.request_timeout)
            .with_max_concurrent_streams(STREAMS_PER_CONNECTION);

        Ok(Self {
            limits: connection_limits::Behaviour::new(limits),
            ping: ping::Behaviour::default(),
            identify: identify::Behaviour::new(identify),
            kad: kad(config, protocol("kad"), peer),
            gossip: gossip(config, topics)?,
            requests: request_response::Behaviour::with_codec(
                ScaleCodec::new(config.limits.reading_bytes),
                [(protocol("requests"), ProtocolSupport::Full)],
                requests,
            ),
        })
    }
}

fn kad(config: &Config, protocol: StreamProtocol, peer: libp2p::PeerId) -> kad::Behaviour<MemoryStore> {
    let mut kad_config = kad::Config::new(protocol);
    kad_config
        // A record, and the addresses of twenty peers.
        .set_max_packet_size(2 * MAX_GOSSIP_BYTES)
        .set_query_timeout(Duration::from_secs(10))
        .set_substreams_timeout(Duration::from_secs(5))
        .set_record_filtering(kad::StoreInserts::FilterBoth)
        // Only peers that told by identify that they speak this chain's protocols.
        .set_kbucket_inserts(kad::BucketInserts::Manual)
        .set_caching(kad::Caching::Disabled)
        .set_periodic_bootstrap_interval(Some(config.bootstrap_interval));
    let store = MemoryStoreConfig {
        max_records: config.limits.records,
        max_value_bytes: MAX_GOSSIP_BYTES + 1,
        // Nobody provides anything here: content is found by assignment records.
        max_providers_per_key: 0,
        max_provided_keys: 0,
    };
    let mut kad = kad::Behaviour::with_config(peer, MemoryStore::with_config(peer, store), kad_config);
    kad.set_mode(Some(kad::Mode::Server));
    kad
}

fn gossip(config: &Config, topics: &Topics) -> Result<gossipsub::Behaviour, NetworkError> {
    let failed = |e: &dyn std::fmt::Display| NetworkError::Protocol(e.to_string());
    let gossip_config = gossipsub::ConfigBuilder::default()
        .protocol_id(config.protocol("gossip"), gossipsub::Version::V1_1)
        .validation_mode(gossipsub::ValidationMode::Strict)
        // Nothing is passed on before it was decoded.
        .validate_messages()
        // Room for the envelope: author, signature, topic.
        .max_transmit_size(MAX_GOSSIP_BYTES + 1024)
        // By content: the same operation from two anchors travels once.
        .message_id_fn(|message| {
            let content = blake2_256(&[message.topic.as_str().as_bytes(), &message.data].concat());
            MessageId::new(content.as_bytes())
        })
        .duplicate_cache_time(Duration::from_secs(30))
        .heartbeat_initial_delay(Duration::from_millis(500))
        .build()
        .map_err(|e| failed(&e))?;
    let mut gossip = gossipsub::Behaviour::new(MessageAuthenticity::Signed(config.keypair.clone()), gossip_config)
        .map_err(|e| failed(&e))?;

    // Only wrong behaviour lowers a score. Silence on a quiet topic and services that share an address are no offence.
    let scores = PeerScoreParams { ip_colocation_factor_weight: 0.0, ..Default::default() };
    let thresholds = PeerScoreThresholds {
        gossip_threshold: -20.0,
        publish_threshold: -40.0,
        graylist_threshold: -80.0,
        accept_px_threshold: 0.0,
        opportunistic_graft_threshold: 0.0,
    };
    gossip.with_peer_score(scores, thresholds).map_err(|e| failed(&e))?;
    for topic in topics.all() {
        let params = TopicScoreParams {
            topic_weight: 1.0,
            time_in_mesh_weight: 0.0,
            first_message_deliveries_weight: 0.0,
            mesh_message_deliveries_weight: 0.0,
            mesh_failure_penalty_weight: 0.0,
            // The penalty grows with the square: one slip is forgiven, the third shuts the door for some minutes.
            invalid_message_deliveries_weight: -10.0,
            invalid_message_deliveries_decay: 0.99,
            ..Default::default()
        };
        gossip.set_topic_params(topic.clone(), params).map_err(|e| failed(&e))?;
        gossip.subscribe(topic).map_err(|e| failed(&e))?;
    }
    Ok(gossip)
}
