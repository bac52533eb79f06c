//! Rows of a table as people save them: commas or semicolons, with or without a byte order mark, `#` for comments.

/// The rows in order, each with the line that it begins at; a row that cannot be read is an error with its line.
pub(crate) fn of(text: &str) -> impl Iterator<Item = Result<(u64, Vec<String>), u64>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let first = text
        .lines()
        .find(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .unwrap_or_default();
    let count = |separator: char| first.matches(separator).count();
    let separator = if count(';') > count(',') { b';' } else { b',' };
    csv::ReaderBuilder::new()
        .delimiter(separator)
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        .trim(csv::Trim::All)
        .from_reader(std::io::Cursor::new(text.to_owned()))
        .into_records()
        .map(|row| match row {
            Ok(row) => Ok((
                row.position().map_or(0, csv::Position::line),
                row.iter().map(str::to_owned).collect(),
            )),
            Err(error) => Err(error.position().map_or(0, csv::Position::line)),
        })
}
