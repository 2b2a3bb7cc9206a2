//! What services say to each other, and its encoding.
//!
//! Everything is SCALE: the objects inside are signed over their SCALE bytes, so the wire carries those very bytes. Decoding is
//! bounded four times over: the bytes read from a stream ([`MAX_MESSAGE_BYTES`], [`MAX_GOSSIP_BYTES`]), the memory that decoding may
//! take, the depth, and the counts and lengths that each message allows itself.
//!
//! | message | largest, encoded |
//! | --- | --- |
//! | request, response | 8 MiB ([`MAX_MESSAGE_BYTES`]): a [`Placement`] is at most 4 MiB of script, 1 MiB of state and what shards fit |
//! | gossip | 64 KiB ([`MAX_GOSSIP_BYTES`]): a full [`SignedAssignment`] for 255 shards and 128 anchors is 26 KiB; the largest issuer's update just fits |
//! | assignment record | 64 KiB ([`MAX_GOSSIP_BYTES`]) |

use codec::{Decode, DecodeLimit, DecodeWithMemTracking, Encode, MemTrackingInput};
use smartlayer_issuer_feed::{Malformed, SignedUpdate, Updates};
use smartlayer_primitives::{
    assignment::{Assignment, SignedAssignment, MAX_SHARDS, MAX_STATE_BYTES},
    commitment::Commitment,
    operation::Operation,
    quorum::AnchorSignature,
    report::ReportEntry,
    sla::{SignedMeasurement, TestResult},
    AccountId, BlockNumber, Hash, InstanceId, Period, Signature,
};
use smartlayer_sealed_values::{SignedKeyOffer, HANDED_BYTES};
use sp_core::ConstU32;
use sp_runtime::BoundedVec;

/// The largest request or response, encoded, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 8 << 20;
/// The largest gossip message and the largest assignment record, encoded, in bytes.
pub const MAX_GOSSIP_BYTES: usize = 64 << 10;
/// The largest token script, in bytes.
pub const MAX_SCRIPT_BYTES: usize = 4 << 20;
/// The largest shard, in bytes: a shard is never larger than twice the largest state (its symbols are padded).
pub const MAX_SHARD_BYTES: usize = 2 * MAX_STATE_BYTES as usize;
/// The most parts of content that one placement may bring: the state and every shard.
pub const MAX_CONTENT: usize = 1 + MAX_SHARDS as usize;
/// The most measurements that one answer to [`Request::Gaps`] may bring.
pub const MAX_MEASUREMENTS: usize = 4096;
/// The most operations, measurements or assignments in a [`Proposal`] or a [`Missing`], each.
pub const MAX_PROPOSED: usize = 1 << 16;
/// The longest reason of a refusal, in bytes.
pub const MAX_REASON_BYTES: usize = 256;
/// How much heap the decoding of a message may take, as a multiple of its encoded size, and on top of 4 KiB.
const MEMORY_FACTOR: usize = 4;
/// How deep the messages nest, with room; none of them is recursive.
const MAX_DEPTH: u32 = 16;

/// What one service asks of another.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub enum Request {
    /// Keep this: from an anchor to the nodes of an assignment. Answered by [`Response::Done`].
    #[codec(index = 0)]
    Place(Box<Placement>),
    /// Send this shard. Answered by [`Response::Shard`].
    #[codec(index = 1)]
    Shard {
        /// Of which instance.
        instance: InstanceId,
        /// Of which version of its assignment.
        version: u32,
        /// The shard's number.
        shard: u32,
    },
    /// Send the whole state; only serving nodes of the instance and anchors are answered, by [`Response::State`].
    #[codec(index = 2)]
    State {
        /// Of which instance.
        instance: InstanceId,
        /// Of which version of its assignment.
        version: u32,
    },
    /// Send the bytes with this blake2-256, a token script. Answered by [`Response::Blob`].
    #[codec(index = 3)]
    Blob {
        /// blake2-256 of the bytes.
        hash: Hash,
    },
    /// Sign this if you find the same: from anchor to anchor. Answered by [`Response::Attested`]; a proposal by [`Response::Agreed`] or
    /// [`Response::Missing`].
    #[codec(index = 4)]
    Attest(Box<AttestRequest>),
    /// Send the measurements of this anchor from this sequence number on, in order and without gaps as far as they are known.
    /// Answered by [`Response::Measurements`].
    #[codec(index = 5)]
    Gaps {
        /// Whose measurements.
        anchor: AccountId,
        /// From this sequence number on.
        from_sequence: u64,
    },
    /// Send all that the commitment of this period sums up: from anchor to anchor. Answered by [`Response::Committed`].
    #[codec(index = 6)]
    Committed {
        /// The period.
        period: Period,
    },
    /// Send the issuer's updates of this instance from this number on, or from the last reset if that is later: from holder to holder.
    /// Answered by [`Response::Updates`].
    #[codec(index = 7)]
    Updates {
        /// Of which instance.
        instance: InstanceId,
        /// From this number on.
        from: u64,
    },
    /// Send the keys to this instance's sealed values, sealed to me: from node to node that serve it. Answered by [`Response::InstanceKeys`].
    #[codec(index = 8)]
    InstanceKeys {
        /// Of which instance.
        instance: InstanceId,
        /// To whom to seal them; it is who asks.
        offer: Box<SignedKeyOffer>,
    },
    /// Send the key operations that happened to this instance, by the order of their hashes, after this one: from holder to holder. Answered
    /// by [`Response::Operations`].
    #[codec(index = 9)]
    Operations {
        /// Of which instance.
        instance: InstanceId,
        /// After the operation with this hash, if not from the first on.
        after: Option<Hash>,
    },
}

