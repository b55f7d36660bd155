"""Signing in with an API key, keeping profiles, and writing `.env`: against the vendor's router."""

import pytest

from support.control_plane import LIST_PROJECTS, ORGANIZATIONS, VERSION
from support.readers import read_all

PROJECTS = [
    {"project_id": "prj-alpha", "project_name": "Alpha", "deployment_count": 1, "active": True, "org_id": "org-main"},
    {"project_id": "prj-beta", "project_name": "Beta über alles", "deployment_count": 0, "active": False, "org_id": "org-main"},
    {"project_id": "prj-lab", "project_name": "Experiments", "deployment_count": 0, "active": False, "org_id": "org-lab"},
]


def masked(key):
    return f"{key[:6]}****{key[-4:]}"


@pytest.fixture
def key(control_plane):
    """An API key that the control plane accepts."""
    return control_plane.world.add_key()


@pytest.fixture
def environment(cli, control_plane):
    """The control plane, added and current."""
    cli("environments", "add", control_plane.url).ok()
    control_plane.take()
    return control_plane


@pytest.fixture
def profile(cli, environment, key):
    """A profile made from the key, current."""
    cli("auth", "token", "--api-key", key, "--project", "prj-alpha").ok()
    environment.take()
    return masked(key)


def test_a_first_minute(cli, control_plane, key, modules):
    """The whole walk, as the README shows it to somebody new."""
    control_plane.world.add_deployment("chat")

    cli("environments", "add", control_plane.url + "/").ok()
    [probe] = control_plane.take()
    assert (probe.line(), probe.authorization) == (f"GET {VERSION}", None)
    built_in = {"api_url": "https://api.cloud.llamaindex.ai", "requires_auth": True, "active": False}
    added = {"api_url": control_plane.url, "requires_auth": True, "active": True}
    environments = cli("environments", "get", "-o", "json").ok().json()
    assert sorted(environments, key=lambda one: one["active"]) == [built_in, added]

    cli("auth", "token", "--api-key", key, "--project", "prj-alpha").ok()
    assert {(request.line(), request.authorization) for request in control_plane.take()} >= {
        (f"GET {LIST_PROJECTS}", f"Bearer {key}")
    }

    name = masked(key)
    expected = {
        "name": name,
        "api_url": control_plane.url,
        "project_id": "prj-alpha",
        "active": True,
        "auth_type": "token",
    }
    assert cli("auth", "get", "-o", "json").ok().json() == [expected]
    assert cli("auth", "get", "-o", "yaml").ok().yaml() == [expected]
    assert cli("auth", "get", name, "-o", "json").ok().json() == expected
    assert cli("auth", "get", name, "-o", "YAML").ok().yaml() == expected
    [row] = cli("auth", "get").ok().table()
    assert list(row) == ["NAME", "API_URL", "PROJECT_ID", "ACTIVE", "AUTH"]
    assert (row["NAME"], row["API_URL"], row["PROJECT_ID"], row["AUTH"]) == (
        name,
        control_plane.url,
        "prj-alpha",
        "token",
    )
    assert row["ACTIVE"]
    assert control_plane.take() == [], "listing profiles needs no network"

    assert cli("projects", "get", "-o", "json").ok().json() == PROJECTS
    assert [request.line() for request in control_plane.take()] == [f"GET {LIST_PROJECTS}"]
    cli("projects", "use", "prj-lab").ok()
    [profile] = cli("auth", "get", "-o", "json").ok().json()
    assert profile == {**expected, "project_id": "prj-lab"}

    cli("auth", "use", name).ok()
    cli("auth", "inject").ok()
    values = {
        "LLAMA_CLOUD_API_KEY": key,
        "LLAMA_CLOUD_BASE_URL": control_plane.url,
        "LLAMA_AGENTS_PROJECT_ID": "prj-lab",
    }
    for reader, read in read_all(cli.directory / ".env", modules).items():
        assert read == values, reader

    control_plane.take()
    cli("auth", "logout", name).ok()
    assert cli("auth", "get", "-o", "json").ok().json() == []
    assert cli.files_with(key) == [cli.directory / ".env"]
    assert key in control_plane.world.keys, "a key that somebody pasted is not ours to revoke"
    assert not any(request.method == "DELETE" for request in control_plane.take())


# -- auth token --


def test_a_wrong_key_is_rejected_and_nothing_is_stored(cli, environment):
    wrong = "llx-nobody-ever-made-this-key-0123456789"
    cli.secrets.append(lambda: {wrong})
    cli("auth", "token", "--api-key", wrong, "--project", "prj-alpha").failed(4)
    assert cli("auth", "get", "-o", "json").ok().json() == []
    assert cli.files_with(wrong) == []


