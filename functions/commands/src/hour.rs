//! An agreed hour as people type it: `2026-11-27T17:00[Australia/Melbourne]`, `17:00[Australia/Melbourne]`, `now`.

use anyhow::{Context as _, bail};
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _, Zoned};

/// An hour, and the zone in which it was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hour {
    pub(crate) at: Timestamp,
    zone: TimeZone,
}

impl Hour {
    /// Reads an hour. One without a zone or an offset is meant in the person's own zone, where their directory knows it. A
    /// clock's reading that is skipped when clocks go forward counts from before the change, and of one that comes twice the
    /// first is meant; what it came to is shown, so that somebody can see it.
    pub(crate) fn parse(text: &str, now: Timestamp, own_zone: Option<&str>) -> anyhow::Result<Self> {
        let text = text.trim();
        if text == "now" {
            return Ok(Self {
                at: now,
                zone: TimeZone::UTC,
            });
        }
        let (moment, zone) = match text.split_once('[') {
            None => (text, None),
            Some((moment, zone)) => match zone.strip_suffix(']') {
                Some(zone) => (moment, Some(zone)),
                None => bail!("`{text}` has a bracket that is not closed at its end"),
            },
        };
        if let Ok(at) = moment.parse::<Timestamp>() {
            let Some(zone) = zone else {
                return Ok(Self {
                    at,
                    zone: TimeZone::UTC,
                });
            };
            let zoned: Zoned = format!("{moment}[{zone}]")
                .parse()
                .with_context(|| format!("`{moment}` and {zone} do not agree"))?;
            return Ok(Self {
                at: zoned.timestamp(),
                zone: zoned.time_zone().clone(),
            });
        }
        // A date alone would mean midnight, which nobody means.
        let civil = moment.parse::<DateTime>().ok().filter(|_| moment.contains(['T', ' ']));
        let time = moment.parse::<Time>().ok().filter(|_| moment.contains(':'));
        if civil.is_none() && time.is_none() {
            bail!(
                "`{text}` is no hour: write now, 2026-11-27T17:00[Australia/Melbourne] or 17:00[Australia/Melbourne] for the \
                 next time that it is five there"
            );
        }
        let zone = match (zone, own_zone) {
            (Some(zone), _) => TimeZone::get(zone)
                .with_context(|| format!("there is no time zone {zone}: write one like Australia/Melbourne"))?,
            (None, Some(own)) => TimeZone::get(own).with_context(|| {
                format!(
                    "the directory says that the person's time zone is `{own}`, which is none that is known: add one, such as \
                     {text}[Australia/Melbourne]"
                )
            })?,
            (None, None) => bail!(
                "`{text}` is in no time zone, and the directory does not know the person's: add one, such as \
                 {text}[Australia/Melbourne]"
            ),
        };
        let at = match (civil, time) {
            (Some(civil), _) => zone.to_ambiguous_zoned(civil).compatible()?.timestamp(),
            (None, Some(time)) => next(time, now, &zone)?,
            (None, None) => bail!("`{text}` is no hour"),
        };
        Ok(Self { at, zone })
    }

    /// The hour in the zone in which it was meant, and in UTC.
    pub(crate) fn shown(&self) -> String {
        let there = self.at.to_zoned(self.zone.clone());
        let utc = self.at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S UTC");
        match self.zone.iana_name() {
            Some(name) if name != "UTC" => {
                format!("{} {name} ({utc})", there.strftime("%Y-%m-%d %H:%M:%S"))
            }
            _ => utc.to_string(),
        }
    }
}

/// The next moment at which clocks in a zone show this time.
fn next(time: Time, now: Timestamp, zone: &TimeZone) -> anyhow::Result<Timestamp> {
    let today = now.to_zoned(zone.clone()).date();
    for day in [today, today.checked_add(1.day())?] {
        let at = zone.to_ambiguous_zoned(day.to_datetime(time)).compatible()?.timestamp();
        if at > now {
            return Ok(at);
        }
    }
    bail!("there is no next {time}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-25T02:00:00Z";

    fn hour(text: &str, own: Option<&str>) -> anyhow::Result<Hour> {
        Hour::parse(text, NOW.parse().unwrap(), own)
    }

    #[test]
    fn an_hour_is_read_in_every_form() {
        for (text, own, at) in [
            ("now", None, NOW),
            ("2026-11-27T17:00[Australia/Melbourne]", None, "2026-11-27T06:00:00Z"),
            ("2026-11-27 17:00[Australia/Melbourne]", None, "2026-11-27T06:00:00Z"),
            ("2026-11-27T17:00", Some("Australia/Melbourne"), "2026-11-27T06:00:00Z"),
            (
                "2026-11-27T17:00[Europe/London]",
                Some("Australia/Melbourne"),
                "2026-11-27T17:00:00Z",
            ),
            ("2026-11-27T17:00+11:00", None, "2026-11-27T06:00:00Z"),
            (
                "2026-11-27T17:00+11:00[Australia/Melbourne]",
                None,
                "2026-11-27T06:00:00Z",
            ),
            ("2026-11-27T17:00Z", Some("Australia/Melbourne"), "2026-11-27T17:00:00Z"),
            // It is 13:00 in Melbourne: five is still to come, noon has been.
            ("17:00[Australia/Melbourne]", None, "2026-11-25T06:00:00Z"),
            ("12:00[Australia/Melbourne]", None, "2026-11-26T01:00:00Z"),
            ("17:00", Some("America/Los_Angeles"), "2026-11-26T01:00:00Z"),
            // Clocks go forward over 01:30 in London on 29 March, and show 01:30 twice on 25 October.
            ("2026-03-29T01:30[Europe/London]", None, "2026-03-29T01:30:00Z"),
            ("2026-10-25T01:30[Europe/London]", None, "2026-10-25T00:30:00Z"),
        ] {
            assert_eq!(hour(text, own).unwrap().at, at.parse().unwrap(), "{text}");
        }
    }

    #[test]
    fn an_hour_that_names_no_moment_is_refused_with_what_to_write() {
        for (text, own, why) in [
            (
                "2026-11-27T17:00",
                None,
                "add one, such as 2026-11-27T17:00[Australia/Melbourne]",
            ),
            ("17:00", None, "add one, such as 17:00[Australia/Melbourne]"),
            ("17:00", Some("AUS Eastern Standard Time"), "AUS Eastern Standard Time"),
            ("17:00[Australia/Melborne]", None, "no time zone Australia/Melborne"),
            ("17:00[Australia/Melbourne", None, "not closed"),
            ("2026-11-27T17:00+05:00[Australia/Melbourne]", None, "do not agree"),
            ("2026-11-27", Some("Europe/London"), "is no hour"),
            ("tomorrow", Some("Europe/London"), "is no hour"),
            ("-17:00", Some("Europe/London"), "is no hour"),
        ] {
            let error = format!("{:#}", hour(text, own).unwrap_err());
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn an_hour_is_shown_where_it_was_meant_and_in_utc() {
        let melbourne = hour("2026-11-27T17:00[Australia/Melbourne]", None).unwrap();
        assert_eq!(
            melbourne.shown(),
            "2026-11-27 17:00:00 Australia/Melbourne (2026-11-27 06:00:00 UTC)"
        );
        assert_eq!(hour("now", None).unwrap().shown(), "2026-11-25 02:00:00 UTC");
    }
}
