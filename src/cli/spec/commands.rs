//! The table of commands: names, help texts, arguments, options and examples.

#[allow(
    clippy::wildcard_imports,
    reason = "the rows use everything that is defined there"
)]
use super::options::*;
use super::{Arg, Command, Example, Id, Moved, Node};

const fn moved(name: &'static str, hint: &'static str) -> Moved {
    Moved { name, hint }
}

const fn example(line: &'static str, purpose: &'static str) -> Example {
    Example { line, purpose }
}

const AUTH: &[Command] = &[
    Command {
        name: "token",
        about: "Create a profile from an API key",
        details: "Verifies the key by listing its projects, then stores the profile and makes it current. On a terminal, \
            prompts for whatever is missing: the key without echoing it, the project from a list. If the server cannot be \
            reached, the profile is stored with a warning that the key was not verified.\n\n\
            Adding the same key again updates its profile. In an environment without authentication, pass `--project` alone.",
        node: Node::Leaf {
            id: Id::AuthToken,
            args: &[],
            options: &[
                &TOKEN_PROJECT,
                &API_KEY,
                &API_KEY_FILE,
                &NAME,
                &NO_VERIFY,
                &ENVIRONMENT,
            ],
            examples: &[
                example("llamactl auth token", "prompt for the key and the project"),
                example(
                    "llamactl auth token --api-key llx-... --project your-project-id",
                    "without prompts",
                ),
                example(
                    "llamactl auth token --api-key - --project your-project-id <key.txt",
                    "keep the key out of the process list",
                ),
            ],
        },
    },
    Command {
        name: "login",
        about: "Sign in with a browser and create a profile",
        details: "Shows a URL and a code, opens the URL in a browser if there is one, and waits until the login is approved; \
            the browser may be on another device. Then creates an API key on the server, stores the profile and makes it \
            current. On a terminal, offers the projects to choose from.\n\n\
            Nothing is stored unless every step succeeds. Logging in again as the same user updates the profile and keeps its \
            key. No browser is started in CI or without a terminal; over SSH or without a display, only if the environment \
            variable BROWSER is set.",
        node: Node::Leaf {
            id: Id::AuthLogin,
            args: &[],
            options: &[
                &TOKEN_PROJECT,
                &LOGIN_ORG,
                &LOGIN_NAME,
                &NO_BROWSER,
                &ENVIRONMENT,
            ],
            examples: &[
                example("llamactl auth login", "ask for everything"),
                example(
                    "llamactl auth login --no-browser --project your-project-id",
                    "on a machine without a screen",
                ),
            ],
        },
    },
    Command {
        name: "get",
        about: "List the profiles of the current environment, or show one",
        details: "",
        node: Node::Leaf {
            id: Id::AuthGet,
            args: &[PROFILE_NAME],
            options: &[&PROFILES_OUTPUT, &ENVIRONMENT],
            examples: &[
                example("llamactl auth get", "all of them, as a table"),
                example("llamactl auth get -o yaml", "for a script"),
            ],
        },
    },
    Command {
        name: "use",
        about: "Make a profile the current one",
        details: "Without NAME, choose from a list on a terminal. Scripts pass NAME.",
        node: Node::Leaf {
            id: Id::AuthUse,
            args: &[PROFILE_NAME],
            options: &[&ENVIRONMENT],
            examples: &[example(
                "llamactl auth use work",
                "use the profile `work` from now on",
            )],
        },
    },
    Command {
        name: "logout",
        about: "Delete a profile and revoke what login created",
        details: "First revokes what `auth login` created: the API key on the server and the login at the identity provider. If \
            the server cannot be reached, the profile is deleted anyway, and a warning names the key that is still valid. A \
            key that was passed to `auth token` stays valid on the server.\n\n\
            After deleting the current profile, no profile is current. Without NAME, choose from a list on a terminal.",
        node: Node::Leaf {
            id: Id::AuthLogout,
            args: &[PROFILE_NAME],
            options: &[&ALL, &ENVIRONMENT],
            examples: &[
                example("llamactl auth logout work", "delete the profile `work`"),
                example(
                    "llamactl auth logout --all",
                    "delete every profile of the current environment",
                ),
            ],
        },
    },
    Command {
        name: "me",
        about: "Show the claims of the login's ID token",
        details: "Prints, as JSON, the claims of the ID token of a profile that `auth login` created. The signature is verified \
            against the identity provider's keys; an expired token is refreshed first.",
        node: Node::Leaf {
            id: Id::AuthMe,
            args: &[],
            options: &[&PROFILE, &ENVIRONMENT],
            examples: &[example(
                "llamactl auth me",
                "the claims of the current profile's login",
            )],
        },
    },
    Command {
        name: "import",
        about: "Import the profiles of the Python tool",
        details: "Reads the Python tool's profiles.db with python3 or sqlite3, whichever is on the PATH, and adds its \
            environments, profiles, keys and logins to the store. Existing profiles are kept; the database is not changed.",
        node: Node::Leaf {
            id: Id::AuthImport,
            args: &[],
            options: &[&FROM, &DRY_RUN, &IMPORT_OUTPUT],
            examples: &[
                example("llamactl auth import", "import everything"),
                example(
                    "llamactl auth import --dry-run -o json",
                    "show what would be imported",
                ),
            ],
        },
    },
    Command {
        name: "inject",
        about: "Write the profile's credentials into a .env file",
        details: "Sets LLAMA_CLOUD_API_KEY, LLAMA_CLOUD_BASE_URL and LLAMA_AGENTS_PROJECT_ID and leaves every other byte of \
            the file unchanged. Existing assignments are updated in place, missing ones are appended. A new file is readable by \
            its owner only.",
        node: Node::Leaf {
            id: Id::AuthInject,
            args: &[],
            options: &[&ENV_FILE, &CHECK, &ALSO, &PROFILE, &ENVIRONMENT],
            examples: &[
                example("llamactl auth inject", "write ./.env"),
                example(
                    "llamactl auth inject --env-file sub/dir/.env",
                    "write another file and create its directory",
                ),
                example(
                    "llamactl auth inject --also LLAMA_CLOUD_PROJECT_ID=project",
                    "set the project under another name, too",
                ),
                example(
                    "llamactl auth inject --check",
                    "exit 1 if .env is not up to date",
                ),
            ],
        },
    },
    Command {
        name: "status",
        about: "Show which credentials are in effect and whether they work",
        details: "Shows the environment, profile, project and key, where each comes from (an option, an environment variable, \
            the profile, a default) and what it shadows, and whether the server accepts the key. Exit codes: 0 accepted, 1 the \
            key has no such project, 3 the server cannot be reached, 4 rejected or not signed in.",
        node: Node::Leaf {
            id: Id::AuthStatus,
            args: &[],
            options: &[&PROFILE, &ENVIRONMENT, &PROJECT, &OFFLINE, &STATUS_OUTPUT],
            examples: &[
                example(
                    "llamactl auth status",
                    "which credentials are used, and do they work",
                ),
                example(
                    "llamactl auth status --offline -o json",
                    "which credentials would be used, without a request",
                ),
            ],
        },
    },
    Command {
        name: "exec",
        about: "Run a command with the credentials in its environment",
        details: "Sets LLAMA_CLOUD_API_KEY, LLAMA_CLOUD_BASE_URL and LLAMA_AGENTS_PROJECT_ID for the command only; nothing is \
            written to disk. Options must come before CMD; everything after it is passed to the command. Exits with the \
            command's exit code, 127 if it is not found, 126 if it cannot be run.",
        node: Node::Leaf {
            id: Id::AuthExec,
            args: &[COMMAND_LINE],
            options: &[&ALSO, &PROFILE, &ENVIRONMENT, &PROJECT],
            examples: &[example(
                "llamactl auth exec --profile work -- python app.py",
                "run with the credentials of the profile `work`",
            )],
        },
    },
    Command {
        name: "export",
        about: "Print the credentials for a shell, a file or a CI job",
        details: "The formats sh, fish and powershell are to be evaluated by that shell; dotenv and json are for files. github \
            masks the key in the job's log and appends to the file named by GITHUB_ENV.",
        node: Node::Leaf {
            id: Id::AuthExport,
            args: &[],
            options: &[&EXPORT_FORMAT, &ALSO, &PROFILE, &ENVIRONMENT, &PROJECT],
            examples: &[
                example(
                    "llamactl auth export",
                    "in a shell: eval \"$(llamactl auth export)\"",
                ),
                example(
                    "llamactl auth export --format fish",
                    "in fish: llamactl auth export --format fish | source",
                ),
            ],
        },
    },
    Command {
        name: "print-key",
        about: "Print the API key in effect, for other tools",
        details: "Prints the key that other commands would use, from the environment variables or the profile, and nothing else. \
            With --header it prints an HTTP header, which keeps the key out of the process list:\n\n\
            llamactl auth print-key --header | curl -H @- https://llama.example.com/api",
        node: Node::Leaf {
            id: Id::AuthPrintKey,
            args: &[],
            options: &[&HEADER, &PROFILE, &ENVIRONMENT],
            examples: &[
                example("llamactl auth print-key", "only the key"),
                example(
                    "llamactl auth print-key --header | curl -H @- https://llama.example.com/api",
                    "send a request with curl",
                ),
            ],
        },
    },
];

