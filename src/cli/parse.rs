//! Arguments → [`Invocation`], by the table.
//!
//! What was typed is never echoed unless it can only be a mistyped word: an argument in the wrong place may be a key.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use lexopt::Arg as Raw;

use super::spec::{self, Command, Id, Node, Opt, OptId, Value};
use crate::error::{Error, Result};

/// What a command line asks for.
#[derive(Debug)]
pub enum Parsed {
    /// Run a command.
    Run(Invocation),
    /// Print the help of the last row of this path through the table.
    Help(Vec<&'static Command>),
    /// Print the version.
    Version,
}

/// A command with its options and arguments, checked against the table: plain data.
#[derive(Debug)]
pub struct Invocation {
    /// Which command.
    pub id: Id,
    options: Vec<(OptId, OsString)>,
    args: Vec<OsString>,
}

impl Invocation {
    /// Whether a switch was given.
    pub fn has(&self, id: OptId) -> bool {
        self.options.iter().any(|(given, _)| *given == id)
    }

    /// The value of an option; the last one counts.
    pub fn text(&self, id: OptId) -> Option<&str> {
        self.raw(id).and_then(OsStr::to_str)
    }

    /// The value of an option that takes a path.
    pub fn path(&self, id: OptId) -> Option<&Path> {
        self.raw(id).map(Path::new)
    }

    /// The value of an option that takes a number.
    pub fn number(&self, id: OptId) -> Option<u32> {
        self.text(id).and_then(|text| text.parse().ok())
    }

    /// All positional arguments, as they stood.
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

/// Reads the arguments, without the program's own name.
///
/// # Errors
/// [`Kind::Usage`](crate::error::Kind::Usage) where the table has no such word, option or argument.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Parsed> {
    let mut parser = lexopt::Parser::from_args(args);
    let mut path: Vec<&'static Command> = vec![&spec::PROGRAM];
    let mut options: Vec<(OptId, OsString)> = Vec::new();
    let mut positional: Vec<OsString> = Vec::new();
    let mut asks_for_help = false;

    loop {
        let here = last(&path);
        // An error of `next` is the value of a switch, as in `--check=yes`; it was named when the switch was read.
        let Some(raw) = parser.next().map_err(|_| unwanted_value(&options, &path))? else {
            break;
        };
        let opt = match raw {
            Raw::Value(word) => match here.node {
                Node::Group { .. } if path.len() == 1 && word == "help" => {
                    asks_for_help = true;
                    continue;
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
                    let shown = if letter.is_ascii_lowercase() {
                        format!("option '-{letter}'")
                    } else {
                        "option".to_string()
                    };
                    see_help(Error::usage(format!("unknown {shown}")), &path)
                })?
            }
        };
        match (opt.id, opt.value) {
            (OptId::Help, _) => return Ok(Parsed::Help(path)),
            (OptId::Version, _) => return Ok(Parsed::Version),
            (id, None) => options.push((id, OsString::new())),
            (id, Some((_, value))) => {
                let given = option_value(&mut parser, opt, &path)?;
                options.push((id, check_option(opt, value, given, &path)?));
            }
        }
    }

    let here = last(&path);
    let Node::Leaf { id, args, .. } = here.node else {
        return Ok(Parsed::Help(path));
    };
    if asks_for_help {
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
        options,
        args: positional,
    }))
}

