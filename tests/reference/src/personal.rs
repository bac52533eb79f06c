//! Personal data: where, what for, how long.

use std::fmt::Write as _;

use rollcall_model::personal::{KEPT, Place};

/// The page.
pub(crate) fn page() -> String {
    let mut text = format!(
        "{}# Personal data\n\nEvery place in which Rollcall keeps something about a person. `runs`, `events` and `undo` are the \
         settings under [retention](../guides/configuration.md#retention). *Forget* is what \
         [`rollcall forget`](../guides/forget.md) does with it.\n",
        crate::MADE
    );
    for place in Place::ALL {
        let _ = write!(
            text,
            "\n## {}\n\n| where | holds | what for | kept | forget |\n|---|---|---|---|---|\n",
            place.title()
        );
        for kept in KEPT.iter().filter(|kept| kept.place == *place) {
            let _ = writeln!(
                text,
                "| `{}` | {} | {} | {} | {} |",
                kept.name, kept.holds, kept.purpose, kept.days, kept.forget
            );
        }
    }
    text.push_str(
        "\nA backup (point-in-time recovery of the table, 35 days) and noncurrent versions of objects in the bucket hold what was \
         there before it was removed, for as long as they live. After a restore, forget again: the statements under `receipts/` say \
         which runs were whose.\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use rollcall_model::files::folders;
    use rollcall_model::ledger::documents;

    use super::*;

    /// Where the kinds of items are declared.
    const ITEMS: &str = include_str!("../../../shared/ledger/src/commands/keys.rs");

    fn is_there(name: &str) -> bool {
        KEPT.iter().any(|kept| kept.name == name)
    }

    /// Every partition that the ledger's keys name: `format!("RUN#…` and the lists' own names.
    fn partitions() -> Vec<String> {
        let formatted = ITEMS.split("format!(\"").skip(1).filter_map(|rest| {
            let (name, _) = rest.split_once('#')?;
            name.bytes()
                .all(|letter| letter.is_ascii_uppercase())
                .then(|| format!("{name}#"))
        });
        let listed = ITEMS.split("const ").filter_map(|rest| {
            let (_, value) = rest.split_once(": &str = \"")?;
            let (value, _) = value.split_once('"')?;
            ["RUNS", "REVIEWS"].contains(&value).then(|| value.to_owned())
        });
        formatted
            .filter(|name| !["J#", "T#", "IN#"].contains(&name.as_str()))
            .chain(listed)
            .collect()
    }

    #[test]
    fn every_kind_of_item_document_and_file_is_in_the_table() {
        let partitions = partitions();
        assert!(partitions.len() >= 12, "{partitions:?}");
        for name in &partitions {
            assert!(
                name == "DOC#" || is_there(name),
                "{name} is not in the table of personal data"
            );
        }
        for kind in documents::ALL {
            assert!(
                is_there(&format!("DOC#{kind}")),
                "DOC#{kind} is not in the table of personal data"
            );
        }
        for folder in folders::ALL {
            assert!(is_there(folder), "{folder} is not in the table of personal data");
        }
    }

    #[test]
    fn nothing_in_the_table_is_gone_from_the_code() {
        for kept in KEPT {
            let known = match kept.place {
                Place::Ledger => match kept.name.strip_prefix("DOC#") {
                    Some(kind) => documents::ALL.contains(&kind),
                    None => partitions().iter().any(|name| name == kept.name),
                },
                Place::Files => folders::ALL.contains(&kept.name) || kept.name == "lists/",
                Place::Queues | Place::Outside => true,
            };
            assert!(known, "{} is in the table and not in the code", kept.name);
        }
    }

    /// `documents::ALL` and `folders::ALL` name every constant beside them.
    #[test]
    fn the_lists_of_kinds_are_whole() {
        for (text, module, all) in [
            (
                include_str!("../../../shared/model/src/ledger.rs"),
                "pub mod documents",
                documents::ALL,
            ),
            (
                include_str!("../../../shared/model/src/files.rs"),
                "pub mod folders",
                folders::ALL,
            ),
        ] {
            let (_, body) = text.split_once(module).unwrap();
            let (body, _) = body.split_once("\n}\n").unwrap();
            assert_eq!(body.matches(": &str = ").count(), all.len(), "{module}");
        }
    }
}