const DEPLOYMENTS: &[Command] = &[
    Command {
        name: "get",
        about: "List the deployments of the project, or show one",
        details: "",
        node: Node::Leaf {
            id: Id::DeploymentsGet,
            args: &[Arg {
                required: false,
                ..DEPLOYMENT
            }],
            options: &[&PROJECT, &PROFILE, &ENVIRONMENT, &DEPLOYMENTS_OUTPUT],
            examples: &[
                example("llamactl deployments get", "all of them, as a table"),
                example(
                    "llamactl deployments get my-app -o yaml",
                    "one deployment with all fields",
                ),
            ],
        },
    },
    Command {
        name: "history",
        about: "List the releases of a deployment",
        details: "",
        node: Node::Leaf {
            id: Id::DeploymentsHistory,
            args: &[DEPLOYMENT],
            options: &[&PROJECT, &PROFILE, &ENVIRONMENT, &HISTORY_OUTPUT],
            examples: &[example(
                "llamactl deployments history my-app",
                "newest first",
            )],
        },
    },
    Command {
        name: "logs",
        about: "Print the logs of a deployment",
        details: "",
        node: Node::Leaf {
            id: Id::DeploymentsLogs,
            args: &[DEPLOYMENT],
            options: &[
                &FOLLOW,
                &TAIL,
                &SINCE_SECONDS,
                &INIT_CONTAINERS,
                &JSON_LINES,
                &PROJECT,
                &PROFILE,
                &ENVIRONMENT,
            ],
            examples: &[
                example("llamactl deployments logs my-app --follow", "until Ctrl-C"),
                example(
                    "llamactl deployments logs my-app --since-seconds 600 --json",
                    "the last ten minutes, for a script",
                ),
            ],
        },
    },
    Command {
        name: "update",
        about: "Deploy the latest commit of a Git reference",
        details: "Prints the old and the new commit, or `no changes`. A deployment whose code is pushed to the control plane \
            is redeployed from what was pushed last; this command does not push.",
        node: Node::Leaf {
            id: Id::DeploymentsUpdate,
            args: &[DEPLOYMENT],
            options: &[&GIT_REF, &WAIT, &TIMEOUT, &PROJECT, &PROFILE, &ENVIRONMENT],
            examples: &[
                example(
                    "llamactl deployments update my-app",
                    "the latest commit of its branch",
                ),
                example(
                    "llamactl deployments update my-app --git-ref v1.2.0 --wait",
                    "in a pipeline: fails if the deployment does",
                ),
            ],
        },
    },
    Command {
        name: "suspend",
        about: "Stop a deployment until it is resumed",
        details: "",
        node: Node::Leaf {
            id: Id::DeploymentsSuspend,
            args: &[DEPLOYMENT],
            options: &[&PROJECT, &PROFILE, &ENVIRONMENT],
            examples: &[example(
                "llamactl deployments suspend my-app",
                "scale it to zero",
            )],
        },
    },
    Command {
        name: "resume",
        about: "Start a suspended deployment again",
        details: "",
        node: Node::Leaf {
            id: Id::DeploymentsResume,
            args: &[DEPLOYMENT],
            options: &[&WAIT, &TIMEOUT, &PROJECT, &PROFILE, &ENVIRONMENT],
            examples: &[example(
                "llamactl deployments resume my-app --wait",
                "until it runs",
            )],
        },
    },
    Command {
        name: "wait",
        about: "Wait until a deployment is running or has failed",
        details: "Exits with 0 if it is running, 1 if it failed, is suspended or was deleted, and 3 if neither happened in \
            time. The final phase is printed on standard output, the phases before it on standard error. After a change \
            made with `--wait`, a final phase counts once another phase or commit was seen, or after 30 seconds: the \
            server does not say which change a phase belongs to.",
        node: Node::Leaf {
            id: Id::DeploymentsWait,
            args: &[DEPLOYMENT],
            options: &[&TIMEOUT, &PROJECT, &PROFILE, &ENVIRONMENT],
            examples: &[
                example(
                    "llamactl deployments wait my-app --timeout 300",
                    "five minutes",
                ),
                example("llamactl deployments wait my-app --timeout 0", "check once"),
            ],
        },
    },
    Command {
        name: "rollback",
        about: "Return a deployment to an earlier commit",
        details: "On a terminal, without --git-sha, choose from the release history.",
        node: Node::Leaf {
            id: Id::DeploymentsRollback,
            args: &[DEPLOYMENT],
            options: &[&GIT_SHA, &WAIT, &TIMEOUT, &PROJECT, &PROFILE, &ENVIRONMENT],
            examples: &[example(
                "llamactl deployments rollback my-app --git-sha 1a2b3c4",
                "`deployments history` lists the commits",
            )],
        },
    },
    Command {
        name: "delete",
        about: "Delete a deployment",
        details: "Asks for confirmation on a terminal; elsewhere `--yes` is required.",
        node: Node::Leaf {
            id: Id::DeploymentsDelete,
            args: &[DEPLOYMENT],
            options: &[&YES, &PROJECT, &PROFILE, &ENVIRONMENT],
            examples: &[example(
                "llamactl deployments delete my-app --yes",
                "in a script",
            )],
        },
    },
];

