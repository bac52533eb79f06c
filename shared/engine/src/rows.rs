//! Rows of a table as people save them: commas or semicolons, with or without a byte order mark, `#` for comments.

/// The rows in order, each with the line that it begins at; a row that cannot be read is an error with its line.
pub(crate) fn of(text: &str) -> impl Iterator<Item = Result<(u64, Vec<String>), u64>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let first = text.lines().find(|line| !is_nothing(line)).unwrap_or_default();
    let count = |separator: char| first.matches(separator).count();
    let separator = if count(';') > count(',') { b';' } else { b',' };
    let mut lines = Lines { text, byte: 0, line: 1 };
    csv::ReaderBuilder::new()
        .delimiter(separator)
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes())
        .into_records()
        .map(move |row| match row {
            Ok(row) => Ok((
                lines.of(row.position()),
                row.iter().map(str::to_owned).collect::<Vec<String>>(),
            )),
            Err(error) => Err(lines.of(error.position())),
        })
        // A line of blanks is no row.
        .filter(|row| !matches!(row, Ok((_, cells)) if cells.iter().map(String::as_str).eq([""])))
}

fn is_nothing(line: &str) -> bool {
    line.trim().is_empty() || line.starts_with('#')
}

/// Counts lines up to a row. The reader tells where it began to look for one, comments and empty lines before it included.
struct Lines<'a> {
    text: &'a str,
    byte: usize,
    line: u64,
}

impl Lines<'_> {
    fn of(&mut self, position: Option<&csv::Position>) -> u64 {
        let began = position.and_then(|position| usize::try_from(position.byte()).ok());
        // Of a line's end in two characters the reader leaves the second.
        let began = began.map(|began| began + usize::from(self.text.as_bytes().get(began) == Some(&b'\n')));
        while let Some(line) = self
            .text
            .get(self.byte..)
            .and_then(|rest| rest.split_inclusive('\n').next())
        {
            let end = self.byte + line.len();
            if began.is_none_or(|began| end > began) && !is_nothing(line) {
                break;
            }
            self.byte = end;
            self.line += 1;
        }
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_knows_the_line_that_it_begins_at() {
        for end in ["\n", "\r\n"] {
            let text = ["# who", "a,1", "", "\"b", "c\",2", "  ", "# more", "d,3", ""].join(end);
            let found: Vec<_> = of(&text).map(|row| row.map(|(line, _)| line)).collect();
            assert_eq!(found, [Ok(2), Ok(4), Ok(8)]);
        }
    }
}
