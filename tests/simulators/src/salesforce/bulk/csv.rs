//! CSV as Bulk API 2.0 takes and gives it: RFC 4180 quoting, one line ending for the whole file.

/// A row and the place after it.
pub(in super::super) struct Row {
    pub(in super::super) cells: Vec<String>,
    pub(in super::super) next: usize,
}

/// Reads the row that starts at a place; `None` at the end of the data.
pub(in super::super) fn row(data: &[u8], from: usize, delimiter: u8) -> Option<Row> {
    if from >= data.len() {
        return None;
    }
    let mut cells = Vec::new();
    let mut cell: Vec<u8> = Vec::new();
    let mut quoted = false;
    let mut at = from;
    while let Some(&byte) = data.get(at) {
        at += 1;
        match byte {
            b'"' if quoted && data.get(at) == Some(&b'"') => {
                cell.push(b'"');
                at += 1;
            }
            b'"' => quoted = !quoted,
            b'\n' if !quoted => {
                if cell.last() == Some(&b'\r') {
                    cell.pop();
                }
                break;
            }
            _ if byte == delimiter && !quoted => cells.push(text(&mut cell)),
            _ => cell.push(byte),
        }
    }
    cells.push(text(&mut cell));
    Some(Row { cells, next: at })
}

fn text(cell: &mut Vec<u8>) -> String {
    let text = String::from_utf8_lossy(cell).into_owned();
    cell.clear();
    text
}

/// Where each row starts, or `None` when a line ends otherwise than said. A quoted line break counts as text.
pub(super) fn starts(data: &[u8], crlf: bool) -> Option<Vec<u32>> {
    let mut starts = Vec::new();
    let mut quoted = false;
    let mut fresh = true;
    let mut before = 0;
    for (at, &byte) in data.iter().enumerate() {
        if fresh {
            starts.push(u32::try_from(at).ok()?);
            fresh = false;
        }
        if byte == b'"' {
            quoted = !quoted;
        } else if byte == b'\n' && !quoted {
            if (before == b'\r') != crlf {
                return None;
            }
            fresh = true;
        }
        before = byte;
    }
    Some(starts)
}

/// Writes a row, every cell in quotes.
pub(super) fn write<'a>(into: &mut Vec<u8>, cells: impl Iterator<Item = &'a str>, delimiter: u8, end: &str) {
    for (place, cell) in cells.enumerate() {
        if place > 0 {
            into.push(delimiter);
        }
        into.push(b'"');
        if cell.contains('"') {
            into.extend_from_slice(cell.replace('"', "\"\"").as_bytes());
        } else {
            into.extend_from_slice(cell.as_bytes());
        }
        into.push(b'"');
    }
    into.extend_from_slice(end.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::{row, starts, write};

    #[test]
    fn quotes_hold_delimiters_line_breaks_and_quotes() {
        let mut data = Vec::new();
        let cells = ["a", "b,\"c\"\n", ""];
        write(&mut data, cells.into_iter(), b',', "\n");
        assert_eq!(data, b"\"a\",\"b,\"\"c\"\"\n\",\"\"\n");
        let read = row(&data, 0, b',').unwrap();
        assert_eq!((read.cells, read.next), (cells.map(str::to_owned).to_vec(), data.len()));
        assert_eq!(starts(&data, false), Some(vec![0]));
    }

    #[test]
    fn the_last_line_may_lack_its_end_and_every_other_must_have_the_right_one() {
        assert_eq!(starts(b"Id\n1\n2", false), Some(vec![0, 3, 5]));
        assert_eq!(starts(b"Id\r\n1\r\n", true), Some(vec![0, 4]));
        assert_eq!(starts(b"Id\r\n1\r\n", false), None);
        assert_eq!(starts(b"Id\n1\n", true), None);
        assert_eq!(row(b"Id\r\n", 0, b',').unwrap().cells, ["Id"]);
        assert!(row(b"Id\n", 3, b',').is_none());
    }
}
