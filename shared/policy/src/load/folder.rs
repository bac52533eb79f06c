//! Reading the folder.

use std::collections::BTreeMap;
use std::path::Path;

use crate::problem::Problems;
use crate::reader::Reader;
use crate::yaml::At;

/// The sub-folders that belong to a configuration, with the file name ends that are read in each.
const FOLDERS: &[(&str, &[&str])] = &[
    ("env", &["yaml"]),
    ("playbooks", &["yaml"]),
    ("tables", &["csv"]),
    ("people", &["yaml"]),
    ("checks", &["yaml"]),
    ("rules", &["yaml"]),
];

/// The largest single file, in bytes: a table.
const LARGEST: u64 = 8 * 1024 * 1024;
/// The most files.
const MOST: usize = 2_000;

/// Every file that may belong to the configuration, by its path with `/`.
pub(super) fn read(folder: &Path) -> Result<BTreeMap<String, String>, Problems> {
    let mut reader = Reader::default();
    let mut files = BTreeMap::new();
    if !folder.is_dir() {
        reader.problem(
            &At::file(&folder.display().to_string()),
            "there is no such folder",
            "name the folder that holds rollcall.yaml",
        );
        return Err(reader.problems);
    }
    one_folder(&mut reader, folder, "", &["yaml", "yml"], &mut files);
    for (name, ends) in FOLDERS {
        let inner = folder.join(name);
        if inner.is_dir() {
            one_folder(&mut reader, &inner, &format!("{name}/"), ends, &mut files);
        }
    }
    if reader.problems.is_empty() {
        Ok(files)
    } else {
        Err(reader.problems.settled())
    }
}

fn one_folder(reader: &mut Reader, folder: &Path, prefix: &str, ends: &[&str], files: &mut BTreeMap<String, String>) {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            reader.problem(
                &At::file(prefix),
                format!("the folder cannot be read: {error}"),
                "let this user read it",
            );
            return;
        }
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = entry.path();
        let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default();
        if name.starts_with('.') || !path.is_file() {
            continue;
        }
        let at = At::file(&format!("{prefix}{name}"));
        if !ends.contains(&end) {
            if end == "yml" {
                reader.problem(&at, "the file would not be read", "let its name end in `.yaml`");
            }
            continue;
        }
        if files.len() >= MOST {
            reader.problem(
                &at,
                format!("there are more than {MOST} files"),
                "keep only what is used",
            );
            return;
        }
        match entry.metadata() {
            Ok(metadata) if metadata.len() > LARGEST => {
                reader.problem(
                    &at,
                    format!("the file is larger than {} MiB", LARGEST / 1024 / 1024),
                    "keep only what the playbooks use",
                );
                continue;
            }
            _ => {}
        }
        match std::fs::read(&path).map(String::from_utf8) {
            Ok(Ok(text)) => {
                files.insert(format!("{prefix}{name}"), text);
            }
            Ok(Err(_)) => reader.problem(&at, "the file is not UTF-8", "save it as UTF-8"),
            Err(error) => {
                reader.problem(
                    &at,
                    format!("the file cannot be read: {error}"),
                    "let this user read it",
                );
            }
        }
    }
}

/// Files that look as if they belonged to the configuration and are not read by this version.
pub(super) fn strangers(reader: &mut Reader, files: &BTreeMap<String, String>) {
    for path in files.keys() {
        let at = At::file(path);
        match path.split_once('/') {
            Some(("checks", _)) => reader.problem(
                &at,
                "checks are not yet supported by this version",
                "take the file out of the folder; leaver playbooks work without it",
            ),
            Some(("rules", _)) => reader.problem(
                &at,
                "access rules are not yet supported by this version",
                "take the file out of the folder; leaver playbooks work without it",
            ),
            None if path != "rollcall.yaml" => reader.problem(
                &at,
                "the file does not belong here",
                "the folder holds rollcall.yaml, env/, playbooks/, tables/ and people/",
            ),
            _ => {}
        }
    }
}
