//! Dates in UTC: those of `Retry-After`, and how the dates of a certificate are shown.

use std::time::{Duration, SystemTime};

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Reads an HTTP date (RFC 9110 §5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`. The obsolete forms are not read.
pub fn parse_http(text: &str) -> Option<SystemTime> {
    let (_, rest) = text.split_once(", ")?;
    let [day, month, year, clock, "GMT"] = rest.split(' ').collect::<Vec<_>>()[..] else {
        return None;
    };
    let [hour, minute, second] = clock.split(':').collect::<Vec<_>>()[..] else {
        return None;
    };
    let number = |text: &str, digits: usize, max: u64| {
        let is_number = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
        let number = is_number.then(|| text.parse().ok()).flatten()?;
        (number <= max).then_some(number)
    };
    let month = MONTHS.iter().position(|name| *name == month)? as u64 + 1;
    let days = days_since_1970(number(year, 4, 9999)?, month, number(day, 2, 31)?)?;
    let seconds =
        number(hour, 2, 23)? * 3600 + number(minute, 2, 59)? * 60 + number(second, 2, 60)?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(days * 86_400 + seconds))
}

/// Shows seconds since 1970 as `2026-01-02 03:04 UTC`.
pub fn format(seconds: u64) -> String {
    let (mut days, second) = (seconds / 86_400, seconds % 86_400);
    let mut year = 1970;
    while days >= days_in_year(year) {
        days -= days_in_year(year);
        year += 1;
        if year > 9999 {
            return "after the year 9999".to_string();
        }
    }
    let mut month = 1;
    while days >= days_in_month(year, month) {
        days -= days_in_month(year, month);
        month += 1;
    }
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!(
        "{year}-{month:02}-{:02} {hour:02}:{minute:02} UTC",
        days + 1
    )
}

fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    let exists = year >= 1970 && (1..=days_in_month(year, month)).contains(&day);
    let years: u64 = (1970..year).map(days_in_year).sum();
    let months: u64 = (1..month).map(|month| days_in_month(year, month)).sum();
    exists.then_some(years + months + day - 1)
}

fn days_in_year(year: u64) -> u64 {
    365 + u64::from(is_leap(year))
}

fn days_in_month(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + u64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn is_leap(year: u64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_date_is_read_and_shown() {
        for (text, shown) in [
            (
                "Sun, 06 Nov 1994 08:49:37 GMT",
                Some("1994-11-06 08:49 UTC"),
            ),
            (
                "Thu, 01 Jan 1970 00:00:00 GMT",
                Some("1970-01-01 00:00 UTC"),
            ),
            (
                "Tue, 29 Feb 2000 23:59:59 GMT",
                Some("2000-02-29 23:59 UTC"),
            ),
            (
                "Fri, 31 Dec 2100 23:59:59 GMT",
                Some("2100-12-31 23:59 UTC"),
            ),
            (
                "Fri, 31 Dec 9999 23:59:59 GMT",
                Some("9999-12-31 23:59 UTC"),
            ),
            ("Mon, 29 Feb 2100 00:00:00 GMT", None),
            ("Sun, 31 Nov 1994 08:49:37 GMT", None),
            ("Sun, 00 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 24:49:37 GMT", None),
            ("Sun, 06 Nov 1969 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 08:49:37 UTC", None),
            ("Sunday, 06-Nov-94 08:49:37 GMT", None),
            ("Sun Nov  6 08:49:37 1994", None),
            ("", None),
        ] {
            let seconds = parse_http(text).map(|time| {
                let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
                format(since.as_secs())
            });
            assert_eq!(seconds.as_deref(), shown, "{text}");
        }
        assert_eq!(format(u64::MAX), "after the year 9999");
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[A-Za-z]{3}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT|\\PC*") {
            let _ = parse_http(&text);
        }
    }
}
