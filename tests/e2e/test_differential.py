"""The same command lines for the Python tool (`llamactl==0.10.4`) and for this one, against the same servers.

A session is a list of lines in one home, for each tool its own. Of every line these are compared: the exit code; what
is on stdout (parsed, where it is JSON or YAML); the requests that the server saw, with query, body and whether a key
came along; the files in the working directory (`.env` as python-dotenv reads it). What goes to stderr is for people, and
is not compared.

Where the two differ, `DIFFERENCES` says so and why; the README's "Coming from the Python tool" is that table in words.
A difference that is not in the table fails the test, and so does a row of the table that does not differ any more.
"""

import json
import pathlib
import sys
from dataclasses import dataclass, field

import pytest
import yaml
from dotenv import dotenv_values
from llama_agents.cli.commands.auth import AuthGroup

from support.cli import Cli
from support.control_plane import SHAS, log_events

KEY = "llx-0123456789abcdefghijklmnopqrstuv"
OTHER = "llx-zyxwvutsrqponmlkjihgfedcba987654"
WRONG = "llx-nobody-ever-made-this-one-123456"
NAME = "llx-01****stuv"
OTHER_NAME = "llx-zy****7654"
KEYS = (KEY, OTHER, WRONG)


@dataclass
class Session:
    """Lines in order; one that stands there twice is called `line #2` from then on.

    `{…}` is filled in: `url`, `open` (asks for no key), `old` (has no organizations), `dead`.
    """

    lines: list
    before: list = field(default_factory=list)  # run by both, and not compared
    variables: dict = field(default_factory=dict)
    files: dict = field(default_factory=dict)

    def labels(self):
        """The lines as the table calls them."""
        before = [self.lines[:number].count(line) for number, line in enumerate(self.lines)]
        return [f"{line} #{count + 1}" if count else line for line, count in zip(self.lines, before)]


@dataclass
class Difference:
    """A row of the table: where, in what respect, and why. `codes` pins the exit codes, theirs and ours."""

    why: str
    where: dict  # session: its lines
    exit: tuple = None
    also: tuple = ()  # stdout, requests, files


SIGNED_IN = ["environments add {url}", f"auth token --api-key {KEY} --project prj-alpha"]
PAIR = {"LLAMA_CLOUD_API_KEY": KEY, "LLAMA_AGENTS_PROJECT_ID": "prj-alpha", "LLAMA_CLOUD_BASE_URL": "{url}"}

