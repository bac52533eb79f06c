//! Runs a target, and makes a finding small.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Once;
use std::time::{Duration, Instant};

use rollcall_runtime::{Ids as _, RandomIds};

use crate::Target;
use crate::mutant::{Chance, Mutants};

/// How long a target runs in `tests/run`, and in its long form.
const SHORT: Duration = Duration::from_secs(10);
const FULL: Duration = Duration::from_mins(1);
/// How long a finding is made smaller.
const SHRINKING: Duration = Duration::from_secs(10);

thread_local! {
    static SILENT: Cell<bool> = const { Cell::new(false) };
}

/// Checks every seed of a target as it is, then damaged ones for as long as there is time: `ROLLCALL_FUZZ_SECONDS`, or a moment, or
/// a minute in the long form of the tests. Panics at the first promise that is broken, with the smallest input that breaks it.
pub fn run(name: &str, target: &Target) {
    quiet_panics();
    let seeds = (target.seeds)();
    assert!(!seeds.is_empty(), "{name} has no seeds and would look at nothing");
    for seed in &seeds {
        tried(name, target, seed, "a seed as it is");
    }
    let count = seeds.len();
    let mutants = Mutants::new(seeds, target.words);
    // The long form begins elsewhere every time; the short one says the same of the same program, as far as its machine gets.
    let first = number("ROLLCALL_FUZZ_SEED").unwrap_or_else(|| if is_full() { beginning() } else { 1 });
    let (begun, span) = (Instant::now(), span());
    let mut inputs = 0_u64;
    while begun.elapsed() < span {
        let seed = first.wrapping_add(inputs);
        let input = mutants.make(&mut Chance(seed));
        tried(name, target, &input, &format!("ROLLCALL_FUZZ_SEED={seed}"));
        inputs += 1;
    }
    println!(
        "{name}: {count} seeds, {inputs} damaged ones in {} s",
        begun.elapsed().as_secs()
    );
}

fn span() -> Duration {
    match number("ROLLCALL_FUZZ_SECONDS") {
        Some(seconds) => Duration::from_secs(seconds),
        None if is_full() => FULL,
        None => SHORT,
    }
}

fn is_full() -> bool {
    std::env::var_os("ROLLCALL_FULL").is_some()
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|why| panic!("{variable}={text}: {why}")))
}

fn beginning() -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = RandomIds.salt();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

fn tried(name: &str, target: &Target, input: &[u8], which: &str) {
    let Err(broken) = attempt(target, input) else {
        return;
    };
    let small = shrunk(target, input.to_vec());
    println!(
        "{name}, {which}: this input of {} bytes breaks it; keep it in the corpus\n{}",
        small.len(),
        small.escape_ascii()
    );
    // Said once more, now that everybody may hear it.
    (target.check)(&small);
    resume_unwind(broken);
}

fn attempt(target: &Target, input: &[u8]) -> std::thread::Result<()> {
    SILENT.set(true);
    let outcome = catch_unwind(AssertUnwindSafe(|| (target.check)(input)));
    SILENT.set(false);
    outcome
}

/// Leaves out pieces, the large ones first, for as long as it still breaks.
fn shrunk(target: &Target, mut input: Vec<u8>) -> Vec<u8> {
    let begun = Instant::now();
    let mut piece = input.len().div_ceil(2);
    while piece > 0 {
        let mut at = 0;
        while at < input.len() && begun.elapsed() < SHRINKING {
            let mut shorter = input.clone();
            shorter.drain(at..(at + piece).min(input.len()));
            if attempt(target, &shorter).is_err() {
                input = shorter;
            } else {
                at += piece;
            }
        }
        piece /= 2;
    }
    input
}

/// Panics of attempts say nothing; thousands of them would hide the one that counts.
fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !SILENT.get() {
                usual(panic);
            }
        }));
    });
}
