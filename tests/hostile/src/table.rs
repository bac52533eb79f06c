//! The files of a hand-over: rows of the vendor's, and our own evidence (CSV).
//!
//! The room keeps these to itself, so its source is compiled here once more.

#[allow(
    dead_code,
    missing_docs,
    reason = "another room's file, of which a part is looked at"
)]
#[path = "../../../shared/connectors/src/salesforce/handover/lines.rs"]
mod lines;

use lines::{Fate, Line, Table, cell};

use crate::{Target, seeds};

/// Results as the vendor sends them.
pub const RESULTS: Target = Target {
    seeds: || [seeds::payloads("salesforce", &[".csv"]), seeds::corpus("results")].concat(),
    words: &[
        "\"sf__Id\",\"sf__Created\",\"sf__Error\"\n",
        "\"\"",
        ",",
        "\r",
        "0015f00000ACC04AAH",
        "=HYPERLINK(\"x\")",
        "@SUM(1)",
        "\"unclosed",
        "Id,Id\n",
    ],
    check: results,
};

/// Evidence of our own.
pub const EVIDENCE: Target = Target {
    seeds: || [seeds::payloads("salesforce", &[".csv"]), seeds::corpus("results")].concat(),
    words: &[
        "=HYPERLINK(\"x\")",
        "+1",
        "-1",
        "@SUM(1)",
        "\"",
        "\"\"",
        ",",
        "\r\n",
        "\r",
        "\u{feff}",
    ],
    check: evidence,
};

/// Whatever comes, reading ends; what was written by the rules (RFC 4180) is read as it was meant.
fn results(input: &[u8]) {
    if let Ok(table) = Table::read("results", input) {
        assert_eq!(table.rows().count(), table.len());
        let (id, error) = (table.column("sf__Id"), table.column("sf__Error"));
        for row in table.rows() {
            let _ = (
                cell(row, id),
                cell(row, error),
                cell(row, None),
                cell(row, Some(usize::MAX)),
            );
        }
    }
    // The lines of the input as cells: whatever an error text holds, the id beside it stays the record's.
    let text = String::from_utf8_lossy(input).replace('\0', "");
    let cells: Vec<&str> = text.split("\n\n").collect();
    let mut written = String::from("\"sf__Id\",\"sf__Error\",\"Id\"\n");
    for (number, cell) in cells.iter().enumerate() {
        written.push_str(&format!("\"\",\"{}\",\"{number:015}\"\n", cell.replace('"', "\"\"")));
    }
    let table = Table::read("results", written.as_bytes()).expect("what was written by the rules can be read");
    assert_eq!(table.len(), cells.len());
    let (id, error) = (table.column("id"), table.column("SF__ERROR"));
    for (number, (row, said)) in table.rows().zip(&cells).enumerate() {
        assert_eq!(
            (cell(row, id), cell(row, error)),
            (format!("{number:015}").as_str(), *said)
        );
    }
}

/// Evidence says what was said, sign for sign, whatever that was.
fn evidence(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut parts = text.split("\n\n");
    let mut next = || parts.next().unwrap_or_default().to_owned();
    let line = Line {
        object: next(),
        record: next(),
        field: next(),
        old: next(),
        new: next(),
        result: Fate::Refused,
        reason: next(),
    };
    let lines = vec![
        line.clone(),
        Line {
            reason: text.clone().into_owned(),
            ..line
        },
    ];
    let file = lines::evidence(&lines).expect("evidence can be written");
    assert_eq!(
        lines::read::<Line>("evidence", &file).expect("evidence can be read"),
        lines
    );
    // A damaged file of ours is refused, or read as something; it never ends the process.
    let _ = lines::read::<Line>("evidence", input);
    let _ = lines::read::<lines::Row>("rows", input);
}
