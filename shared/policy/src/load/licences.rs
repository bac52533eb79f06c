//! The table `licences`: what a licence costs a month.

use std::collections::BTreeMap;

use crate::configuration::{LicenceCost, Table};
use crate::reader::Reader;
use crate::suggest::nearest;
use crate::yaml::At;

/// The table that is read for its costs.
pub(super) const NAME: &str = "licences";
const COLUMNS: [&str; 3] = ["licence", "monthly_cost", "currency"];

/// The costs by licence, its name in small letters. `lines` are the places of the rows in the file.
pub(super) fn read(reader: &mut Reader, path: &str, table: &Table, lines: &[usize]) -> BTreeMap<String, LicenceCost> {
    let mut costs: BTreeMap<String, LicenceCost> = BTreeMap::new();
    let header = |column: usize| At {
        line: 1,
        column,
        ..At::file(path)
    };
    let found = COLUMNS.map(|name| table.columns.iter().position(|column| column == name));
    for (name, place) in COLUMNS.iter().zip(found) {
        if place.is_none() {
            let columns: Vec<&str> = table.columns.iter().map(String::as_str).collect();
            let near = nearest(name, &columns).and_then(|near| columns.iter().position(|column| *column == near));
            let next = near.and_then(|near| columns.get(near)).map_or_else(
                || format!("its columns are {}", COLUMNS.join(", ")),
                |near| format!("is `{near}` meant?"),
            );
            reader.problem(
                &header(near.map_or(1, |near| near + 1)),
                format!("the table `{NAME}` has no column `{name}`"),
                next,
            );
        }
    }
    let [Some(licence), Some(cost), Some(currency)] = found else {
        return costs;
    };
    for ((number, row), line) in table.rows.iter().enumerate().zip(lines) {
        let place = |column: usize| At {
            line: *line,
            column: column + 1,
            ..At::file(path)
        };
        let lead = |column: usize, name: &str| format!("row {}, column {} ({name})", number + 1, column + 1);
        let cell = |column: usize| row.get(column).map_or("", String::as_str);
        let name = cell(licence).to_lowercase();
        if name.is_empty() || costs.contains_key(&name) {
            let what = if name.is_empty() {
                "it is empty"
            } else {
                "the licence has a row already"
            };
            reader.problem(
                &place(licence),
                format!("{}: {what}", lead(licence, "licence")),
                "write each licence once, by the name that its vendor shows",
            );
            continue;
        }
        let hundredths = hundredths(cell(cost));
        if hundredths.is_none() {
            reader.problem(
                &place(cost),
                format!("{}: `{}` is not an amount", lead(cost, "monthly_cost"), cell(cost)),
                "write what one licence costs a month, for example 165 or 165.00, without a sign for thousands",
            );
        }
        let code = cell(currency);
        let is_code = code.len() == 3 && code.chars().all(|c| c.is_ascii_uppercase());
        if !is_code {
            reader.problem(
                &place(currency),
                format!("{}: `{code}` is not a currency", lead(currency, "currency")),
                "write its three letters: EUR, USD",
            );
        }
        if let Some(hundredths) = hundredths.filter(|_| is_code) {
            let cost = LicenceCost {
                hundredths,
                currency: code.to_owned(),
            };
            costs.insert(name, cost);
        }
    }
    costs
}

/// An amount with up to two decimals after a point or a comma.
fn hundredths(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once(['.', ',']).unwrap_or((text, "0"));
    let is_number = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    if !is_number(whole) || !is_number(part) || part.len() > 2 {
        return None;
    }
    let part: u64 = part.parse().ok()?;
    let scale = if text.len() == whole.len() + 2 { 10 } else { 1 };
    // An amount that no licence costs would make sums overflow.
    let whole: u64 = whole.parse::<u32>().ok()?.into();
    Some(whole * 100 + part * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_up_to_two_decimals() {
        for (text, expected) in [
            ("165", Some(16_500)),
            ("165.00", Some(16_500)),
            ("75,5", Some(7_550)),
            ("0.05", Some(5)),
            ("0", Some(0)),
            ("1,650", None),
            ("1.650,00", None),
            ("-1", None),
            ("", None),
            (".5", None),
            ("5.", None),
            ("free", None),
            ("99999999999", None),
        ] {
            assert_eq!(hundredths(text), expected, "{text}");
        }
    }
}
