//! The handle: what the rest of a service does with the network.

use std::{collections::BTreeSet, time::Duration};

use codec::Encode;
use libp2p::{Multiaddr, PeerId};
use smartlayer_primitives::{assignment::SignedAssignment, InstanceId};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::messages::{Gossip, Message, MessageError, Request, Response, MAX_MESSAGE_BYTES};

/// What the handle asks of the runner.
pub(crate) enum Command {
    Request { peer: PeerId, request: Box<Request>, reply: oneshot::Sender<Result<Response, RequestError>> },
    Publish { gossip: Box<Gossip>, reply: oneshot::Sender<Result<(), PublishError>> },
    PutRecord { assignment: Box<SignedAssignment>, reply: oneshot::Sender<Result<usize, RecordError>> },
    FindRecords { instance: InstanceId, reply: oneshot::Sender<Vec<SignedAssignment>> },
    Dial { address: Multiaddr },
}

/// A request of another service that waits for an answer.
#[derive(Debug)]
pub struct InboundRequest {
    /// Who asks; proven by the connection's handshake.
    pub peer: PeerId,
    /// What it asks. Decoded and within its bounds; nothing else is checked.
    pub request: Request,
    /// Takes the answer. Dropped without one, the peer is told that this service failed.
    pub respond: oneshot::Sender<Response>,
}

/// Why a request was not answered. A [`Response::Refused`] is an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The request is larger than allowed; nothing was sent.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The peer is this service itself.
    #[error("a request to oneself")]
    Oneself,
    /// No address is known, or none of them answers.
    #[error("the peer cannot be reached")]
    Unreachable,
    /// Too many own requests to this peer are under way.
    #[error("too many requests to this peer are under way")]
    TooMany,
    /// No answer came in time. The peer may have done the work.
    #[error("no answer in time")]
    Timeout,
    /// The connection was lost. The peer may have done the work.
    #[error("the connection was lost")]
    ConnectionClosed,
    /// The peer does not speak the protocol: another chain, or no service.
    #[error("the peer does not speak this chain's protocol")]
    Unsupported,
    /// The stream failed, or what came is no message.
    #[error("the stream failed: {0}")]
    Stream(String),
    /// The runner has ended.
    #[error("the network is stopped")]
    Stopped,
}

/// Why a message was not published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// Larger than allowed.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The same message went round within the last half minute.
    #[error("already published")]
    Duplicate,
    /// Nobody listens yet; try again later.
    #[error("no peer listens to the topic")]
    NoPeers,
    /// All peers are too slow for more.
    #[error("the queues to all peers are full")]
    Busy,
    /// Something else.
    #[error("not published: {0}")]
    Failed(String),
    /// The runner has ended.
    #[error("the network is stopped")]
    Stopped,
}

/// Why an assignment was not published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Larger than allowed.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// A higher version is known here, or another assignment of the same version.
    #[error("a newer assignment is known")]
    Older,
    /// [`crate::Limits::records`] is reached.
    #[error("no room for more records")]
    Full,
    /// The runner has ended.
    #[error("the network is stopped")]
    Stopped,
}

/// Too few peers in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found} of {wanted} peers after {after:?}")]
pub struct TooFewPeers {
    /// How many there are.
    pub found: usize,
    /// How many were wanted.
    pub wanted: usize,
    /// After how long.
    pub after: Duration,
}

/// The network as the rest of a service sees it. Cheap to clone; works while the [`crate::NetworkRunner`] runs.
#[derive(Clone)]
pub struct Network {
    pub(crate) local: PeerId,
    pub(crate) timeout: Duration,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) gossip: broadcast::Sender<(PeerId, Gossip)>,
    pub(crate) peers: watch::Receiver<BTreeSet<PeerId>>,
    pub(crate) addresses: watch::Receiver<Vec<Multiaddr>>,
}

impl Network {
    /// Who this service is.
    pub fn local_peer_id(&self) -> PeerId {
        self.local
    }

    /// The addresses it listens on by now, without the peer id.
    pub fn listen_addresses(&self) -> Vec<Multiaddr> {
        self.addresses.borrow().clone()
    }

