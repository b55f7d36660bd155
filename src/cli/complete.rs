//! The table → completion scripts for bash, zsh and fish. Std only.
//!
//! What does not come from the table, the walk along a command line, is shell code in `complete/`; lines like `#ROWS#` in
//! it are where the table goes. The names of profiles and environments are not known here: the scripts ask the program
//! for them, by `completion names`.

use std::fmt::Write as _;

use super::spec::{self, Command, Opt, Value};

/// A shell that completions are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    /// GNU bash.
    Bash,
    /// zsh.
    Zsh,
    /// fish.
    Fish,
}

impl Shell {
    /// All of them.
    pub const ALL: [Shell; 3] = [Shell::Bash, Shell::Zsh, Shell::Fish];

    /// The shell of that name.
    pub fn named(name: &str) -> Option<Shell> {
        Shell::ALL.into_iter().find(|shell| shell.name() == name)
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Shell::Bash => "bash",
            Shell::Zsh => "zsh",
            Shell::Fish => "fish",
        }
    }

    /// What the script's file is called among those of other programs for all shells.
    pub fn file_name(self) -> &'static str {
        match self {
            Shell::Bash => "llamactl.bash",
            Shell::Zsh => "_llamactl",
            Shell::Fish => "llamactl.fish",
        }
    }

    /// The script.
    pub fn script(self) -> String {
        match self {
            Shell::Bash => bash(),
            Shell::Zsh => zsh(),
            Shell::Fish => fish(),
        }
    }
}

/// A row of the table, with the words that lead to it.
struct Row {
    words: String,
    command: &'static Command,
    options: Vec<&'static Opt>,
}

/// Every row that is shown, groups before what is below them.
fn rows() -> Vec<Row> {
    fn collect(words: &str, command: &'static Command, top: &[&'static Opt], out: &mut Vec<Row>) {
        let own = command.options().iter().copied();
        out.push(Row {
            words: words.to_string(),
            command,
            options: own
                .chain(spec::COMMON.iter().copied())
                .chain(top.iter().copied())
                .collect(),
        });
        for below in command.visible_commands() {
            collect(&format!("{words} {}", below.name), below, &[], out);
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

/// Another word for a command: the group, the word, the command's name.
fn aliases() -> Vec<(String, &'static str, &'static str)> {
    let below = |row: Row| {
        let aliases = row.command.aliases().iter();
        aliases.map(move |(alias, name)| (row.words.clone(), *alias, *name))
    };
    rows().into_iter().flat_map(below).collect()
}

/// `-o`, `--output`; with the words that are accepted but not shown, where `all` is asked for.
fn spellings(opt: &Opt, all: bool) -> Vec<String> {
    let short = opt.short.map(|letter| format!("-{letter}"));
    let hidden = if all { opt.aliases } else { &[] };
    let long = [opt.long].into_iter().chain(hidden.iter().copied());
    short
        .into_iter()
        .chain(long.map(|name| format!("--{name}")))
        .collect()
}

/// What bash and fish offer for a value.
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

/// The places of a row that take a value, an option's spellings or an argument's number, and what is offered there.
fn places(row: &Row) -> Vec<(Vec<String>, String)> {
    let options = row.options.iter().filter_map(|opt| {
        let (_, value) = opt.value?;
        Some((spellings(opt, true), kind(value)))
    });
    let args = row.command.args().iter().enumerate();
    let args = args.map(|(i, arg)| (vec![(i + 1).to_string()], kind(arg.value)));
    options.chain(args).collect()
}

/// Puts a text in the place of a line of a script.
fn place(script: &str, mark: &str, text: &str) -> String {
    script.replace(&format!("#{mark}#\n"), text)
}

fn bash() -> String {
    let mut table = String::new();
    for row in rows() {
        let _ = writeln!(table, "    '{}')", row.words);
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
        let places = places(&row);
        if !places.is_empty() {
            table.push_str("        case $2 in\n");
            for (spellings, kind) in places {
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
    let script = place(include_str!("complete/llamactl.bash"), "ROWS", &table);
    place(&script, "ALIASES", &words)
}

fn zsh() -> String {
    let mut table = String::new();
    for row in rows() {
        let _ = writeln!(table, "    '{}')", row.words);
        let is_group = !row.command.commands().is_empty();
        if is_group {
            table.push_str("        rows=(\n");
            for command in row.command.visible_commands() {
                let entry = zsh_quoted(&format!("{}:{}", command.name, command.about));
                let _ = writeln!(table, "            {entry}");
            }
            let _ = write!(table, "        )\n        _llamactl_group '{}'", row.words);
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
    let script = place(include_str!("complete/llamactl.zsh"), "ROWS", &table);
    place(&script, "ALIASES", &words)
}

/// An option as `_arguments` reads it.
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

/// What zsh offers for a value.
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
            fish_list(&mut commands, &row.words, &below);
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
        fish_list(&mut options, &row.words, &shown);
        for (spellings, kind) in places(&row) {
            kinds.push_str("        case");
            for spelling in spellings {
                let _ = write!(kinds, " '{} {spelling}'", row.words);
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
    let script = place(script, "COMMANDS", &commands);
    let script = place(&script, "OPTIONS", &options);
    let script = place(&script, "KINDS", &kinds);
    place(&script, "ALIASES", &words)
}

/// A case that prints candidates, each with what it is for.
fn fish_list(out: &mut String, words: &str, list: &[(String, &str)]) {
    let _ = writeln!(out, "        case '{words}'");
    let _ = write!(out, "            printf '%s\\t%s\\n'");
    for (name, about) in list {
        let about = about.replace('\\', "\\\\").replace('\'', "\\'");
        let _ = write!(out, " \\\n                {name} '{about}'");
    }
    out.push('\n');
}
