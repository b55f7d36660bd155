//! The options and positional arguments that the rows of [`super::commands`] are made of.

use super::{Arg, Opt, OptId, Value};

const fn required(name: &'static str, value: Value, about: &'static str) -> Arg {
    Arg {
        required: true,
        ..optional(name, value, about)
    }
}

const fn optional(name: &'static str, value: Value, about: &'static str) -> Arg {
    Arg {
        name,
        required: false,
        about,
        value,
    }
}

const fn switch(id: OptId, long: &'static str, about: &'static str) -> Opt {
    Opt {
        id,
        long,
        short: None,
        aliases: &[],
        value: None,
        about,
    }
}

const fn valued(
    id: OptId,
    long: &'static str,
    name: &'static str,
    value: Value,
    about: &'static str,
) -> Opt {
    Opt {
        value: Some((name, value)),
        ..switch(id, long, about)
    }
}

pub(super) const HELP: Opt = Opt {
    short: Some('h'),
    ..switch(OptId::Help, "help", "Print this help")
};
pub(super) const VERBOSE: Opt = Opt {
    short: Some('v'),
    ..switch(
        OptId::Verbose,
        "verbose",
        "Print one line per request on standard error",
    )
};
pub(super) const QUIET: Opt = Opt {
    short: Some('q'),
    ..switch(
        OptId::Quiet,
        "quiet",
        "Print no warnings and no status lines",
    )
};
pub(super) const NATIVE_TLS: Opt = switch(
    OptId::NativeTls,
    "native-tls",
    "Trust the system's certificates only, never the built-in ones",
);
pub(super) const VERSION: Opt = Opt {
    short: Some('V'),
    ..switch(OptId::Version, "version", "Print the version")
};

/// The options of every command.
pub const COMMON: &[&Opt] = &[&HELP, &VERBOSE, &QUIET, &NATIVE_TLS];

/// The options of `llamactl` without a command, besides the common ones.
pub const TOP_LEVEL: &[&Opt] = &[&VERSION];

pub(super) const ALL: Opt = switch(
    OptId::All,
    "all",
    "Log out from every profile of the current environment",
);
pub(super) const ALSO: Opt = valued(
    OptId::Also,
    "also",
    "NAME=FIELD",
    Value::Text,
    "Set a further variable NAME to the key, url or project; can be repeated",
);
pub(super) const API_KEY: Opt = valued(
    OptId::ApiKey,
    "api-key",
    "KEY",
    Value::Text,
    "The API key; `-` reads it from standard input",
);
pub(super) const API_KEY_FILE: Opt = valued(
    OptId::ApiKeyFile,
    "api-key-file",
    "PATH",
    Value::Path,
    "Read the API key from a file",
);
pub(super) const CHECK: Opt = switch(
    OptId::Check,
    "check",
    "Write nothing; exit 1 if the file would change",
);
pub(super) const DRY_RUN: Opt = switch(
    OptId::DryRun,
    "dry-run",
    "Show what would be done without doing it",
);
pub(super) const ENV_FILE: Opt = valued(
    OptId::EnvFile,
    "env-file",
    "PATH",
    Value::Path,
    "The file to write; `-` prints the lines instead [default: .env]",
);
pub(super) const ENVIRONMENT: Opt = valued(
    OptId::Environment,
    "environment",
    "URL",
    Value::Environment,
    "Use this stored environment for this command: a URL, `us` or `eu`",
);
pub(super) const FROM: Opt = valued(
    OptId::From,
    "from",
    "PATH",
    Value::Path,
    "The profiles.db to read, or its directory [default: the configuration directory]",
);
pub(super) const HEADER: Opt = switch(
    OptId::Header,
    "header",
    "Print an HTTP header: `Authorization: Bearer KEY`",
);
pub(super) const NAME: Opt = valued(
    OptId::Name,
    "name",
    "NAME",
    Value::Text,
    "Name of the profile [default: made from the masked key]",
);
pub(super) const LOGIN_NAME: Opt = Opt {
    about: "Name of the profile [default: the user's email address]",
    ..NAME
};
pub(super) const NO_BROWSER: Opt = switch(
    OptId::NoBrowser,
    "no-browser",
    "Do not start a browser; only show the URL and the code",
);
pub(super) const NO_VERIFY: Opt = switch(
    OptId::NoVerify,
    "no-verify",
    "Store the key without checking it on the server",
);
pub(super) const NO_VERIFY_ENVIRONMENT: Opt = Opt {
    about: "Store the environment without contacting its server",
    ..NO_VERIFY
};
pub(super) const CA_FILE: Opt = valued(
    OptId::CaFile,
    "ca-file",
    "PATH",
    Value::Path,
    "PEM certificates to trust for this environment, in addition to the system's",
);
pub(super) const NO_CA_FILE: Opt =
    switch(OptId::NoCaFile, "no-ca-file", "Remove the stored --ca-file");