const ENVIRONMENTS: &[Command] = &[
    Command {
        name: "get",
        about: "List the environments, or show one",
        details: "",
        node: Node::Leaf {
            id: Id::EnvironmentsGet,
            args: &[STORED_URL],
            options: &[&ENVIRONMENTS_OUTPUT],
            examples: &[example(
                "llamactl environments get",
                "all of them, as a table",
            )],
        },
    },
    Command {
        name: "add",
        about: "Add a control plane and make it the current environment",
        details: "Requests the server's version and stores whether it requires authentication. Nothing is stored if it does \
            not respond as a control plane does.\n\n\
            With --no-verify, for images that are built offline, the server is not contacted: the first command that does \
            corrects what was assumed. A stored --ca-file is kept if the environment is added again without the option.",
        node: Node::Leaf {
            id: Id::EnvironmentsAdd,
            args: &[NEW_URL],
            options: &[&CA_FILE, &NO_CA_FILE, &NO_VERIFY_ENVIRONMENT, &NO_AUTH],
            examples: &[
                example(
                    "llamactl environments add https://llama.example.com",
                    "use a self-hosted control plane",
                ),
                example(
                    "llamactl environments add https://llama.example.com --ca-file ca.pem",
                    "behind a private CA",
                ),
                example(
                    "llamactl environments add https://llama.example.com --no-verify",
                    "while building an image",
                ),
            ],
        },
    },
    Command {
        name: "use",
        about: "Make an environment the current one",
        details: "Does not contact the server. Each environment has its own current profile. Without URL, choose from a list \
            on a terminal.",
        node: Node::Leaf {
            id: Id::EnvironmentsUse,
            args: &[STORED_URL],
            options: &[],
            examples: &[example(
                "llamactl environments use https://api.cloud.llamaindex.ai",
                "back to LlamaCloud",
            )],
        },
    },
    Command {
        name: "delete",
        about: "Delete an environment and its profiles",
        details: "Revokes what `auth login` created, as `auth logout` does. After deleting the current environment, LlamaCloud \
            is current. LlamaCloud itself cannot be removed; deleting it removes its profiles.",
        node: Node::Leaf {
            id: Id::EnvironmentsDelete,
            args: &[STORED_URL],
            options: &[],
            examples: &[example(
                "llamactl environments delete https://llama.example.com",
                "delete it and its profiles",
            )],
        },
    },
];

