//! # Sealed values: what of an instance only the nodes that serve it can read
//!
//! **The one invariant: who has not the instance's key learns of a sealed value its name and its length to the next 32 bytes, and can
//! neither make one nor move one to another name or instance.**
//!
//! The issuer seals values before he stores or publishes them: in place of each stands a text, `sealed:1:…` ([`InstanceKey::seal`]). So
//! what anchors place, what shards hold, what updates carry and what lies on disks is the same as ever, and nobody on the way has to
//! know more of it. The key is the instance's own, derived from the issuer's secret ([`InstanceKey::derive`]); it opens nothing else.
//!
//! Nodes that serve the instance get the key from the issuer, and from each other when another one comes to serve it. It travels sealed
//! to the one node ([`Receiver`], HPKE of RFC 9180), whose public key its service key signed ([`SignedKeyOffer`]). At rest it is wrapped
//! in a key that is on no disk but the one with the service key ([`WrappingKey`]).
//!
//! Values are sealed with XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) under random nonces.
//!
//! Nothing here does I/O but asking the system for random bytes.
//!
//! ```
//! use smartlayer_primitives::{Hash, InstanceId};
//! use smartlayer_sealed_values::{hand_over, open_values, InstanceKey, Receiver};
//!
//! let (genesis, instance) = (Hash::repeat_byte(1), InstanceId { token_type: 0, index: 7 });
//! // The issuer.
//! let key = InstanceKey::derive(&[7; 32], &genesis, instance);
//! let sealed = key.seal(instance, "holder", "Ada Lovelace")?;
//! assert!(sealed.starts_with("sealed:1:") && !sealed.contains("Ada"));
//! // The node that serves the instance.
//! let node = Receiver::derive(&[8; 32]);
//! let handed = hand_over(&key, &genesis, instance, &node.public_key()).unwrap();
//! let key = node.open(&genesis, instance, &handed).unwrap();
//! let mut values = [("holder".to_owned(), sealed)].into();
//! let opened = open_values(&mut values, instance, |id| (id == key.id()).then(|| key.clone()));
//! assert_eq!(values["holder"], "Ada Lovelace");
//! assert!(opened.sealed.contains("holder") && opened.locked.is_empty());
//! # Ok::<(), smartlayer_sealed_values::CannotSeal>(())
//! ```

mod hand_over;
mod key;
mod value;
mod wrap;

pub use hand_over::{hand_over, BadOffer, KeyOffer, NotForThisNode, Receiver, SignedKeyOffer, HANDED_BYTES};
pub use key::{InstanceKey, KeyId};
pub use value::{check_name, is_sealed, key_of, open_values, CannotSeal, Opened, PREFIX};
pub use wrap::WrappingKey;
