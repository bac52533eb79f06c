//! The checked-in reference says what the code says.

#![expect(clippy::unwrap_used, reason = "a folder that cannot be read is a failed test")]

use std::collections::BTreeSet;
use std::path::Path;

const AGAIN: &str = "write it again: cargo run -p rollcall-reference";

#[test]
fn the_checked_in_files_are_what_the_code_says() {
    let folder = rollcall_reference::folder();
    for (name, text) in rollcall_reference::files().unwrap() {
        let found = std::fs::read_to_string(folder.join(&name)).unwrap_or_default();
        if found == text {
            continue;
        }
        let line = found.lines().zip(text.lines()).position(|(old, new)| old != new);
        let line = line.unwrap_or_else(|| found.lines().count().min(text.lines().count())) + 1;
        panic!("docs/reference/{name} is not up to date from line {line}; {AGAIN}");
    }
}

#[test]
fn nothing_else_lies_in_the_folder() {
    let mut made: BTreeSet<String> = rollcall_reference::files().unwrap().into_keys().collect();
    made.extend(rollcall_reference::MEASURED.map(str::to_owned));
    let mut found = BTreeSet::new();
    list(&rollcall_reference::folder(), "", &mut found);
    assert_eq!(found, made, "{AGAIN}, and remove what nothing writes");
}

fn list(folder: &Path, before: &str, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{before}{}", entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            list(&entry.path(), &format!("{name}/"), found);
        } else {
            found.insert(name);
        }
    }
}