/// Key operations, as many as one answer may bring.
pub type Operations = BoundedVec<Operation, ConstU32<256>>;
/// Keys to an instance's sealed values, each sealed to who asked.
pub type SealedKeys = BoundedVec<[u8; HANDED_BYTES], ConstU32<4>>;

/// What an anchor asks a node to keep.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct Placement {
    /// Who serves and who holds what; the receiver is among them.
    pub assignment: SignedAssignment,
    /// The receiver's part of it, at most [`MAX_CONTENT`].
    pub content: Vec<Content>,
    /// The token script, at most [`MAX_SCRIPT_BYTES`]; its hash is the token type's on the chain.
    pub script: Vec<u8>,
}

/// A part of what a node is to keep.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub enum Content {
    /// The whole state object, for a serving node; at most [`MAX_STATE_BYTES`].
    #[codec(index = 0)]
    State(Vec<u8>),
    /// A shard, for its holder.
    #[codec(index = 1)]
    Shard {
        /// The shard's number.
        number: u32,
        /// Its bytes, at most [`MAX_SHARD_BYTES`].
        bytes: Vec<u8>,
    },
}

/// What an anchor asks another to attest.
// Always behind the box of [`Request::Attest`].
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub enum AttestRequest {
    /// A period's commitment and all it is made of: whether the anchor comes to the same. It is not signed yet.
    #[codec(index = 0)]
    Proposal(Proposal),
    /// A placement.
    #[codec(index = 1)]
    Assignment {
        /// Who is to serve and hold what.
        assignment: Assignment,
        /// The issuer's order to store this very state; nothing if only holders change.
        order: Option<Order>,
    },
    /// The result of a serviceability test.
    #[codec(index = 2)]
    TestResult(TestResult),
    /// A commitment that the anchor agreed to when it was proposed. Of each period and writer it signs one.
    #[codec(index = 3)]
    Commitment(Commitment),
}

/// What shows that an issuer wants a state stored: the parts of its [`smartlayer_primitives::instance::StoreInstance`] that the
/// assignment and the token type don't say, and its signature.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct Order {
    /// The last block at which the order may be carried out.
    pub valid_until: BlockNumber,
    /// By the issuer's account.
    pub signature: Signature,
}

/// A proposed commitment and all it is made of, so that whoever receives it can compute it anew. What a period can hold is bounded
/// by [`MAX_MESSAGE_BYTES`]: some 30 000 key operations.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct Proposal {
    /// What is to be committed.
    pub commitment: Commitment,
    /// The leaves of its operations root, and what its bitmaps are made of.
    pub operations: Vec<Operation>,
    /// What its report is computed from.
    pub measurements: Vec<SignedMeasurement>,
    /// The leaves of its assignments root.
    pub assignments: Vec<Assignment>,
    /// Whether its report counts periods in breach on from the report of the period before, which everyone has or fetches and holds
    /// against the chain's commitment. If nobody has that any more, the count begins anew.
    pub continues: bool,
}

/// What a commitment sums up: each part at most [`MAX_PROPOSED`], in the order of its tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct Contents {
    /// The leaves of its operations root, and what its bitmaps are made of.
    pub operations: Vec<Operation>,
    /// The leaves of its report root.
    pub report: Vec<ReportEntry>,
    /// The leaves of its assignments root.
    pub assignments: Vec<Assignment>,
}