SESSIONS = {
    "a new home": Session(
        [
            "auth get",
            "auth get -o json",
            "auth get -o yaml",
            "auth get nobody",
            "auth use",
            "auth use nobody",
            "auth logout",
            "auth logout nobody",
            "auth inject",
            "--native-tls auth get -o json",
            "environments get",
            "environments get -o json",
            "environments get -o YAML",
            "config",
            "conf -o json",
            "projects get",
            "projects use prj-alpha",
            "deployments get",
            "auth get --log-level INFO",
        ]
    ),
    "environments": Session(
        [
            "environments add {url}/",
            "environments get -o json",
            "environments get {url} -o yaml",
            "environments get {url}/ -o json",
            "environments get http://nowhere",
            "environments add",
            "environments add {dead}",
            "environments add ftp://nowhere",
            "environments add {open}",
            "env get",
            "env get {open} -o json",
            "environments use {url}",
            "environments use",
            "environments use http://nowhere",
            "config -o json",
            "environments delete {open}",
            "environments delete {open}",
            "environments delete",
            "environments get -o json",
        ]
    ),
    "an API key": Session(
        [
            "auth token",
            f"auth token --api-key {KEY}",
            "auth token --project prj-alpha",
            f"auth token --api-key {KEY} --project prj-alpha",
            "auth get",
            "auth get -o json",
            f"auth get {NAME} -o yaml",
            f"auth token --api-key={OTHER} --project-id prj-beta",
            "auth get -o json",
            f"auth use {NAME}",
            "auth get -o yaml",
            "auth use nobody",
            "config -o json",
            "config",
            "--version",
            f"auth logout {NAME}",
            "auth get -o json",
            "auth inject",
        ],
        before=["environments add {url}"],
    ),
    "the order of profiles": Session(
        ["auth get -o json"],
        before=["environments add {url}", *(f"auth token --api-key {key} --project prj-alpha" for key in (OTHER, KEY))],
    ),
    "the same key twice": Session([f"auth token --api-key {KEY} --project prj-alpha"], before=SIGNED_IN),
    "a wrong key": Session(
        [f"auth token --api-key {WRONG} --project prj-alpha", "auth get -o json"], before=["environments add {url}"]
    ),
    "a project that is not there": Session(
        [f"auth token --api-key {KEY} --project nowhere"], before=["environments add {url}"]
    ),
    "an environment without keys": Session(
        ["auth token --project prj-alpha", "auth get -o json", "auth inject"], before=["environments add {open}"]
    ),
    "old names": Session(
        [
            "auth list",
            "auth switch",
            "auth env",
            "auth env list",
            "auth project",
            "auth organizations",
            "auth destroy",
            "auth show-db",
            "auth nosuch",
            "nosuch",
            "auth get --nosuch",
            "auth get -o xml",
            "auth get a b",
            "auth",
            "environments",
            "projects",
            "deployments",
            "deployments template",
            "--help",
            "config show-db",
            "config destroy",
        ]
    ),
    "env files": Session(
        [
            "auth inject",
            "auth inject",
            "auth inject --env-file sub/dir/.env",
            "auth inject --env-file full.env",
            "auth inject --env-file multi.env",
            "auth inject --env-file sub",
        ],
        before=SIGNED_IN,
        files={
            "full.env": "# mine\nA=1\nexport LLAMA_CLOUD_API_KEY='old' # the key\nB=\"x y\"\nLLAMA_CLOUD_BASE_URL=old\n",
            "multi.env": "TEXT='one\nLLAMA_CLOUD_API_KEY=not-ours\n'\nLLAMA_AGENTS_PROJECT_ID=old\n",
        },
    ),
    "projects": Session(
        [
            "projects get",
            "projects get -o json",
            "projects get --org org-main",
            "projects get --org org-lab -o json",
            "projects get --org nowhere -o json",
            "projects get prj-lab -o json",
            "projects get prj-lab --org org-main",
            "projects get nowhere",
            "proj get --org org-main -o yaml",
            "projects use prj-beta",
            "auth get -o json",
            "projects use prj-beta",
            "projects use nowhere",
            "projects use prj-lab --org org-main",
            "projects use",
            "projects use prj-lab --org org-lab",
            "auth inject",
        ],
        before=SIGNED_IN,
    ),
    "organizations": Session(
        ["organizations get", "organizations get -o json", "org get -o yaml"],
        before=SIGNED_IN,
    ),
    "a server without organizations": Session(
        ["organizations get", "organizations get -o json", "projects get -o json", "projects get"],
        before=["environments add {old}", f"auth token --api-key {KEY} --project prj-alpha"],
    ),
    "deployments": Session(
        [
            "deployments get",
            "deployments get -o json",
            "deployments get -o yaml",
            "deployments get -o wide",
            "deployments get chat",
            "deployments get chat -o json",
            "deployments get chat -o wide",
            "deployments get chat -o template",
            "deployments get nosuch",
            "deployments get --project prj-beta -o json",
            "deployments get --project prj-lab",
            "deployments get --project prj-lab -o json",
            "deployments list",
            "dep list -o json",
            "deployments history chat",
            "deployments history chat -o json",
            "deployments history chat -o yaml",
            "deployments history chat -o wide",
            "deployments history nosuch",
            "deployments history",
            "deployments logs chat",
            "deployments logs chat --json",
            "deployments logs chat --tail 2",
            "deployments logs chat --since-seconds 60 --include-init-containers",
            "deployments logs chat --tail 0",
            "deployments logs nosuch",
            "deployments rollback chat",
            f"deployments rollback chat --git-sha {SHAS[1]}",
            "deployments rollback chat --git-sha never-released",
            "deployments rollback nosuch --git-sha abc",
            "deployments update chat",
            "deployments update chat --git-ref nosuch",
            "deployments update nosuch",
            "deployments delete chat",
            "deployments delete nosuch",
        ],
        before=SIGNED_IN,
    ),
    "variables": Session(
        [
            "deployments get -o json",
            "deployments get --project prj-beta -o json",
            "projects get --org org-main -o json",
            "organizations get -o json",
            "config -o json",
            "auth get -o json",
        ],
        before=["environments add {url}"],
        variables=PAIR,
    ),
    "variables over a profile": Session(
        ["deployments get -o json", "auth get -o json", "auth inject"],
        before=["environments add {url}", f"auth token --api-key {OTHER} --project prj-beta"],
        variables=PAIR,
    ),
    "the profile over variables": Session(
        ["deployments get -o json"],
        before=["environments add {url}", f"auth token --api-key {OTHER} --project prj-beta"],
        variables={**PAIR, "LLAMA_CLOUD_USE_PROFILE": "yes"},
    ),
    "the profile over variables, t": Session(
        ["deployments get -o json"],
        before=["environments add {url}", f"auth token --api-key {OTHER} --project prj-beta"],
        variables={**PAIR, "LLAMA_CLOUD_USE_PROFILE": "t"},
    ),
    "variables over a profile, off": Session(
        ["deployments get -o json"],
        before=["environments add {url}", f"auth token --api-key {OTHER} --project prj-beta"],
        variables={**PAIR, "LLAMA_CLOUD_USE_PROFILE": "off"},
    ),
    "neither true nor false": Session(
        ["deployments get -o json"], before=SIGNED_IN, variables={**PAIR, "LLAMA_CLOUD_USE_PROFILE": "maybe"}
    ),
    "lower-case variables": Session(
        ["deployments get -o json"],
        before=["environments add {url}"],
        variables={name.lower(): value for name, value in PAIR.items()},
    ),
    "completion in a start-up file": Session([""], variables={"_LLAMACTL_COMPLETE": "bash_source"}),
    "the key alone": Session(
        ["deployments get -o json", "deployments get --project prj-alpha -o json"],
        before=["environments add {url}"],
        variables={**PAIR, "LLAMA_AGENTS_PROJECT_ID": ""},
    ),
    "the project alone": Session(
        ["deployments get -o json"], before=SIGNED_IN, variables={"LLAMA_AGENTS_PROJECT_ID": "prj-beta"}
    ),
}

