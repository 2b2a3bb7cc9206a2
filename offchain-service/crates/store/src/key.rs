use smartlayer_primitives::{AccountId, Hash, InstanceId};

/// A key of fixed length whose bytes sort as the key does. Tuples sort by their first part, then their second, and so on.
pub trait TableKey: Sized {
    /// How many bytes every key has.
    const LENGTH: usize;

    /// Appends the key's bytes.
    fn write(&self, bytes: &mut Vec<u8>);

    /// The key in exactly [`TableKey::LENGTH`] bytes; nothing if they are none.
    fn read(bytes: &[u8]) -> Option<Self>;

    /// The key's bytes.
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::LENGTH);
        self.write(&mut bytes);
        bytes
    }
}

macro_rules! numbers {
    ($($number:ty),+) => {$(
        impl TableKey for $number {
            const LENGTH: usize = size_of::<$number>();

            fn write(&self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_be_bytes());
            }

            fn read(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self::from_be_bytes)
            }
        }
    )+};
}

numbers!(u8, u16, u32, u64, u128);

impl<const N: usize> TableKey for [u8; N] {
    const LENGTH: usize = N;

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self);
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok()
    }
}

impl TableKey for Hash {
    const LENGTH: usize = 32;

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self.as_bytes());
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        <[u8; 32]>::try_from(bytes).ok().map(Hash::from)
    }
}

impl TableKey for AccountId {
    const LENGTH: usize = 32;

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self.as_ref());
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        <[u8; 32]>::try_from(bytes).ok().map(Self::new)
    }
}

impl TableKey for InstanceId {
    const LENGTH: usize = 8;

    fn write(&self, bytes: &mut Vec<u8>) {
        (self.token_type, self.index).write(bytes);
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        <(u32, u32)>::read(bytes).map(|(token_type, index)| Self { token_type, index })
    }
}

/// The key of a table with one record.
impl TableKey for () {
    const LENGTH: usize = 0;

    fn write(&self, _: &mut Vec<u8>) {}

    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.is_empty().then_some(())
    }
}

impl<A: TableKey, B: TableKey> TableKey for (A, B) {
    const LENGTH: usize = A::LENGTH + B::LENGTH;

    fn write(&self, bytes: &mut Vec<u8>) {
        self.0.write(bytes);
        self.1.write(bytes);
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (first, second) = bytes.split_at_checked(A::LENGTH)?;
        Some((A::read(first)?, B::read(second)?))
    }
}

impl<A: TableKey, B: TableKey, C: TableKey> TableKey for (A, B, C) {
    const LENGTH: usize = A::LENGTH + B::LENGTH + C::LENGTH;

    fn write(&self, bytes: &mut Vec<u8>) {
        self.0.write(bytes);
        self.1.write(bytes);
        self.2.write(bytes);
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (first, rest) = bytes.split_at_checked(A::LENGTH)?;
        let (second, third) = rest.split_at_checked(B::LENGTH)?;
        Some((A::read(first)?, B::read(second)?, C::read(third)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fmt::Debug;

    fn check<K: TableKey + Ord + Debug>(a: K, b: K) {
        let (left, right) = (a.to_bytes(), b.to_bytes());
        assert_eq!(left.len(), K::LENGTH);
        assert_eq!(a.cmp(&b), left.cmp(&right));
        assert_eq!(K::read(&left).as_ref(), Some(&a));
        assert!(K::read(&[&left[..], &[0]].concat()).is_none());
        assert!(left.is_empty() || K::read(&left[1..]).is_none());
    }

    proptest! {
        #[test]
        fn bytes_sort_as_keys_do_and_come_back(a: (u32, u128, [u8; 32]), b: (u32, u128, [u8; 32])) {
            check(a.0, b.0);
            check(a.1, b.1);
            check(a.2, b.2);
            check(Hash::from(a.2), Hash::from(b.2));
            check(AccountId::new(a.2), AccountId::new(b.2));
            check((a.0, a.1), (b.0, b.1));
            check(a, b);
            check((a.0, a.2), (a.0, b.2));
            let instance = |x: &(u32, u128, [u8; 32])| InstanceId { token_type: x.0, index: x.1 as u32 };
            check(instance(&a), instance(&b));
            check((), ());
        }
    }
}