    /// Waits for the first address, and returns all there are, each with `/p2p/<peer id>`: what others take as bootstrap peers.
    /// Nothing if the runner ends before.
    pub async fn wait_for_addresses(&self) -> Vec<Multiaddr> {
        let mut addresses = self.addresses.clone();
        let known = addresses.wait_for(|known| !known.is_empty()).await.map(|known| known.clone()).unwrap_or_default();
        known.into_iter().filter_map(|a| a.with_p2p(self.local).ok()).collect()
    }

    /// The peers that are connected and speak this chain's protocols.
    pub fn peers(&self) -> Vec<PeerId> {
        self.peers.borrow().iter().copied().collect()
    }

    /// Waits until there are `count` peers.
    pub async fn wait_for_peers(&self, count: usize, timeout: Duration) -> Result<(), TooFewPeers> {
        let mut peers = self.peers.clone();
        let enough = tokio::time::timeout(timeout, peers.wait_for(|known| known.len() >= count)).await;
        match enough {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(TooFewPeers { found: self.peers.borrow().len(), wanted: count, after: timeout }),
        }
    }

    /// Connects to a peer at an address that ends in `/p2p/<peer id>`; does nothing if it is connected. Does not wait.
    pub async fn dial(&self, address: Multiaddr) {
        let _ = self.commands.send(Command::Dial { address }).await;
    }

    /// Sends a request and waits for the answer. Connects first, and looks the peer up in the DHT, where necessary. Dropping the
    /// future gives the answer up, but does not call the request back.
    pub async fn request(&self, peer: PeerId, request: Request) -> Result<Response, RequestError> {
        if peer == self.local {
            return Err(RequestError::Oneself);
        }
        request.check()?;
        let size = request.encoded_size();
        if size > MAX_MESSAGE_BYTES {
            return Err(MessageError::TooLong(size, MAX_MESSAGE_BYTES).into());
        }
        let (reply, answer) = oneshot::channel();
        let command = Command::Request { peer, request: Box::new(request), reply };
        self.commands.send(command).await.map_err(|_| RequestError::Stopped)?;
        // Looking up and dialling have their own limits below this; it only makes sure that nobody waits for ever.
        match tokio::time::timeout(2 * self.timeout, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(RequestError::Stopped),
            Err(_) => Err(RequestError::Timeout),
        }
    }

    /// Tells everyone who listens by now: whoever joins a moment later doesn't hear it, so what must arrive is asked for by request as
    /// well. The own [`Network::gossip`] does not hear it.
    pub async fn publish(&self, gossip: Gossip) -> Result<(), PublishError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Publish { gossip: Box::new(gossip), reply };
        self.commands.send(command).await.map_err(|_| PublishError::Stopped)?;
        answer.await.map_err(|_| PublishError::Stopped)?
    }

    /// What others tell everyone, from now on, with the author, whose signature was checked. What is inside is unverified. A reader
    /// that falls behind by [`crate::Limits::gossip_queue`] messages loses the oldest and is told so.
    pub fn gossip(&self) -> broadcast::Receiver<(PeerId, Gossip)> {
        self.gossip.subscribe()
    }

    /// Puts an assignment into the DHT, and keeps it there as long as this service runs. Returns how many other services took it;
    /// none is no error: it is kept here and offered again later. Whether they keep it, their validators decide.
    pub async fn publish_assignment(&self, assignment: SignedAssignment) -> Result<usize, RecordError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::PutRecord { assignment: Box::new(assignment), reply };
        self.commands.send(command).await.map_err(|_| RecordError::Stopped)?;
        answer.await.map_err(|_| RecordError::Stopped)?
    }

    /// The different assignments of an instance that the DHT holds, the highest version first. Unverified: check the quorum.
    pub async fn find_assignments(&self, instance: InstanceId) -> Vec<SignedAssignment> {
        let (reply, answer) = oneshot::channel();
        if self.commands.send(Command::FindRecords { instance, reply }).await.is_err() {
            return Vec::new();
        }
        answer.await.unwrap_or_default()
    }
}
