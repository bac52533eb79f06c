//! Where inputs begin: `corpus/`, and the payloads and folders that other tests use.

use std::path::{Path, PathBuf};

/// Every file of a folder of the corpus.
pub fn corpus(target: &str) -> Vec<Vec<u8>> {
    files(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target),
        &[""],
    )
}

/// Every sample of a vendor whose name ends so.
pub fn payloads(vendor: &str, ends: &[&str]) -> Vec<Vec<u8>> {
    files(&fixtures().join("payloads").join(vendor), ends)
}

/// The folder of fixtures.
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures")
}

/// Files of a folder in the order of their names. Panics when it has none.
fn files(folder: &Path, ends: &[&str]) -> Vec<Vec<u8>> {
    let listed = std::fs::read_dir(folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
    let mut paths: Vec<PathBuf> = listed
        .map(|entry| entry.expect("the folder can be listed").path())
        .filter(|path| path.is_file() && ends.iter().any(|end| path.to_string_lossy().ends_with(end)))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", folder.display());
    paths
        .iter()
        .map(|path| std::fs::read(path).expect("the file can be read"))
        .collect()
}
