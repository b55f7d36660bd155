//! Tests of what each family of readers sees, by the table in `fixtures/dotenv-readers.txt`, which says how to read it.

use super::*;

const TABLE: &str = include_str!("../../fixtures/dotenv-readers.txt");

/// What the families see, one after the other.
fn seen(file: &[u8]) -> Vec<String> {
    let letters: Vec<[u8; 1]> = (b'A'..=b'Z').map(|letter| [letter]).collect();
    let names: Vec<&[u8]> = letters.iter().map(|letter| &letter[..]).collect();
    let told = |reading: Reading| {
        let mut parts = Vec::new();
        for place in &reading.places {
            let name = file[place.name..place.value.start].escape_ascii();
            let value = file[place.value.clone()].escape_ascii();
            let part = format!("{name}[{value}]");
            parts.push(part.replace("\\'", "'").replace("\\\"", "\""));
        }
        for (binding, name) in names.iter().enumerate() {
            let is_seen = reading.places.iter().any(|place| place.binding == binding);
            if is_seen && !reading.held[binding] {
                parts.push(format!("-{}", name.escape_ascii()));
            }
        }
        if let Some(unsure) = reading.unsure {
            let quote = if unsure.quote { "'" } else { "" };
            parts.push(format!("?{}{quote}", unsure.at));
        }
        if !reading.live {
            parts.push("!".to_string());
        }
        if parts.is_empty() {
            parts.push("-".to_string());
        }
        parts.join(" ")
    };
    read(file, &names).into_iter().map(told).collect()
}

/// The same as a row of the table has it.
fn row(file: &[u8]) -> String {
    let mut all = seen(file);
    for at in (1..all.len()).rev() {
        if all[at] == all[at - 1] {
            all[at] = "=".to_string();
        }
    }
    let kept = all
        .iter()
        .rposition(|one| one != "=")
        .map_or(0, |at| at + 1);
    all[..kept].join(" | ")
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.extend_from_slice(before.as_bytes());
        let number = |digits: &str| u32::from_str_radix(digits, 16).unwrap();
        let (escape, after) = after.split_at(1);
        rest = after;
        match escape {
            "n" => out.push(b'\n'),
            "r" => out.push(b'\r'),
            "t" => out.push(b'\t'),
            "\\" => out.push(b'\\'),
            "x" => {
                out.push(u8::try_from(number(&rest[..2])).unwrap());
                rest = &rest[2..];
            }
            "u" => {
                let (digits, after) = rest.split_once('}').unwrap();
                let c = char::from_u32(number(digits.trim_start_matches('{'))).unwrap();
                out.extend_from_slice(c.to_string().as_bytes());
                rest = after;
            }
            other => panic!("{text}: \\{other}"),
        }
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

#[test]
fn what_each_family_sees() {
    let (_, rows) = TABLE.split_once("\n\n").unwrap();
    let mut wrong = Vec::new();
    for line in rows.lines() {
        let (file, expected) = line.split_once('\t').unwrap();
        let found = row(&unescaped(file));
        if found != expected {
            wrong.push(format!("{file}\n  want {expected}\n  got  {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(rows.lines().count() > 180);
}
