//! Durations and rates.

use crate::configuration::Rate;

/// The longest duration: a year.
const LONGEST_MS: i64 = 366 * 24 * 3_600_000;

/// Reads `30s`, `15m`, `24h`, `7d`, or `0`; milliseconds.
pub(crate) fn duration_ms(text: &str) -> Result<i64, String> {
    if text == "0" {
        return Ok(0);
    }
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err("it does not begin with a whole number".to_owned());
    }
    let factor = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 24 * 3_600_000,
        "" => return Err("it has no unit".to_owned()),
        other => return Err(format!("`{other}` is no unit")),
    };
    number
        .parse::<i64>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .filter(|milliseconds| *milliseconds <= LONGEST_MS)
        .ok_or_else(|| "it is longer than a year".to_owned())
}

/// Reads `30/h`.
pub(crate) fn rate(text: &str) -> Result<Rate, String> {
    let Some((number, unit)) = text.split_once('/') else {
        return Err("it has no `/h`".to_owned());
    };
    if unit.trim() != "h" {
        return Err(format!("`/{unit}` is no unit here"));
    }
    match number.trim().parse::<u32>() {
        Ok(0) => Err("a limit of none would stop everything; use the mode `review` or `observe`".to_owned()),
        Ok(per_hour) if per_hour <= 100_000 => Ok(Rate { per_hour }),
        Ok(_) => Err("it is more than 100000 an hour".to_owned()),
        Err(_) => Err("it does not begin with a whole number".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration_ms("0"), Ok(0));
        assert_eq!(duration_ms("0s"), Ok(0));
        assert_eq!(duration_ms("90s"), Ok(90_000));
        assert_eq!(duration_ms("15m"), Ok(900_000));
        assert_eq!(duration_ms("24h"), Ok(86_400_000));
        assert_eq!(duration_ms("7d"), Ok(604_800_000));
        for wrong in [
            "",
            "24",
            "h",
            "-1h",
            "1.5h",
            "1w",
            "400d",
            "99999999999999999999d",
            "24 h",
            "24H",
        ] {
            assert!(duration_ms(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn rates() {
        assert_eq!(rate("30/h"), Ok(Rate { per_hour: 30 }));
        for wrong in ["30", "0/h", "30/d", "x/h", "-1/h", "100001/h", ""] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }
}