TOKEN = f"auth token --api-key {KEY} --project prj-alpha"
TOKEN_OTHER = f"auth token --api-key={OTHER} --project-id prj-beta"
ROLLBACK = f"deployments rollback chat --git-sha {SHAS[1]}"
REQUESTED = ("stdout", "requests")

DIFFERENCES = [
    # -- exit codes: 1 is for all there; here a script can tell what went wrong --
    Difference(
        "A line that is used wrongly, or does not say what a person would be asked for, exits 2.",
        {
            "environments": ["environments add", "environments add ftp://nowhere", "environments use", "environments delete"],
            "an API key": ["auth token", "auth token --project prj-alpha"],
        },
        exit=(1, 2),
    ),
    Difference(
        "Names of old, and what only Python can do, are wrong use too; the hint says the new name.",
        {
            "old names": [
                "auth list",
                "auth switch",
                "auth env",
                "auth env list",
                "auth project",
                "auth organizations",
                "auth destroy",
                "auth show-db",
            ]
        },
        exit=(1, 2),
    ),
    Difference(
        "Without a profile or a key that could be used, the exit code is 4.",
        {
            "a new home": ["auth inject", "projects get", "projects use prj-alpha", "deployments get"],
            "an API key": ["auth inject"],
            "the key alone": ["deployments get -o json"],
        },
        exit=(1, 4),
    ),
    Difference("A server that can't be reached is 3.", {"environments": ["environments add {dead}"]}, exit=(1, 3)),
    Difference(
        "A profile that is not there can't be used: that fails.",
        {"a new home": ["auth use", "auth use nobody"]},
        exit=(0, 1),
    ),
    Difference(
        "What stands on the disk is no wrong use of the line.",
        {"env files": ["auth inject --env-file sub"]},
        exit=(2, 1),
    ),
    # -- keys and profiles --
    Difference(
        "A key is checked, and the project with it, before it is stored; --no-verify leaves that out.",
        {"an API key": [TOKEN, TOKEN_OTHER]},
        also=("requests",),
    ),
    Difference(
        "A key without a project takes the only project there is, or lists them.",
        {"an API key": [f"auth token --api-key {KEY}"]},
        exit=(1, 2),
        also=("requests",),
    ),
    Difference(
        "A key that the server refuses is not stored.",
        {"a wrong key": [f"auth token --api-key {WRONG} --project prj-alpha"]},
        exit=(0, 4),
        also=("requests",),
    ),
    Difference("And so there is no profile afterwards.", {"a wrong key": ["auth get -o json"]}, also=("stdout",)),
    Difference(
        "A project that the key can't see is refused.",
        {"a project that is not there": [f"auth token --api-key {KEY} --project nowhere"]},
        exit=(0, 1),
        also=("requests",),
    ),
    Difference(
        "The same key again updates its profile.",
        {"the same key twice": [TOKEN]},
        exit=(1, 0),
        also=("requests",),
    ),
    Difference(
        "Where no key is needed, a profile can be made without a terminal.",
        {"an environment without keys": ["auth token --project prj-alpha"]},
        exit=(1, 0),
        also=("requests",),
    ),
    Difference(
        "Projects name their organization.",
        {
            "projects": [
                "projects get --org org-lab -o json",
                "projects get prj-lab -o json",
                "proj get --org org-main -o yaml",
            ],
            "a server without organizations": ["projects get -o json"],
        },
        also=("stdout",),
    ),
    Difference(
        "That profile is there afterwards.",
        {"an environment without keys": ["auth get -o json"]},
        also=("stdout",),
    ),
    Difference(
        "Of such a profile the address and the project are written.",
        {"an environment without keys": ["auth inject"]},
        exit=(1, 0),
        also=("files",),
    ),
    # -- fewer requests --
    Difference(
        "Using an environment asks no server; `environments add` asks it again.",
        {"environments": ["environments use {url}"]},
        also=("requests",),
    ),
    Difference(
        "The configuration is shown without the network, the project's name as last seen.",
        {"an API key": ["config -o json", "config"]},
        also=("requests",),
    ),
    Difference(
        "The version is this program's own, and asks no server.",
        {"an API key": ["--version"]},
        also=REQUESTED,
    ),
    Difference(
        "Organizations are asked for at once, and what the server can do only where that fails.",
        {
            "organizations": ["organizations get", "organizations get -o json", "org get -o yaml"],
            "a server without organizations": ["organizations get", "organizations get -o json"],
        },
        also=("requests",),
    ),
    Difference(
        "All projects are listed, not only those of the default organization, and with one request.",
        {"projects": ["projects get", "projects get -o json"]},
        also=REQUESTED,
    ),
    Difference(
        "That is one request where there are no organizations, too.",
        {"a server without organizations": ["projects get -o json", "projects get"]},
        also=("requests",),
    ),
    Difference(
        "A project is looked for also where the profile works on it already: it may be gone.",
        {"projects": ["projects use prj-beta #2"]},
        also=("requests",),
    ),
    Difference(
        "Without a terminal the projects to choose from are those of all organizations.",
        {"projects": ["projects use"]},
        exit=(1, 2),
        also=("requests",),
    ),
    # -- deployments --
    Difference(
        "A deployment is deleted only with --yes where nobody can be asked.",
        {"deployments": ["deployments delete chat"]},
        exit=(0, 2),
        also=("requests",),
    ),
    Difference(
        "That is said before it is looked for.",
        {"deployments": ["deployments delete nosuch"]},
        exit=(1, 2),
        also=("requests",),
    ),
    Difference(
        "The name and the commit must be given; `deployments get` and `history` list them.",
        {"deployments": ["deployments history", "deployments rollback chat"]},
        exit=(1, 2),
        also=("requests",),
    ),
    Difference(
        "The body leaves out a tag that is null.",
        {
            "deployments": [
                ROLLBACK,
                "deployments rollback chat --git-sha never-released",
                "deployments rollback nosuch --git-sha abc",
            ]
        },
        also=("requests",),
    ),
    Difference(
        "The time of a log line stands as the server sent it (Z, not +00:00).",
        {"deployments": ["deployments logs chat", "deployments logs chat --tail 2"]},
        also=("stdout",),
    ),
    Difference(
        "Templates, and making and changing deployments from source, stay with the Python tool.",
        {"deployments": ["deployments get chat -o template"]},
        exit=(0, 2),
        also=REQUESTED,
    ),
    Difference("So does the template alone.", {"old names": ["deployments template"]}, exit=(0, 2), also=("stdout",)),
    # -- variables --
    Difference(
        "The variables count for all that is asked of a server, projects and organizations among it.",
        {"variables": ["projects get --org org-main -o json", "organizations get -o json"]},
        exit=(1, 0),
        also=REQUESTED,
    ),
    Difference(
        "The key alone is enough where the line says the project.",
        {"the key alone": ["deployments get --project prj-alpha -o json"]},
        exit=(1, 0),
        also=REQUESTED,
    ),
    Difference(
        "The names of variables are read as they are spelled here; there lower-case names count, too.",
        {"lower-case variables": ["deployments get -o json"]},
        exit=(0, 4),
        also=REQUESTED,
    ),
    Difference(
        "A variable that is neither true nor false is wrong use.",
        {"neither true nor false": ["deployments get -o json"]},
        exit=(1, 2),
    ),
    Difference(
        "The completion script is another one.",
        {"completion in a start-up file": [""]},
        also=("stdout",),
    ),
    Difference(
        "An update prints `old -> new` or `no changes` on stdout; its body has the fields that it changes and no others.",
        {"deployments": ["deployments update chat"]},
        also=REQUESTED,
    ),
    Difference(
        "As of every update, the body has the changed fields only.",
        {"deployments": ["deployments update chat --git-ref nosuch"]},
        also=("requests",),
    ),
    # -- what is printed --
    Difference(
        "The built-in environment stands first, then the others as they were added; there they are sorted.",
        {
            "environments": [
                "environments get -o json",
                "env get",
                "environments get -o json #2",
            ]
        },
        also=("stdout",),
    ),
    Difference(
        "Profiles stand as they were made; there they are sorted by name.",
        {"the order of profiles": ["auth get -o json"]},
        also=("stdout",),
    ),
    Difference(
        "A group alone prints its help on stdout and has done what was asked.",
        {"old names": ["auth", "environments", "projects", "deployments"]},
        exit=(2, 0),
        also=("stdout",),
    ),
    Difference("The help is another text.", {"old names": ["--help"]}, also=("stdout",)),
    Difference(
        "There is no database; `config` shows and does nothing else.",
        {"old names": ["config show-db", "config destroy"]},
        exit=(0, 2),
    ),
    Difference(
        "There is no log file; -v prints the requests.",
        {"a new home": ["auth get --log-level INFO"]},
        exit=(0, 2),
        also=("files",),
    ),
]


