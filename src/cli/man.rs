//! Renders man pages from the table of commands, in the subset of man(7) that groff and mandoc render alike.

use std::fmt::Write as _;

use super::spec::{self, Arg, Command, Node, Opt, Value};
use crate::error::EXIT_CODES;
use crate::vars::VARIABLES;

/// The version and date in a page's header and footer.
#[derive(Clone, Debug)]
pub struct Edition {
    pub version: String,
    /// `YYYY-MM-DD`.
    pub date: String,
}

/// All pages: file name and text.
pub fn pages(edition: &Edition) -> Vec<(String, String)> {
    let mut out = Vec::new();
    collect(&mut vec![&spec::PROGRAM], edition, &mut out);
    out
}

fn collect(path: &mut Vec<&'static Command>, edition: &Edition, out: &mut Vec<(String, String)>) {
    out.push((format!("{}.1", title(path)), page(path, edition)));
    for command in path[path.len() - 1].visible_commands() {
        path.push(command);
        collect(path, edition, out);
        path.pop();
    }
}

/// The name of a page: `llamactl-auth-token`.
fn title(path: &[&Command]) -> String {
    let names: Vec<&str> = path.iter().map(|command| command.name).collect();
    names.join("-")
}

fn page(path: &[&'static Command], edition: &Edition) -> String {
    let here = path[path.len() - 1];
    let mut out = String::new();
    let _ = writeln!(
        out,
        ".\\\" Generated from the table of commands in src/cli/spec; edit that instead.\n\
         .TH {} 1 {} \"llamactl {}\" \"User Commands\"\n\
         .SH NAME\n{} \\-",
        title(path).to_uppercase(),
        edition.date,
        edition.version,
        title(path),
    );
    text(&mut out, &lower_first(here.about));
    synopsis(&mut out, path);
    description(&mut out, here);
    commands(&mut out, path);
    options(&mut out, path);
    exit_status(&mut out, here);
    surroundings(&mut out, path);
    examples(&mut out, here);
    see_also(&mut out, path);
    out
}

fn synopsis(out: &mut String, path: &[&Command]) {
    let here = path[path.len() - 1];
    let words: Vec<&str> = path.iter().map(|command| command.name).collect();
    let _ = write!(out, ".SH SYNOPSIS\n.B {}\n", literal(&words.join(" ")));
    if let Node::Group { .. } = here.node {
        out.push_str(".I COMMAND\n");
    }
    let (command, args): (Vec<&Arg>, Vec<&Arg>) = here
        .args()
        .iter()
        .partition(|arg| arg.value == Value::Command);
    for arg in args {
        let _ = match arg.required {
            true => writeln!(out, ".I {}", literal(arg.name)),
            false => writeln!(out, "[\\fI{}\\fP]", literal(arg.name)),
        };
    }
    for opt in here.options() {
        let _ = writeln!(out, "[{}]", spelling(opt));
    }
    // Everything after CMD belongs to CMD, so the options must come first.
    for arg in command {
        let _ = writeln!(out, "\\-\\- \\fI{}\\fP", literal(arg.name));
    }
}

fn description(out: &mut String, here: &Command) {
    out.push_str(".SH DESCRIPTION\n");
    text(out, &format!("{}.", here.about));
    for paragraph in here.details.split("\n\n").filter(|text| !text.is_empty()) {
        out.push_str(".PP\n");
        text(out, paragraph);
    }
    if let Node::Group { .. } = here.node {
        out.push_str(".PP\n");
        text(
            out,
            "Options may come before or after arguments. Data goes to standard output; messages, prompts, warnings and \
                errors go to standard error.",
        );
    }
}

fn commands(out: &mut String, path: &[&Command]) {
    let here = path[path.len() - 1];
    if here.commands().is_empty() {
        return;
    }
    out.push_str(".SH COMMANDS\n");
    for command in here.visible_commands() {
        let _ = writeln!(
            out,
            ".TP\n\\fB{}\\-{}\\fP(1)",
            literal(&title(path)),
            literal(command.name)
        );
        text(out, &format!("{}.", command.about));
    }
}

fn options(out: &mut String, path: &[&Command]) {
    let here = path[path.len() - 1];
    out.push_str(".SH OPTIONS\n");
    for arg in here.args() {
        let _ = writeln!(out, ".TP\n\\fI{}\\fP", literal(arg.name));
        text(out, &format!("{}.", arg.about));
    }
    let top = if path.len() == 1 {
        spec::TOP_LEVEL
    } else {
        &[]
    };
    for opt in here.options().iter().chain(spec::COMMON).chain(top) {
        let short = opt
            .short
            .map_or(String::new(), |letter| format!("\\fB\\-{letter}\\fP, "));
        let long = Opt {
            short: None,
            ..**opt
        };
        let _ = writeln!(out, ".TP\n{short}{}", spelling(&long));
        text(out, &format!("{}.", opt.about));
    }
}

fn exit_status(out: &mut String, here: &Command) {
    out.push_str(".SH EXIT STATUS\n");
    for (code, meaning) in EXIT_CODES {
        let _ = writeln!(out, ".TP\n.B {code}");
        text(out, meaning);
    }
    if here.args().iter().any(|arg| arg.value == Value::Command) {
        out.push_str(".PP\n");
        text(out, "Otherwise the exit status of CMD.");
    }
}

/// Environment variables and files: in full on the page llamactl(1), to which the others refer.
fn surroundings(out: &mut String, path: &[&Command]) {
    out.push_str(".SH ENVIRONMENT\n");
    if path.len() > 1 {
        text(out, "Environment variables are listed in llamactl(1).");
    } else {
        text(
            out,
            "An empty variable counts as unset; whitespace around a value is ignored.",
        );
        for variable in VARIABLES {
            let _ = writeln!(out, ".TP\n.B {}", literal(variable.name));
            text(out, variable.meaning);
            if !variable.default.is_empty() {
                text(out, &format!("Default: {}", variable.default));
            }
        }
    }
    out.push_str(".SH FILES\n");
    let shown = if path.len() > 1 { 1 } else { spec::FILES.len() };
    for file in &spec::FILES[..shown] {
        let _ = writeln!(out, ".TP\n.I {}", literal(file.path));
        text(out, file.about);
    }
}

fn examples(out: &mut String, here: &'static Command) {
    let mut all = Vec::new();
    gather(here, &mut all);
    out.push_str(".SH EXAMPLES\n");
    for example in all {
        let _ = writeln!(out, ".TP\n.B {}", literal(example.line));
        text(out, &format!("{}.", upper_first(example.purpose)));
    }
}

/// A command's examples; for a group, the first example of each command in it.
fn gather(here: &'static Command, all: &mut Vec<&'static spec::Example>) {
    for command in here.visible_commands() {
        match command.node {
            Node::Group { .. } => gather(command, all),
            Node::Leaf { examples, .. } => all.extend(examples.first()),
        }
    }
    if let Node::Leaf { examples, .. } = here.node {
        all.extend(examples);
    }
}

fn see_also(out: &mut String, path: &[&'static Command]) {
    let here = path[path.len() - 1];
    let mut names: Vec<String> = (1..path.len()).map(|end| title(&path[..end])).collect();
    let below = if here.commands().is_empty() {
        &path[..path.len() - 1]
    } else {
        path
    };
    // The groups beside a first-level command are listed in llamactl(1).
    if below.len() > 1 || path.len() == 1 {
        names.extend(
            below[below.len() - 1]
                .visible_commands()
                .filter(|other| !std::ptr::eq(*other, here))
                .map(|other| format!("{}-{}", title(below), other.name)),
        );
    }
    out.push_str(".SH SEE ALSO\n");
    let last = names.len().saturating_sub(1);
    for (i, name) in names.iter().enumerate() {
        let comma = if i < last { "," } else { "" };
        let _ = writeln!(out, ".BR {} (1){comma}", literal(name));
    }
}

/// `-o FORMAT`, or `--name NAME` if there is no short name.
fn spelling(opt: &Opt) -> String {
    let name = match opt.short {
        Some(letter) => format!("\\fB\\-{letter}\\fP"),
        None => format!("\\fB\\-\\-{}\\fP", literal(opt.long)),
    };
    match opt.value {
        Some((value, _)) => format!("{name} \\fI{}\\fP", literal(value)),
        None => name,
    }
}

/// Escapes literal text, so that hyphens, quotes and tildes are rendered as ASCII and can be copied.
fn literal(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\e"),
            '-' => out.push_str("\\-"),
            '\'' => out.push_str("\\(aq"),
            '`' => out.push_str("\\(ga"),
            '~' => out.push_str("\\(ti"),
            '^' => out.push_str("\\(ha"),
            '"' => out.push_str("\\(dq"),
            c => out.push(c),
        }
    }
    out
}

