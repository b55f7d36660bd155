//! The table of commands, arguments and options, with their help texts.
//!
//! The parser, the help pages, the man pages and the completions are derived from it. It is const data and uses std
//! only, so that `make docs` can compile it with a bare `rustc`. To add a command, add a row in `commands.rs`, an arm
//! in `commands::run` and a file in `src/commands/`.

mod commands;
mod options;

pub use commands::PROGRAM;
pub use options::{COMMON, TOP_LEVEL};

/// Identifies a command. Dispatch matches on it exhaustively, so a row without a handler does not compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Id {
    AuthToken,
    AuthGet,
    AuthUse,
    AuthLogin,
    AuthLogout,
    AuthMe,
    AuthImport,
    AuthInject,
    AuthStatus,
    AuthExec,
    AuthExport,
    AuthPrintKey,
    EnvironmentsGet,
    EnvironmentsAdd,
    EnvironmentsUse,
    EnvironmentsDelete,
    ProjectsGet,
    ProjectsUse,
    OrganizationsGet,
    DeploymentsGet,
    DeploymentsHistory,
    DeploymentsLogs,
    DeploymentsUpdate,
    DeploymentsSuspend,
    DeploymentsResume,
    DeploymentsWait,
    DeploymentsRollback,
    DeploymentsDelete,
    Config,
    CompletionBash,
    CompletionZsh,
    CompletionFish,
    CompletionGenerate,
    CompletionInstall,
    CompletionNames,
}

/// Commands that are left out of help, man pages and completions because only the completion scripts call them.
const HIDDEN: &[Id] = &[Id::CompletionNames];

/// A group of commands, or a command.
#[derive(Debug)]
pub struct Command {
    pub name: &'static str,
    /// One line, imperative, no full stop.
    pub about: &'static str,
    /// Paragraphs below the usage line, separated by empty lines; may be empty.
    pub details: &'static str,
    pub node: Node,
}

#[derive(Debug)]
pub enum Node {
    Group {
        commands: &'static [Command],
        /// Names accepted in place of a command's name, with that name; not shown.
        aliases: &'static [(&'static str, &'static str)],
        /// Commands of the Python tool that are elsewhere or missing here.
        moved: &'static [Moved],
    },
    Leaf {
        id: Id,
        /// Positional arguments, in order.
        args: &'static [Arg],
        /// Options besides the common ones.
        options: &'static [&'static Opt],
        /// Shown at the end of the help page. A test parses each of them.
        examples: &'static [Example],
    },
}

/// A former command name, and the hint that is printed for it.
#[derive(Debug)]
pub struct Moved {
    pub name: &'static str,
    pub hint: &'static str,
}

/// A positional argument.
#[derive(Debug)]
pub struct Arg {
    /// As shown in the usage line.
    pub name: &'static str,
    pub required: bool,
    /// One line, no full stop.
    pub about: &'static str,
    pub value: Value,
}

/// Identifies an option. Options of two commands may share an id and differ in their text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptId {
    All,
    Also,
    ApiKey,
    ApiKeyFile,
    CaFile,
    Check,
    DryRun,
    EnvFile,
    Environment,
    Follow,
    Format,
    From,
    GitRef,
    GitSha,
    Header,
    Help,
    InitContainers,
    Json,
    Name,
    NativeTls,
    NoAuth,
    NoBrowser,
    NoCaFile,
    NoVerify,
    Offline,
    Org,
    Output,
    Profile,
    Project,
    Quiet,
    Shell,
    SinceSeconds,
    Tail,
    Timeout,
    Verbose,
    Version,
    Wait,
    Yes,
}

#[derive(Debug)]
pub struct Opt {
    pub id: OptId,
    /// Without the dashes.
    pub long: &'static str,
    pub short: Option<char>,
    /// Other long names that are accepted; not shown.
    pub aliases: &'static [&'static str],
    /// The value's name as shown, and its type; `None` for a switch.
    pub value: Option<(&'static str, Value)>,
    /// One line, no full stop.
    pub about: &'static str,
}

/// The type of a value: the parser checks it, completion offers candidates for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    Text,
    /// A path; need not be UTF-8.
    Path,
    /// A non-negative integer.
    Number,
    /// A command to run and its arguments: everything that follows, unparsed.
    Command,
    /// One of these words, case-insensitive.
    Choice(&'static [&'static str]),
    /// The name of a stored profile.
    Profile,
    /// The URL of a stored environment.
    Environment,
}

/// A command line and what it is useful for.
#[derive(Debug)]
pub struct Example {
    pub line: &'static str,
    pub purpose: &'static str,
}

/// A file that is read or written.
#[derive(Debug)]
pub struct File {
    pub path: &'static str,
    pub about: &'static str,
}

/// The files that are read or written without being named on the command line.
pub const FILES: &[File] = &[
    File {
        path: "~/.config/llamactl/profiles.json",
        about: "The environments and profiles, with their keys. Only its owner can read it. \
            LLAMACTL_CONFIG_DIR or XDG_CONFIG_HOME move it; on Windows it is in %APPDATA%\\llamactl.",
    },
    File {
        path: ".env",
        about: "What `llamactl auth inject` writes.",
    },
];

impl Command {
    /// Whether help, man pages and completions leave it out.
    pub fn is_hidden(&self) -> bool {
        matches!(self.node, Node::Leaf { id, .. } if HIDDEN.contains(&id))
    }

    pub fn visible_commands(&self) -> impl Iterator<Item = &'static Command> {
        self.commands()
            .iter()
            .filter(|command| !command.is_hidden())
    }

    /// The commands of a group; empty for a leaf.
    pub fn commands(&self) -> &'static [Command] {
        match self.node {
            Node::Group { commands, .. } => commands,
            Node::Leaf { .. } => &[],
        }
    }

    pub fn aliases(&self) -> &'static [(&'static str, &'static str)] {
        match self.node {
            Node::Group { aliases, .. } => aliases,
            Node::Leaf { .. } => &[],
        }
    }

    /// The command's own options, without the common ones; empty for a group.
    pub fn options(&self) -> &'static [&'static Opt] {
        match self.node {
            Node::Group { .. } => &[],
            Node::Leaf { options, .. } => options,
        }
    }

    pub fn args(&self) -> &'static [Arg] {
        match self.node {
            Node::Group { .. } => &[],
            Node::Leaf { args, .. } => args,
        }
    }
}
