//! `GET /api/v1/logs` in its two modes (Okta, "System Log query").
//!
//! A polling query (no `until`, ascending) runs in the order of persistence and always has a `next` link; a bounded query
//! runs in the order of `published` and ends.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::Okta;
use super::call::{Answer, Call, Outcome, continued, own_link};
use super::filter::{self, Expression, Operator};
use super::problem::{self, Problem};
use super::state::{Org, signed, whole_millis};

/// How long events are kept.
const RETENTION: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How far back a query without `since` looks.
const DEFAULT_RANGE: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The oldest `since` that is taken at all.
const OLDEST_SINCE: SignedDuration = SignedDuration::from_hours(180 * 24);

/// The System Log by (moment of persistence, serial number).
#[derive(Debug, Default)]
pub(super) struct Journal {
    entries: BTreeMap<(Timestamp, u64), Entry>,
    serial: u64,
    late: VecDeque<SignedDuration>,
}

#[derive(Debug)]
struct Entry {
    published: Timestamp,
    event: Value,
}

impl Journal {
    /// Persists an event, now or as late as was asked for.
    pub(super) fn write(&mut self, event: Value, now: Timestamp) {
        self.serial += 1;
        let late = self.late.pop_front().unwrap_or_default();
        let persisted = whole_millis(now.saturating_add(late).unwrap_or(now));
        self.entries
            .insert((persisted, self.serial), Entry { published: now, event });
    }
}

impl Org {
    /// Answers a log query.
    pub(super) fn logs(&self, call: &Call<'_>) -> Outcome {
        let limit = call.limit(100, 0, 1000)?;
        let descending = match call.param("sortOrder") {
            None => false,
            Some(order) if order.eq_ignore_ascii_case("ASCENDING") => false,
            Some(order) if order.eq_ignore_ascii_case("DESCENDING") => true,
            Some(_) => {
                return Err(problem::invalid(
                    "sortOrder",
                    "sortOrder: must be ASCENDING or DESCENDING.",
                ));
            }
        };
        let since = moment(call, "since")?;
        let until = moment(call, "until")?;
        if since.is_some_and(|since| since < call.now.saturating_sub(OLDEST_SINCE).unwrap_or(Timestamp::MIN)) {
            return Err(Problem::new(
                400,
                "E0000053",
                "Invalid parameter: The since parameter is over 180 days prior to the current day.",
            ));
        }
        let condition = call.param("filter").map(condition).transpose()?;
        let words = words(call.param("q"))?;
        let wanted = |entry: &Entry| {
            condition
                .as_ref()
                .is_none_or(|condition| condition.fits(false, &|path| filter::values_at(&entry.event, path)))
                && (words.is_empty() || {
                    let text = entry.event.to_string().to_lowercase();
                    words.iter().all(|word| text.contains(word))
                })
        };
        let kept_since = call.now.saturating_sub(RETENTION).unwrap_or(Timestamp::MIN);
        let visible = self
            .journal
            .entries
            .range(..=(call.now, u64::MAX))
            .filter(|(_, entry)| entry.published >= kept_since);
        if until.is_none() && !descending {
            self.polling(call, limit, since, visible.filter(|(_, entry)| wanted(entry)))
        } else {
            let until = until.unwrap_or(call.now);
            let since = since.unwrap_or_else(|| until.saturating_sub(DEFAULT_RANGE).unwrap_or(Timestamp::MIN));
            if until < since {
                return Err(problem::invalid("until", "until: must be later than since."));
            }
            let inside = visible.filter(|(_, entry)| (since..until).contains(&entry.published) && wanted(entry));
            self.bounded(call, limit, descending, inside)
        }
    }

