//! Server-sent events (WHATWG HTML, section 9.2), read one by one in bounded memory.

use std::io::{self, BufRead};

/// The limit for a line, and for an event's data, in bytes; the rest is dropped.
const MAX_LENGTH: usize = 1024 * 1024;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Its type; empty if it has none.
    pub name: String,
    /// Its lines, joined with `\n`.
    pub data: String,
    /// Whether the data exceeded the limit.
    pub truncated: bool,
}

/// The events of a stream.
#[derive(Debug)]
pub struct Events<R> {
    stream: R,
    begun: bool,
    /// Whether the last line ended with a carriage return: a line feed right after it is part of that line end.
    after_return: bool,
}

impl<R: BufRead> Events<R> {
    pub fn new(stream: R) -> Self {
        Events {
            stream,
            begun: false,
            after_return: false,
        }
    }

    /// The next event that has data; `None` at the end of the stream. An event that the end cut short is dropped.
    pub fn read(&mut self) -> io::Result<Option<Event>> {
        let mut event = Event::default();
        let mut data: Option<Vec<u8>> = None;
        while let Some((line, truncated)) = self.line()? {
            if line.is_empty() {
                if let Some(data) = data {
                    event.data = String::from_utf8_lossy(&data).into_owned();
                    return Ok(Some(event));
                }
                event = Event::default();
                continue;
            }
            let (field, value) = match line.iter().position(|b| *b == b':') {
                Some(at) => (&line[..at], &line[at + 1..]),
                None => (&line[..], &[][..]),
            };
            let value = value.strip_prefix(b" ").unwrap_or(value);
            match field {
                b"event" => event.name = String::from_utf8_lossy(value).into_owned(),
                b"data" => {
                    let data = match &mut data {
                        Some(data) => {
                            if data.len() < MAX_LENGTH {
                                data.push(b'\n');
                            }
                            data
                        }
                        None => data.insert(Vec::new()),
                    };
                    let space = MAX_LENGTH.saturating_sub(data.len());
                    event.truncated |= truncated || value.len() > space;
                    data.extend_from_slice(&value[..value.len().min(space)]);
                }
                // A comment, or a field that is not needed.
                _ => {}
            }
        }
        Ok(None)
    }

    /// The next whole line without its end, and whether it was truncated.
    fn line(&mut self) -> io::Result<Option<(Vec<u8>, bool)>> {
        let mut line = Vec::new();
        let mut truncated = false;
        loop {
            let buffer = match self.stream.fill_buf() {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            if buffer.is_empty() {
                return Ok(None);
            }
            if std::mem::take(&mut self.after_return) && buffer[0] == b'\n' {
                self.stream.consume(1);
                continue;
            }
            let end = buffer.iter().position(|b| matches!(b, b'\n' | b'\r'));
            let part = &buffer[..end.unwrap_or(buffer.len())];
            let kept = part.len().min(MAX_LENGTH - line.len());
            truncated |= kept < part.len();
            line.extend_from_slice(&part[..kept]);
            self.after_return = end.is_some_and(|at| buffer[at] == b'\r');
            let used = part.len() + usize::from(end.is_some());
            self.stream.consume(used);
            if end.is_none() {
                continue;
            }
            if !std::mem::replace(&mut self.begun, true) && line.starts_with(BYTE_ORDER_MARK) {
                line.drain(..BYTE_ORDER_MARK.len());
            }
            return Ok(Some((line, truncated)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn events(stream: impl BufRead) -> Vec<Event> {
        let mut events = Events::new(stream);
        std::iter::from_fn(|| events.read().unwrap()).collect()
    }

    fn parsed(text: &str) -> Vec<(String, String)> {
        let found = events(text.as_bytes());
        // However the bytes are split.
        for chunk in 1..5 {
            assert_eq!(
                events(BufReader::with_capacity(chunk, text.as_bytes())),
                found
            );
        }
        found.into_iter().map(|e| (e.name, e.data)).collect()
    }

    #[test]
    fn events_are_parsed_as_the_standard_defines() {
        for (text, expected) in [
            (
                "event: log\ndata: {\"a\":1}\n\n",
                vec![("log", "{\"a\":1}")],
            ),
            // Any of the three line ends.
            (
                "event:log\r\ndata:1\r\n\r\nevent:log\rdata:2\r\revent:log\ndata:3\n\n",
                vec![("log", "1"), ("log", "2"), ("log", "3")],
            ),
            // One space after the colon is dropped.
            ("event: log\ndata:   x \n\n", vec![("log", "  x ")]),
            ("data: one\ndata:two\ndata\n\n", vec![("", "one\ntwo\n")]),
            // Fields in any order, comments, other fields, extra empty lines.
            (
                ": hello\n\n\nid: 7\ndata: x\nretry: 10\n:\nevent: log\n\n\n\n",
                vec![("log", "x")],
            ),
            // The last type counts, for its event only.
            (
                "event: ping\nevent: log\ndata: 1\n\ndata: 2\n\n",
                vec![("log", "1"), ("", "2")],
            ),
            // No data, no event.
            ("event: log\n\ndata: x\n\n", vec![("", "x")]),
            ("\u{feff}data: x\n\n\u{feff}data: y\n\n", vec![("", "x")]),
            // Cut off by the end.
            ("data: 1\n\ndata: 2\n", vec![("", "1")]),
            ("data: 1\n\ndata: 2", vec![("", "1")]),
            ("", vec![]),
            ("no colon\n\n", vec![]),
        ] {
            let expected: Vec<(String, String)> = expected
                .into_iter()
                .map(|(name, data)| (name.to_string(), data.to_string()))
                .collect();
            assert_eq!(parsed(text), expected, "{text:?}");
        }
        let invalid = events(&b"data: a\xffb\n\n"[..]);
        assert_eq!(invalid[0].data, "a\u{fffd}b");
    }

    #[test]
    fn endless_line_and_event_stay_bounded() {
        let mut text = b"data: ".to_vec();
        text.extend(std::iter::repeat_n(b'x', 3 << 20));
        text.extend(b"\n\ndata: next\n\n");
        text.extend(b"data: a line\n".repeat(300_000));
        text.extend(b"\n");
        let events = events(&text[..]);
        let shapes: Vec<(bool, bool)> = events
            .iter()
            .map(|e| (e.truncated, e.data.len() <= MAX_LENGTH))
            .collect();
        assert_eq!(shapes, [(true, true), (false, true), (true, true)]);
        assert_eq!(events[1].data, "next");
    }

    proptest::proptest! {
        #[test]
        fn no_stream_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            events(&bytes[..]);
        }
    }
}
