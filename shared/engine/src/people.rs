//! People as somebody lists them in a file: who is announced to leave.

use std::collections::BTreeSet;
use std::fmt;

use crate::rows;

/// Names of a column that says who somebody is, in the order in which they are preferred.
const COLUMNS: [&str; 3] = ["login", "email", "employeenumber"];
/// The most people of one file.
const MOST: usize = 200_000;

/// A row that says of nobody who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// Its line in the file, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for BadRow {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "row {}: {}", self.line, self.why)
    }
}

/// The people of a table, lower-cased, each once: the column `login`, `email` or `employeeNumber` when the first row names
/// one, else the first column. Commas or semicolons, a byte order mark and comments with `#` are fine.
///
/// # Errors
///
/// Every row that names nobody; then nothing is answered, so that no half of a file counts for the whole.
pub fn read_people(text: &str) -> Result<BTreeSet<String>, Vec<BadRow>> {
    let (mut people, mut bad, mut column, mut first) = (BTreeSet::new(), Vec::new(), 0, true);
    for row in rows::of(text) {
        let (line, cells) = match row {
            Ok(row) => row,
            Err(line) => {
                bad.push(BadRow {
                    line,
                    why: "it cannot be read: check its quotes".to_owned(),
                });
                continue;
            }
        };
        if std::mem::take(&mut first)
            && let Some(named) = named(&cells)
        {
            column = named;
            continue;
        }
        match cells.get(column).map(|cell| name(cell)) {
            Some(Ok(name)) => {
                people.insert(name);
            }
            Some(Err(why)) => bad.push(BadRow { line, why }),
            None => bad.push(BadRow {
                line,
                why: format!("it has no column {}", column + 1),
            }),
        }
    }
    if people.is_empty() && bad.is_empty() {
        bad.push(BadRow {
            line: 1,
            why: "the file names nobody".to_owned(),
        });
    }
    if people.len() > MOST {
        bad.push(BadRow {
            line: 1,
            why: format!("the file names more than {MOST} people"),
        });
    }
    if bad.is_empty() { Ok(people) } else { Err(bad) }
}

/// The column that says who somebody is, when these are names of columns.
fn named(cells: &[String]) -> Option<usize> {
    COLUMNS.iter().find_map(|known| {
        cells
            .iter()
            .position(|cell| cell.to_lowercase().replace(['_', ' ', '-'], "") == *known)
    })
}

fn name(cell: &str) -> Result<String, String> {
    if cell.is_empty() {
        return Err("nobody is named".to_owned());
    }
    if cell.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
        return Err("a sign-in name, an address or a number has no blank in it".to_owned());
    }
    Ok(cell.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        read_people(text).unwrap().into_iter().collect()
    }

    #[test]
    fn the_column_that_says_who_somebody_is_is_found_by_its_name() {
        assert_eq!(
            read("Amara@corp.example\nchidi@corp.example\namara@corp.example\n"),
            ["amara@corp.example", "chidi@corp.example"]
        );
        assert_eq!(
            read("\u{feff}Name;E-Mail;Site\r\nAmara Okafor;Amara@corp.example;London\r\n"),
            ["amara@corp.example"]
        );
        assert_eq!(read("name,employeeNumber\n\"Okafor, Amara\",E1042\n"), ["e1042"]);
        assert_eq!(
            read("email,login\na@x.example,b@x.example\n"),
            ["b@x.example"],
            "login before email"
        );
    }

    #[test]
    fn every_bad_row_is_named_and_then_nothing_counts() {
        let bad =
            read_people("login,site\na@corp.example,London\n,Leeds\n# a comment\nAmara Okafor,York\n").unwrap_err();
        assert_eq!(bad.iter().map(|row| row.line).collect::<Vec<_>>(), [3, 5]);
        assert!(bad[0].why.contains("nobody is named") && bad[1].to_string().starts_with("row 5: "));
        assert!(
            read_people("site,login\nLondon\n").unwrap_err()[0]
                .why
                .contains("no column 2")
        );
        assert!(read_people("").unwrap_err()[0].why.contains("names nobody"));
        assert!(read_people("login\n").unwrap_err()[0].why.contains("names nobody"));
    }

    #[test]
    fn a_company_of_five_thousand_is_read() {
        let lines: Vec<String> = (0..5_000).map(|n| format!("person{n}@corp.example")).collect();
        assert_eq!(read_people(&lines.join("\n")).unwrap().len(), 5_000);
    }
}
