//! Times as servers write them (ISO 8601), to compare and to show alike. No clock enters here.

use std::fmt;

/// A point in time; later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant {
    /// Since 1970 began in UTC.
    seconds: i64,
    nanos: u32,
}

impl Instant {
    /// Reads `2026-01-02T03:04:05`, with a fraction of the second and a zone or without; no zone means UTC.
    pub fn parse(text: &str) -> Option<Instant> {
        let (calendar, rest) = text.trim().split_once(['T', 't', ' '])?;
        let [year, month, day] = numbers(calendar, '-', [4, 2, 2])?;
        let clock_ends = rest
            .find(|c: char| !c.is_ascii_digit() && c != ':')
            .unwrap_or(rest.len());
        let (clock, rest) = rest.split_at(clock_ends);
        let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
        let (nanos, zone) = match rest.strip_prefix('.') {
            Some(rest) => {
                let end = rest
                    .find(|c: char| !c.is_ascii_digit())
                    .unwrap_or(rest.len());
                let (digits, zone) = rest.split_at(end);
                let kept = &digits[..digits.len().min(9)];
                (format!("{kept:0<9}").parse().ok()?, zone)
            }
            None => (0, rest),
        };
        let offset = match zone {
            "" | "Z" | "z" => 0,
            zone => {
                let (sign, zone) = match zone.strip_prefix('+') {
                    Some(zone) => (1, zone),
                    None => (-1, zone.strip_prefix('-')?),
                };
                let [hours, minutes] = numbers(zone, ':', [2, 2])?;
                if hours >= 24 || minutes >= 60 {
                    return None;
                }
                sign * (hours * 3600 + minutes * 60)
            }
        };
        // A leap second is the first one of the next minute.
        let is_time = (1..=12).contains(&month)
            && date(days(year, month, day)) == (year, month, day)
            && hour < 24
            && minute < 60
            && second <= 60;
        let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
        // A zone can lead out of the years that are written with four digits.
        let is_written = (0..=9999).contains(&date(seconds.div_euclid(86_400)).0);
        (is_time && is_written).then_some(Instant { seconds, nanos })
    }
}

impl fmt::Display for Instant {
    /// In UTC and whole seconds: `2026-01-02T03:04:05Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (
            self.seconds.div_euclid(86_400),
            self.seconds.rem_euclid(86_400),
        );
        let (year, month, day) = date(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

fn numbers<const N: usize>(text: &str, between: char, lengths: [usize; N]) -> Option<[i64; N]> {
    let mut found = [0; N];
    let mut parts = text.split(between);
    for (number, length) in found.iter_mut().zip(lengths) {
        let part = parts.next()?;
        let fits = part.len() == length && part.bytes().all(|b| b.is_ascii_digit());
        *number = fits.then(|| part.parse().ok()).flatten()?;
    }
    parts.next().is_none().then_some(found)
}

/// The days since 1970 began, in the Gregorian calendar; years counted from March, so that the leap day is the last one.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year
        - 719_468
}

/// Year, month and day of such a day: the inverse of [`days`].
fn date(since_1970: i64) -> (i64, i64, i64) {
    let shifted = since_1970 + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<String> {
        Instant::parse(text).map(|time| time.to_string())
    }

    #[test]
    fn times_are_shown_in_utc() {
        for (text, expected) in [
            ("2026-01-02T03:04:05Z", Some("2026-01-02T03:04:05Z")),
            ("2026-01-02T03:04:05", Some("2026-01-02T03:04:05Z")),
            ("2026-01-02 03:04:05.123456Z", Some("2026-01-02T03:04:05Z")),
            ("2026-01-01T00:30:00+02:00", Some("2025-12-31T22:30:00Z")),
            ("2024-02-28T23:30:00-01:00", Some("2024-02-29T00:30:00Z")),
            ("1969-12-31T23:59:59Z", Some("1969-12-31T23:59:59Z")),
            ("2000-02-29T00:00:00Z", Some("2000-02-29T00:00:00Z")),
            ("2016-12-31T23:59:60Z", Some("2017-01-01T00:00:00Z")),
            ("2026-13-01T00:00:00Z", None),
            ("2026-01-01T24:00:00Z", None),
            ("2026-02-29T00:00:00Z", None),
            ("2026-04-31T00:00:00Z", None),
            ("2026-01-00T00:00:00Z", None),
            ("2026-01-01T00:00:00+24:00", None),
            ("2026-01-01T00:00:00+00:60", None),
            ("0000-01-01T00:00:00+00:01", None),
            ("9999-12-31T23:59:59-00:01", None),
            ("9999-12-31T23:59:60Z", None),
            ("2026-01-01", None),
            ("2026-1-1T00:00:00Z", None),
            ("2026-01-01T00:00:00X", None),
            ("2026-01-01T00:00:00+1", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(shown(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn times_are_in_order() {
        let times = [
            "2025-12-31T23:30:00-01:00",
            "2026-01-01T00:30:00.000001Z",
            "2026-01-01T00:30:00.5Z",
            "2026-01-01T02:30:01+02:00",
        ];
        let parsed: Vec<_> = times.iter().map(|text| Instant::parse(text)).collect();
        assert!(parsed.is_sorted_by(|a, b| a < b), "{parsed:?}");
    }

    #[test]
    fn every_day_comes_back() {
        for day in -800_000..800_000 {
            let (y, m, d) = date(day);
            assert_eq!(days(y, m, d), day);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[0-9TZ:. +-]{0,40}|\\PC*") {
            let _ = shown(&text);
        }
    }
}
