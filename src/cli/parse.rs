//! Parses the command line into an [`Invocation`], according to the table of commands.
//!
//! Errors echo an argument only if it looks like a misspelled command or option: an argument in the wrong place may be
//! an API key.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::Path;

use lexopt::Arg as Raw;

use super::spec::{self, Command, Id, Node, Opt, OptId, Value};
use crate::error::{Error, Result};
use crate::sanitize::quoted;

/// How the fields that `-o` can print stand in its list of words.
const VALUE: &str = "value=";

#[derive(Debug)]
pub enum Parsed {
    Run(Invocation),
    /// Print the help page of the last command in this path through the table.
    Help(Vec<&'static Command>),
    /// Print the list of environment variables.
    HelpVariables,
    Version,
}

/// A command with its options and arguments, checked against the table.
pub struct Invocation {
    pub id: Id,
    accepted: &'static [&'static Opt],
    options: Vec<(OptId, OsString)>,
    choices: Vec<(OptId, &'static str)>,
    args: Vec<OsString>,
}

/// Leaves out all values: an option or a misplaced argument may hold an API key.
impl fmt::Debug for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options: Vec<OptId> = self.options.iter().map(|(id, _)| *id).collect();
        f.debug_struct("Invocation")
            .field("id", &self.id)
            .field("options", &options)
            .finish_non_exhaustive()
    }
}

impl Invocation {
    /// Whether the command has this option, given or not.
    pub fn accepts(&self, id: OptId) -> bool {
        self.accepted.iter().any(|option| option.id == id)
    }

    /// Whether the option was given.
    pub fn has(&self, id: OptId) -> bool {
        self.options.iter().any(|(given, _)| *given == id)
    }

    /// The value of an option; if it was given several times, the last one.
    pub fn text(&self, id: OptId) -> Option<&str> {
        self.raw(id).and_then(OsStr::to_str)
    }

    /// The values of an option that can be repeated, in order.
    pub fn texts(&self, id: OptId) -> impl Iterator<Item = &str> {
        let given = self.options.iter().filter(move |(given, _)| *given == id);
        given.filter_map(|(_, value)| value.to_str())
    }

    /// The value of an option with a fixed list of words, as it stands there.
    pub fn choice(&self, id: OptId) -> Option<&'static str> {
        let found = self.choices.iter().rev().find(|(found, _)| *found == id);
        found.map(|(_, word)| *word)
    }

    pub fn path(&self, id: OptId) -> Option<&Path> {
        self.raw(id).map(Path::new)
    }

    pub fn number(&self, id: OptId) -> Option<u32> {
        self.text(id).and_then(|text| text.parse().ok())
    }

    /// All positional arguments, unchanged.
    pub fn args(&self) -> &[OsString] {
        &self.args
    }

    /// The positional argument at `index`.
    pub fn arg(&self, index: usize) -> Option<&str> {
        self.args.get(index).and_then(|arg| arg.to_str())
    }

    fn raw(&self, id: OptId) -> Option<&OsStr> {
        let given = self.options.iter().rev().find(|(given, _)| *given == id);
        given.map(|(_, value)| value.as_os_str())
    }
}