/// Escapes a sentence; text between backticks and words that begin with `-` are literal.
fn prose(text: &str) -> String {
    let mut out = String::new();
    for (i, part) in text.split('`').enumerate() {
        if i % 2 == 1 {
            let _ = write!(out, "\\fB{}\\fP", literal(part));
            continue;
        }
        for (j, word) in part.split(' ').enumerate() {
            if j > 0 {
                out.push(' ');
            }
            if word.starts_with('-') {
                out.push_str(&literal(word));
            } else {
                out.push_str(&word.replace('\\', "\\e").replace('~', "\\(ti"));
            }
        }
    }
    out
}

/// Writes a paragraph: one line for each sentence, wrapped at 78 characters.
fn text(out: &mut String, paragraph: &str) {
    let mut column = 0;
    for word in prose(paragraph).split(' ').filter(|word| !word.is_empty()) {
        let sentence = out.ends_with(['.', '?']) && word.starts_with(|c: char| c.is_uppercase());
        if column > 0 && (sentence || column + word.len() > 78) {
            out.push('\n');
            column = 0;
        }
        if column > 0 {
            out.push(' ');
            column += 1;
        } else if word.starts_with(['.', '\'']) {
            out.push_str("\\&");
        }
        out.push_str(word);
        column += word.len();
    }
    out.push('\n');
}

fn lower_first(text: &str) -> String {
    cased(text, |c| c.to_ascii_lowercase())
}

fn upper_first(text: &str) -> String {
    cased(text, |c| c.to_ascii_uppercase())
}

fn cased(text: &str, change: impl Fn(char) -> char) -> String {
    let mut chars = text.chars();
    chars.next().map(change).into_iter().chain(chars).collect()
}
