//! Error codes.

use std::fmt::Write as _;

use rollcall_runtime::codes;

/// The page that lists every code.
pub(crate) fn page() -> String {
    let mut text = format!(
        "{}# Error codes\n\nEach page says what the code means, what the likely cause is and what to do.\n\n| code | meaning |\n|---|---|\n",
        crate::MADE
    );
    for code in codes::ALL {
        let _ = writeln!(text, "| [{0}](../errors/{0}.md) | {1} |", code.id, code.meaning);
    }
    text
}