def test_a_project_of_somebody_else_is_refused_and_nothing_is_stored(cli, environment, key):
    cli("auth", "token", "--api-key", key, "--project", "prj-elsewhere").failed(1, "prj-elsewhere")
    assert cli("auth", "get", "-o", "json").ok().json() == []
    assert cli.files_with(key) == []


def test_the_same_key_twice_is_one_profile(cli, environment, key):
    for project in ("prj-alpha", "prj-beta"):
        cli("auth", "token", "--api-key", key, "--project", project).ok()
    [profile] = cli("auth", "get", "-o", "json").ok().json()
    assert (profile["name"], profile["project_id"]) == (masked(key), "prj-beta")


def test_keys_with_equal_ends_are_two_profiles(cli, environment):
    keys = [environment.world.add_key(f"llx-ab{middle * 30}wxyz") for middle in "qr"]
    for key in keys:
        cli("auth", "token", "--api-key", key, "--project", "prj-alpha").ok()
    names = [profile["name"] for profile in cli("auth", "get", "-o", "json").ok().json()]
    assert sorted(names) == ["llx-ab****wxyz", "llx-ab****wxyz-2"]


def test_a_key_comes_in_by_standard_input_or_a_file(cli, environment, key):
    cli("auth", "token", "--api-key", "-", "--project", "prj-alpha", input=key + "\n").ok()
    assert cli("auth", "logout", masked(key)).ok()
    (cli.directory / "key.txt").write_text(f"  {key}\r\n")
    cli("auth", "token", "--api-key-file", "key.txt", "--project", "prj-alpha", "--name", "from-file").ok()
    [profile] = cli("auth", "get", "-o", "json").ok().json()
    assert profile["name"] == "from-file"


def test_without_a_project_there_must_be_only_one(cli, environment, key):
    answer = cli("auth", "token", "--api-key", key).failed(2, "--project")
    for project in environment.world.projects:
        assert project in answer.stderr
    del environment.world.projects["prj-beta"], environment.world.projects["prj-lab"]
    cli("auth", "token", "--api-key", key).ok()
    [profile] = cli("auth", "get", "-o", "json").ok().json()
    assert profile["project_id"] == "prj-alpha"


def test_a_server_out_of_reach_is_a_warning(cli, environment, key):
    environment.close()
    cli("auth", "token", "--api-key", key, "--project", "your-project-id").ok().warned("")
    [profile] = cli("auth", "get", "-o", "json").ok().json()
    assert (profile["name"], profile["project_id"], profile["active"]) == (masked(key), "your-project-id", True)


def test_a_server_that_asks_for_no_key(cli, start_control_plane, modules):
    plane = start_control_plane(requires_auth=False)
    cli("environments", "add", plane.url).ok()
    cli("auth", "token", "--project", "prj-beta").ok()
    assert cli("auth", "get", "-o", "json").ok().json() == [
        {
            "name": "default",
            "api_url": plane.url,
            "project_id": "prj-beta",
            "active": True,
            "auth_type": "none",
        }
    ]
    [active] = [project for project in cli("projects", "get", "-o", "json").ok().json() if project["active"]]
    assert active["project_id"] == "prj-beta"
    cli("auth", "inject").ok()
    for reader, read in read_all(cli.directory / ".env", modules).items():
        assert read == {"LLAMA_CLOUD_BASE_URL": plane.url, "LLAMA_AGENTS_PROJECT_ID": "prj-beta"}, reader
    assert {request.authorization for request in plane.take()} == {None}


# -- profiles, projects, organizations --


def test_use_and_logout_know_which_profile_is_current(cli, environment):
    first, second = (environment.world.add_key() for _ in range(2))
    cli("auth", "token", "--api-key", first, "--project", "prj-alpha", "--name", "first").ok()
    cli("auth", "token", "--api-key", second, "--project", "prj-lab", "--name", "second").ok()

    def current():
        return [one["name"] for one in cli("auth", "get", "-o", "json").ok().json() if one["active"]]

    assert current() == ["second"]
    cli("auth", "use", "first").ok()
    assert current() == ["first"]
    cli("auth", "use", "third").failed(1, "third")
    answer = cli("auth", "use").failed(2)
    assert "first" in answer.stderr and "second" in answer.stderr
    cli("auth", "logout", "second").ok()
    assert current() == ["first"]
    cli("auth", "logout", "first").ok()
    assert cli("auth", "get", "-o", "json").ok().json() == []
    assert cli.files_with(first) == cli.files_with(second) == []