const PROJECTS: &[Command] = &[
    Command {
        name: "get",
        about: "List the projects of all organizations, or show one",
        details: "",
        node: Node::Leaf {
            id: Id::ProjectsGet,
            args: &[PROJECT_ID],
            options: &[&ORG, &PROFILE, &ENVIRONMENT, &PROJECTS_OUTPUT],
            examples: &[
                example("llamactl projects get", "all of them, as a table"),
                example(
                    "llamactl projects get --org org-id -o json",
                    "one organization's, for a script",
                ),
            ],
        },
    },
    Command {
        name: "use",
        about: "Change the project of the current profile",
        details: "Checks on the server that the project exists. Without ID, choose from a list on a terminal.",
        node: Node::Leaf {
            id: Id::ProjectsUse,
            args: &[PROJECT_ID],
            options: &[&ORG, &PROFILE, &ENVIRONMENT],
            examples: &[example(
                "llamactl projects use your-project-id",
                "use that project from now on",
            )],
        },
    },
];

const ORGANIZATIONS: &[Command] = &[Command {
    name: "get",
    about: "List the organizations",
    details: "",
    node: Node::Leaf {
        id: Id::OrganizationsGet,
        args: &[],
        options: &[&PROFILE, &ENVIRONMENT, &ORGANIZATIONS_OUTPUT],
        examples: &[example(
            "llamactl organizations get",
            "all of them, as a table",
        )],
    },
}];

