//! Configuration folders: refused with reasons, or accepted and then the same whenever they are loaded again.
//!
//! An input is a folder in one text: `=== rollcall.yaml` begins a file.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use rollcall_model::ActionCatalogue;
use rollcall_policy::{Bundle, Configuration, load_files};

use crate::{Target, seeds};

/// The loader.
pub const FOLDER: Target = Target {
    seeds,
    words: &[
        "=== rollcall.yaml\n",
        "=== env/prod.yaml\n",
        "=== playbooks/leaver.yaml\n",
        "=== tables/x.csv\n",
        "=== ../outside.yaml\n",
        "&a ",
        "*a",
        "<<: *a",
        "!!binary ",
        "--- \n",
        "? ",
        "|\n  ",
        ">-\n  ",
        "- ",
        "salesforce/freeze",
        "okta-main",
        "${person.manager.email}",
        "person.in('quiet')",
        "{{ person.display }}",
        "env:SECRET",
        "use: rollcall/leaver@1",
        "after: 24h",
        "99999999999999999999h",
        "100%",
    ],
    check,
};

fn seeds() -> Vec<Vec<u8>> {
    let mut all = seeds::corpus("configuration");
    for name in ["leaver", "company", "dismantle"] {
        let root = seeds::fixtures().join("config").join(name);
        let mut text = String::new();
        gather(&root, &root, &mut text);
        all.push(text.into_bytes());
    }
    all
}

fn gather(root: &Path, folder: &Path, text: &mut String) {
    let listed = std::fs::read_dir(folder).expect("the fixture is there");
    let mut paths: Vec<_> = listed.map(|entry| entry.expect("it can be listed").path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            gather(root, &path, text);
        } else {
            let name = path
                .strip_prefix(root)
                .expect("below the root")
                .to_string_lossy()
                .into_owned();
            text.push_str(&format!(
                "=== {name}\n{}",
                std::fs::read_to_string(&path).expect("the fixture is text")
            ));
        }
    }
}

fn catalogue() -> &'static ActionCatalogue {
    static ALL: OnceLock<ActionCatalogue> = OnceLock::new();
    ALL.get_or_init(rollcall_connectors::catalogue)
}

fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for part in text.split("=== ").skip(1) {
        let (name, content) = part.split_once('\n').unwrap_or((part, ""));
        files.insert(name.to_owned(), content.to_owned());
    }
    match load_files(&files, "prod", catalogue()) {
        Ok(configuration) => {
            // A run pins its configuration by digest, stores it, and loads it again in another process.
            let stored = serde_json::to_string(&configuration.to_bundle()).expect("a bundle is JSON");
            let bundle: Bundle = serde_json::from_str(&stored).expect("what was stored can be read");
            let again = Configuration::from_bundle(&bundle, catalogue())
                .unwrap_or_else(|problems| panic!("accepted, and then refused: {problems}"));
            assert_eq!(again.digest, configuration.digest);
            assert_eq!(again.to_bundle(), bundle);
        }
        Err(problems) => {
            assert!(problems.iter().next().is_some(), "a refusal has a reason");
            for problem in problems.iter() {
                assert!(!problem.what.is_empty() && !problem.next.is_empty(), "{problem:?}");
            }
        }
    }
}
