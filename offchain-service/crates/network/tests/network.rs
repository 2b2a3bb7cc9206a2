//! Real services over loopback TCP.

use std::{sync::Arc, time::Duration};

use futures::{AsyncReadExt, AsyncWriteExt};
use libp2p::{swarm::SwarmEvent, StreamProtocol};
use smartlayer_network::{
    keypair,
    messages::{Content, Gossip, MessageError, Placement, RefusalCode, Request, Response, MAX_SCRIPT_BYTES},
    new, Config, InboundRequest, Multiaddr, Network, PublishError, RecordError, RequestError,
};
use smartlayer_primitives::{
    assignment::{Assignment, Coding, SignedAssignment, MAX_STATE_BYTES},
    quorum::AnchorSignature,
    sla::{Measurement, SignedMeasurement},
    AccountId, Hash, InstanceId,
};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

const GENESIS: Hash = Hash::repeat_byte(7);
const SOON: Duration = Duration::from_secs(20);

struct Service {
    network: Network,
    inbound: mpsc::Receiver<InboundRequest>,
    address: Multiaddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Service {
    /// A service that listens on a free port of the loopback interface.
    async fn start(seed: u8, bootstrap: &[&Service], change: impl FnOnce(&mut Config)) -> Self {
        let bootstrap = bootstrap.iter().map(|s| s.address.clone()).collect();
        let mut config = Config::new(keypair([seed; 32]), GENESIS, Arc::new(|_: &_| true));
        config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
        config.bootstrap = bootstrap;
        config.redial_interval = Duration::from_millis(200);
        change(&mut config);
        let (network, runner, inbound) = new(config, &mut Default::default()).unwrap();
        let stop = CancellationToken::new();
        let task = tokio::spawn(runner.run(stop.clone()));
        let address = network.wait_for_addresses().await.remove(0);
        Self { network, inbound, address, stop, task }
    }

    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(2), self.task).await.expect("stops within 2 s").unwrap();
    }

    /// Answers every request with `answer`.
    fn serve(&mut self, answer: impl Fn(Request) -> Response + Send + 'static) {
        let mut inbound = std::mem::replace(&mut self.inbound, mpsc::channel(1).1);
        tokio::spawn(async move {
            while let Some(request) = inbound.recv().await {
                let _ = request.respond.send(answer(request.request));
            }
        });
    }
}

/// `count` services; all but the first know only the first.
async fn services(count: u8) -> Vec<Service> {
    let mut all = vec![Service::start(1, &[], |_| ()).await];
    for seed in 2..=count {
        let next = Service::start(seed, &[&all[0]], |_| ()).await;
        all.push(next);
    }
    for service in &all {
        service.network.wait_for_peers(1, SOON).await.unwrap();
    }
    all
}

fn assignment(index: u32, version: u32) -> SignedAssignment {
    SignedAssignment {
        assignment: Assignment {
            instance: InstanceId { token_type: 1, index },
            version,
            period: 0,
            state_hash: Hash::zero(),
            coding: Coding { length: 1, symbol_size: 1, symbols_per_shard: 1, threshold: 1 },
            serving: Default::default(),
            holdings: Default::default(),
        },
        certificate: Default::default(),
    }
}

fn measurement(sequence: u64) -> Gossip {
    Gossip::Measurement(SignedMeasurement {
        measurement: Measurement {
            anchor: AccountId::new([1; 32]),
            sequence,
            node: AccountId::new([2; 32]),
            period: 3,
            probes: 4,
            failed: 0,
            p95_latency_ms: 5,
        },
        signature: AnchorSignature::from_raw([0; 64]),
    })
}

fn large_placement(script: usize) -> Request {
    let state = (0..MAX_STATE_BYTES).map(|i| i as u8).collect();
    let content = vec![Content::State(state), Content::Shard { number: 3, bytes: vec![9; 1 << 20] }];
    Request::Place(Box::new(Placement { assignment: assignment(1, 1), content, script: vec![5; script] }))
}

const BLOB: Request = Request::Blob { hash: GENESIS };

