//! Windows of time as people type them: `2026-11-27T10:00/11:00[Europe/London]`.

use anyhow::{Context as _, bail, ensure};
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use rollcall_engine::Window;

/// Reads `from/to`. A moment without an offset needs a time zone in brackets, at the moment or at the end for both; `to` may be
/// a time of the same day.
pub(crate) fn parse(text: &str) -> anyhow::Result<Window> {
    let text = text.trim();
    let (from, to) = split(text).with_context(|| {
        format!("`{text}` is no window: write FROM/TO, such as 2026-11-27T10:00/11:00[Europe/London]")
    })?;
    let ((from, own), (to, zone)) = (zone(from)?, zone(to)?);
    let from_zone = own.or(zone);
    let from = moment(from, from_zone)?;
    let to = match to.parse::<Time>() {
        Ok(time) if !to.contains('T') => {
            let zone = zone.or(own).with_context(|| {
                format!(
                    "`{to}` is a time without a zone: add one, such as [Europe/London], or write both moments in full"
                )
            })?;
            let zone = named(zone)?;
            certain(from.to_zoned(zone.clone()).date().to_datetime(time), &zone)?
        }
        _ => moment(to, zone.or(own))?,
    };
    ensure!(from < to, "the window ends before it begins: {from} to {to}");
    Ok(Window { from, to })
}

/// Splits at the slash that is not part of a zone's name.
fn split(text: &str) -> Option<(&str, &str)> {
    let mut inside = false;
    let place = text.char_indices().find_map(|(place, letter)| {
        match letter {
            '[' => inside = true,
            ']' => inside = false,
            '/' if !inside => return Some(place),
            _ => {}
        }
        None
    })?;
    Some((text.get(..place)?, text.get(place + 1..)?))
}

/// A moment and the zone in brackets behind it.
fn zone(text: &str) -> anyhow::Result<(&str, Option<&str>)> {
    match text.split_once('[') {
        None => Ok((text, None)),
        Some((moment, zone)) => match zone.strip_suffix(']') {
            Some(zone) => Ok((moment, Some(zone))),
            None => bail!("`{text}` has a bracket that is not closed at its end"),
        },
    }
}

fn moment(text: &str, zone: Option<&str>) -> anyhow::Result<Timestamp> {
    let Some(zone) = zone else {
        if text.parse::<DateTime>().is_ok() && text.parse::<Timestamp>().is_err() {
            bail!("`{text}` is in no time zone: add one, such as [Europe/London], or an offset, such as Z");
        }
        return text
            .parse::<Timestamp>()
            .with_context(|| format!("`{text}` is no moment: write 2026-11-27T10:00Z, or add a time zone"));
    };
    if text.parse::<Timestamp>().is_ok() {
        // Both an offset and a zone: they must agree.
        let zoned: Zoned = format!("{text}[{zone}]")
            .parse()
            .with_context(|| format!("`{text}` and {zone} do not agree"))?;
        return Ok(zoned.timestamp());
    }
    let civil: DateTime = text
        .parse()
        .with_context(|| format!("`{text}` is no moment: write 2026-11-27T10:00"))?;
    certain(civil, &named(zone)?)
}

fn named(zone: &str) -> anyhow::Result<TimeZone> {
    TimeZone::get(zone).with_context(|| format!("there is no time zone {zone}: write one like Europe/London"))
}

/// A clock's reading that comes never or twice, in the night when clocks are changed, names no moment.
fn certain(civil: DateTime, zone: &TimeZone) -> anyhow::Result<Timestamp> {
    let name = zone.iana_name().unwrap_or("that zone");
    let zoned = zone.to_ambiguous_zoned(civil).unambiguous().with_context(|| {
        format!("{civil} comes never or twice in {name}, because clocks are changed then: write it with an offset")
    })?;
    Ok(zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let window = parse(text).unwrap();
        format!("{} {}", window.from, window.to)
    }

    #[test]
    fn a_window_is_read_in_every_form_that_names_its_zone() {
        let ten_to_eleven = "2026-11-27T10:00:00Z 2026-11-27T11:00:00Z";
        for text in [
            "2026-11-27T10:00/11:00[Europe/London]",
            "2026-11-27T10:00/2026-11-27T11:00[Europe/London]",
            "2026-11-27T10:00[Europe/London]/11:00",
            "2026-11-27T11:00[Europe/Berlin]/2026-11-27T11:00[Europe/London]",
            "2026-11-27T10:00Z/2026-11-27T11:00Z",
            "2026-11-27T05:00:00-05:00/2026-11-27T12:00:00+01:00",
            "2026-11-27T10:00+00:00[Europe/London]/11:00",
        ] {
            assert_eq!(shown(text), ten_to_eleven, "{text}");
        }
        assert_eq!(
            shown("2026-07-01T10:00/11:00[Europe/London]"),
            "2026-07-01T09:00:00Z 2026-07-01T10:00:00Z",
            "summer time"
        );
    }

    #[test]
    fn what_names_no_certain_moment_is_refused_with_what_to_write() {
        for (text, why) in [
            ("2026-11-27T10:00/11:00", "no time zone"),
            ("2026-11-27T10:00Z/11:00", "time without a zone"),
            (
                "2026-11-27T10:00/11:00[Europe/Lundon]",
                "there is no time zone Europe/Lundon",
            ),
            ("2026-11-27T11:00/10:00[Europe/London]", "ends before it begins"),
            ("2026-03-29T01:30/03:00[Europe/London]", "never or twice"),
            ("2026-10-25T01:30/03:00[Europe/London]", "never or twice"),
            ("2026-11-27T10:00+05:00[Europe/London]/11:00", "do not agree"),
            ("tomorrow", "is no window"),
            ("2026-11-27T10:00/11:00[Europe/London", "not closed"),
        ] {
            let error = format!("{:#}", parse(text).unwrap_err());
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
