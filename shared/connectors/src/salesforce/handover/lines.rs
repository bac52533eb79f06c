//! The files of a hand-over: rows that are to be written, and lines of evidence, both as RFC 4180 has them.

use bytes::Bytes;
use rollcall_model::Failure;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A record that is to change hands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Row {
    /// The record.
    pub(super) id: String,
    /// What it hangs on: records of one parent are written together, because each write locks the parent too.
    pub(super) parent: String,
    /// Whom it names.
    pub(super) from: String,
    /// Whom it is to name.
    pub(super) to: String,
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) object: String,
    pub(super) record: String,
    pub(super) field: String,
    pub(super) old: String,
    pub(super) new: String,
    pub(super) result: Fate,
    pub(super) reason: String,
}

/// The place where a record ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Fate {
    Moved,
    Kept,
    Refused,
    Gone,
}

/// The header of evidence.
pub(super) const HEADER: [&str; 7] = ["object", "record", "field", "old", "new", "result", "reason"];

/// Evidence as a file.
pub(super) fn evidence(lines: &[Line]) -> Result<Bytes, Failure> {
    written(lines, &HEADER)
}

/// Rows as a file.
pub(super) fn rows(rows: &[Row]) -> Result<Bytes, Failure> {
    written(rows, &["id", "parent", "from", "to"])
}

fn written<T: Serialize>(all: &[T], header: &[&str]) -> Result<Bytes, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::give_up(format!("a file cannot be written: {error}"));
    let mut file = csv::WriterBuilder::new()
        .has_headers(false)
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    file.write_record(header).map_err(|error| failed(&error))?;
    for one in all {
        file.serialize(one).map_err(|error| failed(&error))?;
    }
    file.into_inner().map(Bytes::from).map_err(|error| failed(&error))
}

/// Reads a file of ours.
pub(super) fn read<T: DeserializeOwned>(name: &str, body: &[u8]) -> Result<Vec<T>, Failure> {
    csv::Reader::from_reader(body)
        .deserialize()
        .collect::<Result<_, _>>()
        .map_err(|error| {
            Failure::needs_human(format!(
                "the file {name} is not as it was stored ({error}): restore it, then try again"
            ))
        })
}

/// A file as the vendor has it, by column name. Lines of a page that repeat the header are left out, NUL bytes too. All cells are one text: a
/// page of tens of thousands of rows is a handful of allocations.
pub(super) struct Table {
    header: csv::StringRecord,
    text: String,
    /// Where each cell ends in the text, row after row.
    cells: Vec<usize>,
    /// How many cells there are up to the end of each row.
    rows: Vec<usize>,
}

/// One row of a table.
#[derive(Clone, Copy)]
pub(super) struct Cells<'a> {
    table: &'a Table,
    first: usize,
    end: usize,
}

impl Table {
    /// Reads a file of the vendor's (Bulk API 2.0: UTF-8, comma, LF, quoted). One without a header has no rows.
    pub(super) fn read(what: &str, body: &[u8]) -> Result<Self, Failure> {
        let failed = |error: csv::Error| Failure::retry(format!("{what}: the answer is no CSV: {error}"));
        let clean: Vec<u8>;
        let body = if body.contains(&0) {
            clean = body.iter().copied().filter(|byte| *byte != 0).collect();
            &clean
        } else {
            body
        };
        let mut file = csv::ReaderBuilder::new().flexible(true).from_reader(body);
        let mut table = Self {
            header: file.headers().map_err(failed)?.clone(),
            text: String::with_capacity(body.len()),
            cells: Vec::new(),
            rows: Vec::new(),
        };
        let mut record = csv::StringRecord::new();
        while file.read_record(&mut record).map_err(failed)? {
            for cell in &record {
                table.text.push_str(cell);
                table.cells.push(table.text.len());
            }
            table.rows.push(table.cells.len());
        }
        Ok(table)
    }