pub(super) const NO_AUTH: Opt = switch(
    OptId::NoAuth,
    "no-auth",
    "With --no-verify: assume that the server requires no authentication",
);
pub(super) const ORG: Opt = valued(
    OptId::Org,
    "org",
    "ID",
    Value::Text,
    "Only projects of this organization",
);
pub(super) const LOGIN_ORG: Opt = Opt {
    about: "Choose among the projects of this organization",
    ..ORG
};
pub(super) const SHELLS: &[&str] = &["sh", "fish", "powershell", "dotenv", "json", "github"];
/// `-o` of a command, with its formats and one `value=FIELD` for each field of its documents.
const fn output(words: &'static [&'static str], about: &'static str) -> Opt {
    Opt {
        short: Some('o'),
        ..valued(
            OptId::Output,
            "output",
            "FORMAT",
            Value::Choice(words),
            about,
        )
    }
}
const OUTPUT_ABOUT: &str = "Output format: text, json, yaml or value=FIELD [default: text]";
const WIDE_OUTPUT_ABOUT: &str =
    "Output format: text, wide, json, yaml or value=FIELD [default: text]";
pub(super) const PROFILES_OUTPUT: Opt = output(
    &[
        "text",
        "json",
        "yaml",
        "value=name",
        "value=api_url",
        "value=project_id",
        "value=active",
        "value=auth_type",
    ],
    OUTPUT_ABOUT,
);
pub(super) const IMPORT_OUTPUT: Opt = output(
    &[
        "text",
        "json",
        "yaml",
        "value=from",
        "value=dry_run",
        "value=environments",
        "value=profiles",
    ],
    OUTPUT_ABOUT,
);
pub(super) const STATUS_OUTPUT: Opt = output(
    &[
        "text",
        "json",
        "yaml",
        "value=environment",
        "value=profile",
        "value=project_id",
        "value=auth_type",
        "value=key",
        "value=shadowed",
        "value=check",
        "value=server_version",
        "value=client_outdated",
    ],
    OUTPUT_ABOUT,
);
pub(super) const ENVIRONMENTS_OUTPUT: Opt = output(
    &[
        "text",
        "json",
        "yaml",
        "value=api_url",
        "value=requires_auth",
        "value=active",
    ],
    OUTPUT_ABOUT,
);
pub(super) const PROJECTS_OUTPUT: Opt = output(
    &[
        "text",
        "wide",
        "json",
        "yaml",
        "value=project_id",
        "value=project_name",
        "value=deployment_count",
        "value=active",
        "value=org_id",
    ],
    WIDE_OUTPUT_ABOUT,
);
pub(super) const ORGANIZATIONS_OUTPUT: Opt = output(
    &[
        "text",
        "json",
        "yaml",
        "value=org_id",
        "value=org_name",
        "value=is_default",
        "value=active",
    ],
    OUTPUT_ABOUT,
);
pub(super) const DEPLOYMENTS_OUTPUT: Opt = output(
    &[
        "text",
        "wide",
        "json",
        "yaml",
        "value=name",
        "value=generate_name",
        "value=spec",
        "value=spec.repo_url",
        "value=spec.deployment_file_path",
        "value=spec.git_ref",
        "value=spec.appserver_version",
        "value=spec.suspended",
        "value=spec.secrets",
        "value=spec.personal_access_token",
        "value=status",
        "value=status.phase",
        "value=status.git_sha",
        "value=status.apiserver_url",
        "value=status.project_id",
        "value=status.warning",
    ],
    WIDE_OUTPUT_ABOUT,
);
pub(super) const HISTORY_OUTPUT: Opt = output(
    &[
        "text",
        "wide",
        "json",
        "yaml",
        "value=released_at",
        "value=git_sha",
        "value=image_tag",
    ],
    WIDE_OUTPUT_ABOUT,
);
pub(super) const CONFIG_OUTPUT: Opt = output(
    &[
        "text",
        "json",
        "yaml",
        "value=environment",
        "value=profile",
        "value=project_id",
        "value=project_name",
    ],
    OUTPUT_ABOUT,
);
pub(super) const PROFILE: Opt = valued(
    OptId::Profile,
    "profile",
    "NAME",
    Value::Profile,
    "Use this stored profile; overrides environment variables",
);
pub(super) const TOKEN_PROJECT: Opt = Opt {
    aliases: &["project-id"],
    ..valued(
        OptId::Project,
        "project",
        "ID",
        Value::Text,
        "The project of the profile",
    )
};

