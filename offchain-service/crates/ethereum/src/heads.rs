//! Which newest block is believed. Pure: the clock and what was believed before come as values.

use crate::{Block, ChainConfig, Fault};

/// How far ahead of the local clock a block's time may be, in seconds.
const MAX_AHEAD: u64 = 60;

/// What a newest block is judged by.
pub(crate) struct Judge<'a> {
    pub(crate) config: &'a ChainConfig,
    /// The block believed last, if that was not long ago.
    pub(crate) last: Option<Block>,
    /// The local clock, in seconds since 1970.
    pub(crate) now: u64,
}

impl Judge<'_> {
    /// What is wrong with a block by itself.
    pub(crate) fn alone(&self, block: &Block) -> Result<(), Fault> {
        let ahead = block.timestamp.saturating_sub(self.now);
        if ahead > MAX_AHEAD {
            return Err(Fault::FromTheFuture(ahead));
        }
        let age = self.now.saturating_sub(block.timestamp);
        if self.config.max_block_age.is_some_and(|max| age > max.as_secs()) {
            return Err(Fault::Stale(age));
        }
        let back = self.last.map_or(0, |last| last.number.saturating_sub(block.number));
        if back > self.config.max_reorg {
            return Err(Fault::WentBack(back));
        }
        Ok(())
    }

    /// Whether a block is so far ahead of the last one that others are to be asked first.
    pub(crate) fn leaps(&self, block: &Block) -> bool {
        self.last.is_some_and(|last| block.number.saturating_sub(last.number) > self.config.max_difference)
    }

    /// Judges what several endpoints said at the same time; verdicts in the same order. Where they differ, those are believed who have
    /// the most near them; of as many, those nearer to what was believed before; else those with the later time, since a node that got
    /// stuck is more frequent than one that makes a block up.
    pub(crate) fn together(&self, blocks: &[Block]) -> Vec<Result<(), Fault>> {
        let mut verdicts: Vec<_> = blocks.iter().map(|block| self.alone(block)).collect();
        let sound = || blocks.iter().zip(&verdicts).filter(|(_, verdict)| verdict.is_ok()).map(|(block, _)| block);
        let near = |a: &Block, b: &Block| a.number.abs_diff(b.number) <= self.config.max_difference;
        let best = sound().max_by_key(|block| {
            let company = sound().filter(|other| near(block, other)).count();
            let leap = self.last.map_or(0, |last| last.number.abs_diff(block.number));
            (company, std::cmp::Reverse(leap), block.timestamp)
        });
        if let Some(best) = best.copied() {
            for (block, verdict) in blocks.iter().zip(&mut verdicts) {
                if verdict.is_ok() && !near(block, &best) {
                    *verdict = Err(Fault::Differs(block.number.abs_diff(best.number)));
                }
            }
        }
        verdicts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const NOW: u64 = 1_800_000_000;

    fn block(number: u64, age: u64) -> Block {
        Block { number, hash: Default::default(), timestamp: NOW - age }
    }

    fn judge(config: &ChainConfig, last: Option<u64>) -> Judge<'_> {
        Judge { config, last: last.map(|number| block(number, 5)), now: NOW }
    }

    #[test]
    fn a_block_is_judged_by_its_time_and_the_one_before() {
        let mut config = ChainConfig::new(1, vec![]);
        let judge_after = |last| judge(&config, last).alone(&block(100, 3));
        assert_eq!(judge_after(None), Ok(()));
        assert_eq!(judge_after(Some(99)), Ok(()));
        assert_eq!(judge_after(Some(164)), Ok(()));
        assert_eq!(judge_after(Some(165)), Err(Fault::WentBack(65)));
        assert_eq!(judge(&config, None).alone(&block(1, 3600)), Ok(()));
        assert_eq!(judge(&config, None).alone(&block(1, 3601)), Err(Fault::Stale(3601)));
        let ahead = |seconds| Block { timestamp: NOW + seconds, ..block(1, 0) };
        assert_eq!(judge(&config, None).alone(&ahead(60)), Ok(()));
        assert_eq!(judge(&config, None).alone(&ahead(61)), Err(Fault::FromTheFuture(61)));
        assert!(judge(&config, Some(35)).leaps(&block(100, 0)));
        assert!(!judge(&config, Some(36)).leaps(&block(100, 0)) && !judge(&config, None).leaps(&block(100, 0)));
        config.max_block_age = None;
        assert_eq!(judge(&config, None).alone(&block(1, 1_000_000)), Ok(()));
        config.max_block_age = Some(Duration::from_secs(10));
        assert_eq!(judge(&config, None).alone(&block(1, 11)), Err(Fault::Stale(11)));
    }

    #[test]
    fn most_endpoints_are_believed() {
        let config = ChainConfig::new(1, vec![]);
        let differ = |last, numbers: &[(u64, u64)]| {
            let blocks: Vec<_> = numbers.iter().map(|(number, age)| block(*number, *age)).collect();
            let verdicts = judge(&config, last).together(&blocks);
            verdicts.iter().map(|v| v.as_ref().err().map(Fault::code)).collect::<Vec<_>>()
        };
        let away = Some("head-differs");
        assert_eq!(differ(None, &[(100, 1), (101, 1), (90, 1)]), [None, None, None]);
        assert_eq!(differ(None, &[(100, 1), (101, 1), (900, 1)]), [None, None, away]);
        // Even if it fits better to what was believed.
        assert_eq!(differ(Some(900), &[(900, 1), (901, 1), (5000, 1)]), [None, None, away]);
        assert_eq!(differ(Some(100), &[(5000, 1), (100, 1)]), [away, None]);
        assert_eq!(differ(None, &[(100, 500), (5000, 1)]), [away, None]);
        // What is wrong by itself doesn't count.
        assert_eq!(
            differ(None, &[(100, 1), (5000, 9999), (5001, 9999)]),
            [None, Some("head-stale"), Some("head-stale")]
        );
        assert_eq!(differ(None, &[]), []);
        assert_eq!(differ(None, &[(7, 1)]), [None]);
    }
}
