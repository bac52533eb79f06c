//! The targets of `tests/hostile` under libFuzzer, which keeps the inputs that reach something new and damages those further.
//!
//! `ROLLCALL_FUZZ_TARGET` says which target; the seeds go to the folder `ROLLCALL_FUZZ_SEEDS`, from where libFuzzer reads them. `run` sets both.
#![no_main]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::OnceLock;

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use rollcall_hostile::mutant::{Chance, Mutants};
use rollcall_hostile::{TARGETS, Target};

fn target() -> &'static Target {
    let name = std::env::var("ROLLCALL_FUZZ_TARGET").expect("ROLLCALL_FUZZ_TARGET says which target");
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, target) = found.unwrap_or_else(|| panic!("{name} is no target"));
    target
}

/// What makes an input out of another: libFuzzer's own edits, or those that `tests/fuzz.rs` makes.
fn mutants() -> &'static Mutants {
    static MUTANTS: OnceLock<Mutants> = OnceLock::new();
    MUTANTS.get_or_init(|| Mutants::new((target().seeds)(), target().words))
}

fn check() -> fn(&[u8]) {
    static CHECK: OnceLock<fn(&[u8])> = OnceLock::new();
    *CHECK.get_or_init(|| target().check)
}

/// Writes the seeds to where libFuzzer reads what it begins with.
fn write_seeds() {
    let folder =
        PathBuf::from(std::env::var_os("ROLLCALL_FUZZ_SEEDS").expect("ROLLCALL_FUZZ_SEEDS says where seeds go"));
    for (number, seed) in (target().seeds)().iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{number:04}")), seed).expect("a seed can be written");
    }
}

fuzz_target!(
    init: {
        // libFuzzer's hook ends the process at every panic. Expressions are compiled by a library whose panics Rollcall catches, so
        // what counts is a panic that leaves the check.
        std::panic::set_hook(Box::new(|_| {}));
        write_seeds();
    },
    |input: &[u8]| {
        if catch_unwind(AssertUnwindSafe(|| check()(input))).is_err() {
            // Once more, now that everybody may hear it.
            drop(std::panic::take_hook());
            check()(input);
            panic!("the same input broke a promise once, and not again");
        }
    }
);

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    if seed % 2 == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let mut bytes = data[..size].to_vec();
    mutants().damage(&mut Chance(seed.into()), &mut bytes);
    bytes.truncate(max_size.min(data.len()));
    data[..bytes.len()].copy_from_slice(&bytes);
    bytes.len()
});