const COMPLETION: &[Command] = &[
    Command {
        name: "bash",
        about: "Print the completions for bash",
        details: "For bash 3.2 and later, with the bash-completion package or without it.",
        node: Node::Leaf {
            id: Id::CompletionBash,
            args: &[],
            options: &[],
            examples: &[example(
                "llamactl completion bash",
                "in ~/.bashrc: eval \"$(llamactl completion bash)\"",
            )],
        },
    },
    Command {
        name: "zsh",
        about: "Print the completions for zsh",
        details: "",
        node: Node::Leaf {
            id: Id::CompletionZsh,
            args: &[],
            options: &[],
            examples: &[example(
                "llamactl completion zsh",
                "in ~/.zshrc, after compinit: eval \"$(llamactl completion zsh)\"",
            )],
        },
    },
    Command {
        name: "fish",
        about: "Print the completions for fish",
        details: "",
        node: Node::Leaf {
            id: Id::CompletionFish,
            args: &[],
            options: &[],
            examples: &[example(
                "llamactl completion fish",
                "in config.fish: llamactl completion fish | source",
            )],
        },
    },
    Command {
        name: "generate",
        about: "Print the completions for a shell",
        details: "",
        node: Node::Leaf {
            id: Id::CompletionGenerate,
            args: &[Arg {
                required: true,
                ..SHELL
            }],
            options: &[],
            examples: &[example(
                "llamactl completion generate zsh",
                "same as `llamactl completion zsh`",
            )],
        },
    },
    Command {
        name: "install",
        about: "Install the completions for a shell",
        details: "Writes the script to the directory where the shell looks for completions. Without SHELL, uses the environment \
            variable SHELL. If the shell's start-up file needs a line to find the script, prints that line; the start-up file \
            itself is not changed.",
        node: Node::Leaf {
            id: Id::CompletionInstall,
            args: &[SHELL],
            options: &[&SHELL_OPTION, &DRY_RUN],
            examples: &[example(
                "llamactl completion install",
                "for the shell you use",
            )],
        },
    },
    Command {
        name: "names",
        about: "Print stored names of a kind, one per line; for completions",
        details: "",
        node: Node::Leaf {
            id: Id::CompletionNames,
            args: &[KIND],
            options: &[],
            examples: &[example(
                "llamactl completion names profiles",
                "those of the current environment",
            )],
        },
    },
];

