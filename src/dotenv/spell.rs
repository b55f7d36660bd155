//! How a value is written so that the most readers give it back exactly. Nothing about files enters here.

/// The spelling of a value, or none where no spelling carries it to python-dotenv, dotenvy, npm's dotenv and bash alike.
pub fn spell(value: &str) -> Option<String> {
    if bare(value.as_bytes()) {
        return Some(value.to_string());
    }
    // Line ends other than \n are changed by readers that open files as text; bash drops NUL; python-dotenv expands
    // ${…} whatever the quotes.
    let expands = value
        .split_once("${")
        .is_some_and(|(_, rest)| rest.contains('}'));
    if value.contains(['\r', '\0']) || expands {
        return None;
    }
    if !value.contains('\'') {
        // A backslash before a backslash or before the closing quote is an escape to some and itself to others.
        let carried = !value.contains("\\\\") && !value.ends_with('\\');
        return carried.then(|| format!("'{value}'"));
    }
    let carried = !value.contains(['"', '$', '`', '\\']);
    carried.then(|| format!("\"{value}\""))
}

/// Whether every reader takes the value as it stands, without quotes.
fn bare(value: &[u8]) -> bool {
    let mut last = None;
    for &byte in value {
        let allowed = match byte {
            // Expanded at the start and after a colon by shells (`=` by zsh), `~` also after `=` by bash.
            b'~' => !matches!(last, None | Some(b':' | b'=')),
            b'=' => !matches!(last, None | Some(b':')),
            // After `export` bash takes them for alternatives.
            b'{' | b'}' => false,
            _ => super::readers::inert(byte),
        };
        if !allowed {
            return false;
        }
        last = Some(byte);
    }
    last.is_some()
}
