//! Quotes a value so that a shell, or a CI runner of GitHub, reads exactly that value back. For `.env` files see
//! [`crate::dotenv`].

/// POSIX shells: sh, dash, bash, zsh.
pub fn sh(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// fish: within single quotes, a backslash escapes itself and the quote.
pub fn fish(value: &str) -> String {
    format!("'{}'", value.replace('\\', r"\\").replace('\'', r"\'"))
}

/// PowerShell: within single quotes, a quote is doubled; typographic quotes are quotes, too.
pub fn powershell(value: &str) -> String {
    let mut out = String::from("'");
    for c in value.chars() {
        if matches!(c, '\'' | '\u{2018}'..='\u{201b}') {
            out.push(c);
        }
        out.push(c);
    }
    out.push('\'');
    out
}

/// A value in a command that GitHub's CI runner reads from a job's output.
pub fn github_command(value: &str) -> String {
    value
        .replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// A variable for the file `$GITHUB_ENV`, with a delimiter that the value does not contain.
pub fn github_variable(name: &str, value: &str) -> String {
    let mut delimiter = String::from("LLAMACTL_VALUE_ENDS");
    while value.contains(&delimiter) {
        delimiter.push('_');
    }
    format!("{name}<<{delimiter}\n{value}\n{delimiter}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_escaped() {
        assert_eq!(sh("a'b$c`d\\"), r"'a'\''b$c`d\'");
        assert_eq!(fish(r"a'b\"), r"'a\'b\\'");
        assert_eq!(powershell("a'b\u{2019}$c"), "'a''b\u{2019}\u{2019}$c'");
        assert_eq!(github_command("100%\n"), "100%25%0A");
    }

    #[test]
    fn value_with_the_delimiter_gets_a_longer_one() {
        let value = "x\nLLAMACTL_VALUE_ENDS\nEVIL=1";
        let text = github_variable("N", value);
        assert_eq!(
            text,
            format!("N<<LLAMACTL_VALUE_ENDS_\n{value}\nLLAMACTL_VALUE_ENDS_\n")
        );
    }
}
