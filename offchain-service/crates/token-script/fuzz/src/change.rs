//! Changes to inputs: of bytes, of pieces, and of words that mean something.

use crate::Choice;

/// Changes `input` in a few places. `words` are what the format's own parts look like.
pub(crate) fn change(input: &mut Vec<u8>, words: &[&str], choice: &mut Choice) {
    for _ in 0..=choice.below(6) {
        let at = choice.below(input.len() + 1);
        let end = (at + choice.below(40)).min(input.len());
        match choice.below(7) {
            0 => {
                let byte = u8::try_from(choice.below(256)).unwrap_or_default();
                input.insert(at, byte);
            }
            1 if at < input.len() => input[at] ^= 1 << choice.below(8),
            2 => drop(input.drain(at..end)),
            3 => {
                let piece = input[at..end].to_vec();
                let to = choice.below(input.len() + 1);
                input.splice(to..to, piece);
            }
            4 => {
                let word = choice.pick(words).as_bytes().to_vec();
                input.splice(at..at, word);
            }
            5 => {
                let word = choice.pick(words).as_bytes().to_vec();
                input.splice(at..end, word);
            }
            // A word for a word: what comes of it is well-formed more often.
            _ => {
                let (from, to) = (choice.pick(words).as_bytes(), choice.pick(words).as_bytes());
                if let Some(found) = find(input, from, at) {
                    input.splice(found..found + from.len(), to.iter().copied());
                }
            }
        }
    }
}

fn find(input: &[u8], word: &[u8], from: usize) -> Option<usize> {
    let found = |range: &[u8]| range.windows(word.len().max(1)).position(|window| window == word);
    found(input.get(from..)?).map(|at| from + at).or_else(|| found(input))
}

/// Moves, repeats or drops whole pieces that end with `end`: what comes of it is nearly always well-formed in itself.
pub(crate) fn rearrange(input: &mut Vec<u8>, end: u8, choice: &mut Choice) {
    let mut pieces: Vec<Vec<u8>> = input.split_inclusive(|byte| *byte == end).map(<[u8]>::to_vec).collect();
    for _ in 0..=choice.below(3) {
        let from = choice.below(pieces.len());
        let until = (from + 1 + choice.below(8)).min(pieces.len());
        let piece: Vec<_> = pieces[from..until].to_vec();
        if choice.once_in(2) {
            pieces.drain(from..until);
        }
        let to = choice.below(pieces.len() + 1);
        pieces.splice(to..to, piece);
    }
    *input = pieces.concat();
}
