//! Answers of the newest blocks, within bounds.

use std::collections::VecDeque;

use alloy_primitives::B256;
use schnellru::{Limiter, LruMap};

use crate::{Answer, Read};

/// How many blocks' answers are kept: evaluations that began at the block before the newest still come to their end.
const BLOCKS: usize = 2;

/// The answers at the newest blocks, the newest block first. What was asked longest ago goes when it gets too much.
pub(crate) struct Cache {
    blocks: VecDeque<(B256, LruMap<Read, Answer, Bound>)>,
    /// Of one block.
    bound: Bound,
}

impl Cache {
    /// A cache of so many answers and bytes.
    pub(crate) fn new(entries: usize, bytes: usize) -> Self {
        Self { blocks: VecDeque::new(), bound: Bound { entries: entries / BLOCKS, bytes: bytes / BLOCKS, used: 0 } }
    }

    /// There is a new block: older ones' answers are dropped.
    pub(crate) fn new_head(&mut self, block: B256) {
        if self.blocks.front().is_some_and(|(newest, _)| *newest == block) {
            return;
        }
        // A block may come back.
        let answers = match self.blocks.iter().position(|(known, _)| *known == block) {
            Some(place) => self.blocks.remove(place),
            None => None,
        };
        self.blocks.push_front(answers.unwrap_or_else(|| (block, LruMap::new(self.bound))));
        self.blocks.truncate(BLOCKS);
    }

    pub(crate) fn get(&mut self, block: &B256, read: &Read) -> Option<&Answer> {
        let (_, answers) = self.blocks.iter_mut().find(|(known, _)| known == block)?;
        answers.get(read).map(|answer| &*answer)
    }

    /// Keeps an answer, if its block is one of the newest.
    pub(crate) fn insert(&mut self, block: &B256, read: Read, answer: Answer) {
        if let Some((_, answers)) = self.blocks.iter_mut().find(|(known, _)| known == block) {
            answers.insert(read, answer);
        }
    }
}

/// A bound in entries and bytes.
#[derive(Clone, Copy)]
struct Bound {
    entries: usize,
    bytes: usize,
    used: usize,
}

fn size(read: &Read, answer: &Answer) -> usize {
    read.size() + answer.size()
}

impl Limiter<Read, Answer> for Bound {
    type KeyToInsert<'a> = Read;
    type LinkType = u32;

    fn is_over_the_limit(&self, length: usize) -> bool {
        length > self.entries || self.used > self.bytes
    }

    fn on_insert(&mut self, _length: usize, read: Read, answer: Answer) -> Option<(Read, Answer)> {
        let size = size(&read, &answer);
        if size > self.bytes || self.entries == 0 {
            return None;
        }
        self.used += size;
        Some((read, answer))
    }

    fn on_replace(&mut self, _: usize, old: &mut Read, _: Read, before: &mut Answer, after: &mut Answer) -> bool {
        let size_after = size(old, after);
        if size_after > self.bytes {
            return false;
        }
        self.used = self.used.saturating_sub(size(old, before)) + size_after;
        true
    }

    fn on_removed(&mut self, read: &mut Read, answer: &mut Answer) {
        self.used = self.used.saturating_sub(size(read, answer));
    }

    fn on_cleared(&mut self) {
        self.used = 0;
    }

    fn on_grow(&mut self, _new_memory_usage: usize) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Address, Bytes};

    fn read(number: u8) -> Read {
        Read::call(Address::repeat_byte(number), Bytes::new())
    }

    fn answer(bytes: usize) -> Answer {
        Answer::Returned(vec![7; bytes].into())
    }

    const A: B256 = B256::repeat_byte(0xa);
    const B: B256 = B256::repeat_byte(0xb);
    const C: B256 = B256::repeat_byte(0xc);

    #[test]
    fn keeps_the_two_newest_blocks() {
        let mut cache = Cache::new(100, 1 << 20);
        cache.insert(&A, read(1), answer(1));
        assert_eq!(cache.get(&A, &read(1)), None, "no head, nothing kept");
        cache.new_head(A);
        cache.insert(&A, read(1), answer(1));
        cache.new_head(B);
        assert_eq!(cache.get(&B, &read(1)), None);
        assert_eq!(cache.get(&A, &read(1)), Some(&answer(1)));
        cache.new_head(A);
        cache.new_head(C);
        assert_eq!(cache.get(&A, &read(1)), Some(&answer(1)), "it came back before the next");
        cache.new_head(B);
        assert_eq!(cache.get(&A, &read(1)), None);
    }

    #[test]
    fn is_bounded_in_entries_and_bytes() {
        let mut cache = Cache::new(20, 1 << 20);
        cache.new_head(A);
        for number in 0..30 {
            cache.insert(&A, read(number), answer(1));
            assert_eq!(cache.get(&A, &read(0)), Some(&answer(1)), "what is used stays");
        }
        assert_eq!((0..30).filter(|n| cache.get(&A, &read(*n)).is_some()).count(), 10);

        let one = size(&read(0), &answer(1000));
        let mut cache = Cache::new(1000, 2 * 3 * one);
        cache.new_head(A);
        for number in 0..30 {
            cache.insert(&A, read(number), answer(1000));
        }
        assert_eq!((0..30).filter(|n| cache.get(&A, &read(*n)).is_some()).count(), 3);
        cache.insert(&A, read(40), answer(4 * one));
        assert_eq!(cache.get(&A, &read(40)), None, "larger than everything");
        cache.insert(&A, read(29), answer(2 * one));
        assert_eq!(cache.blocks[0].1.limiter().used, cache.blocks[0].1.iter().map(|(r, a)| size(r, a)).sum::<usize>());
        assert!(cache.blocks[0].1.limiter().used <= 3 * one);
    }
}