/// The hint for commands of the Python tool that need Python.
const PYTHON_ONLY: &str =
    "it needs Python; run it from the package: `uvx --from llamactl==0.10.4 llamactl ...`";

/// The root of the table.
pub static PROGRAM: Command = Command {
    name: "llamactl",
    about: "Sign in to LlamaCloud or a self-hosted control plane and pass the credentials on",
    details: "A profile holds an API key and a project within one environment (a control plane, identified by its URL). In CI, \
        the environment variables LLAMA_CLOUD_API_KEY and LLAMA_AGENTS_PROJECT_ID replace a profile.",
    node: Node::Group {
        commands: &[
            Command {
                name: "auth",
                about: "Sign in, and manage profiles and their credentials",
                details: "",
                node: Node::Group {
                    commands: AUTH,
                    aliases: &[],
                    moved: &[
                        moved("list", "use `llamactl auth get`"),
                        moved("switch", "use `llamactl auth use`"),
                        moved("env", "use `llamactl environments get`"),
                        moved(
                            "project",
                            "use `llamactl projects get` or `llamactl projects use`",
                        ),
                        moved("organizations", "use `llamactl organizations get`"),
                        moved("destroy", "use `llamactl auth logout --all`"),
                        moved(
                            "show-db",
                            "profiles are in profiles.json, in LLAMACTL_CONFIG_DIR or else in ~/.config/llamactl",
                        ),
                    ],
                },
            },
            Command {
                name: "environments",
                about: "Manage environments (control planes)",
                details: "",
                node: Node::Group {
                    commands: ENVIRONMENTS,
                    aliases: &[],
                    moved: &[],
                },
            },
            Command {
                name: "projects",
                about: "List projects and choose one",
                details: "",
                node: Node::Group {
                    commands: PROJECTS,
                    aliases: &[],
                    moved: &[],
                },
            },
            Command {
                name: "organizations",
                about: "List organizations",
                details: "",
                node: Node::Group {
                    commands: ORGANIZATIONS,
                    aliases: &[],
                    moved: &[],
                },
            },
            Command {
                name: "deployments",
                about: "Inspect, update and manage deployments",
                details: "Creating deployments and editing their configuration needs the Python tool.",
                node: Node::Group {
                    commands: DEPLOYMENTS,
                    aliases: &[("list", "get")],
                    moved: &[
                        moved("create", PYTHON_ONLY),
                        moved("apply", PYTHON_ONLY),
                        moved("edit", PYTHON_ONLY),
                        moved("template", PYTHON_ONLY),
                        moved("configure-git-remote", PYTHON_ONLY),
                    ],
                },
            },
            Command {
                name: "config",
                about: "Show the current environment, profile and project",
                details: "Does not contact the server. The project's name is the last known one.",
                node: Node::Leaf {
                    id: Id::Config,
                    args: &[],
                    options: &[&CONFIG_OUTPUT, &ENVIRONMENT],
                    examples: &[example("llamactl config -o json", "for a script")],
                },
            },
            Command {
                name: "completion",
                about: "Shell completion of commands, options and names",
                details: "",
                node: Node::Group {
                    commands: COMPLETION,
                    aliases: &[],
                    moved: &[],
                },
            },
        ],
        aliases: &[],
        moved: &[
            moved("init", PYTHON_ONLY),
            moved("serve", PYTHON_ONLY),
            moved("dev", PYTHON_ONLY),
            moved("pkg", PYTHON_ONLY),
            moved("agentcore", PYTHON_ONLY),
        ],
    },
};
