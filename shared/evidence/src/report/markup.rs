//! HTML under construction.
//!
//! Markup is only ever a literal of this program (`&'static str`); whatever was read from anywhere goes through a function that
//! escapes it. A name can therefore not become markup, and there is no template that could forget to ask for escaping.

use jiff::Timestamp;

use crate::timeline::words;

/// Characters of one text that are shown; what a vendor wrote can be of any length.
const LONGEST: usize = 400;

/// A piece of a page.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Markup of our own.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// A text from elsewhere, in an element of its own so that its direction of writing ends with it.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.clipped(text, LONGEST)
    }

    /// The same, with another limit.
    pub(super) fn clipped(&mut self, text: &str, most: usize) -> &mut Self {
        self.0.push_str("<bdi>");
        let all = text.chars().count();
        if all > most {
            text.chars().take(most).for_each(|letter| self.letter(letter));
            self.0.push_str("…</bdi> <small>(");
            self.number(all as u128);
            self.0.push_str(" characters)</small>");
        } else {
            text.chars().for_each(|letter| self.letter(letter));
            self.0.push_str("</bdi>");
        }
        self
    }

    /// The same with its line breaks, for messages.
    pub(super) fn lines(&mut self, text: &str, most: usize) -> &mut Self {
        for (place, line) in text.chars().take(most).collect::<String>().lines().enumerate() {
            if place > 0 {
                self.0.push_str("<br>");
            }
            self.clipped(line, most);
        }
        if text.chars().nth(most).is_some() {
            self.0.push('…');
        }
        self
    }

    /// An id, a digest, a vendor's name of something.
    pub(super) fn code(&mut self, text: &str) -> &mut Self {
        self.0.push_str("<code>");
        self.text(text);
        self.0.push_str("</code>");
        self
    }

    /// A text that this program made, such as a duration.
    pub(super) fn own(&mut self, text: &str) -> &mut Self {
        text.chars().for_each(|letter| self.letter(letter));
        self
    }

    /// An attribute of the element that is being opened.
    pub(super) fn attr(&mut self, name: &'static str, value: &str) -> &mut Self {
        self.0.push(' ');
        self.0.push_str(name);
        self.0.push_str("=\"");
        self.own(value);
        self.0.push('"');
        self
    }

    /// A whole number as people write it: `1,204,377`.
    pub(super) fn number(&mut self, number: u128) -> &mut Self {
        self.0.push_str(&grouped(number));
        self
    }

    /// A moment, for people and programs.
    pub(super) fn moment(&mut self, at: Timestamp) -> &mut Self {
        self.raw("<time").attr("datetime", &at.to_string()).raw(">");
        self.own(&words::moment(at)).raw("</time>")
    }

    /// The time of day, with the date when it is another than that of `begun`.
    pub(super) fn time_of_day(&mut self, at: Timestamp, begun: Timestamp) -> &mut Self {
        self.raw("<time").attr("datetime", &at.to_string()).raw(">");
        self.own(&words::time_of_day(at, begun)).raw("</time>")
    }

    /// Opens a table, which scrolls by itself where there is no room for it. A column that begins with `#` holds numbers.
    pub(super) fn table(&mut self, class: &'static str, called: &str, columns: &[&'static str]) -> &mut Self {
        self.raw("<div class=\"wide\" tabindex=\"0\" role=\"group\"")
            .attr("aria-label", called)
            .raw("><table")
            .attr("class", class)
            .raw("><thead><tr>");
        for column in columns {
            match column.strip_prefix('#') {
                Some(numbers) => self.raw("<th scope=\"col\" class=\"n\">").raw(numbers),
                None => self.raw("<th scope=\"col\">").raw(column),
            };
            self.raw("</th>");
        }
        self.raw("</tr></thead>\n<tbody>")
    }

    /// Closes a table.
    pub(super) fn end_table(&mut self) -> &mut Self {
        self.raw("</tbody></table></div>\n")
    }

    /// A row of a list of facts.
    pub(super) fn fact(&mut self, name: &'static str, value: impl FnOnce(&mut Self)) -> &mut Self {
        self.raw("<div><dt>").raw(name).raw("</dt><dd>");
        value(self);
        self.raw("</dd></div>")
    }

    /// Rows until they fill `budget` bytes; answers how many were left out.
    pub(super) fn rows<T>(
        &mut self,
        budget: usize,
        items: impl IntoIterator<Item = T>,
        mut row: impl FnMut(&mut Self, T),
    ) -> usize {
        let begun = self.0.len();
        let mut left_out = 0;
        for item in items {
            if self.0.len() - begun >= budget {
                left_out += 1;
            } else {
                row(self, item);
            }
        }
        left_out
    }

    /// Says how many rows were left out and where they are.
    pub(super) fn left_out(&mut self, count: usize, place: &'static str) -> &mut Self {
        if count > 0 {
            self.raw("<p class=\"note\">");
            self.number(count as u128).raw(" more are not shown here: ");
            self.raw(place).raw("</p>");
        }
        self
    }

    /// Bytes so far.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The page.
    pub(super) fn into_string(self) -> String {
        self.0
    }

    fn letter(&mut self, letter: char) {
        match letter {
            '&' => self.0.push_str("&amp;"),
            '<' => self.0.push_str("&lt;"),
            '>' => self.0.push_str("&gt;"),
            '"' => self.0.push_str("&quot;"),
            '\'' => self.0.push_str("&#39;"),
            letter if steers(letter) => self.0.push('\u{fffd}'),
            letter => self.0.push(letter),
        }
    }
}