def differences(session):
    """The rows of the table for one session, as `{(line, respect): exit codes or None}`."""
    rows = {}
    for row in DIFFERENCES:
        for line in row.where.get(session, []):
            respects = [*(["exit"] if row.exit else []), *row.also]
            for respect in respects:
                assert (line, respect) not in rows, f"two rows for {line!r}"
                rows[line, respect] = row.exit if respect == "exit" else None
    return rows


# -- running --


@pytest.fixture
def tools(request, cli, tmp_path):
    """The Python tool and ours, each in a home of its own."""
    theirs = Cli(pathlib.Path(sys.executable).with_name("llamactl"), tmp_path / "theirs")
    for tool in (theirs, cli):
        # Nothing leaves this machine: the built-in environment is https, the control planes here are not.
        tool.environment["HTTPS_PROXY"] = "http://127.0.0.1:1"
    yield {"theirs": theirs, "ours": cli}
    theirs.close()


@pytest.fixture
def servers(start_control_plane):
    """Control planes by the names that lines use."""
    found = {
        "url": start_control_plane(),
        "open": start_control_plane(requires_auth=False),
        "old": start_control_plane(organizations=None),
        "dead": start_control_plane(),
    }
    found["dead"].close()
    for server in found.values():
        reset(server.world)
    return found


