//! Renders completion scripts for bash, zsh and fish from the table of commands.
//!
//! The scripts in `complete/` walk along a command line; placeholder lines such as `#ROWS#` are replaced by the table.
//! For the names of profiles and environments the scripts call `llamactl completion names`.

use std::fmt::Write as _;

use super::spec::{self, Command, Opt, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Shell {
    pub const ALL: [Shell; 3] = [Shell::Bash, Shell::Zsh, Shell::Fish];

    pub fn from_name(name: &str) -> Option<Shell> {
        Shell::ALL.into_iter().find(|shell| shell.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            Shell::Bash => "bash",
            Shell::Zsh => "zsh",
            Shell::Fish => "fish",
        }
    }

    /// The conventional file name of the script in a directory that holds completions for several shells.
    pub fn file_name(self) -> &'static str {
        match self {
            Shell::Bash => "llamactl.bash",
            Shell::Zsh => "_llamactl",
            Shell::Fish => "llamactl.fish",
        }
    }

    pub fn script(self) -> String {
        match self {
            Shell::Bash => bash(),
            Shell::Zsh => zsh(),
            Shell::Fish => fish(),
        }
    }
}

/// A command of the table, with its full name.
struct Row {
    path: String,
    command: &'static Command,
    options: Vec<&'static Opt>,
}

/// All visible commands; groups come before their commands.
fn rows() -> Vec<Row> {
    fn collect(path: &str, command: &'static Command, top: &[&'static Opt], out: &mut Vec<Row>) {
        let own = command.options().iter().copied();
        out.push(Row {
            path: path.to_string(),
            command,
            options: own
                .chain(spec::COMMON.iter().copied())
                .chain(top.iter().copied())
                .collect(),
        });
        for below in command.visible_commands() {
            collect(&format!("{path} {}", below.name), below, &[], out);
        }
    }
    let mut out = Vec::new();
    collect(
        spec::PROGRAM.name,
        &spec::PROGRAM,
        spec::TOP_LEVEL,
        &mut out,
    );
    out
}

/// Command aliases: the group's full name, the alias, the command's name.
fn aliases() -> Vec<(String, &'static str, &'static str)> {
    let below = |row: Row| {
        let aliases = row.command.aliases().iter();
        aliases.map(move |(alias, name)| (row.path.clone(), *alias, *name))
    };
    rows().into_iter().flat_map(below).collect()
}

/// `-o` and `--output`; hidden aliases as well if `with_aliases`.
fn spellings(opt: &Opt, with_aliases: bool) -> Vec<String> {
    let short = opt.short.map(|letter| format!("-{letter}"));
    let hidden = if with_aliases { opt.aliases } else { &[] };
    let long = [opt.long].into_iter().chain(hidden.iter().copied());
    short
        .into_iter()
        .chain(long.map(|name| format!("--{name}")))
        .collect()
}

/// The kind of candidates for a value, as the bash and fish scripts name it.
fn kind(value: Value) -> String {
    match value {
        Value::Text | Value::Number => "text".to_string(),
        Value::Path => "path".to_string(),
        Value::Command => "command".to_string(),
        Value::Profile => "profiles".to_string(),
        Value::Environment => "environments".to_string(),
        Value::Choice(words) => format!("words {}", words.join(" ")),
    }
}

/// Every option and argument of a command that takes a value, with the kind of its candidates. An option is given by
/// its spellings, an argument by its number.
fn values(row: &Row) -> Vec<(Vec<String>, String)> {
    let options = row.options.iter().filter_map(|opt| {
        let (_, value) = opt.value?;
        Some((spellings(opt, true), kind(value)))
    });
    let args = row.command.args().iter().enumerate();
    let args = args.map(|(i, arg)| (vec![(i + 1).to_string()], kind(arg.value)));
    options.chain(args).collect()
}

/// Replaces a placeholder line of a script.
fn replace(script: &str, placeholder: &str, text: &str) -> String {
    script.replace(&format!("#{placeholder}#\n"), text)
}

fn bash() -> String {
    let mut table = String::new();
    for row in rows() {
        let _ = writeln!(table, "    '{}')", row.path);
        let commands: Vec<&str> = row
            .command
            .visible_commands()
            .map(|command| command.name)
            .collect();
        if !commands.is_empty() {
            let _ = writeln!(table, "        commands='{}'", commands.join(" "));
        }
        let options: Vec<String> = row
            .options
            .iter()
            .flat_map(|opt| spellings(opt, false))
            .collect();
        let _ = writeln!(table, "        options='{}'", options.join(" "));
        let values = values(&row);
        if !values.is_empty() {
            table.push_str("        case $2 in\n");
            for (spellings, kind) in values {
                let _ = writeln!(table, "        {}) kind='{kind}' ;;", spellings.join(" | "));
            }
            table.push_str("        esac\n");
        }
        table.push_str("        ;;\n");
    }
    let mut words = String::new();
    for (group, alias, name) in aliases() {
        let _ = writeln!(words, "            '{group} {alias}') found={name} ;;");
    }
    let script = replace(include_str!("complete/llamactl.bash"), "ROWS", &table);
    replace(&script, "ALIASES", &words)
}

