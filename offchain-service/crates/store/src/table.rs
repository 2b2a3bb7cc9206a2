use codec::{Decode, Encode};

use crate::TableKey;

/// A table: a name and the types of its keys and values.
///
/// A change to `Value`'s encoding needs a table of another name: what can't be decoded is an error, not a loss.
pub trait Table {
    /// Unique within the store.
    const NAME: &'static str;
    /// Ordered as its bytes are.
    type Key: TableKey;
    /// SCALE-encoded.
    type Value: Encode + Decode;
}