def reset(world):
    """As before the first line: what one tool changes must not be there for the other."""
    for held in (world.keys, world.deployments, world.history, world.logs):
        held.clear()
    for key in (KEY, OTHER):
        world.add_key(key)
    world.add_deployment("chat", secret_names=["OPENAI_API_KEY"], has_personal_access_token=True)
    world.add_deployment("extract", status="BuildFailed", git_sha=None, apiserver_url=None, warning="The build failed")
    world.add_deployment("elsewhere", project="prj-beta", repo_url="https://git.example.com/team/repo.git")
    world.logs["chat"] = lambda: log_events(5)


def parsed(line, text):
    words = line.lower().split()
    for parse, name in ((json.loads, "json"), (yaml.safe_load, "yaml")):
        if ("-o" in words and name in words) and text.strip():
            return parse(text)
    if "--json" in words:
        return [json.loads(row) for row in text.splitlines()]
    return text


def directory(path):
    """The files there; those for dotenv as it reads them."""
    return {
        str(file.relative_to(path)): dict(dotenv_values(file, interpolate=False))
        for file in sorted(path.rglob("*"))
        if file.is_file()
    }


def run(tool, line, filled, variables, servers):
    """What came of a line, respect by respect."""
    live = [server for name, server in servers.items() if name != "dead"]
    for server in live:
        server.take()
    answer = tool(*filled.split(), env=variables, shows_key=True)
    requests = [
        (server.url, request.line(), request.query, request.body, request.authorization)
        for server in live
        for request in server.take()
    ]
    return {
        "exit": answer.code,
        "stdout": parsed(line, answer.stdout),
        "requests": requests,
        "files": directory(tool.directory),
        "stderr": answer.stderr,
    }


