//! The rows of the fault matrix: faults, each derived from the correct response.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::columns::{Column, Role};
use crate::support::Reply;
use crate::support::server::Request;

/// More than the limit for a response.
const HUGE: usize = 50_000_000;
const SECOND: Duration = Duration::from_secs(1);

/// One fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Unauthorized,
    Forbidden,
    /// The response repeats the credentials of the request.
    Echoed,
    NotFound,
    NoRoute,
    NoRoutePage,
    Conflict,
    Unprocessable,
    BusyNow,
    BusyForLong,
    Busy,
    InternalError,
    BadGateway,
    Unavailable,
    GatewayTimeout,
    RedirectHere,
    RedirectElsewhere,
    RedirectEchoed,
    Page,
    Empty,
    CutOff,
    Gzip,
    WrongType,
    MissingField,
    FieldTwice,
    HugeNumber,
    Deep,
    NotUtf8,
    Controls,
    TooLong,
    Endless,
    TooLongAnnounced,
    SlowHead,
    SlowBody,
    Reset,
    ResetInHead,
    ResetAfterHead,
    ResetInBody,
    HangUp,
    NoHttp,
    // The following are not faults.
    UnknownFields,
    OtherContentType,
    Chunked,
}

pub use Fault::{
    BadGateway, Busy, BusyForLong, BusyNow, Chunked, Conflict, Controls, CutOff, Deep, Echoed,
    Empty, Endless, FieldTwice, Forbidden, GatewayTimeout, Gzip, HangUp, HugeNumber, InternalError,
    MissingField, NoHttp, NoRoute, NoRoutePage, NotFound, NotUtf8, OtherContentType, Page,
    RedirectEchoed, RedirectElsewhere, RedirectHere, Reset, ResetAfterHead, ResetInBody,
    ResetInHead, SlowBody, SlowHead, TooLong, TooLongAnnounced, Unauthorized, Unavailable,
    UnknownFields, Unprocessable, WrongType,
};

pub const FAULTS: [(Fault, &str); 43] = [
    (Unauthorized, "401"),
    (Forbidden, "403"),
    (Echoed, "403, echoing the credentials"),
    (NotFound, "404, what was asked for"),
    (NoRoute, "404, the endpoint"),
    (NoRoutePage, "404, HTML"),
    (Conflict, "409"),
    (Unprocessable, "422, a list"),
    (BusyNow, "429, Retry-After 1"),
    (BusyForLong, "429, Retry-After 3600"),
    (Busy, "429"),
    (InternalError, "500"),
    (BadGateway, "502, HTML"),
    (Unavailable, "503"),
    (GatewayTimeout, "504"),
    (RedirectHere, "redirect in a circle"),
    (RedirectElsewhere, "redirect to another host"),
    (RedirectEchoed, "redirect, echoing the credentials"),
    (Page, "200, HTML"),
    (Empty, "empty body"),
    (CutOff, "truncated JSON"),
    (Gzip, "gzip, unasked"),
    (WrongType, "wrong type"),
    (MissingField, "missing field"),
    (FieldTwice, "a field twice"),
    (HugeNumber, "numbers beyond range"),
    (Deep, "100,000 levels deep"),
    (NotUtf8, "invalid UTF-8"),
    (Controls, "NUL and escapes in strings"),
    (TooLong, "50 MB"),
    (Endless, "endless body"),
    (TooLongAnnounced, "50 MB announced, not sent"),
    (SlowHead, "headers, a byte a second"),
    (SlowBody, "body, a byte a second"),
    (Reset, "reset before the headers"),
    (ResetInHead, "reset in the headers"),
    (ResetAfterHead, "reset after the headers"),
    (ResetInBody, "reset in the body"),
    (HangUp, "closed without an answer"),
    (NoHttp, "not HTTP"),
    (UnknownFields, "unknown fields (no fault)"),
    (OtherContentType, "JSON as text/html (no fault)"),
    (Chunked, "chunked (no fault)"),
];