def test_profiles_belong_to_their_environment(cli, environment, key, start_control_plane):
    cli("auth", "token", "--api-key", key, "--project", "prj-alpha").ok()
    other = start_control_plane()
    cli("environments", "add", other.url).ok()
    assert cli("auth", "get", "-o", "json").ok().json() == []
    cli("environments", "use", environment.url).ok()
    assert [profile["name"] for profile in cli("auth", "get", "-o", "json").ok().json()] == [masked(key)]
    cli("environments", "delete", environment.url).ok()
    assert cli("environments", "get", environment.url, "-o", "json").code == 1
    assert cli.files_with(key) == []


def test_the_current_project(cli, environment, profile):
    cli("projects", "use", "prj-elsewhere").failed(1, "prj-elsewhere")
    cli("projects", "use", "prj-beta").ok()
    configuration = cli("config", "-o", "json").ok().json()
    assert configuration == {
        "environment": environment.url,
        "profile": profile,
        "project_id": "prj-beta",
        "project_name": "Beta über alles",
    }
    one = cli("projects", "get", "prj-lab", "-o", "json").ok().json()
    assert one == {"project_id": "prj-lab", "project_name": "Experiments", "deployment_count": 0, "active": False, "org_id": "org-lab"}


def test_projects_of_one_organization(cli, environment, profile):
    projects = cli("projects", "get", "--org", "org-lab", "-o", "json").ok().json()
    assert [project["project_id"] for project in projects] == ["prj-lab"]
    [request] = environment.take()
    assert (request.line(), request.query) == (f"GET {LIST_PROJECTS}", {"org_id": "org-lab"})
    rows = cli("projects", "get").ok().table()
    assert [list(row) for row in rows] == [["NAME", "PROJECT_ID", "DEPLOYMENTS", "ACTIVE"]] * 3
    assert [row["PROJECT_ID"] for row in rows] == ["prj-alpha", "prj-beta", "prj-lab"]
    assert [row["NAME"] for row in rows] == ["Alpha", "Beta über alles", "Experiments"]


def test_organizations(cli, environment, profile):
    assert cli("organizations", "get", "-o", "json").ok().json() == [
        {"org_id": "org-main", "org_name": "Main Office", "is_default": True, "active": True},
        {"org_id": "org-lab", "org_name": "The Lab", "is_default": False, "active": False},
    ]
    assert f"GET {ORGANIZATIONS}" in environment.lines()
    rows = cli("organizations", "get").ok().table()
    assert [list(row) for row in rows] == [["NAME", "ORG_ID", "DEFAULT", "ACTIVE"]] * 2
    assert [(row["NAME"], row["ORG_ID"]) for row in rows] == [("Main Office", "org-main"), ("The Lab", "org-lab")]


def test_a_server_without_organizations(cli, start_control_plane):
    plane = start_control_plane(organizations=None)
    cli("environments", "add", plane.url).ok()
    cli("auth", "token", "--api-key", plane.world.add_key(), "--project", "prj-alpha").ok()
    assert cli("organizations", "get").ok().warned("").stdout == ""
    assert cli("organizations", "get", "-o", "json").ok().json() == []
    assert cli("organizations", "get", "-o", "yaml").ok().yaml() == []


def test_a_key_that_was_revoked(cli, environment, profile, key):
    del environment.world.keys[key]
    cli.secrets.append(lambda: {key})
    cli("projects", "get").failed(4)
    cli("organizations", "get", "-o", "json").failed(4)


# -- .env --


def test_inject_keeps_what_is_there_and_every_reader_agrees(cli, environment, profile, key, modules):
    file = cli.directory / "sub" / "dir" / ".env"
    cli("auth", "inject", "--env-file", "sub/dir/.env").ok()
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_bytes(
        b"# mine\r\n"
        b"OTHER='single # not a comment'\r\n"
        b"export LLAMA_CLOUD_API_KEY=old # the old one\r\n"
        b'LLAMA_AGENTS_PROJECT_ID="old"\r\n'
        b"LAST=1"
    )
    cli("auth", "inject", "--env-file", "sub/dir/.env", "--check").failed(1)
    cli("auth", "inject", "--env-file", "sub/dir/.env").ok()
    for reader, read in read_all(file, modules).items():
        assert read == {
            "OTHER": "single # not a comment",
            "LLAMA_CLOUD_API_KEY": key,
            "LLAMA_AGENTS_PROJECT_ID": "prj-alpha",
            "LAST": "1",
            "LLAMA_CLOUD_BASE_URL": environment.url,
        }, reader
    written = file.read_bytes()
    assert written.startswith(b"# mine\r\nOTHER='single # not a comment'\r\nexport LLAMA_CLOUD_API_KEY=")
    assert b"# the old one\r\n" in written
    before = file.stat().st_mtime_ns
    cli("auth", "inject", "--env-file", "sub/dir/.env").ok()
    assert (file.read_bytes(), file.stat().st_mtime_ns) == (written, before)
    cli("auth", "inject", "--env-file", "sub/dir/.env", "--check").ok()


