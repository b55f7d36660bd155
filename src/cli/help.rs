//! Renders help pages from the table of commands.

use std::fmt::Write as _;

use super::spec::{self, Arg, Command, Node, Opt, Value};
use crate::vars::{Group, VARIABLES};

const WIDTH: usize = 80;

/// The help page of the last command in `path`.
pub fn page(path: &[&Command]) -> String {
    let Some(here) = path.last() else {
        return String::new();
    };
    let mut out = format!("{}\n\nUsage: {}\n", here.about, usage(path));
    for paragraph in here.details.split("\n\n").filter(|text| !text.is_empty()) {
        out.push('\n');
        fill(&mut out, paragraph, 0);
    }
    match here.node {
        Node::Group { .. } => {
            section(
                &mut out,
                "Commands",
                here.visible_commands()
                    .map(|c| (c.name.to_string(), c.about)),
            );
        }
        Node::Leaf { args, options, .. } => {
            section(
                &mut out,
                "Arguments",
                args.iter().map(|a| (a.name.to_string(), a.about)),
            );
            section(
                &mut out,
                "Options",
                options.iter().map(|opt| (label(opt), opt.about)),
            );
        }
    }
    let top = if path.len() == 1 {
        spec::TOP_LEVEL
    } else {
        &[]
    };
    let everywhere = spec::COMMON.iter().chain(top);
    section(
        &mut out,
        "Options of every command",
        everywhere.map(|opt| (label(opt), opt.about)),
    );
    if let Node::Leaf { examples, .. } = here.node {
        out.push_str("\nExamples:\n");
        for example in examples {
            let _ = writeln!(out, "  {}  # {}", example.line, example.purpose);
        }
    }
    if let Node::Group { .. } = here.node {
        let lists_variables = here.name == "auth";
        if lists_variables {
            variables(&mut out, &[Group::Credentials, Group::Settings]);
        }
        let _ = writeln!(out, "\nHelp for a command: `{} --help`", usage(path));
        if lists_variables || path.len() == 1 {
            out.push_str("All environment variables: `llamactl help variables`\n");
        }
    }
    out
}

/// The page of `llamactl help variables`.
pub fn variables_page() -> String {
    let mut out =
        "The environment variables that llamactl reads. An empty variable counts as unset.\n"
            .to_string();
    variables(
        &mut out,
        &[
            Group::Credentials,
            Group::Settings,
            Group::Network,
            Group::System,
        ],
    );
    out
}

fn variables(out: &mut String, groups: &[Group]) {
    for group in groups {
        let title = match group {
            Group::Credentials => "Environment variables for credentials",
            Group::Settings => "Environment variables for settings",
            Group::Network => "Environment variables for the network",
            Group::System => "Environment variables of the system",
        };
        let _ = writeln!(out, "\n{title}:");
        for variable in VARIABLES.iter().filter(|variable| variable.group == *group) {
            let _ = writeln!(out, "  {}", variable.name);
            let default = match variable.default {
                "" => String::new(),
                default => format!(" [default: {default}]"),
            };
            fill(out, &format!("{}{default}", variable.meaning), 6);
        }
    }
}

/// The usage line of the last command in `path`, without "Usage:".
pub fn usage(path: &[&Command]) -> String {
    let mut out: String = path.iter().map(|c| c.name).collect::<Vec<_>>().join(" ");
    match path.last().map(|here| &here.node) {
        Some(Node::Leaf { args, options, .. }) => {
            let (command, args): (Vec<&Arg>, Vec<&Arg>) =
                args.iter().partition(|arg| arg.value == Value::Command);
            for arg in args {
                let _ = write!(out, " {}", argument(arg));
            }
            for opt in *options {
                match (opt.short, opt.value) {
                    (Some(letter), Some((name, _))) => {
                        let _ = write!(out, " [-{letter} {name}]");
                    }
                    (_, Some((name, _))) => {
                        let _ = write!(out, " [--{} {name}]", opt.long);
                    }
                    (_, None) => {
                        let _ = write!(out, " [--{}]", opt.long);
                    }
                }
            }
            // Everything after CMD belongs to CMD, so the options must come first.
            for arg in command {
                let _ = write!(out, " -- {}", arg.name);
            }
        }
        _ => out.push_str(" COMMAND"),
    }
    out
}

fn argument(arg: &Arg) -> String {
    match arg.required {
        true => arg.name.to_string(),
        false => format!("[{}]", arg.name),
    }
}

fn label(opt: &Opt) -> String {
    let short = opt
        .short
        .map_or("    ".to_string(), |letter| format!("-{letter}, "));
    let value = opt
        .value
        .map_or(String::new(), |(name, _)| format!(" {name}"));
    format!("{short}--{}{value}", opt.long)
}

fn section<'a>(out: &mut String, title: &str, rows: impl Iterator<Item = (String, &'a str)>) {
    let rows: Vec<(String, &str)> = rows.collect();
    let Some(width) = rows.iter().map(|(left, _)| left.len()).max() else {
        return;
    };
    let _ = writeln!(out, "\n{title}:");
    for (left, right) in rows {
        let _ = writeln!(out, "  {left:width$}  {right}");
    }
}

/// Appends a paragraph, indented and wrapped at [`WIDTH`] characters.
fn fill(out: &mut String, paragraph: &str, indent: usize) {
    let mut column = 0;
    for word in paragraph.split_whitespace() {
        if column > indent && column + 1 + word.len() > WIDTH {
            out.push('\n');
            column = 0;
        }
        if column == 0 {
            let _ = write!(out, "{:indent$}", "");
            column = indent;
        } else {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += word.len();
    }
    out.push('\n');
}
