//! One target under libFuzzer; `ROLLCALL_TARGET` says which.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use rollcall_hostile::Target;
use rollcall_hostile::mutant::{Chosen, Mutants};

fuzz_target!(|choices: &[u8]| {
    static READY: OnceLock<(&'static Target, Mutants)> = OnceLock::new();
    let (target, mutants) = READY.get_or_init(|| {
        let name = std::env::var("ROLLCALL_TARGET").expect("ROLLCALL_TARGET names a target");
        let found = rollcall_hostile::TARGETS.iter().find(|(known, _)| *known == name);
        let (_, target) = found.unwrap_or_else(|| panic!("there is no target {name}"));
        (target, Mutants::new((target.seeds)(), target.words))
    });
    if let Some(input) = mutants.make(&mut Chosen(choices)) {
        (target.check)(&input);
    }
});