def test_inject_prints(cli, environment, profile, key, modules, tmp_path):
    printed = cli("auth", "inject", "--env-file", "-", shows_key=True).ok().stdout
    (tmp_path / "printed").write_text(printed, newline="")
    for reader, read in read_all(tmp_path / "printed", modules).items():
        assert read == {
            "LLAMA_CLOUD_API_KEY": key,
            "LLAMA_CLOUD_BASE_URL": environment.url,
            "LLAMA_AGENTS_PROJECT_ID": "prj-alpha",
        }, reader
    assert list(cli.directory.iterdir()) == []


def test_a_server_names_a_project_as_it_likes(cli, environment, key, modules):
    """Whatever identifier the server has, it reaches the readers byte by byte, or inject refuses it."""
    odd = "prj-$HOME`id`\\n#'x"
    environment.world.projects[odd] = {"project_name": "Odd", "org_id": "org-main"}
    cli("auth", "token", "--api-key", key, "--project", odd).ok()
    if cli("auth", "inject").code == 0:
        for reader, read in read_all(cli.directory / ".env", modules).items():
            assert read["LLAMA_AGENTS_PROJECT_ID"] == odd, reader
    else:
        assert not (cli.directory / ".env").exists()


# -- variables instead of a profile --


@pytest.fixture
def variables(control_plane, key):
    return {
        "LLAMA_CLOUD_API_KEY": key,
        "LLAMA_AGENTS_PROJECT_ID": "prj-beta",
        "LLAMA_CLOUD_BASE_URL": control_plane.url,
    }


def test_variables_need_no_home(cli, control_plane, key, variables):
    projects = cli("projects", "get", "-o", "json", env=variables, home=False).ok().json()
    assert [project["project_id"] for project in projects] == ["prj-alpha", "prj-beta", "prj-lab"]
    organizations = cli("organizations", "get", "-o", "json", env=variables, home=False).ok().json()
    assert [organization["org_id"] for organization in organizations] == ["org-main", "org-lab"]
    sent = {request.authorization for request in control_plane.take() if request.path != VERSION}
    assert sent == {f"Bearer {key}"}
    assert [path for path in cli.home.rglob("*") if path.is_file()] == []


def test_a_wrong_key_in_the_variables(cli, control_plane, variables):
    wrong = "llx-nobody-ever-made-this-key-0123456789"
    cli.secrets.append(lambda: {wrong})
    cli("projects", "get", env={**variables, "LLAMA_CLOUD_API_KEY": wrong}).failed(4)


def test_variables_win_over_a_profile_unless_told_otherwise(cli, environment, profile, variables):
    other = environment.world.add_key()
    variables = {**variables, "LLAMA_CLOUD_API_KEY": other}

    cli("projects", "get", "-o", "json", env=variables).ok().warned("LLAMA_CLOUD_USE_PROFILE=1")
    assert {request.authorization for request in environment.take()} == {f"Bearer {other}"}

    answer = cli("projects", "get", "-o", "json", env={**variables, "LLAMA_CLOUD_USE_PROFILE": "1"}).ok()
    assert answer.json() == [{**project, "deployment_count": 0} for project in PROJECTS]
    assert f"Bearer {other}" not in {request.authorization for request in environment.take()}

    cli("projects", "get", env={**variables, "LLAMA_CLOUD_USE_PROFILE": "maybe"}).failed(2, "LLAMA_CLOUD_USE_PROFILE")
    assert environment.take() == []


def test_half_of_the_variables_is_the_profile(cli, environment, profile, key):
    answer = cli("projects", "get", "-o", "json", env={"LLAMA_AGENTS_PROJECT_ID": "prj-lab"}).ok()
    assert "LLAMA_CLOUD_API_KEY" in answer.stderr
    assert [project["project_id"] for project in answer.json() if project["active"]] == ["prj-alpha"]
    cli("projects", "get", env={"LLAMA_CLOUD_BASE_URL": "http://127.0.0.1:9"}).ok().warned("LLAMA_CLOUD_BASE_URL")
    assert {request.authorization for request in environment.take()} == {f"Bearer {key}"}