    /// The place of a column.
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|one| one.eq_ignore_ascii_case(name))
    }

    /// All rows.
    pub(super) fn rows(&self) -> impl Iterator<Item = Cells<'_>> {
        let mut first = 0;
        self.rows.iter().map(move |&end| {
            let row = Cells {
                table: self,
                first,
                end,
            };
            first = end;
            row
        })
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }
}

/// A cell; empty when the column is not there.
pub(super) fn cell(row: Cells<'_>, column: Option<usize>) -> &str {
    let place = column.and_then(|column| row.first.checked_add(column));
    let Some(place) = place.filter(|place| *place < row.end) else {
        return "";
    };
    let ends = &row.table.cells;
    let before = place
        .checked_sub(1)
        .and_then(|before| ends.get(before))
        .copied()
        .unwrap_or(0);
    let end = ends.get(place).copied().unwrap_or(before);
    row.table.text.get(before..end).unwrap_or_default()
}

/// An upload of the vendor's form: `Id` and the field, LF.
pub(super) fn upload(field: &str, rows: &[Row]) -> Bytes {
    // Ids and field names hold nothing that needs quotes.
    let mut out = String::with_capacity(16 + rows.len() * 38);
    out.push_str("Id,");
    out.push_str(field);
    out.push('\n');
    for row in rows {
        out.push_str(&row.id);
        out.push(',');
        out.push_str(&row.to);
        out.push('\n');
    }
    Bytes::from(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::fixture;

    fn line(reason: &str) -> Line {
        Line {
            object: "Account".to_owned(),
            record: "0015f00000ACC01AAH".to_owned(),
            field: "OwnerId".to_owned(),
            old: "0055f00000AAAA1AAP".to_owned(),
            new: String::new(),
            result: Fate::Refused,
            reason: reason.to_owned(),
        }
    }

    #[test]
    fn evidence_says_exactly_what_the_vendor_said() {
        for reason in ["plain", "with \"quotes\", and\r\nlines", "=HYPERLINK(1)", "ü, 漢", ""] {
            let lines = vec![line(reason), line("next")];
            let file = evidence(&lines).unwrap();
            assert!(file.starts_with(b"object,record,field,old,new,result,reason\r\n"));
            assert_eq!(read::<Line>("f", &file).unwrap(), lines, "{reason}");
        }
        assert_eq!(read::<Line>("f", &evidence(&[]).unwrap()).unwrap(), []);
        assert!(read::<Line>("f", b"object,record\r\na,b\r\n").is_err());
    }

    #[test]
    fn the_vendors_files_are_read_by_the_names_of_their_columns() {
        for name in [
            "bulk.ingest.failedResults.csv",
            "bulk.ingest.failedResults.doc-order.csv",
        ] {
            let text = fixture(&format!("salesforce/{name}"));
            let table = Table::read("results", text.as_bytes()).unwrap();
            let (error, id) = (table.column("sf__Error"), table.column("Id"));
            let first = table.rows().next().unwrap();
            assert!(cell(first, error).starts_with("UNABLE_TO_LOCK_ROW:"), "{name}");
            assert_eq!(cell(first, id), "0015f00000ACC04AAH", "{name}");
        }
        let bare = Table::read("results", b"Id,OwnerId\n").unwrap();
        assert_eq!((bare.len(), bare.column("sf__Error")), (0, None));
        assert_eq!(Table::read("results", b"").unwrap().len(), 0);
        let nul = Table::read("results", b"Id\n\x00001\n").unwrap();
        assert_eq!(cell(nul.rows().next().unwrap(), Some(0)), "001");
    }

    #[test]
    fn an_upload_is_what_the_vendor_documents() {
        let row = |id: &str| Row {
            id: id.to_owned(),
            parent: String::new(),
            from: String::new(),
            to: "0055f00000BBBB1AAP".to_owned(),
        };
        let wanted = fixture("salesforce/bulk.ingest.upload.csv");
        let rows: Vec<Row> = wanted
            .lines()
            .skip(1)
            .map(|line| row(line.split(',').next().unwrap()))
            .collect();
        assert_eq!(upload("OwnerId", &rows), wanted.as_bytes());
    }
}