/// Parses the arguments, without the program's own name.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Parsed> {
    let mut parser = lexopt::Parser::from_args(args);
    let mut path: Vec<&'static Command> = vec![&spec::PROGRAM];
    let mut options: Vec<(OptId, OsString)> = Vec::new();
    let mut choices: Vec<(OptId, &'static str)> = Vec::new();
    let mut positional: Vec<OsString> = Vec::new();
    let mut help_requested = false;

    loop {
        let here = last(&path);
        // The only error of `next` is a value for a switch, as in `--check=yes`. The switch itself was already read.
        let Some(raw) = parser
            .next()
            .map_err(|_| unexpected_value(&options, &path))?
        else {
            break;
        };
        let opt = match raw {
            Raw::Value(word) => match here.node {
                Node::Group { .. } if path.len() == 1 && word == "help" => {
                    help_requested = true;
                    continue;
                }
                Node::Group { .. } if help_requested && path.len() == 1 && word == "variables" => {
                    return Ok(Parsed::HelpVariables);
                }
                Node::Group { .. } => {
                    path.push(find_command(&path, &word)?);
                    continue;
                }
                Node::Leaf { args, .. } => {
                    let arg = args.get(positional.len());
                    if arg.is_some_and(|arg| arg.value == Value::Command) {
                        positional.push(word);
                        positional.extend(parser.raw_args().into_iter().flatten());
                        break;
                    }
                    positional.push(check_argument(&path, arg, word)?);
                    continue;
                }
            },
            Raw::Long(name) => {
                find_option(&path, |opt| opt.long == name || opt.aliases.contains(&name))
                    .ok_or_else(|| unknown_option(&path, name))?
            }
            Raw::Short(letter) => {
                find_option(&path, |opt| opt.short == Some(letter)).ok_or_else(|| {
                    let name = if letter.is_ascii_lowercase() {
                        format!("option '-{letter}'")
                    } else {
                        "option".to_string()
                    };
                    see_help(Error::usage(format!("unknown {name}")), &path)
                })?
            }
        };
        match (opt.id, opt.value) {
            (OptId::Help, _) => return Ok(Parsed::Help(path)),
            (OptId::Version, _) => return Ok(Parsed::Version),
            (id, None) => options.push((id, OsString::new())),
            (id, Some((_, value))) => {
                let given = option_value(&mut parser, opt, &path)?;
                let mut given = check_option(opt, value, given, &path)?;
                if let Value::Choice(words) = value {
                    let word = check_choice(opt, words, &given, &path)?;
                    choices.push((id, word));
                    given = word.into();
                }
                options.push((id, given));
            }
        }
    }

    let here = last(&path);
    let Node::Leaf { id, args, .. } = here.node else {
        return Ok(Parsed::Help(path));
    };
    if help_requested {
        return Ok(Parsed::Help(path));
    }
    if let Some(missing) = args.iter().skip(positional.len()).find(|arg| arg.required) {
        return Err(see_help(
            Error::usage(format!("{} is missing", missing.name)),
            &path,
        ));
    }
    Ok(Parsed::Run(Invocation {
        id,
        accepted: here.options(),
        options,
        choices,
        args: positional,
    }))
}

