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

    /// One input.
    pub fn make(&self, chance: &mut Chance) -> Vec<u8> {
        let mut bytes = self.seed(chance).to_vec();
        self.damage(chance, &mut bytes);
        bytes
    }

    /// A few edits of an input that anybody chose.
    pub fn damage(&self, chance: &mut Chance, bytes: &mut Vec<u8>) {
        for _ in 0..=chance.below(MOST_EDITS) {
            self.edit(chance, bytes);
        }
    }

    fn edit(&self, chance: &mut Chance, bytes: &mut Vec<u8>) {
        let kind = chance.below(10);
        let at = place(chance, bytes);
        match kind {
            0 if at < bytes.len() => bytes[at] ^= 1 << chance.below(8),
            1 if at < bytes.len() => bytes[at] = byte(chance),
            2 => {
                let word = self.word(chance);
                bytes.splice(at..at, word.iter().copied());
            }
            3 => {
                // The rest of the token that begins here is another word.
                let token = bytes[at..].iter().position(|byte| !is_word(*byte));
                let end = at + token.unwrap_or(bytes.len() - at);
                let word = self.word(chance);
                bytes.splice(at..end, word.iter().copied());
            }
            4 => {
                let end = (at + length(chance)).min(bytes.len());
                bytes.drain(at..end);
            }
            5 => {
                let end = (at + length(chance)).min(bytes.len());
                let piece = bytes[at..end].repeat(1 + chance.below(4));
                bytes.splice(at..at, piece);
            }
            6 => bytes.truncate(at),
            7 => {
                let other = self.seed(chance);
                let from = place(chance, other);
                let end = (from + length(chance)).min(other.len());
                bytes.splice(at..at, other[from..end].iter().copied());
            }
            8 => {
                let raw = [byte(chance), byte(chance)];
                bytes.splice(at..at, raw);
            }
            _ => {
                // Two pieces change places.
                let other = place(chance, bytes);
                let (first, second) = (at.min(other), at.max(other));
                bytes[first..second].rotate_left((second - first) / 2);
            }
        }
        bytes.truncate(LONGEST);
    }

    fn seed(&self, chance: &mut Chance) -> &[u8] {
        &self.seeds[chance.below(self.seeds.len())]
    }

    fn word(&self, chance: &mut Chance) -> &'static [u8] {
        let place = chance.below(COMMON.len() + self.words.len());
        let word = COMMON.iter().chain(self.words).nth(place);
        word.expect("the place is below their number").as_bytes()
    }
}

/// `SplitMix64`: every number follows from the first.
pub struct Chance(pub u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below a bound that is not zero.
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).expect("a bound of memory")).expect("it is below a `usize`")
    }
}

/// A place in a text; in half of the cases behind a sign that structures it.
fn place(chance: &mut Chance, bytes: &[u8]) -> usize {
    let at = chance.below(bytes.len() + 1);
    if chance.below(2) == 0 {
        return at;
    }
    let sign = bytes[at..].iter().position(|byte| b"{}[],:\"'\n=()".contains(byte));
    sign.map_or(at, |distance| at + distance + 1)
}

/// Short pieces are the likelier ones.
fn length(chance: &mut Chance) -> usize {
    let longest = if chance.below(4) == 0 { LONGEST_PIECE } else { 16 };
    1 + chance.below(longest)
}

fn byte(chance: &mut Chance) -> u8 {
    chance.next().to_le_bytes()[0]
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