/// Where a path through the table ends.
fn last(path: &[&'static Command]) -> &'static Command {
    path.last().copied().unwrap_or(&spec::PROGRAM)
}

/// The words of a path through the table, as typed in full.
pub fn words(path: &[&Command]) -> String {
    path.iter()
        .map(|command| command.name)
        .collect::<Vec<_>>()
        .join(" ")
}

fn see_help(error: Error, path: &[&Command]) -> Error {
    error.hint(format!("see `{} --help`", words(path)))
}

/// Whether a text can be shown: a lower-case word, as commands and options are. Keys have digits or capitals in them.
fn is_word(text: &str) -> bool {
    text.len() <= 24
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b == b'-' || b == b'_')
}

fn find_command(path: &[&'static Command], typed: &OsStr) -> Result<&'static Command> {
    let group = last(path);
    let Node::Group {
        commands,
        aliases,
        moved,
    } = group.node
    else {
        return Err(Error::usage("this command has no commands below it"));
    };
    let word = typed.to_str().unwrap_or_default();
    let alias = aliases.iter().find(|(alias, _)| *alias == word);
    let name = alias.map_or(word, |(_, name)| *name);
    if let Some(command) = commands.iter().find(|c| c.name == name) {
        return Ok(command);
    }
    if let Some(moved) = moved.iter().find(|moved| moved.name == word) {
        let said = format!("no command '{} {word}' in this build", words(path));
        return Err(Error::usage(said).hint(moved.hint));
    }
    if path.len() == 1 && !word.is_empty() {
        let starting: Vec<&'static Command> = commands
            .iter()
            .filter(|c| c.name.starts_with(word))
            .collect();
        match starting[..] {
            [only] => return Ok(only),
            [] => {}
            _ => {
                let names: Vec<&str> = starting.iter().map(|command| command.name).collect();
                let error = Error::usage(format!("'{word}' could be {}", names.join(" or ")));
                return Err(see_help(error, path));
            }
        }
    }
    let error = if is_word(word) && !word.is_empty() {
        Error::usage(format!("unknown command '{} {word}'", words(path)))
    } else {
        Error::usage(format!("unknown command after '{}'", words(path)))
    };
    if !is_word(word) {
        return Err(see_help(error, path));
    }
    if let Some(near) = nearest(word, group.visible_commands().map(|command| command.name)) {
        return Err(error.hint(format!("did you mean `{} {near}`?", words(path))));
    }
    if path.len() == 1 {
        let below = commands
            .iter()
            .find(|group| group.commands().iter().any(|c| c.name == word));
        if let Some(group) = below {
            return Err(error.hint(format!(
                "did you mean `{} {} {word}`?",
                words(path),
                group.name
            )));
        }
    }
    Err(see_help(error, path))
}

fn offered(path: &[&'static Command]) -> impl Iterator<Item = &'static Opt> {
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
    offered(path).find(|opt| is(opt))
}

fn unknown_option(path: &[&'static Command], name: &str) -> Error {
    if !is_word(name) {
        return see_help(Error::usage("unknown option"), path);
    }
    let error = Error::usage(format!("unknown option '--{name}' of `{}`", words(path)));
    match nearest(name, offered(path).map(|opt| opt.long)) {
        Some(near) => error.hint(format!("did you mean `--{near}`?")),
        None => see_help(error, path),
    }
}

fn unwanted_value(options: &[(OptId, OsString)], path: &[&'static Command]) -> Error {
    let named = options
        .last()
        .and_then(|(id, _)| find_option(path, |opt| opt.id == *id));
    let said = match named {
        Some(opt) => format!("option '--{}' takes no value", opt.long),
        None => "an option that takes no value was given one".to_string(),
    };
    see_help(Error::usage(said), path)
}

/// The value that belongs to `opt`: behind `=`, or the next argument, unless that looks like an option.
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
            Error::usage(format!("option '--{}' is missing its value", opt.long)),
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
            Error::usage(format!("the value of '--{}' is not UTF-8", opt.long)),
            path,
        ));
    };
    if value == Value::Number
        && !(text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u32>().is_ok())
    {
        return Err(see_help(
            Error::usage(format!("option '--{}' takes a whole number", opt.long)),
            path,
        ));
    }
    let Value::Choice(words) = value else {
        return Ok(given);
    };
    chosen(words, text).ok_or_else(|| {
        let said = format!("option '--{}' takes {}", opt.long, one_of(words));
        see_help(Error::usage(said), path)
    })
}

/// The word that `text` is, in any case of letters.
fn chosen(words: &[&str], text: &str) -> Option<OsString> {
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
            Error::usage(format!("`{}` takes no further argument", words(path))),
            path,
        ));
    };
    let Some(text) = word.to_str() else {
        return Err(see_help(
            Error::usage(format!("{} is not UTF-8", arg.name)),
            path,
        ));
    };
    let Value::Choice(words) = arg.value else {
        return Ok(word);
    };
    chosen(words, text).ok_or_else(|| {
        let said = format!("{} is {}", arg.name, one_of(words));
        see_help(Error::usage(said), path)
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

/// Edits between two words, a swap of neighbours counted as one (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let width = b.len() + 1;
    // For the first `i` of `a` and the first `j` of `b`, row by row.
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
    fn every_row_is_whole() {
        walk(&mut vec![&spec::PROGRAM], &mut |path| {
            let here = path[path.len() - 1];
            assert!(
                !here.about.is_empty() && !here.about.ends_with('.'),
                "{}",
                words(path)
            );
            let mut longs: Vec<&str> = offered(path)
                .flat_map(|opt| opt.aliases.iter().copied().chain([opt.long]))
                .collect();
            let mut shorts: Vec<char> = offered(path).filter_map(|opt| opt.short).collect();
            let mut names: Vec<&str> = here
                .commands()
                .iter()
                .map(|command| command.name)
                .chain(here.aliases().iter().map(|(alias, _)| *alias))
                .collect();
            for (alias, name) in here.aliases() {
                assert!(names.contains(name), "{alias} stands for nothing");
            }
            if let Node::Group { moved, .. } = here.node {
                names.extend(moved.iter().map(|moved| moved.name));
            }
            for (what, count) in [
                ("options", unique(&mut longs)),
                ("letters", unique(&mut shorts)),
                ("words", unique(&mut names)),
            ] {
                assert!(count, "two {what} with one name in {}", words(path));
            }
            for opt in offered(path) {
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
    fn every_example_parses_to_its_own_command() {
        walk(&mut vec![&spec::PROGRAM], &mut |path| {
            let Node::Leaf { id, examples, .. } = path[path.len() - 1].node else {
                return;
            };
            assert!(!examples.is_empty(), "{} has no example", words(path));
            for example in examples {
                let line = example.line.split(" <").next().unwrap();
                match run(line.strip_prefix("llamactl ").unwrap()) {
                    Ok(Parsed::Run(invocation)) => assert_eq!(invocation.id, id, "{line}"),
                    other => panic!("{line}: {other:?}"),
                }
            }
        });
    }

    #[test]
    fn options_stand_before_and_after_arguments() {
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
    fn help_is_a_word_too() {
        for (line, shown) in [
            ("help", "llamactl"),
            ("help auth", "llamactl auth"),
            ("help auth token", "llamactl auth token"),
        ] {
            let Ok(Parsed::Help(path)) = run(line) else {
                panic!("{line}");
            };
            assert_eq!(words(&path), shown);
        }
    }

    #[test]
    fn edits_are_counted() {
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
    fn nearest_names() {
        for (typed, near) in [
            ("tokne", Some("token")),
            ("gte", Some("get")),
            ("zzz", None),
            ("", None),
        ] {
            assert_eq!(
                nearest(typed, ["token", "get", "use"].into_iter()),
                near,
                "{typed}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn no_arguments_panic_or_are_echoed(args in proptest::collection::vec("[ -~]{0,12}|-o|--api-key|auth|token|--", 0..8)) {
            let secret = "llx-S3cret0123456789";
            let args = args.into_iter().chain([secret.to_string()]);
            if let Err(error) = parse(args.map(OsString::from)) {
                proptest::prop_assert!(!error.to_string().contains(secret));
            }
        }
    }
}
