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
        details: "The key is checked by listing the projects that it can see; then the profile is stored and made current. \
            On a terminal, what is not given is asked for: the key without showing it, the project from a list. If the server \
            can't be reached the profile is stored all the same, with a warning.\n\n\
            The same key again updates its profile. An environment that needs no key takes `--project` alone.",
        node: Node::Leaf {
            id: Id::AuthToken,
            args: &[],
            options: &[&TOKEN_PROJECT, &API_KEY, &API_KEY_FILE, &NAME, &NO_VERIFY],
            examples: &[
                example("llamactl auth token", "ask for everything"),
                example(
                    "llamactl auth token --api-key llx-... --project your-project-id",
                    "ask nothing",
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
        details: "Shows an address and a code, starts a browser there where this machine has one (BROWSER names another), and \
            waits until the login is approved. The browser may be on another device. Then it makes an API key of its own on the \
            server, stores the profile and makes it current. On a terminal, a choice of projects is asked for.\n\n\
            Nothing is stored before all of it worked. Logging in again as the same user updates the profile and keeps its key. \
            No browser is started over SSH, without a display, in CI or without a terminal.",
        node: Node::Leaf {
            id: Id::AuthLogin,
            args: &[],
            options: &[&TOKEN_PROJECT, &LOGIN_ORG, &LOGIN_NAME, &NO_BROWSER],
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
            options: &[&OUTPUT],
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
            options: &[],
            examples: &[example(
                "llamactl auth use work",
                "work as `work` from now on",
            )],
        },
    },
    Command {
        name: "logout",
        about: "Delete a profile and its credentials",
        details: "What `auth login` made is taken back first: the API key is deleted on the server, and the login is ended at \
            its provider. If the server can't be reached, the profile goes all the same, and a warning names the key that is \
            still good. A key that was made elsewhere and given to `auth token` stays valid on the server.\n\n\
            If it was the current profile, no profile is current afterwards. Without NAME, choose from a list on a terminal.",
        node: Node::Leaf {
            id: Id::AuthLogout,
            args: &[PROFILE_NAME],
            options: &[&ALL],
            examples: &[
                example("llamactl auth logout work", "forget the profile `work`"),
                example(
                    "llamactl auth logout --all",
                    "forget every profile of the current environment",
                ),
            ],
        },
    },
    Command {
        name: "me",
        about: "Show who logged in, as the login's provider says it",
        details: "Prints the claims of the id token of a profile that `auth login` made, as JSON. Its signature is checked \
            against the provider's keys; one that has expired is refreshed first.",
        node: Node::Leaf {
            id: Id::AuthMe,
            args: &[],
            options: &[&PROFILE],
            examples: &[example(
                "llamactl auth me",
                "the claims of the current profile's login",
            )],
        },
    },
    Command {
        name: "import",
        about: "Take over the profiles of the Python tool",
        details: "Reads the Python tool's profiles.db with python3 or sqlite3, whichever is on the PATH, and adds its \
            environments, profiles, keys and logins to those here. What is here already stays as it is; nothing of the \
            Python tool's is changed.",
        node: Node::Leaf {
            id: Id::AuthImport,
            args: &[],
            options: &[&FROM, &DRY_RUN, &OUTPUT],
            examples: &[
                example("llamactl auth import", "take over everything"),
                example(
                    "llamactl auth import --dry-run -o json",
                    "see what would come",
                ),
            ],
        },
    },
    Command {
        name: "inject",
        about: "Write the profile's credentials into a .env file",
        details: "Sets LLAMA_CLOUD_API_KEY, LLAMA_CLOUD_BASE_URL and LLAMA_AGENTS_PROJECT_ID and leaves every other byte of \
            the file as it was. Existing assignments keep their place, missing ones go to the end. A new file can be read by \
            its owner only.",
        node: Node::Leaf {
            id: Id::AuthInject,
            args: &[],
            options: &[&ENV_FILE, &CHECK, &PROFILE],
            examples: &[
                example("llamactl auth inject", "write ./.env"),
                example(
                    "llamactl auth inject --env-file sub/dir/.env",
                    "write another file, making its directory",
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
        about: "Show who is signed in, from where, and whether it works",
        details: "Says of the environment, the profile, the project and the key where each comes from (an option, a variable, \
            the profile, a default) and what it shadows, and asks the server whether it accepts the key. Exit code: 0 \
            accepted, 1 the project is not among those of the key, 3 the server can't be reached, 4 rejected or signed out.",
        node: Node::Leaf {
            id: Id::AuthStatus,
            args: &[],
            options: &[&PROFILE, &PROJECT, &OFFLINE, &OUTPUT],
            examples: &[
                example("llamactl auth status", "who am I, and does it work"),
                example(
                    "llamactl auth status --offline -o json",
                    "what would be used, without a request",
                ),
            ],
        },
    },
    Command {
        name: "exec",
        about: "Run a command with the credentials in its environment",
        details: "Sets LLAMA_CLOUD_API_KEY, LLAMA_CLOUD_BASE_URL and LLAMA_AGENTS_PROJECT_ID for the command alone; nothing is \
            written. The exit code is the command's; 127 if it is not found, 126 if it can't be run.",
        node: Node::Leaf {
            id: Id::AuthExec,
            args: &[COMMAND_LINE],
            options: &[&PROFILE, &PROJECT],
            examples: &[example(
                "llamactl auth exec --profile work -- python app.py",
                "run it as `work`",
            )],
        },
    },
    Command {
        name: "export",
        about: "Print the credentials for a shell, a file or a CI job",
        details: "The formats sh, fish and powershell are for that shell's eval; dotenv and json for a file. github masks the \
            key in the job's log and appends to the file named by GITHUB_ENV.",
        node: Node::Leaf {
            id: Id::AuthExport,
            args: &[],
            options: &[&EXPORT_FORMAT, &PROFILE, &PROJECT],
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
            options: &[&PROJECT, &PROFILE, &WIDE_OUTPUT],
            examples: &[
                example("llamactl deployments get", "all of them, as a table"),
                example("llamactl deployments get my-app -o yaml", "all about one"),
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
            options: &[&PROJECT, &PROFILE, &WIDE_OUTPUT],
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
            options: &[&GIT_REF, &WAIT, &TIMEOUT, &PROJECT, &PROFILE],
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
            options: &[&PROJECT, &PROFILE],
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
            options: &[&WAIT, &TIMEOUT, &PROJECT, &PROFILE],
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
            options: &[&TIMEOUT, &PROJECT, &PROFILE],
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
            options: &[&GIT_SHA, &WAIT, &TIMEOUT, &PROJECT, &PROFILE],
            examples: &[example(
                "llamactl deployments rollback my-app --git-sha 1a2b3c4",
                "`deployments history` lists the commits",
            )],
        },
    },
    Command {
        name: "delete",
        about: "Delete a deployment",
        details: "Asks before it does so on a terminal; elsewhere --yes is needed.",
        node: Node::Leaf {
            id: Id::DeploymentsDelete,
            args: &[DEPLOYMENT],
            options: &[&YES, &PROJECT, &PROFILE],
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
            options: &[&OUTPUT],
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
            corrects what was assumed.",
        node: Node::Leaf {
            id: Id::EnvironmentsAdd,
            args: &[NEW_URL],
            options: &[&NO_VERIFY_ENVIRONMENT, &NO_AUTH],
            examples: &[
                example(
                    "llamactl environments add https://llama.example.com",
                    "work with a self-hosted control plane",
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
        details: "Asks no server. Each environment remembers its own current profile. Without URL, choose from a list on a \
            terminal.",
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
        details: "After deleting the current environment, LlamaCloud is the current one. LlamaCloud itself always stays in \
            the list; deleting it removes its profiles.",
        node: Node::Leaf {
            id: Id::EnvironmentsDelete,
            args: &[STORED_URL],
            options: &[],
            examples: &[example(
                "llamactl environments delete https://llama.example.com",
                "forget it and its profiles",
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
            options: &[&ORG, &PROFILE, &OUTPUT],
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
        about: "Make a project the one that the current profile works on",
        details: "The server is asked whether the project exists. Without ID, choose from a list on a terminal.",
        node: Node::Leaf {
            id: Id::ProjectsUse,
            args: &[PROJECT_ID],
            options: &[&ORG, &PROFILE],
            examples: &[example(
                "llamactl projects use your-project-id",
                "work on that project from now on",
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
        options: &[&PROFILE, &OUTPUT],
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
                "the same as `llamactl completion zsh`",
            )],
        },
    },
    Command {
        name: "install",
        about: "Write the completions to where a shell looks for them",
        details: "Without SHELL, the one that the variable SHELL names. Says which file was written, and which line a shell \
            needs to find it, where it needs one; that line is not written for you.",
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
        about: "Print the stored names of a kind, one a line; for completions",
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
    about: "Sign in to LlamaCloud or a self-hosted control plane, and hand the credentials on",
    details: "A profile holds an API key and a project inside one environment (a control plane, named by its address). In CI, \
        LLAMA_CLOUD_API_KEY and LLAMA_AGENTS_PROJECT_ID do without a profile.",
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
                about: "Manage the control planes to work with",
                details: "",
                node: Node::Group {
                    commands: ENVIRONMENTS,
                    aliases: &[],
                    moved: &[],
                },
            },
            Command {
                name: "projects",
                about: "Look at projects and choose one",
                details: "",
                node: Node::Group {
                    commands: PROJECTS,
                    aliases: &[],
                    moved: &[],
                },
            },
            Command {
                name: "organizations",
                about: "Look at organizations",
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
                details: "Asks no server. The project's name is the one last seen.",
                node: Node::Leaf {
                    id: Id::Config,
                    args: &[],
                    options: &[&OUTPUT],
                    examples: &[example("llamactl config -o json", "for a script")],
                },
            },
            Command {
                name: "completion",
                about: "Complete commands, options and names in a shell",
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