/// The response that replaces `good`.
pub fn spoil(
    column: &Column,
    fault: Fault,
    request: &Request,
    good: Reply,
    elsewhere: &str,
) -> Reply {
    const HTML: &str =
        "<!DOCTYPE html><html><head><title>Oops</title></head><body><h1>Oops</h1></body></html>";
    // A response without a body gets one to corrupt.
    let good = good.with_room();
    let sent = || {
        let body = percent_encoding::percent_decode_str(&request.text())
            .decode_utf8_lossy()
            .into_owned();
        format!("{} {body}", request.bearer().unwrap_or_default())
    };
    let json = |change: &dyn Fn(&mut Value)| with_json(&good, change);
    match fault {
        Unauthorized => Reply::detail(401, "Invalid API key"),
        Forbidden => Reply::detail(403, "Not allowed"),
        Echoed if !column.request.1.starts_with("/api/") => Reply::json(
            400,
            json!({"error": "invalid_request", "error_description": sent()}).to_string(),
        ),
        Echoed => Reply::detail(403, &format!("I don't like {}", sent()))
            .header("x-request-id", &format!("id-{}", request.bearer().unwrap_or_default())),
        NotFound => Reply::detail(404, "Deployment search not found"),
        NoRoute => Reply::detail(404, "Not Found"),
        NoRoutePage => Reply::html(404, HTML),
        Conflict => Reply::detail(409, "It is being changed"),
        Unprocessable => Reply::json(422, json!({"detail": [{"type": "missing", "loc": ["query", "project_id"], "msg": "Field required", "input": null}]}).to_string()),
        BusyNow => Reply::detail(429, "Slow down").header("retry-after", "1"),
        BusyForLong => Reply::detail(429, "Slow down").header("retry-after", "3600"),
        Busy => Reply::detail(429, "Slow down"),
        InternalError => Reply::with_body(500, "text/plain", "Internal Server Error"),
        BadGateway => Reply::html(502, HTML),
        Unavailable => Reply::detail(503, "Not now"),
        GatewayTimeout => Reply::html(504, HTML),
        RedirectHere => Reply::redirect(307, &request.path),
        RedirectElsewhere => Reply::redirect(302, &format!("{elsewhere}{}", request.path)),
        RedirectEchoed => Reply::redirect(302, &format!("{elsewhere}/{}?key={}", request.bearer().unwrap_or_default(), request.bearer().unwrap_or_default())),
        Page => Reply::html(200, HTML),
        Empty => good.with_content(""),
        CutOff => { let half = good.content().len() / 2; let half = good.content()[..half].to_vec(); good.with_content(half) }
        Gzip => good.with_content(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xabV*(\xca\xcfJM.)V\xb2R\x88\x8e\xad\x05\x00".to_vec()).header("content-encoding", "gzip"),
        WrongType => json(&|value| if let Some(field) = value.pointer_mut(column.field) { *field = json!({"a": [true]}); }),
        MissingField => json(&|value| remove(value, column.field)),
        FieldTwice => {
            let name = column.field.rsplit('/').next().unwrap_or_default();
            let twice = format!("\"{name}\":");
            let text = String::from_utf8_lossy(good.content()).into_owned();
            good.with_content(text.replace(&twice, &format!("{twice} null, {twice}")))
        }
        HugeNumber => {
            let spoiled = json(&|value| { each(value, &|one| if one.is_number() { *one = json!("@HUGE@"); }); add(value, "huge", json!("@HUGE@")); });
            let text = String::from_utf8_lossy(spoiled.content()).into_owned();
            spoiled.with_content(text.replace("\"@HUGE@\"", "1e99999"))
        }
        Deep if column.role == Role::Stream => good.with_content(format!("event: log\ndata: {{\"text\": {}\n\n", "[".repeat(100_000))),
        Deep => good.with_content([vec![b'['; 100_000], vec![b']'; 100_000]].concat()),
        NotUtf8 => {
            let spoiled = json(&|value| each(value, &|one| if let Value::String(text) = one { text.insert_str(0, "@BAD@"); }));
            let mut body = Vec::new();
            for (i, part) in String::from_utf8_lossy(spoiled.content()).split("@BAD@").enumerate() {
                if i > 0 { body.extend(b"\xc3\x28\xff"); }
                body.extend(part.as_bytes());
            }
            spoiled.with_content(body)
        }
        Controls => json(&|value| each(value, &|one| if let Value::String(text) = one { text.push_str("\0\u{1b}[31m\u{1b}]0;x\u{7}\u{9b}2J\r\u{202e}"); })),
        TooLong => { let mut body = good.content().to_vec(); body.resize(HUGE, b' '); good.with_content(body) }
        Endless => good.with_content(vec![b' '; 64 * 1024]).endless(),
        TooLongAnnounced => good.announce(HUGE as u64),
        SlowHead => good.header("x-slow", &"z".repeat(60)).drip_head(SECOND),
        SlowBody => {
            let body = [good.content(), &[b' '; 60]].concat();
            good.with_content(body).drip(SECOND)
        }
        Reset => Reply::reset(),
        ResetInHead => good.reset_in_head(),
        ResetAfterHead => good.with_content(" ".repeat(1000)).reset_after_head(),
        ResetInBody => { let half = good.content().len() / 2; let body = [good.content(), &[b' '; 60]].concat(); good.with_content(body).reset_after(half + 30) }
        HangUp => Reply::hang_up(),
        NoHttp => Reply::raw("SSH-2.0-OpenSSH_9.9\r\n"),
        UnknownFields => json(&|value| add(value, "more", json!({"a": [1, {"b": null}], "c": "\u{1b}[31m"}))),
        OtherContentType => good.kind("text/html"),
        Chunked => good.chunked(),
    }
}

/// A body with changed JSON: the whole body, or each event.
pub fn with_json(good: &Reply, change: &dyn Fn(&mut Value)) -> Reply {
    let text = String::from_utf8_lossy(good.content()).into_owned();
    let changed = |json: &str| {
        let mut value: Value = serde_json::from_str(json).ok()?;
        change(&mut value);
        Some(value.to_string())
    };
    let lines = text
        .split('\n')
        .map(|line| match line.strip_prefix("data: ") {
            Some(json) => format!("data: {}", changed(json).unwrap_or_default()),
            None => changed(line).unwrap_or(line.to_string()),
        });
    let body = lines.collect::<Vec<_>>().join("\n");
    good.clone().with_content(body)
}

pub fn each(value: &mut Value, change: &dyn Fn(&mut Value)) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| each(item, change)),
        Value::Object(fields) => fields.values_mut().for_each(|field| each(field, change)),
        one => change(one),
    }
}

pub fn has_numbers(text: &[u8]) -> bool {
    let mut value: Value = serde_json::from_slice(text).unwrap_or_default();
    let found = AtomicBool::new(false);
    each(&mut value, &|one| {
        found.fetch_or(one.is_number(), Ordering::Relaxed);
    });
    found.into_inner()
}

pub fn remove(value: &mut Value, field: &str) {
    let (parent, name) = field.rsplit_once('/').unwrap_or_default();
    if let Some(Value::Object(fields)) = value.pointer_mut(parent) {
        fields.remove(name);
    }
}

/// In every object.
pub fn add(value: &mut Value, name: &str, field: Value) {
    match value {
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| add(item, name, field.clone())),
        Value::Object(fields) => {
            fields
                .values_mut()
                .for_each(|one| add(one, name, field.clone()));
            fields.insert(name.to_string(), field);
        }
        _ => {}
    }
}