async fn eventually<T>(mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    tokio::time::timeout(SOON, async {
        loop {
            if let Some(value) = attempt().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .expect("it happens soon")
}

#[tokio::test]
async fn the_largest_placement_arrives_and_larger_ones_are_not_sent() {
    let mut all = services(2).await;
    let to = all[0].network.local_peer_id();
    let from = all[1].network.local_peer_id();
    let placement = large_placement(MAX_SCRIPT_BYTES);

    let asked = tokio::spawn({
        let (network, placement) = (all[1].network.clone(), placement.clone());
        async move { network.request(to, placement).await }
    });
    let InboundRequest { peer, request, respond } = all[0].inbound.recv().await.unwrap();
    assert_eq!(peer, from);
    assert_eq!(request, placement);
    respond.send(Response::Done).unwrap();
    assert_eq!(asked.await.unwrap(), Ok(Response::Done));

    let refused = all[1].network.request(to, large_placement(MAX_SCRIPT_BYTES + 1)).await;
    assert!(matches!(refused, Err(RequestError::Message(MessageError::Bound("script", _)))), "{refused:?}");
    assert_eq!(all[1].network.request(from, BLOB).await, Err(RequestError::Oneself));

    // A service that drops the request, or answers with too much, has failed; the asker is told.
    all[0].serve(|_| Response::Blob(vec![0; MAX_SCRIPT_BYTES + 1]));
    let answer = all[1].network.request(to, BLOB).await.unwrap();
    assert!(matches!(answer, Response::Refused(r) if r.code == RefusalCode::Failed));
}

#[tokio::test]
async fn too_many_requests_are_refused_as_busy() {
    let mut server = Service::start(1, &[], |config| config.limits.requests_per_peer = 2).await;
    let client = Service::start(2, &[&server], |_| ()).await;
    client.network.wait_for_peers(1, SOON).await.unwrap();
    let to = server.network.local_peer_id();
    let waiting: Vec<_> = (0..2)
        .map(|_| {
            let network = client.network.clone();
            tokio::spawn(async move { network.request(to, BLOB).await })
        })
        .collect();
    let first = server.inbound.recv().await.unwrap();
    let second = server.inbound.recv().await.unwrap();
    let third = client.network.request(to, BLOB).await.unwrap();
    assert!(matches!(third, Response::Refused(r) if r.code == RefusalCode::Busy));
    first.respond.send(Response::Done).unwrap();
    drop(second.respond);
    let mut answers = Vec::new();
    for answer in waiting {
        answers.push(answer.await.unwrap().unwrap());
    }
    assert!(answers.contains(&Response::Done));
    assert!(answers.iter().any(|a| matches!(a, Response::Refused(r) if r.code == RefusalCode::Failed)));
    server.serve(|_| Response::Done);
    assert_eq!(client.network.request(to, BLOB).await, Ok(Response::Done));
}

#[tokio::test]
async fn gossip_reaches_everyone_once() {
    let all = services(6).await;
    let mut heard: Vec<_> = all[1..].iter().map(|s| s.network.gossip()).collect();
    all[0].network.wait_for_peers(5, SOON).await.unwrap();
    // Gossip reaches who has subscribed by then: that takes a heartbeat.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    all[0].network.publish(measurement(1)).await.unwrap();
    for receiver in &mut heard {
        let (author, gossip) = tokio::time::timeout(SOON, receiver.recv()).await.unwrap().unwrap();
        assert_eq!((author, gossip), (all[0].network.local_peer_id(), measurement(1)));
    }
    assert_eq!(all[0].network.publish(measurement(1)).await, Err(PublishError::Duplicate));
    // From a service at the edge, too.
    let mut first = all[0].network.gossip();
    all[5].network.publish(measurement(2)).await.unwrap();
    let (author, gossip) = tokio::time::timeout(SOON, first.recv()).await.unwrap().unwrap();
    assert_eq!((author, gossip), (all[5].network.local_peer_id(), measurement(2)));
    for receiver in &mut heard[..4] {
        assert_eq!(tokio::time::timeout(SOON, receiver.recv()).await.unwrap().unwrap().1, measurement(2));
        assert!(receiver.is_empty());
    }
}

#[tokio::test]
async fn an_assignment_put_here_is_found_there() {
    let all = services(5).await;
    let instance = assignment(1, 0).assignment.instance;
    let taken = all[1].network.publish_assignment(assignment(1, 1)).await.unwrap();
    assert!(taken >= 1);
    let found =
        eventually(async || Some(all[4].network.find_assignments(instance).await).filter(|f| !f.is_empty())).await;
    assert_eq!(found, [assignment(1, 1)]);

    // A higher version takes its place, a lower one does not.
    all[2].network.publish_assignment(assignment(1, 2)).await.unwrap();
    let newest = async || all[3].network.find_assignments(instance).await.into_iter().next();
    eventually(async || newest().await.filter(|f| f.assignment.version == 2)).await;
    assert_eq!(all[2].network.publish_assignment(assignment(1, 1)).await, Err(RecordError::Older));
    assert!(all[3].network.find_assignments(InstanceId { token_type: 9, index: 9 }).await.is_empty());
}

#[tokio::test]
async fn a_record_that_fails_validation_is_not_kept() {
    let strict = Service::start(1, &[], |config| {
        config.record_validator = Arc::new(|a: &SignedAssignment| a.assignment.period == 1);
    })
    .await;
    let publisher = Service::start(2, &[&strict], |_| ()).await;
    publisher.network.wait_for_peers(1, SOON).await.unwrap();
    publisher.network.publish_assignment(assignment(1, 1)).await.unwrap();
    let mut valid = assignment(2, 1);
    valid.assignment.period = 1;
    eventually(async || publisher.network.publish_assignment(valid.clone()).await.ok().filter(|taken| *taken == 1))
        .await;

    // Nobody but the strict service is left to ask.
    publisher.stop().await;
    let find = async |index| strict.network.find_assignments(InstanceId { token_type: 1, index }).await;
    assert_eq!(find(2).await, [valid]);
    assert_eq!(find(1).await, []);
}

#[tokio::test]
async fn a_peer_not_connected_is_looked_up() {
    let first = Service::start(1, &[], |_| ()).await;
    let mut second = Service::start(2, &[&first], |config| config.bootstrap_interval = Duration::from_secs(3600)).await;
    second.serve(|_| Response::Done);
    second.network.wait_for_peers(1, SOON).await.unwrap();
    let third = Service::start(3, &[&first], |_| ()).await;
    let peer = second.network.local_peer_id();
    let answer = eventually(async || third.network.request(peer, BLOB).await.ok()).await;
    assert_eq!(answer, Response::Done);
    let nobody = keypair([99; 32]).public().to_peer_id();
    assert_eq!(third.network.request(nobody, BLOB).await, Err(RequestError::Unreachable));
}

#[tokio::test]
async fn services_of_another_chain_stay_apart() {
    let here = Service::start(1, &[], |_| ()).await;
    let there = Service::start(2, &[&here], |config| config.genesis = Hash::zero()).await;
    let few = there.network.wait_for_peers(1, Duration::from_secs(2)).await.unwrap_err();
    assert_eq!((few.found, few.wanted), (0, 1));
    assert!(here.network.peers().is_empty());
    let answer = there.network.request(here.network.local_peer_id(), BLOB).await;
    assert!(answer.is_err(), "{answer:?}");
}

#[tokio::test]
async fn a_restarted_peer_is_found_again() {
    let mut first = Service::start(1, &[], |_| ()).await;
    first.serve(|_| Response::Done);
    let mut second = Service::start(2, &[&first], |_| ()).await;
    second.serve(|_| Response::Done);
    second.network.wait_for_peers(1, SOON).await.unwrap();
    let (first_peer, second_peer) = (first.network.local_peer_id(), second.network.local_peer_id());

    // The one that bootstraps comes back at another port.
    second.stop().await;
    eventually(async || first.network.peers().is_empty().then_some(())).await;
    let mut second = Service::start(2, &[&first], |_| ()).await;
    second.serve(|_| Response::Done);
    eventually(async || first.network.request(second_peer, BLOB).await.ok()).await;

    // The one that others bootstrap from comes back where it was.
    let address: Multiaddr = first.address.iter().take(2).collect();
    first.stop().await;
    eventually(async || second.network.peers().is_empty().then_some(())).await;
    let mut first = Service::start(1, &[], |config| config.listen = vec![address]).await;
    first.serve(|_| Response::Done);
    second.network.wait_for_peers(1, SOON).await.unwrap();
    assert_eq!(second.network.request(first_peer, BLOB).await, Ok(Response::Done));
}

#[tokio::test]
async fn stopping_is_quick_and_everyone_waiting_is_told() {
    let all = services(2).await;
    let to = all[0].network.local_peer_id();
    let network = all[1].network.clone();
    let waiting = tokio::spawn({
        let network = network.clone();
        async move { network.request(to, BLOB).await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    for service in all {
        service.stop().await;
    }
    assert!(matches!(waiting.await.unwrap(), Err(RequestError::Stopped | RequestError::ConnectionClosed)));
    assert_eq!(network.request(to, BLOB).await, Err(RequestError::Stopped));
    assert_eq!(network.publish(measurement(1)).await, Err(PublishError::Stopped));
    assert_eq!(network.publish_assignment(assignment(1, 1)).await, Err(RecordError::Stopped));
}

/// A stranger that speaks the protocols' names, and nothing else right.
mod stranger {
    use super::*;
    use libp2p::{gossipsub, request_response, swarm::NetworkBehaviour, Swarm};
    use std::io;

    #[derive(Clone)]
    pub struct Raw;

    impl request_response::Codec for Raw {
        type Protocol = StreamProtocol;
        type Request = Vec<u8>;
        type Response = Vec<u8>;
        async fn read_request<T: futures::AsyncRead + Unpin + Send>(
            &mut self,
            _: &StreamProtocol,
            _: &mut T,
        ) -> io::Result<Vec<u8>> {
            Ok(Vec::new())
        }
        async fn read_response<T: futures::AsyncRead + Unpin + Send>(
            &mut self,
            _: &StreamProtocol,
            io: &mut T,
        ) -> io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            io.read_to_end(&mut bytes).await?;
            Ok(bytes)
        }
        async fn write_request<T: futures::AsyncWrite + Unpin + Send>(
            &mut self,
            _: &StreamProtocol,
            io: &mut T,
            bytes: Vec<u8>,
        ) -> io::Result<()> {
            io.write_all(&bytes).await
        }
        async fn write_response<T: futures::AsyncWrite + Unpin + Send>(
            &mut self,
            _: &StreamProtocol,
            _: &mut T,
            _: Vec<u8>,
        ) -> io::Result<()> {
            Ok(())
        }
    }

    #[derive(NetworkBehaviour)]
    pub struct Behaviour {
        pub gossip: gossipsub::Behaviour,
        pub requests: request_response::Behaviour<Raw>,
    }

    pub fn new() -> Swarm<Behaviour> {
        let key = keypair([77; 32]);
        let names = Config::new(key.clone(), GENESIS, Arc::new(|_: &_| true));
        let protocol = StreamProtocol::try_from_owned(names.protocol("requests")).unwrap();
        let requests = request_response::Behaviour::with_codec(
            Raw,
            [(protocol, request_response::ProtocolSupport::Full)],
            Default::default(),
        );
        let config = gossipsub::ConfigBuilder::default()
            .protocol_id(names.protocol("gossip"), gossipsub::Version::V1_1)
            .build()
            .unwrap();
        let mut gossip =
            gossipsub::Behaviour::new(gossipsub::MessageAuthenticity::Signed(key.clone()), config).unwrap();
        gossip.subscribe(&gossipsub::IdentTopic::new(names.protocol("operations"))).unwrap();
        libp2p::SwarmBuilder::with_existing_identity(key)
            .with_tokio()
            .with_tcp(Default::default(), libp2p::noise::Config::new, libp2p::yamux::Config::default)
            .unwrap()
            .with_behaviour(|_| Behaviour { gossip, requests })
            .unwrap()
            .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(60)))
            .build()
    }
}

#[tokio::test]
async fn garbage_harms_nobody() {
    use libp2p::{gossipsub, request_response};
    let mut target = Service::start(1, &[], |_| ()).await;
    target.serve(|_| Response::Done);
    let mut heard = target.network.gossip();
    let mut swarm = stranger::new();
    swarm.dial(target.address.clone()).unwrap();
    let peer = target.network.local_peer_id();
    let garbage: [Vec<u8>; 5] = [
        vec![],
        vec![255; 100],
        (u32::MAX).to_le_bytes().to_vec(),
        [&(9u32 << 20).to_le_bytes()[..], &[0; 1000]].concat(),
        [&4u32.to_le_bytes()[..], &[9, 9, 9, 9]].concat(),
    ];
    let asked = garbage.len();
    for bytes in garbage {
        swarm.behaviour_mut().requests.send_request(&peer, bytes);
    }
    let topic = Config::new(keypair([77; 32]), GENESIS, Arc::new(|_: &_| true)).protocol("operations");
    let (mut failed, mut published) = (0, 0);
    tokio::time::timeout(SOON, async {
        while failed < asked || published < 5 {
            let event = tokio::select! {
                event = futures::StreamExt::select_next_some(&mut swarm) => Some(event),
                () = tokio::time::sleep(Duration::from_millis(100)) => None,
            };
            match event {
                Some(SwarmEvent::Behaviour(stranger::BehaviourEvent::Requests(event))) => match event {
                    request_response::Event::OutboundFailure { .. } => failed += 1,
                    request_response::Event::Message {
                        message: request_response::Message::Response { response, .. },
                        ..
                    } => {
                        assert!(response.is_empty(), "garbage was answered");
                        failed += 1;
                    }
                    _ => {}
                },
                Some(_) => {}
                None => {
                    let topic = gossipsub::IdentTopic::new(topic.clone());
                    let bytes = vec![published as u8; 1000];
                    published += usize::from(swarm.behaviour_mut().gossip.publish(topic, bytes).is_ok());
                }
            }
        }
    })
    .await
    .expect("every piece of garbage is refused");

    assert!(heard.try_recv().is_err());
    let friend = Service::start(2, &[&target], |_| ()).await;
    friend.network.wait_for_peers(1, SOON).await.unwrap();
    assert_eq!(friend.network.request(peer, BLOB).await, Ok(Response::Done));
    target.stop().await;
}
