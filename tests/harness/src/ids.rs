//! Names and salts from a seed.

use std::sync::atomic::{AtomicU64, Ordering};

use rollcall_model::digest::sha256;
use rollcall_runtime::Ids;

/// Counts up from a seed.
pub struct SeededIds {
    seed: u64,
    next: AtomicU64,
}

impl SeededIds {
    /// Ids that follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            next: AtomicU64::new(1),
        }
    }
}

impl Ids for SeededIds {
    fn unique(&self) -> String {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        format!("{:08x}{n:012x}", self.seed)
    }

    fn salt(&self) -> [u8; 32] {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        let digest = sha256(format!("{}/{n}", self.seed).as_bytes());
        let mut salt = [0; 32];
        for (to, from) in salt.iter_mut().zip(digest.as_str().bytes()) {
            *to = from;
        }
        salt
    }
}

/// A small generator for schedules: SplitMix64.
pub struct Dice(AtomicU64);

impl Dice {
    /// Dice that follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// A number below `below`.
    pub fn roll(&self, below: u64) -> u64 {
        let mut z = self
            .0
            .fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed)
            .wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % below.max(1)
    }
}