    fn polling<'a>(
        &'a self,
        call: &Call<'_>,
        limit: usize,
        since: Option<Timestamp>,
        events: impl Iterator<Item = (&'a (Timestamp, u64), &'a Entry)>,
    ) -> Outcome {
        let start = match call.param("after") {
            Some(_) if since.is_some() => {
                return Err(problem::invalid(
                    "after",
                    "after: since and after cannot be used together.",
                ));
            }
            Some(after) => cursor(after)?,
            None => (
                since.unwrap_or_else(|| call.now.saturating_sub(DEFAULT_RANGE).unwrap_or(Timestamp::MIN)),
                0,
            ),
        };
        let page: Vec<_> = events.filter(|(key, _)| **key > start).take(limit).collect();
        let end = page.last().map_or(start, |(key, _)| **key);
        let next = format!("{}_{}", end.0.as_millisecond(), end.1);
        let items = page.into_iter().map(|(_, entry)| entry.event.clone()).collect();
        Ok(Answer::page(
            items,
            own_link(&self.base, call),
            Some(without_since(&continued(&self.base, call, &next))),
        ))
    }

    fn bounded<'a>(
        &'a self,
        call: &Call<'_>,
        limit: usize,
        descending: bool,
        inside: impl Iterator<Item = (&'a (Timestamp, u64), &'a Entry)>,
    ) -> Outcome {
        let mut found: Vec<_> = inside.map(|(key, entry)| (entry.published, key.1, entry)).collect();
        found.sort_by_key(|(published, serial, _)| (*published, *serial));
        if descending {
            found.reverse();
        }
        let offset = match call.param("after") {
            None => 0,
            Some(after) => {
                let last = cursor(after)?;
                found
                    .iter()
                    .position(|(published, serial, _)| (*published, *serial) == last)
                    .map_or(found.len(), |at| at + 1)
            }
        };
        let page: Vec<_> = found.iter().skip(offset).take(limit).collect();
        let more = limit > 0 && found.len() > offset + page.len();
        let next = page.last().filter(|_| more).map(|(published, serial, _)| {
            continued(&self.base, call, &format!("{}_{serial}", published.as_millisecond()))
        });
        let items = page.into_iter().map(|(_, _, entry)| entry.event.clone()).collect();
        Ok(Answer::page(items, own_link(&self.base, call), next))
    }
}

impl Okta {
    /// Makes the next event late: it is persisted this long after it was published.
    pub fn late_next_event(&self, by: Duration) {
        self.org().journal.late.push_back(signed(by));
    }

    /// All events so far as the System Log shows them, in order of persistence.
    pub fn events(&self) -> Vec<Value> {
        self.org()
            .journal
            .entries
            .values()
            .map(|entry| entry.event.clone())
            .collect()
    }
}

/// A polling link carries its position in `after` alone.
fn without_since(link: &str) -> String {
    let Some((path, query)) = link.split_once('?') else {
        return link.to_owned();
    };
    let kept: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("since=")).collect();
    format!("{path}?{}", kept.join("&"))
}

fn moment(call: &Call<'_>, name: &'static str) -> Result<Option<Timestamp>, Problem> {
    call.param(name)
        .map(|text| {
            text.parse::<Timestamp>()
                .map_err(|_| problem::invalid(name, format!("{name}: is not a valid date.")))
        })
        .transpose()
}

fn cursor(after: &str) -> Result<(Timestamp, u64), Problem> {
    let parsed = after.split_once('_').and_then(|(at, serial)| {
        let at = Timestamp::from_millisecond(at.parse().ok()?).ok()?;
        Some((at, serial.parse().ok()?))
    });
    parsed.ok_or_else(|| Problem::new(400, "E0000029", "Invalid cursor."))
}

fn condition(text: &str) -> Result<Expression, Problem> {
    let bad = || {
        Problem::new(
            400,
            "E0000053",
            format!("Invalid filter '{text}': The filter is not valid."),
        )
    };
    let parsed = filter::parse(text).ok_or_else(bad)?;
    for (attribute, operator) in parsed.comparisons() {
        if attribute == "published" {
            return Err(bad());
        }
        let url = matches!(
            attribute,
            "debugContext.debugData.url" | "debugContext.debugData.requestUri"
        );
        if url && operator == Operator::Co {
            return Err(Problem::new(
                400,
                "E0000031",
                format!("Invalid search criteria: co is not supported on {attribute}."),
            ));
        }
    }
    Ok(parsed)
}

fn words(text: Option<&str>) -> Result<Vec<String>, Problem> {
    let separators = |character: char| character.is_whitespace() || character == '-';
    let words: Vec<String> = text
        .unwrap_or_default()
        .split(separators)
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    if words.len() > 10 || words.iter().any(|word| word.chars().count() > 40) {
        return Err(problem::invalid("q", "q: at most 10 words of 40 characters each."));
    }
    Ok(words)
}