pub(super) const PROJECT: Opt = valued(
    OptId::Project,
    "project",
    "ID",
    Value::Text,
    "Use this project; overrides environment variables and the profile",
);
pub(super) const EXPORT_FORMAT: Opt = valued(
    OptId::Format,
    "format",
    "FORMAT",
    Value::Choice(SHELLS),
    "Output format: sh, fish, powershell, dotenv, json or github [default: sh]",
);
pub(super) const OFFLINE: Opt = switch(OptId::Offline, "offline", "Do not contact the server");
pub(super) const FOLLOW: Opt = Opt {
    short: Some('f'),
    ..switch(
        OptId::Follow,
        "follow",
        "Keep printing new lines until interrupted",
    )
};
pub(super) const TAIL: Opt = valued(
    OptId::Tail,
    "tail",
    "N",
    Value::Number,
    "Start with the last N lines [default: 200]",
);
pub(super) const SINCE_SECONDS: Opt = valued(
    OptId::SinceSeconds,
    "since-seconds",
    "N",
    Value::Number,
    "Only lines of the last N seconds",
);
pub(super) const INIT_CONTAINERS: Opt = switch(
    OptId::InitContainers,
    "include-init-containers",
    "Include the logs of init containers",
);
pub(super) const JSON_LINES: Opt = switch(OptId::Json, "json", "Print one JSON object per line");
pub(super) const GIT_SHA: Opt = valued(
    OptId::GitSha,
    "git-sha",
    "SHA",
    Value::Text,
    "The commit to return to, as `deployments history` lists it; required when not interactive",
);
pub(super) const GIT_REF: Opt = valued(
    OptId::GitRef,
    "git-ref",
    "REF",
    Value::Text,
    "The branch, tag or commit to deploy [default: the one it has]",
);
pub(super) const WAIT: Opt = switch(
    OptId::Wait,
    "wait",
    "Wait for the result, as `deployments wait` does",
);
pub(super) const TIMEOUT: Opt = valued(
    OptId::Timeout,
    "timeout",
    "SECONDS",
    Value::Number,
    "Wait at most this long; 0 checks once [default: 600]",
);
pub(super) const YES: Opt = Opt {
    short: Some('y'),
    ..switch(OptId::Yes, "yes", "Do not ask for confirmation")
};

pub(super) const PROFILE_NAME: Arg = optional(
    "NAME",
    Value::Profile,
    "Name of a profile, as listed by `auth get`",
);
pub(super) const STORED_URL: Arg = optional(
    "URL",
    Value::Environment,
    "URL of a control plane, as listed by `environments get`",
);
pub(super) const NEW_URL: Arg = optional("URL", Value::Text, "Base URL of a control plane");
pub(super) const DEPLOYMENT: Arg = required(
    "NAME",
    Value::Text,
    "Name of a deployment, as listed by `deployments get`",
);
pub(super) const COMMAND_LINE: Arg = required(
    "CMD [ARG...]",
    Value::Command,
    "The command to run and its arguments",
);
pub(super) const PROJECT_ID: Arg = optional(
    "ID",
    Value::Text,
    "Id of a project, as listed by `projects get`",
);

pub(super) const COMPLETED_SHELLS: &[&str] = &["bash", "zsh", "fish"];
pub(super) const SHELL: Arg = optional(
    "SHELL",
    Value::Choice(COMPLETED_SHELLS),
    "bash, zsh or fish",
);
pub(super) const SHELL_OPTION: Opt = valued(
    OptId::Shell,
    "shell",
    "SHELL",
    Value::Choice(COMPLETED_SHELLS),
    "The same as the argument SHELL",
);
pub(super) const KIND: Arg = required(
    "KIND",
    Value::Choice(&["profiles", "environments"]),
    "profiles or environments",
);