fn zsh() -> String {
    let mut table = String::new();
    for row in rows() {
        let _ = writeln!(table, "    '{}')", row.path);
        let is_group = !row.command.commands().is_empty();
        if is_group {
            table.push_str("        rows=(\n");
            for command in row.command.visible_commands() {
                let entry = zsh_quoted(&format!("{}:{}", command.name, command.about));
                let _ = writeln!(table, "            {entry}");
            }
            let _ = write!(table, "        )\n        _llamactl_group '{}'", row.path);
        } else {
            table.push_str("        _arguments -s -S");
        }
        for opt in &row.options {
            let _ = write!(table, " \\\n            {}", zsh_option(opt));
        }
        for (i, arg) in row.command.args().iter().enumerate() {
            let spec = match arg.value {
                Value::Command => {
                    "'(-)1:command: _command_names -e' '*::argument: _normal'".to_string()
                }
                value => {
                    let colons = if arg.required { ":" } else { "::" };
                    zsh_quoted(&format!("{}{colons}{}:{}", i + 1, arg.name, action(value)))
                }
            };
            let _ = write!(table, " \\\n            {spec}");
        }
        table.push_str("\n        ;;\n");
    }
    let mut words = String::new();
    for (group, alias, name) in aliases() {
        let _ = writeln!(words, "        '{group} {alias}') word={name} ;;");
    }
    let script = replace(include_str!("complete/llamactl.zsh"), "ROWS", &table);
    replace(&script, "ALIASES", &words)
}

/// An option in the syntax of `_arguments`.
fn zsh_option(opt: &Opt) -> String {
    let (letter_end, long_end, value) = match opt.value {
        Some((name, value)) => ("+", "=", format!(":{name}:{}", action(value))),
        None => ("", "", String::new()),
    };
    let about = opt.about.replace('\\', "\\\\");
    let about = about.replace('[', "\\[").replace(']', "\\]");
    let rest = zsh_quoted(&format!("[{about}]{value}"));
    match opt.short {
        Some(letter) => format!(
            "'(-{letter} --{long})'{{-{letter}{letter_end},--{long}{long_end}}}{rest}",
            long = opt.long
        ),
        None => format!("--{}{long_end}{rest}", opt.long),
    }
}

/// The `_arguments` action for a value.
fn action(value: Value) -> String {
    match value {
        Value::Text | Value::Number | Value::Command => " ".to_string(),
        Value::Path => "_files".to_string(),
        Value::Profile => " _llamactl_names profiles".to_string(),
        Value::Environment => " _llamactl_names environments".to_string(),
        Value::Choice(words) => format!("({})", words.join(" ")),
    }
}

fn zsh_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn fish() -> String {
    let (mut commands, mut options, mut kinds) = (String::new(), String::new(), String::new());
    for row in rows() {
        let below: Vec<(String, &str)> = row
            .command
            .visible_commands()
            .map(|command| (command.name.to_string(), command.about))
            .collect();
        if !below.is_empty() {
            fish_list(&mut commands, &row.path, &below);
        }
        let shown: Vec<(String, &str)> = row
            .options
            .iter()
            .flat_map(|opt| {
                spellings(opt, false)
                    .into_iter()
                    .map(|name| (name, opt.about))
            })
            .collect();
        fish_list(&mut options, &row.path, &shown);
        for (spellings, kind) in values(&row) {
            kinds.push_str("        case");
            for spelling in spellings {
                let _ = write!(kinds, " '{} {spelling}'", row.path);
            }
            let _ = writeln!(kinds, "\n            echo '{kind}'");
        }
    }
    let mut words = String::new();
    for (group, alias, name) in aliases() {
        let _ = writeln!(
            words,
            "        case '{group} {alias}'\n            set word {name}"
        );
    }
    let script = include_str!("complete/llamactl.fish");
    let script = replace(script, "COMMANDS", &commands);
    let script = replace(&script, "OPTIONS", &options);
    let script = replace(&script, "KINDS", &kinds);
    replace(&script, "ALIASES", &words)
}

/// A `case` that prints candidates with their descriptions.
fn fish_list(out: &mut String, words: &str, list: &[(String, &str)]) {
    let _ = writeln!(out, "        case '{words}'");
    let _ = write!(out, "            printf '%s\\t%s\\n'");
    for (name, about) in list {
        let about = about.replace('\\', "\\\\").replace('\'', "\\'");
        let _ = write!(out, " \\\n                {name} '{about}'");
    }
    out.push('\n');
}