/// Control characters, and those that turn the direction of what follows: a name must not make a line read otherwise than it
/// was written. Letters of scripts written from right to left are left as they are.
fn steers(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}')
        || ('\u{202a}'..='\u{202e}').contains(&letter)
        || ('\u{2066}'..='\u{2069}').contains(&letter)
}

/// A text for the head of the page, where no element is possible.
pub(super) fn title(text: &str, most: usize) -> String {
    let mut title: String = text
        .chars()
        .take(most)
        .map(|letter| if steers(letter) { '\u{fffd}' } else { letter })
        .collect();
    if text.chars().nth(most).is_some() {
        title.push('…');
    }
    title
}

/// `1,204,377`.
pub(super) fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 change`, `2 changes`.
pub(super) fn counted(number: u128, one: &'static str, more: &'static str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { more })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(make: impl FnOnce(&mut Html)) -> String {
        let mut html = Html::default();
        make(&mut html);
        html.into_string()
    }

    #[test]
    fn whatever_was_read_is_text_and_nothing_else() {
        let hostile = "<script>alert('x')</script>&\"\u{1b}[2J\u{202e}gnp.exe";
        let expected = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot;\u{fffd}[2J\u{fffd}gnp.exe";
        assert_eq!(
            made(|html| {
                html.text(hostile);
            }),
            format!("<bdi>{expected}</bdi>")
        );
        assert_eq!(
            made(|html| {
                html.raw("<p").attr("title", hostile).raw(">");
            }),
            format!("<p title=\"{expected}\">")
        );
        assert_eq!(
            made(|html| {
                html.code("a<b");
            }),
            "<code><bdi>a&lt;b</bdi></code>"
        );
    }

    #[test]
    fn a_name_of_any_length_takes_a_line_or_two() {
        let long = "é".repeat(10_000);
        let shown = made(|html| {
            html.text(&long);
        });
        assert!(
            shown.ends_with("é…</bdi> <small>(10,000 characters)</small>"),
            "{shown}"
        );
        assert!(shown.len() < 1_000);
        assert_eq!(
            made(|html| {
                html.lines("one\n<two>", 100);
            }),
            "<bdi>one</bdi><br><bdi>&lt;two&gt;</bdi>"
        );
    }

    #[test]
    fn letters_of_other_scripts_and_joined_signs_stay() {
        let names = "שרה נור 👩🏽‍💻 ﷺ";
        assert_eq!(
            made(|html| {
                html.text(names);
            }),
            format!("<bdi>{names}</bdi>")
        );
    }

    #[test]
    fn rows_end_with_their_budget() {
        let mut html = Html::default();
        let left = html.rows(10, 0..5_u128, |html, number| {
            html.raw("<p>").number(number).raw("</p>");
        });
        assert_eq!((left, html.len()), (3, 16));
        assert_eq!(grouped(1_204_377), "1,204,377");
        assert_eq!(grouped(120), "120");
        assert_eq!(counted(1, "change", "changes"), "1 change");
    }
}
