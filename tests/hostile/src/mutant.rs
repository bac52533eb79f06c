//! Seeds, damaged.
//!
//! Bytes drawn at random are refused at the first of them by everything that parses. So an input is a seed with a few edits, and
//! what is drawn are the edits.

/// Most edits of one input.
const MOST_EDITS: usize = 12;
/// An input grows no further.
const LONGEST: usize = 64 * 1024;
/// Longest piece that is removed, repeated or taken from another seed.
const LONGEST_PIECE: usize = 400;

/// Makes inputs out of seeds.
pub struct Mutants {
    seeds: Vec<Vec<u8>>,
    words: &'static [&'static str],
}

impl Mutants {
    /// Of these seeds, with these words.
    pub fn new(seeds: Vec<Vec<u8>>, words: &'static [&'static str]) -> Self {
        Self { seeds, words }
    }

    /// One input; nothing when the numbers do not even choose a seed.
    pub fn make(&self, draws: &mut dyn Draws) -> Option<Vec<u8>> {
        let mut bytes = self.seed(draws)?.to_vec();
        let edits = 1 + draws.below(MOST_EDITS)?;
        for _ in 0..edits {
            if self.edit(draws, &mut bytes).is_none() {
                break;
            }
        }
        Some(bytes)
    }

    fn edit(&self, draws: &mut dyn Draws, bytes: &mut Vec<u8>) -> Option<()> {
        let kind = draws.below(10)?;
        let at = place(draws, bytes)?;
        match kind {
            0 if at < bytes.len() => bytes[at] ^= 1 << draws.below(8)?,
            1 if at < bytes.len() => bytes[at] = byte(draws)?,
            2 => {
                let word = self.word(draws)?;
                bytes.splice(at..at, word.iter().copied());
            }
            3 => {
                // The rest of the token that begins here is another word.
                let token = bytes[at..].iter().position(|byte| !is_word(*byte));
                let end = at + token.unwrap_or(bytes.len() - at);
                let word = self.word(draws)?;
                bytes.splice(at..end, word.iter().copied());
            }
            4 => {
                let end = (at + length(draws)?).min(bytes.len());
                bytes.drain(at..end);
            }
            5 => {
                let end = (at + length(draws)?).min(bytes.len());
                let piece = bytes[at..end].repeat(1 + draws.below(4)?);
                bytes.splice(at..at, piece);
            }
            6 => bytes.truncate(at),
            7 => {
                let other = self.seed(draws)?;
                let from = place(draws, other)?;
                let end = (from + length(draws)?).min(other.len());
                bytes.splice(at..at, other[from..end].iter().copied());
            }
            8 => {
                let raw = [byte(draws)?, byte(draws)?];
                bytes.splice(at..at, raw);
            }
            _ => {
                // Two pieces change places.
                let other = place(draws, bytes)?;
                let (first, second) = (at.min(other), at.max(other));
                bytes[first..second].rotate_left((second - first) / 2);
            }
        }
        bytes.truncate(LONGEST);
        Some(())
    }

    fn seed(&self, draws: &mut dyn Draws) -> Option<&[u8]> {
        let place = draws.below(self.seeds.len())?;
        self.seeds.get(place).map(Vec::as_slice)
    }

    fn word(&self, draws: &mut dyn Draws) -> Option<&'static [u8]> {
        let place = draws.below(COMMON.len() + self.words.len())?;
        COMMON.iter().chain(self.words).nth(place).map(|word| word.as_bytes())
    }
}

/// Where numbers come from. Nothing when there are no more.
pub trait Draws {
    /// The next.
    fn next(&mut self) -> Option<u64>;

    /// A number below a bound.
    fn below(&mut self, bound: usize) -> Option<usize> {
        let bound = u64::try_from(bound).ok().filter(|bound| *bound > 0)?;
        usize::try_from(self.next()? % bound).ok()
    }
}

/// SplitMix64: every number follows from the first.
pub struct Chance(pub u64);

impl Draws for Chance {
    fn next(&mut self) -> Option<u64> {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Some(mixed ^ (mixed >> 31))
    }
}

/// A place in a text; in half of the cases behind a sign that structures it.
fn place(draws: &mut dyn Draws, bytes: &[u8]) -> Option<usize> {
    let at = draws.below(bytes.len() + 1)?;
    if draws.below(2)? == 0 {
        return Some(at);
    }
    let sign = bytes[at..].iter().position(|byte| b"{}[],:\"'\n=()".contains(byte));
    Some(sign.map_or(at, |distance| at + distance + 1))
}

/// Short pieces are the likelier ones.
fn length(draws: &mut dyn Draws) -> Option<usize> {
    let longest = if draws.below(4)? == 0 { LONGEST_PIECE } else { 16 };
    Some(1 + draws.below(longest)?)
}

fn byte(draws: &mut dyn Draws) -> Option<u8> {
    u8::try_from(draws.below(256)?).ok()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.@+\\".contains(&byte)
}

/// What is trouble everywhere.
const COMMON: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    ":",
    ",",
    "\\",
    "\n",
    "\r\n",
    "\t",
    " ",
    "\0",
    "\u{1b}[2J",
    "\u{7f}",
    "\u{85}",
    "\u{2028}",
    "\u{202e}",
    "\u{feff}",
    "null",
    "true",
    "false",
    "0",
    "-1",
    "-0",
    "1e400",
    "1e-400",
    "1180591620717411303424",
    "9223372036854775808",
    "18446744073709551616",
    "0.1",
    "NaN",
    "\\u0000",
    "\\ud800",
    "\\\"",
    "\"\"",
    "[[[[[[[[[[[[[[[[",
    "{\"a\":{\"a\":{\"a\":{\"a\":",
    "<!channel>",
    "<@U0PRIYA0001>",
    "&lt;",
    "&amp;",
    "<script>",
    "{{",
    "}}",
    "{%",
    "%}",
    "${",
    "$${",
    "%00",
    "../",
    "é",
    "漢",
    "😀",
    "A\u{301}",
    "amara.okafor@corp.example",
    "2026-03-02T08:15:30.123Z",
    "9999-12-31T23:59:59.999999999Z",
    "-009999-01-01T00:00:00Z",
];
