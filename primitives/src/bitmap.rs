//! Roaring bitmaps in their portable serialisation (RoaringFormatSpec), read where they lie: whether one bit is set, without allocating.
//!
//! A reader of our own because the `roaring` crate reads serialised bitmaps only with `std`, and a runtime has none. It is
//! stricter: bytes that could mean two things to two readers mean nothing here. The tests compare it with that crate.

/// The longest bitmap that is read, in bytes: room for 32 million scattered instances, and within what a request to a node can carry.
pub const MAX_BYTES: usize = 4 << 20;

/// The first bytes of a bitmap without run-length encoded containers.
const NO_RUNS: u32 = 12346;
/// The low half of the first bytes of one that has some.
const SOME_RUNS: u32 = 12347;
/// With run-length encoding, fewer containers than this have no offsets.
const OFFSETS_FROM: usize = 4;
/// A container holds the numbers with the same upper 16 bits; up to so many are listed, more are a plain bitmap.
const ARRAY_LIMIT: u32 = 4096;

/// Whether `value` is in the bitmap; nothing if these bytes are not exactly one well-formed bitmap, or more than [`MAX_BYTES`].
///
/// Takes time in proportion to the bytes.
pub fn contains(bytes: &[u8], value: u32) -> Option<bool> {
    if bytes.len() > MAX_BYTES {
        return None;
    }
    let [high, low] = [(value >> 16) as u16, value as u16];
    let mut rest = Reader(bytes);
    let cookie = rest.u32()?;
    let (size, runs) = if cookie == NO_RUNS {
        (rest.u32()? as usize, None)
    } else if cookie & 0xffff == SOME_RUNS {
        let size = ((cookie >> 16) as usize).saturating_add(1);
        (size, Some(rest.take(size.div_ceil(8))?))
    } else {
        return None;
    };
    if size > 1 << 16 {
        return None;
    }
    let mut descriptions = Reader(rest.take(size.saturating_mul(4))?);
    let has_offsets = runs.is_none() || size >= OFFSETS_FROM;
    let mut offsets = Reader(if has_offsets { rest.take(size.saturating_mul(4))? } else { &[] });

    let mut found = false;
    let mut last_key = None;
    for i in 0..size {
        let key = descriptions.u16()?;
        if last_key.replace(key).is_some_and(|last| key <= last) {
            return None;
        }
        let count = u32::from(descriptions.u16()?).saturating_add(1);
        if has_offsets && offsets.u32()? as usize != bytes.len().checked_sub(rest.0.len())? {
            return None;
        }
        let is_run = runs.is_some_and(|runs| bit(runs, i));
        let hit = if is_run {
            in_runs(&mut rest, count, low)?
        } else if count <= ARRAY_LIMIT {
            in_array(&mut rest, count, low)?
        } else {
            in_bits(&mut rest, count, low)?
        };
        found |= hit && key == high;
    }
    rest.0.is_empty().then_some(found)
}

/// A container of runs: their number, then the first value and the length less one of each.
fn in_runs(rest: &mut Reader, count: u32, low: u16) -> Option<bool> {
    let number = rest.u16()?;
    let (mut found, mut total, mut last_end) = (false, 0, None);
    for _ in 0..number {
        let start = rest.u16()?;
        let length = rest.u16()?;
        let end = start.checked_add(length)?;
        // Runs that touch or overlap have another, proper encoding.
        if last_end.replace(end).is_some_and(|last: u16| start <= last.saturating_add(1)) {
            return None;
        }
        total = u32::from(length).saturating_add(1).saturating_add(total);
        found |= (start..=end).contains(&low);
    }
    (total == count).then_some(found)
}

/// A container that lists its values in ascending order.
fn in_array(rest: &mut Reader, count: u32, low: u16) -> Option<bool> {
    let (mut found, mut last) = (false, None);
    for _ in 0..count {
        let value = rest.u16()?;
        if last.replace(value).is_some_and(|last| value <= last) {
            return None;
        }
        found |= value == low;
    }
    Some(found)
}

/// A container with a bit for each of the 65,536 values, least significant first.
fn in_bits(rest: &mut Reader, count: u32, low: u16) -> Option<bool> {
    let bits = rest.take(8192)?;
    let set: u32 = bits.iter().map(|byte| byte.count_ones()).sum();
    (set == count).then(|| bit(bits, low.into()))
}

/// Bit `i` of a bit field, least significant first; no, beyond its end.
pub(crate) fn bit(bits: &[u8], i: usize) -> bool {
    bits.get(i / 8).is_some_and(|byte| byte & mask(i) != 0)
}

/// Where bit `i` of a bit field lies in its byte.
pub(crate) fn mask(i: usize) -> u8 {
    1u8.rotate_left((i % 8) as u32)
}