/// The last command of a path through the table.
fn last(path: &[&'static Command]) -> &'static Command {
    path.last().copied().unwrap_or(&spec::PROGRAM)
}

/// The full name of a command: `llamactl auth token`.
pub fn full_name(path: &[&Command]) -> String {
    path.iter()
        .map(|command| command.name)
        .collect::<Vec<_>>()
        .join(" ")
}

fn see_help(error: Error, path: &[&Command]) -> Error {
    error.hint(format!("see `{} --help`", full_name(path)))
}

/// Whether an argument may be echoed: it looks like a command or an option. API keys contain digits or capitals.
fn looks_like_name(text: &str) -> bool {
    text.len() <= 24
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b == b'-' || b == b'_')
}

fn find_command(path: &[&'static Command], arg: &OsStr) -> Result<&'static Command> {
    let group = last(path);
    let Node::Group {
        commands,
        aliases,
        moved,
    } = group.node
    else {
        return Err(Error::usage("this command has no subcommands"));
    };
    let word = arg.to_str().unwrap_or_default();
    let alias = aliases.iter().find(|(alias, _)| *alias == word);
    let name = alias.map_or(word, |(_, name)| *name);
    if let Some(command) = commands.iter().find(|c| c.name == name) {
        return Ok(command);
    }
    if let Some(moved) = moved.iter().find(|moved| moved.name == word) {
        let message = format!("there is no command '{} {word}'", full_name(path));
        return Err(Error::usage(message).hint(moved.hint));
    }
    if path.len() == 1 && !word.is_empty() {
        let matching: Vec<&'static Command> = commands
            .iter()
            .filter(|c| c.name.starts_with(word))
            .collect();
        match matching[..] {
            [only] => return Ok(only),
            [] => {}
            _ => {
                let names: Vec<&str> = matching.iter().map(|command| command.name).collect();
                let error = Error::usage(format!("'{word}' is ambiguous: {}", names.join(" or ")));
                return Err(see_help(error, path));
            }
        }
    }
    if word.is_empty() || !looks_like_name(word) {
        let error = Error::usage(format!("unknown command after '{}'", full_name(path)));
        return Err(see_help(error, path));
    }
    let error = Error::usage(format!("unknown command '{} {word}'", full_name(path)));
    if let Some(near) = nearest(word, group.visible_commands().map(|command| command.name)) {
        return Err(error.hint(format!("did you mean `{} {near}`?", full_name(path))));
    }
    if path.len() == 1 {
        let group = commands
            .iter()
            .find(|group| group.commands().iter().any(|c| c.name == word));
        if let Some(group) = group {
            return Err(error.hint(format!(
                "did you mean `{} {} {word}`?",
                full_name(path),
                group.name
            )));
        }
    }
    Err(see_help(error, path))
}

/// The options that a command accepts.
fn accepted_options(path: &[&'static Command]) -> impl Iterator<Item = &'static Opt> {
    let here = last(path);
    let top: &'static [&'static Opt] = if path.len() == 1 {
        spec::TOP_LEVEL
    } else {
        &[]
    };
    let own = here.options();
    own.iter().chain(top).chain(spec::COMMON).copied()
}

fn find_option(path: &[&'static Command], is: impl Fn(&Opt) -> bool) -> Option<&'static Opt> {
    accepted_options(path).find(|opt| is(opt))
}

fn unknown_option(path: &[&'static Command], name: &str) -> Error {
    if !looks_like_name(name) {
        return see_help(Error::usage("unknown option"), path);
    }
    let error = Error::usage(format!(
        "unknown option '--{name}' of `{}`",
        full_name(path)
    ));
    match nearest(name, accepted_options(path).map(|opt| opt.long)) {
        Some(near) => error.hint(format!("did you mean `--{near}`?")),
        None => see_help(error, path),
    }
}

fn unexpected_value(options: &[(OptId, OsString)], path: &[&'static Command]) -> Error {
    let switch = options
        .last()
        .and_then(|(id, _)| find_option(path, |opt| opt.id == *id));
    let message = match switch {
        Some(opt) => format!("option '--{}' takes no value", opt.long),
        None => "a switch was given a value".to_string(),
    };
    see_help(Error::usage(message), path)
}

/// The value of `opt`: after `=`, or the next argument unless that looks like an option.
fn option_value(
    parser: &mut lexopt::Parser,
    opt: &Opt,
    path: &[&'static Command],
) -> Result<OsString> {
    if let Some(attached) = parser.optional_value() {
        return Ok(attached);
    }
    let next = parser.try_raw_args().and_then(|mut rest| {
        rest.next_if(|arg| arg == "-" || !arg.as_encoded_bytes().starts_with(b"-"))
    });
    next.ok_or_else(|| {
        see_help(
            Error::usage(format!("option '--{}' requires a value", opt.long)),
            path,
        )
    })
}

fn check_option(
    opt: &Opt,
    value: Value,
    given: OsString,
    path: &[&'static Command],
) -> Result<OsString> {
    if value == Value::Path {
        return match given.is_empty() {
            true => Err(see_help(
                Error::usage(format!("option '--{}' is empty", opt.long)),
                path,
            )),
            false => Ok(given),
        };
    }
    let Some(text) = given.to_str() else {
        return Err(see_help(
            Error::usage(format!("the value of '--{}' is not valid UTF-8", opt.long)),
            path,
        ));
    };
    if value == Value::Number
        && !(text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u32>().is_ok())
    {
        return Err(see_help(
            Error::usage(format!("option '--{}' requires a number", opt.long)),
            path,
        ));
    }
    Ok(given)
}

/// The word of a fixed list that was given.
fn check_choice(
    opt: &Opt,
    words: &'static [&'static str],
    given: &OsStr,
    path: &[&'static Command],
) -> Result<&'static str> {
    let given = given.to_str().unwrap_or_default();
    if let Some(word) = words.iter().find(|word| word.eq_ignore_ascii_case(given)) {
        return Ok(word);
    }
    let field = |word: &'static str| word.strip_prefix(VALUE);
    let fields: Vec<&str> = words.iter().copied().filter_map(field).collect();
    let prefix = given.get(..VALUE.len()).unwrap_or_default();
    if !fields.is_empty() && prefix.eq_ignore_ascii_case(VALUE) {
        let error = match &given[VALUE.len()..] {
            "" => Error::usage(format!("option '--{}' names no field", opt.long)),
            field => Error::usage(format!("unknown field {}", quoted(field))),
        };
        return Err(error.hint(format!("the fields are: {}", fields.join(", "))));
    }
    let mut names: Vec<&str> = words
        .iter()
        .copied()
        .filter(|word| field(word).is_none())
        .collect();
    if !fields.is_empty() {
        names.push("value=FIELD");
    }
    let message = format!("option '--{}' must be {}", opt.long, one_of(&names));
    Err(see_help(Error::usage(message), path))
}

/// The word that `text` equals, ignoring case.
fn find_choice(words: &[&str], text: &str) -> Option<OsString> {
    let word = words.iter().find(|word| word.eq_ignore_ascii_case(text));
    word.map(OsString::from)
}

fn check_argument(
    path: &[&'static Command],
    arg: Option<&spec::Arg>,
    word: OsString,
) -> Result<OsString> {
    let Some(arg) = arg else {
        return Err(see_help(
            Error::usage(format!("unexpected argument to `{}`", full_name(path))),
            path,
        ));
    };
    let Some(text) = word.to_str() else {
        return Err(see_help(
            Error::usage(format!("{} is not valid UTF-8", arg.name)),
            path,
        ));
    };
    let Value::Choice(words) = arg.value else {
        return Ok(word);
    };
    find_choice(words, text).ok_or_else(|| {
        let message = format!("{} must be {}", arg.name, one_of(words));
        see_help(Error::usage(message), path)
    })
}

/// `a, b or c`.
pub fn one_of(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_string(),
        [init @ .., last] => format!("{} or {last}", init.join(", ")),
    }
}

/// The candidate that `word` is most likely a typo of.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().min(word.len()).div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edit distance; swapping two neighbours counts as one edit (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let width = b.len() + 1;
    // The distance between the first `i` characters of `a` and the first `j` of `b`, row by row.
    let mut cells: Vec<usize> = Vec::with_capacity((a.len() + 1) * width);
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            let before = |up: usize, left: usize| cells[(i - up) * width + j - left];
            let alike = |up: usize, left: usize| a.get(i - up) == b.get(j - left);
            let best = match (i, j) {
                (0, _) => j,
                (_, 0) => i,
                _ => {
                    let kept = before(1, 1) + usize::from(!alike(1, 1));
                    let edited = kept.min(before(1, 0) + 1).min(before(0, 1) + 1);
                    let swapped = i > 1 && j > 1 && alike(1, 2) && alike(2, 1);
                    match swapped {
                        true => edited.min(before(2, 2) + 1),
                        false => edited,
                    }
                }
            };
            cells.push(best);
        }
    }
    cells.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str) -> Result<Parsed> {
        parse(line.split_whitespace().map(OsString::from))
    }

    fn walk(path: &mut Vec<&'static Command>, each: &mut dyn FnMut(&[&'static Command])) {
        each(path);
        for command in path[path.len() - 1].commands() {
            path.push(command);
            walk(path, each);
            path.pop();
        }
    }

    #[test]
    fn names_in_the_table_are_unique_and_described() {
        walk(&mut vec![&spec::PROGRAM], &mut |path| {
            let here = path[path.len() - 1];
            assert!(
                !here.about.is_empty() && !here.about.ends_with('.'),
                "{}",
                full_name(path)
            );
            let mut longs: Vec<&str> = accepted_options(path)
                .flat_map(|opt| opt.aliases.iter().copied().chain([opt.long]))
                .collect();
            let mut shorts: Vec<char> =
                accepted_options(path).filter_map(|opt| opt.short).collect();
            let mut names: Vec<&str> = here
                .commands()
                .iter()
                .map(|command| command.name)
                .chain(here.aliases().iter().map(|(alias, _)| *alias))
                .collect();
            for (alias, name) in here.aliases() {
                assert!(names.contains(name), "{alias} is an alias of nothing");
            }
            if let Node::Group { moved, .. } = here.node {
                names.extend(moved.iter().map(|moved| moved.name));
            }
            for (what, count) in [
                ("options", unique(&mut longs)),
                ("letters", unique(&mut shorts)),
                ("words", unique(&mut names)),
            ] {
                assert!(count, "two {what} with one name in {}", full_name(path));
            }
            for opt in accepted_options(path) {
                assert!(
                    !opt.about.is_empty() && !opt.about.ends_with('.'),
                    "--{}",
                    opt.long
                );
            }
        });
    }

    fn unique<T: Ord + Clone>(list: &mut [T]) -> bool {
        list.sort();
        list.windows(2).all(|two| two[0] != two[1])
    }

    #[test]
    fn every_example_parses_to_its_command() {
        walk(&mut vec![&spec::PROGRAM], &mut |path| {
            let Node::Leaf { id, examples, .. } = path[path.len() - 1].node else {
                return;
            };
            assert!(!examples.is_empty(), "{} has no example", full_name(path));
            for example in examples {
                let line = example.line.split(['<', '|']).next().unwrap();
                match run(line.strip_prefix("llamactl ").unwrap()) {
                    Ok(Parsed::Run(invocation)) => assert_eq!(invocation.id, id, "{line}"),
                    other => panic!("{line}: {other:?}"),
                }
            }
        });
    }

    #[test]
    fn every_command_in_the_readme_parses() {
        let lines = include_str!("../../README.md").lines();
        let commands = lines.filter_map(|line| line.strip_prefix("$ llamactl "));
        for line in commands {
            let line = line.split("  #").next().unwrap_or_default();
            let line = line.split(['|', '<']).next().unwrap_or_default();
            assert!(
                matches!(run(line), Ok(Parsed::Run(_))),
                "{line}: {:?}",
                run(line)
            );
        }
    }

    #[test]
    fn options_may_precede_and_follow_arguments() {
        for line in [
            "auth get -o json work",
            "auth get work --output=JSON",
            "auth get work -ojson",
        ] {
            let Ok(Parsed::Run(invocation)) = run(line) else {
                panic!("{line}");
            };
            assert_eq!(invocation.text(OptId::Output), Some("json"));
            assert_eq!(invocation.arg(0), Some("work"));
        }
    }

    #[test]
    fn help_command_selects_the_page() {
        for (line, shown) in [
            ("help", "llamactl"),
            ("help auth", "llamactl auth"),
            ("help auth token", "llamactl auth token"),
        ] {
            let Ok(Parsed::Help(path)) = run(line) else {
                panic!("{line}");
            };
            assert_eq!(full_name(&path), shown);
        }
        assert!(matches!(run("help variables"), Ok(Parsed::HelpVariables)));
        for line in ["variables", "help auth variables"] {
            assert!(run(line).is_err(), "{line}");
        }
    }

    #[test]
    fn distance_counts_edits() {
        for (a, b, edits) in [
            ("", "", 0),
            ("", "abc", 3),
            ("get", "get", 0),
            ("get", "gte", 1),
            ("get", "got", 1),
            ("get", "gets", 1),
            ("kitten", "sitting", 3),
            ("ca", "abc", 3),
            ("ü", "u", 1),
        ] {
            assert_eq!(distance(a, b), edits, "{a} {b}");
            assert_eq!(distance(b, a), edits, "{b} {a}");
        }
    }

    #[test]
    fn nearest_suggests_only_similar_names() {
        for (word, near) in [
            ("tokne", Some("token")),
            ("gte", Some("get")),
            ("zzz", None),
            ("", None),
        ] {
            assert_eq!(
                nearest(word, ["token", "get", "use"].into_iter()),
                near,
                "{word}"
            );
        }
    }

    #[test]
    fn debug_of_the_command_line_shows_no_values() {
        for line in [
            "auth token --api-key llx-S3cret --project S3cret",
            "auth use S3cret",
            "auth exec --profile S3cret -- S3cret S3cret",
        ] {
            let parsed = run(line).unwrap();
            assert!(!format!("{parsed:?}").contains("S3cret"), "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_arguments_neither_panic_nor_echo_a_key(args in proptest::collection::vec("[ -~]{0,12}|-o|--api-key|auth|token|--", 0..8)) {
            let secret = "llx-S3cret0123456789";
            let args = args.into_iter().chain([secret.to_string()]);
            if let Err(error) = parse(args.map(OsString::from)) {
                proptest::prop_assert!(!error.to_string().contains(secret));
            }
        }
    }
}
