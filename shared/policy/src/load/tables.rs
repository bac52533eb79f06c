//! Tables: CSV with commas or semicolons, with or without a byte order mark.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::licences;
use super::root::{RawList, Root};
use crate::configuration::{LicenceCost, ListSource, Table};
use crate::reader::Reader;
use crate::yaml::At;

/// The most rows of a table.
const MOST_ROWS: usize = 100_000;
/// The most columns of a table.
const MOST_COLUMNS: usize = 64;

/// Reads the tables that `rollcall.yaml` names, and what licences cost from the one that says it.
pub(super) fn read(
    reader: &mut Reader,
    files: &BTreeMap<String, String>,
    contents: &mut BTreeMap<String, Value>,
    root: &Root,
) -> (BTreeMap<String, Table>, BTreeMap<String, LicenceCost>) {
    let (mut tables, mut costs) = (BTreeMap::new(), BTreeMap::new());
    for (name, (path, at)) in &root.tables {
        let Some((table, lines)) = one(reader, files, contents, path, at) else {
            continue;
        };
        if name == licences::NAME {
            costs = licences::read(reader, path, &table, &lines);
        }
        tables.insert(name.clone(), table);
    }
    (tables, costs)
}

/// Reads the lists, with the tables behind them.
pub(super) fn lists(
    reader: &mut Reader,
    files: &BTreeMap<String, String>,
    contents: &mut BTreeMap<String, Value>,
    root: &Root,
) -> BTreeMap<String, ListSource> {
    let mut lists = BTreeMap::new();
    for (name, raw) in &root.lists {
        let list = match raw {
            RawList::Group(connection, group) => ListSource::Group {
                connection: connection.clone(),
                name: group.clone(),
            },
            RawList::Object(name) => ListSource::Object { name: name.clone() },
            RawList::People(people) => ListSource::People(people.clone()),
            RawList::Csv(path, at) => {
                let values = one(reader, files, contents, path, at)
                    .map(|(table, _)| {
                        table
                            .rows
                            .iter()
                            .filter_map(|row| row.first())
                            .map(|value| value.to_lowercase())
                            .filter(|value| !value.is_empty())
                            .collect()
                    })
                    .unwrap_or_default();
                // An unreadable table is a problem of the load, so an empty list here is never taken for the file's word.
                ListSource::Csv {
                    path: path.clone(),
                    values,
                }
            }
        };
        lists.insert(name.clone(), list);
    }
    lists
}

/// A table, with the line of each row.
fn one(
    reader: &mut Reader,
    files: &BTreeMap<String, String>,
    contents: &mut BTreeMap<String, Value>,
    path: &str,
    at: &At,
) -> Option<(Table, Vec<usize>)> {
    let Some(text) = files.get(path) else {
        let tables: Vec<&str> = files
            .keys()
            .map(String::as_str)
            .filter(|path| path.starts_with("tables/"))
            .collect();
        let next = crate::suggest::nearest(path, &tables).map_or_else(
            || "put it into tables/ and let its name end in `.csv`".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        reader.problem(at, format!("there is no table `{path}`"), next);
        return None;
    };
    let before = reader.problems.len();
    let (table, lines) = parse(reader, path, text);
    contents.insert(path.to_owned(), json!([table.columns, table.rows]));
    (reader.problems.len() == before).then_some((table, lines))
}

fn parse(reader: &mut Reader, path: &str, text: &str) -> (Table, Vec<usize>) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let header = text.lines().next().unwrap_or_default();
    let count = |separator: char| header.matches(separator).count();
    let separator = if count(';') > count(',') { b';' } else { b',' };
    let place = |line: u64, column: usize| At {
        line: usize::try_from(line).unwrap_or(usize::MAX),
        column,
        ..At::file(path)
    };
    let mut rows = csv::ReaderBuilder::new()
        .delimiter(separator)
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut table = Table::default();
    let mut lines = Vec::new();
    for (index, row) in rows.records().enumerate() {
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                reader.problem(
                    &place(line, 1),
                    "the row cannot be read",
                    "check its quotes, and save the file as UTF-8",
                );
                return (table, lines);
            }
        };
        let line = row.position().map_or(0, csv::Position::line);
        if index == 0 {
            columns(reader, &row, &place, &mut table);
            continue;
        }
        if index > MOST_ROWS {
            reader.problem(
                &place(line, 1),
                format!("the table has more than {MOST_ROWS} rows"),
                "use a group of the directory instead",
            );
            return (table, lines);
        }
        if row.len() != table.columns.len() {
            let column = row.len().min(table.columns.len()) + 1;
            let name = table.columns.get(column - 1).map_or("one too many", String::as_str);
            reader.problem(
                &place(line, column),
                format!(
                    "row {index}, column {column} ({name}): the row has {} cells, the header has {}",
                    row.len(),
                    table.columns.len()
                ),
                "add or remove cells; put a cell that holds a separator in double quotes",
            );
            continue;
        }
        table.rows.push(row.iter().map(str::to_owned).collect());
        lines.push(usize::try_from(line).unwrap_or(usize::MAX));
    }
    if table.columns.is_empty() {
        reader.problem(&At::file(path), "the table is empty", "give it a header row");
    }
    (table, lines)
}

fn columns(reader: &mut Reader, row: &csv::StringRecord, place: &impl Fn(u64, usize) -> At, table: &mut Table) {
    for (number, name) in row.iter().enumerate() {
        let at = place(1, number + 1);
        if name.is_empty() {
            reader.problem(
                &at,
                format!("column {} has no name", number + 1),
                "name every column in the first row",
            );
        } else if table.columns.iter().any(|known| known == name) {
            reader.problem(
                &at,
                format!("column {} is called `{name}` like an earlier one", number + 1),
                "give every column its own name",
            );
        }
        if number >= MOST_COLUMNS {
            reader.problem(
                &at,
                format!("there are more than {MOST_COLUMNS} columns"),
                "remove what is not used",
            );
            return;
        }
        table.columns.push(name.to_owned());
    }
}