/// What is left to read; little-endian.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.take(2)?.try_into().ok()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use roaring::RoaringBitmap;

    fn serialised(bitmap: &RoaringBitmap) -> Vec<u8> {
        let mut bytes = Vec::new();
        bitmap.serialize_into(&mut bytes).unwrap();
        bytes
    }

    /// Sets with all three kinds of containers, in few and in many containers.
    fn bitmaps() -> impl Strategy<Value = RoaringBitmap> {
        let scattered = prop::collection::vec(any::<u32>(), 0..40);
        let near = prop::collection::vec(0u32..200_000, 0..300);
        let ranges = prop::collection::vec((0u32..400_000, 1u32..9_000), 0..6);
        let dense = prop::option::of((0u32..5, 2u32..5));
        (scattered, near, ranges, dense, any::<bool>()).prop_map(|(scattered, near, ranges, dense, optimise)| {
            let mut bitmap: RoaringBitmap = scattered.into_iter().chain(near).collect();
            for (start, length) in ranges {
                bitmap.insert_range(start..start + length);
            }
            if let Some((container, step)) = dense {
                bitmap.extend((0..65_536).step_by(step as usize).map(|low| (container << 16) + low));
            }
            if optimise {
                bitmap.optimize();
            }
            bitmap
        })
    }

    proptest! {
        #[test]
        fn reads_what_the_crate_writes(bitmap in bitmaps(), asked in prop::collection::vec(any::<u32>(), 20), near in 0u32..500_000) {
            let bytes = serialised(&bitmap);
            let members = bitmap.iter().step_by(997).take(50);
            let beside = bitmap.iter().step_by(991).take(50).map(|value| value.wrapping_add(1));
            for value in members.chain(beside).chain(asked).chain([near, 0, u32::MAX]) {
                prop_assert_eq!(contains(&bytes, value), Some(bitmap.contains(value)));
            }
        }

        #[test]
        fn hostile_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200), runs: bool, value: u32) {
            let _ = contains(&bytes, value);
            let mut like = if runs { SOME_RUNS } else { NO_RUNS }.to_le_bytes().to_vec();
            like.extend(&bytes);
            let _ = contains(&like, value);
        }

        #[test]
        fn a_damaged_bitmap_means_nothing_or_what_the_crate_reads(
            bitmap in bitmaps(), at in any::<prop::sample::Index>(), byte: u8, value: u32,
        ) {
            let mut bytes = serialised(&bitmap);
            let at = at.index(bytes.len().min(600));
            bytes[at] = byte;
            if let Some(found) = contains(&bytes, value) {
                prop_assert_eq!(RoaringBitmap::deserialize_from(&bytes[..]).unwrap().contains(value), found);
            }
            prop_assert_eq!(contains(&bytes[..bytes.len() - 1], value), None);
            bytes.push(0);
            prop_assert_eq!(contains(&bytes, value), None);
        }
    }

    #[test]
    fn hostile_bitmaps_are_refused() {
        assert_eq!(contains(&serialised(&RoaringBitmap::new()), 0), Some(false));
        assert_eq!(contains(&[], 0), None);
        assert_eq!(contains(&[0; 64], 0), None);
        // More containers than there can be, and as many as there can be without a byte of them.
        let claiming = |size: u32| [NO_RUNS.to_le_bytes(), size.to_le_bytes()].concat();
        assert_eq!(contains(&claiming(u32::MAX), 0), None);
        assert_eq!(contains(&claiming(1 << 16), 0), None);
        assert_eq!(contains(&(SOME_RUNS | 0xffff_0000).to_le_bytes(), 0), None);
        assert_eq!(contains(&vec![0; MAX_BYTES + 1], 0), None);

        let good = serialised(&[1, 2, 1 << 16].into_iter().collect());
        assert_eq!(contains(&good, 2), Some(true));
        let broken = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            contains(&bytes, 2)
        };
        // A key twice, an offset elsewhere, values out of order.
        assert_eq!(broken(12, 0), None);
        assert_eq!(broken(16, 0), None);
        assert_eq!(broken(24, 2), None);

        // Runs: touching, beyond the container's end, none at all, or not as many values as announced.
        let runs = |count: u16, pairs: &[(u16, u16)]| {
            let mut words = vec![SOME_RUNS as u16, 0];
            let mut bytes: Vec<u8> = words.drain(..).flat_map(u16::to_le_bytes).collect();
            bytes.push(1);
            let pairs = pairs.iter().flat_map(|(start, length)| [*start, *length]);
            let number = pairs.clone().count() as u16 / 2;
            bytes.extend([0, count - 1, number].into_iter().chain(pairs).flat_map(u16::to_le_bytes));
            contains(&bytes, 5)
        };
        assert_eq!(runs(5, &[(1, 2), (5, 1)]), Some(true));
        assert_eq!(runs(5, &[(1, 2), (4, 1)]), None);
        assert_eq!(runs(5, &[(1, 2), (3, 1)]), None);
        assert_eq!(runs(2, &[(u16::MAX, 1)]), None);
        assert_eq!(runs(6, &[(1, 2), (5, 1)]), None);
        assert_eq!(runs(1, &[]), None);
    }
}