/// What an anchor knows of a period and did not find in a proposal: each part at most [`MAX_PROPOSED`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct Missing {
    /// Operations.
    pub operations: Vec<Operation>,
    /// Measurements.
    pub measurements: Vec<SignedMeasurement>,
    /// Assignments.
    pub assignments: Vec<SignedAssignment>,
}

impl Missing {
    /// Whether nothing is missing.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty() && self.measurements.is_empty() && self.assignments.is_empty()
    }
}

/// What a service answers.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub enum Response {
    /// It was done.
    #[codec(index = 0)]
    Done,
    /// The shard's bytes, unchecked: whoever asked holds them against the assignment's root.
    #[codec(index = 1)]
    Shard(Vec<u8>),
    /// The state's bytes, unchecked.
    #[codec(index = 2)]
    State(Vec<u8>),
    /// The bytes asked for, unchecked.
    #[codec(index = 3)]
    Blob(Vec<u8>),
    /// The anchor's signature over [`smartlayer_primitives::quorum::attestation`] of what was to be attested.
    #[codec(index = 4)]
    Attested(AnchorSignature),
    /// Measurements, ascending by sequence number, at most [`MAX_MEASUREMENTS`].
    #[codec(index = 5)]
    Measurements(Vec<SignedMeasurement>),
    /// Not done, and why.
    #[codec(index = 6)]
    Refused(Refusal),
    /// Not agreed: this belongs into the proposal as well.
    #[codec(index = 7)]
    Missing(Missing),
    /// What a commitment sums up, unchecked: whoever asked holds it against the commitment on the chain.
    #[codec(index = 8)]
    Committed(Box<Contents>),
    /// The anchor comes to the same commitment as was proposed. Asked by its writer it signs it, unless it signed another before.
    #[codec(index = 9)]
    Agreed,
    /// An issuer's updates, ascending by number, unchecked; there may be more after them.
    #[codec(index = 10)]
    Updates(Updates),
    /// Keys to an instance's sealed values.
    #[codec(index = 11)]
    InstanceKeys(SealedKeys),
    /// Key operations, unchecked; if there are as many as fit, there may be more after them.
    #[codec(index = 12)]
    Operations(Operations),
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, thiserror::Error)]
#[error("{code:?}: {reason}")]
pub struct Refusal {
    /// For programs.
    pub code: RefusalCode,
    /// For people, at most [`MAX_REASON_BYTES`]; it comes from a stranger.
    pub reason: String,
}

/// Why something was not done, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub enum RefusalCode {
    /// Too much at once; ask again later.
    #[codec(index = 0)]
    Busy,
    /// It is not here; ask another.
    #[codec(index = 1)]
    NotFound,
    /// Not for this peer.
    #[codec(index = 2)]
    NotAllowed,
    /// The request makes no sense, or something in it is not valid; asking again won't help.
    #[codec(index = 3)]
    Invalid,
    /// Not yet: the receiver is behind, or the time has not come; ask again later.
    #[codec(index = 4)]
    NotYet,
    /// The receiver came to another result.
    #[codec(index = 5)]
    Disagrees,
    /// The receiver failed.
    #[codec(index = 6)]
    Failed,
}

impl Refusal {
    /// A refusal; a longer reason is cut.
    pub fn new(code: RefusalCode, reason: impl Into<String>) -> Self {
        let mut reason = reason.into();
        let mut end = reason.len().min(MAX_REASON_BYTES);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        reason.truncate(end);
        Self { code, reason }
    }
}

impl Response {
    /// A refusal; a longer reason is cut.
    pub fn refused(code: RefusalCode, reason: impl Into<String>) -> Self {
        Self::Refused(Refusal::new(code, reason))
    }
}

/// What services tell everyone. Unverified on arrival: the receiver checks each signature against the chain.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub enum Gossip {
    /// A key operation, from the node that executed it.
    #[codec(index = 0)]
    Operation(Operation),
    /// A measurement, from its anchor.
    #[codec(index = 1)]
    Measurement(SignedMeasurement),
    /// An assignment, from the anchor that placed it.
    #[codec(index = 2)]
    Assignment(SignedAssignment),
    /// An issuer's update, from whoever it was published to.
    #[codec(index = 3)]
    Update(Box<SignedUpdate>),
}