def play(session, tool, servers):
    for server in servers.values():
        reset(server.world)
    urls = {name: server.url for name, server in servers.items()}
    for name, content in session.files.items():
        (tool.directory / name).write_text(content)
    for line in session.before:
        tool(*line.format(**urls).split(), shows_key=True).ok()
    variables = {name: value.format(**urls) for name, value in session.variables.items()}
    return [run(tool, line, line.format(**urls), variables, servers) for line in session.lines]


@pytest.mark.parametrize("name", SESSIONS)
def test_the_two_tools_differ_only_where_the_table_says_so(name, tools, servers):
    session = SESSIONS[name]
    theirs, ours = (play(session, tools[tool], servers) for tool in ("theirs", "ours"))
    found, told = {}, []
    for line, they, we in zip(session.labels(), theirs, ours, strict=True):
        for respect in ("exit", "stdout", "requests", "files"):
            if they[respect] != we[respect]:
                found[line, respect] = (they["exit"], we["exit"]) if respect == "exit" else None
                told.append(f"{line!r}: {respect}\n  theirs: {they[respect]}\n  ours:   {we[respect]}")
                if respect == "exit":
                    told.append(f"  theirs said: {they['stderr']}\n  ours said: {we['stderr']}")
    expected = differences(name)
    unexpected = {key: value for key, value in found.items() if expected.get(key, "none") != value}
    gone = [key for key in expected if key not in found]
    assert (unexpected, gone) == ({}, []), "\n".join(told)


def test_the_table_is_whole():
    lines = [line for session in SESSIONS.values() for line in session.lines]
    assert len(lines) >= 60
    for row in DIFFERENCES:
        assert row.why.endswith(".") and (row.exit or row.also), row
        for session, where in row.where.items():
            assert where and set(where) <= set(SESSIONS[session].labels()), row


def test_old_names_get_the_same_pointer(cli):
    """Where the name that it points to is gone with the database, what to do in its place."""
    instead = {"llamactl config destroy": "llamactl auth logout --all", "llamactl config show-db": "profiles.json"}
    for old, hint in AuthGroup._removed_command_hints.items():
        new = hint.split("`")[1]
        cli("auth", old).failed(2, "hint: ", instead.get(new, new))