/// Why bytes are not a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Longer than allowed.
    #[error("{0} bytes are more than the {1} allowed")]
    TooLong(usize, usize),
    /// Not this message's SCALE encoding, or it would take more memory than its size warrants.
    #[error("malformed: {0}")]
    Malformed(String),
    /// One of its parts is larger than allowed.
    #[error("more than {1} in {0}")]
    Bound(&'static str, usize),
    /// An issuer's update is not within its bounds.
    #[error("an update: {0}")]
    Update(#[from] Malformed),
}

/// A message with an encoding whose decoding is bounded.
pub trait Message: Encode + DecodeWithMemTracking {
    /// The most bytes that it may have.
    const MAX_BYTES: usize;

    /// Whether every part is within its bound.
    fn check(&self) -> Result<(), MessageError>;

    /// The bytes to send.
    fn to_bytes(&self) -> Result<Vec<u8>, MessageError> {
        self.check()?;
        let bytes = self.encode();
        if bytes.len() > Self::MAX_BYTES {
            return Err(MessageError::TooLong(bytes.len(), Self::MAX_BYTES));
        }
        Ok(bytes)
    }

    /// The message in these bytes, all of them.
    fn from_bytes(bytes: &[u8]) -> Result<Self, MessageError> {
        if bytes.len() > Self::MAX_BYTES {
            return Err(MessageError::TooLong(bytes.len(), Self::MAX_BYTES));
        }
        let mut rest = bytes;
        let mut input = MemTrackingInput::new(&mut rest, 4096 + MEMORY_FACTOR * bytes.len());
        let message =
            Self::decode_with_depth_limit(MAX_DEPTH, &mut input).map_err(|e| MessageError::Malformed(e.to_string()))?;
        if !rest.is_empty() {
            return Err(MessageError::Malformed("bytes left over".into()));
        }
        message.check()?;
        Ok(message)
    }
}

fn at_most(what: &'static str, count: usize, limit: usize) -> Result<(), MessageError> {
    if count > limit {
        return Err(MessageError::Bound(what, limit));
    }
    Ok(())
}

impl Message for Request {
    const MAX_BYTES: usize = MAX_MESSAGE_BYTES;

    fn check(&self) -> Result<(), MessageError> {
        match self {
            Self::Place(placement) => {
                at_most("script", placement.script.len(), MAX_SCRIPT_BYTES)?;
                at_most("content", placement.content.len(), MAX_CONTENT)?;
                placement.content.iter().try_for_each(|content| match content {
                    Content::State(bytes) => at_most("state", bytes.len(), MAX_STATE_BYTES as usize),
                    Content::Shard { bytes, .. } => at_most("shard", bytes.len(), MAX_SHARD_BYTES),
                })
            }
            Self::Attest(request) => match &**request {
                AttestRequest::Proposal(proposal) => proposal.check(),
                AttestRequest::Assignment { .. } | AttestRequest::TestResult(_) | AttestRequest::Commitment(_) => {
                    Ok(())
                }
            },
            Self::Shard { .. }
            | Self::State { .. }
            | Self::Blob { .. }
            | Self::Gaps { .. }
            | Self::Committed { .. }
            | Self::Updates { .. }
            | Self::InstanceKeys { .. }
            | Self::Operations { .. } => Ok(()),
        }
    }
}

impl Message for Response {
    const MAX_BYTES: usize = MAX_MESSAGE_BYTES;

    fn check(&self) -> Result<(), MessageError> {
        match self {
            Self::Shard(bytes) => at_most("shard", bytes.len(), MAX_SHARD_BYTES),
            Self::State(bytes) => at_most("state", bytes.len(), MAX_STATE_BYTES as usize),
            Self::Blob(bytes) => at_most("blob", bytes.len(), MAX_SCRIPT_BYTES),
            Self::Measurements(list) => at_most("measurements", list.len(), MAX_MEASUREMENTS),
            Self::Refused(refusal) => at_most("reason", refusal.reason.len(), MAX_REASON_BYTES),
            Self::Missing(missing) => {
                at_most("operations", missing.operations.len(), MAX_PROPOSED)?;
                at_most("measurements", missing.measurements.len(), MAX_PROPOSED)?;
                at_most("assignments", missing.assignments.len(), MAX_PROPOSED)
            }
            Self::Committed(contents) => {
                at_most("operations", contents.operations.len(), MAX_PROPOSED)?;
                at_most("report", contents.report.len(), MAX_PROPOSED)?;
                at_most("assignments", contents.assignments.len(), MAX_PROPOSED)
            }
            Self::Updates(updates) => Ok(updates.iter().try_for_each(|signed| signed.update.check())?),
            Self::Done | Self::Agreed | Self::Attested(_) | Self::InstanceKeys(_) | Self::Operations(_) => Ok(()),
        }
    }
}

impl Message for Proposal {
    const MAX_BYTES: usize = MAX_MESSAGE_BYTES - 64;

    fn check(&self) -> Result<(), MessageError> {
        at_most("operations", self.operations.len(), MAX_PROPOSED)?;
        at_most("measurements", self.measurements.len(), MAX_PROPOSED)?;
        at_most("assignments", self.assignments.len(), MAX_PROPOSED)
    }
}

impl Message for Gossip {
    const MAX_BYTES: usize = MAX_GOSSIP_BYTES;

    fn check(&self) -> Result<(), MessageError> {
        match self {
            Self::Update(signed) => Ok(signed.update.check()?),
            Self::Operation(_) | Self::Measurement(_) | Self::Assignment(_) => Ok(()),
        }
    }
}

impl Message for SignedAssignment {
    const MAX_BYTES: usize = MAX_GOSSIP_BYTES;

    fn check(&self) -> Result<(), MessageError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use smartlayer_issuer_feed::{StateUpdate, MAX_SENT, MAX_VALUES};
    use smartlayer_primitives::{assignment::Coding, quorum::QuorumCertificate};

    fn assignment() -> SignedAssignment {
        SignedAssignment {
            assignment: Assignment {
                instance: InstanceId { token_type: 1, index: 2 },
                version: 1,
                period: 3,
                state_hash: Hash::zero(),
                coding: Coding { length: 1, symbol_size: 64, symbols_per_shard: 1, threshold: 1 },
                serving: Default::default(),
                holdings: Default::default(),
            },
            certificate: QuorumCertificate::default(),
        }
    }

    fn place(script: usize, content: Vec<Content>) -> Request {
        Request::Place(Box::new(Placement { assignment: assignment(), content, script: vec![7; script] }))
    }

    fn update(sequence: u64, values: impl IntoIterator<Item = (String, Option<String>)>) -> SignedUpdate {
        let instance = InstanceId { token_type: 1, index: 2 };
        let values = values.into_iter().collect();
        let update = StateUpdate { instance, sequence, reset: false, values, issued_at: 3 };
        SignedUpdate { update, signature: AnchorSignature::from_raw([7; 64]).into() }
    }

    /// An update that fills its bound to the byte.
    fn largest_update(sequence: u64) -> SignedUpdate {
        let with = |length: usize| update(sequence, [("a".to_owned(), Some("x".repeat(length)))]);
        let base = with(1 << 15).update.encoded_size() - (1 << 15);
        with(smartlayer_issuer_feed::MAX_UPDATE_BYTES - base)
    }

    #[test]
    fn messages_come_back_as_they_were() {
        let requests = [
            place(MAX_SCRIPT_BYTES, vec![Content::State(vec![1; MAX_STATE_BYTES as usize])]),
            Request::Blob { hash: Hash::repeat_byte(1) },
            Request::Attest(Box::new(AttestRequest::Assignment { assignment: assignment().assignment, order: None })),
            Request::Gaps { anchor: AccountId::new([1; 32]), from_sequence: 9 },
            Request::Updates { instance: InstanceId { token_type: 1, index: 2 }, from: 9 },
        ];
        for request in requests {
            assert_eq!(Request::from_bytes(&request.to_bytes().unwrap()), Ok(request));
        }
        let responses = [
            Response::Done,
            Response::Blob(vec![1; MAX_SCRIPT_BYTES]),
            Response::refused(RefusalCode::Busy, "later"),
            Response::Missing(Missing { assignments: vec![assignment()], ..Default::default() }),
            Response::Updates((1..=u64::from(MAX_SENT)).map(largest_update).collect::<Vec<_>>().try_into().unwrap()),
        ];
        for response in responses {
            assert_eq!(Response::from_bytes(&response.to_bytes().unwrap()), Ok(response));
        }
        let gossip = Gossip::Assignment(assignment());
        assert_eq!(Gossip::from_bytes(&gossip.to_bytes().unwrap()), Ok(gossip));
    }

    #[test]
    fn updates_of_every_shape_fit_into_gossip_and_no_larger_ones() {
        let tiny = (0..MAX_VALUES).map(|i| (format!("{i:x}"), None));
        for good in [largest_update(1), update(1, []), update(1, tiny)] {
            let gossip = Gossip::Update(Box::new(good));
            assert_eq!(Gossip::from_bytes(&gossip.to_bytes().unwrap()), Ok(gossip));
        }
        let mut larger = largest_update(1);
        larger.update.values.values_mut().flatten().for_each(|text| text.push('x'));
        let too_many = update(1, (0..=MAX_VALUES).map(|i| (i.to_string(), None)));
        for bad in [larger, too_many, update(0, []), update(1, [("operations.redeem".to_owned(), None)])] {
            let gossip = Gossip::Update(Box::new(bad));
            assert!(matches!(gossip.to_bytes(), Err(MessageError::Update(_))));
            assert!(Gossip::from_bytes(&gossip.encode()).is_err());
        }
        // More updates than may be sent are refused by their count.
        let mut many = vec![10u8];
        vec![update(1, []); MAX_SENT as usize + 1].encode_to(&mut many);
        assert!(matches!(Response::from_bytes(&many), Err(MessageError::Malformed(_))));
    }

    proptest! {
        /// Whatever arrives is refused or is a message that encodes to the very same bytes; nothing panics.
        #[test]
        fn any_bytes_are_decoded_or_refused(
            tag in prop_oneof![Just(3u8), Just(7u8), Just(10u8), any::<u8>()],
            bytes in proptest::collection::vec(any::<u8>(), 0..400),
            flip in any::<prop::sample::Index>(),
        ) {
            let random = [&[tag], &bytes[..]].concat();
            let mut bent = Gossip::Update(Box::new(update(5, [("gate".to_owned(), Some("C3".to_owned()))]))).encode();
            let at = flip.index(bent.len());
            bent[at] = bent[at].wrapping_add(tag);
            for bytes in [random, bent] {
                if let Ok(gossip) = Gossip::from_bytes(&bytes) {
                    prop_assert_eq!(gossip.encode(), bytes.clone());
                }
                if let Ok(request) = Request::from_bytes(&bytes) {
                    prop_assert_eq!(request.encode(), bytes.clone());
                }
                if let Ok(response) = Response::from_bytes(&bytes) {
                    prop_assert_eq!(response.encode(), bytes);
                }
            }
        }
    }

    #[test]
    fn the_largest_assignment_fits_into_gossip() {
        use codec::MaxEncodedLen;
        let largest = SignedAssignment::max_encoded_len();
        assert!((20 << 10..27 << 10).contains(&largest), "{largest}");
    }

    #[test]
    fn bounds_hold_on_both_sides() {
        let long = place(MAX_SCRIPT_BYTES + 1, vec![]);
        assert_eq!(long.to_bytes(), Err(MessageError::Bound("script", MAX_SCRIPT_BYTES)));
        assert_eq!(Request::from_bytes(&long.encode()), Err(MessageError::Bound("script", MAX_SCRIPT_BYTES)));
        let state = place(0, vec![Content::State(vec![0; MAX_STATE_BYTES as usize + 1])]);
        assert!(matches!(Request::from_bytes(&state.encode()), Err(MessageError::Bound("state", _))));
        let huge = vec![0; MAX_MESSAGE_BYTES + 1];
        assert!(matches!(Request::from_bytes(&huge), Err(MessageError::TooLong(..))));
        let reason = Response::Refused(Refusal { code: RefusalCode::Busy, reason: "x".repeat(MAX_REASON_BYTES + 1) });
        assert!(matches!(reason.to_bytes(), Err(MessageError::Bound("reason", _))));
        assert_eq!(Refusal::new(RefusalCode::Busy, "ü".repeat(200)).reason.len(), MAX_REASON_BYTES);
    }

    #[test]
    fn hostile_bytes_are_refused() {
        let good = place(100, vec![Content::State(vec![1; 10])]).to_bytes().unwrap();
        for cut in 0..good.len() {
            assert!(Request::from_bytes(&good[..cut]).is_err(), "cut at {cut}");
        }
        let mut longer = good.clone();
        longer.push(0);
        assert!(matches!(Request::from_bytes(&longer), Err(MessageError::Malformed(_))));
        assert!(Request::from_bytes(&[99]).is_err());
        // Many tiny parts: two bytes each on the wire, 32 in memory.
        let bomb = place(0, vec![Content::State(vec![]); 1 << 20]).encode();
        assert!(Request::from_bytes(&bomb).is_err());
        // A length that is not there.
        let mut lie = vec![1u8];
        codec::Compact(u32::MAX >> 2).encode_to(&mut lie);
        assert!(Response::from_bytes(&lie).is_err());
    }
}
