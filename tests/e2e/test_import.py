"""`auth import` on databases that the Python tool itself makes, read by the real python3 and the real sqlite3."""

import json
import os
import pathlib
import random
import shutil
import sqlite3
import string
import subprocess
import sys

import pytest
from llama_agents.cli.config._config import ConfigManager
from llama_agents.cli.config.schema import DEFAULT_ENVIRONMENT, DeviceOIDC

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "fixtures" / "python"
CLOUD = DEFAULT_ENVIRONMENT.api_url
SELF_HOSTED = "https://llama.example.com/base"
OPEN = "http://127.0.0.1:8000"


@pytest.fixture
def theirs(cli, monkeypatch):
    """The Python tool's own configuration, in the place where it keeps it."""
    monkeypatch.setenv("LLAMACTL_CONFIG_DIR", str(cli.store.parent))
    cli.store.parent.mkdir(parents=True, mode=0o700)
    return ConfigManager()


@pytest.fixture(params=["python3", "sqlite3"])
def reader(request, cli, tmp_path):
    """Only one of the programs that can read the database is there."""
    place = tmp_path / "bin"
    place.mkdir()
    real = os.path.realpath(sys.executable) if request.param == "python3" else shutil.which("sqlite3")
    assert real, "sqlite3 is missing (on Debian: install sqlite3)"
    (place / request.param).symlink_to(real)
    cli.environment["PATH"] = str(place)
    return request.param


def key(length=36):
    return "llx-" + "".join(random.choices(string.ascii_letters + string.digits, k=length - 4))


def login(number):
    return DeviceOIDC(
        device_name=f"Ada's laptop {number} 💻",
        user_id=f"auth0|{number}",
        email=f"user{number}@example.com",
        client_id="llamactl-cli",
        discovery_url=f"https://login{number}.example.com/.well-known/openid-configuration?tenant=a",
        device_access_token=key(1500),
        device_refresh_token=key(60) if number % 2 else None,
        device_id_token=key(1200) if number % 3 else None,
    )


def fill(config):
    """3 environments and 200 profiles of all types; keys need up to 3 pages of the file."""
    config.create_or_update_environment(SELF_HOSTED, True, "0.9.1")
    config.create_or_update_environment(OPEN, False)
    for number in range(200):
        project = f"prj-{number}"
        if number % 4 == 0:
            config.create_profile(f"open-{number}", OPEN, project)
        elif number % 4 == 1:
            config.create_profile(f"über-{number}", CLOUD, project, key(20 + number * 41))
        elif number % 4 == 2:
            config.create_profile(f"key-{number}", SELF_HOSTED, project, key(8192))
        else:
            config.create_profile(f"user{number}@example.com", SELF_HOSTED, project, key(), f"id-{number}", login(number))
    config.set_settings_current_environment(SELF_HOSTED)
    config.set_settings_current_profile("user99@example.com")


def expected(config, name):
    """A profile as our store must hold it."""

    def profile(one):
        oidc = one.device_oidc and {
            "subject": one.device_oidc.user_id,
            "email": one.device_oidc.email,
            "client_id": one.device_oidc.client_id,
            "discovery_url": one.device_oidc.discovery_url,
            "device_name": one.device_oidc.device_name,
            "access_token": one.device_oidc.device_access_token,
            "access_token_expires": None,
            "refresh_token": one.device_oidc.device_refresh_token,
            "id_token": one.device_oidc.device_id_token,
        }
        about = {"project_name": None, "api_key": one.api_key, "api_key_id": one.api_key_id, "oidc": oidc}
        return {"name": one.name, "project_id": one.project_id, **about}

    environment = config.get_environment(name)
    return {
        "api_url": name,
        "requires_auth": environment.requires_auth,
        "min_llamactl_version": environment.min_llamactl_version,
        "profiles": {one.name: profile(one) for one in config.list_profiles(name)},
    }


def said(value):
    """A value without the fields that say nothing: our store leaves them out."""
    if isinstance(value, dict):
        return {name: said(one) for name, one in value.items() if one is not None}
    return value


def stored(cli):
    """Our store by environment, with the profiles by name."""
    store = json.loads(cli.store.read_text())
    found = {}
    for environment in store["environments"]:
        profiles = {one["name"]: one for one in environment["profiles"]}
        assert len(profiles) == len(environment["profiles"])
        assert "capabilities" not in environment
        environment["profiles"] = profiles
        found[environment["api_url"]] = environment
    return store["current_environment"], found


def state(config):
    """All about the files of that tool but when they were read."""
    files = sorted(config.config_dir.glob("profiles.db*"))
    return {
        path.name: (path.read_bytes(), (about := path.stat()).st_mtime_ns, about.st_mode, about.st_ino)
        for path in files
    }


def no_copy_is_left(cli):
    return not list((cli.home / "temp").iterdir())


@pytest.fixture(autouse=True)
def temp(cli):
    place = cli.home / "temp"
    place.mkdir()
    cli.environment["TMPDIR"] = str(place)
    yield
    assert no_copy_is_left(cli)


def test_two_hundred_profiles_field_by_field(cli, theirs, reader):
    fill(theirs)
    before = state(theirs)
    secrets = {one.api_key for url in (CLOUD, SELF_HOSTED) for one in theirs.list_profiles(url) if one.api_key}
    cli.secrets.append(lambda: secrets)

    report = cli("auth", "import", "-o", "json").ok().json()
    assert len(report["profiles"]) == 200 and all(one["imported"] for one in report["profiles"])
    current, found = stored(cli)
    assert current == SELF_HOSTED
    currents = {url: environment.pop("current_profile") for url, environment in found.items()}
    assert currents == {CLOUD: "über-1", SELF_HOSTED: "user99@example.com", OPEN: "open-0"}
    assert found == {url: said(expected(theirs, url)) for url in (CLOUD, SELF_HOSTED, OPEN)}
    assert state(theirs) == before

    ours = cli.store.read_bytes()
    report = cli("auth", "import", "-o", "yaml").ok().yaml()
    assert {one["reason"] for one in report["profiles"]} == {"already exists"}
    assert (cli.store.read_bytes(), state(theirs)) == (ours, before)
    listed = cli("auth", "get", "-o", "json").ok().json()
    assert [one["name"] for one in listed if one["active"]] == ["user99@example.com"]


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_fixtures_of_the_other_tests(cli, reader, version):
    """What these take for granted, with stand-ins, is what the real programs do."""
    cli("auth", "import", "--from", FIXTURES / f"{version}.db").ok()
    assert json.loads(cli.store.read_text()) == json.loads((FIXTURES / f"{version}.json").read_text())


def damaged(database):
    """Databases that are not whole, each with what was done to it."""
    yield b"", "zero bytes"
    yield b"This is no database, but somebody's notes.\n" * 100, "a text"
    yield random.Random(1).randbytes(len(database)), "noise"
    page = int.from_bytes(database[16:18])
    for at in range(page, len(database), page):
        yield database[:at], f"the first {at} bytes"
        yield database[: at + page // 2], f"the first {at + page // 2} bytes"
        yield database[:at] + bytes(page) + database[at + page :], f"a page of zeros at {at}"
    for length in (1, 15, 99, 100, page - 1):
        yield database[:length], f"the first {length} bytes"


def test_what_is_not_whole_is_refused_and_nothing_is_stored(cli, reader):
    path = cli.home / "damaged.db"
    for content, what in damaged((FIXTURES / "v2.db").read_bytes()):
        path.write_bytes(content)
        answer = cli("auth", "import", "--from", path, patience=30)
        assert len(answer.failed(1, "damaged.db", "nothing was changed").stderr.splitlines()) == 2, what
        assert not cli.store.exists(), what


HOLDER = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement in sys.argv[2:]:
    database.execute(statement).fetchall()
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def hold():
    """A function that starts another process with the database open, in the middle of something."""
    started = []

    def start(config, *statements):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(config.db_path), *statements],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


# More than the cache of one page holds, so that pages go to the disk before the end of the transaction.
MANY = (
    "INSERT INTO profiles (name, api_url, project_id, id) WITH RECURSIVE n(i) AS "
    "(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) "
    "SELECT 'uncommitted-' || i, 'http://h', hex(randomblob(500)), i FROM n"
)


def import_is_of_what_was_committed(cli, config):
    before = state(config)
    report = cli("auth", "import", "-o", "json", patience=30).ok().json()
    assert [one["name"] for one in report["profiles"]] == ["committed"]
    assert state(config) == before


def test_write_ahead_log(cli, theirs, reader, hold):
    """What is committed is in the log alone, and behind it there is what was never committed."""
    with sqlite3.connect(theirs.db_path) as database:
        assert database.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
    empty = theirs.db_path.read_bytes()
    hold(
        theirs,
        "PRAGMA wal_autocheckpoint = 0",
        f"INSERT INTO profiles (name, api_url, project_id, id) VALUES ('committed', '{CLOUD}', 'prj', 'x')",
        "PRAGMA cache_size = 1",
        "BEGIN IMMEDIATE",
        MANY,
    )
    assert theirs.db_path.read_bytes() == empty
    assert (theirs.config_dir / "profiles.db-wal").stat().st_size > 500_000
    import_is_of_what_was_committed(cli, theirs)


def test_in_the_middle_of_a_write(cli, theirs, reader, hold):
    """Another process holds the exclusive lock and has written half of something; then it is killed."""
    theirs.create_profile("committed", CLOUD, "prj")
    size = theirs.db_path.stat().st_size
    holder = hold(theirs, "PRAGMA cache_size = 1", "BEGIN EXCLUSIVE", MANY)
    assert theirs.db_path.stat().st_size > size
    assert (theirs.config_dir / "profiles.db-journal").stat().st_size > 0
    import_is_of_what_was_committed(cli, theirs)
    holder.kill()
    holder.wait()
    cli.store.unlink()
    import_is_of_what_was_committed(cli, theirs)


def test_locked(cli, theirs, reader, hold):
    theirs.create_profile("committed", CLOUD, "prj")
    hold(theirs, "BEGIN EXCLUSIVE")
    import_is_of_what_was_committed(cli, theirs)


def test_a_file_that_is_written_all_the_time(cli, theirs, reader):
    """Somebody writes while it is copied: what comes is one moment of it, or an error."""
    writer = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import itertools, sqlite3, sys\n"
            "database = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
            "for i in itertools.count():\n"
            "    with database:\n"
            "        database.execute('BEGIN IMMEDIATE')\n"
            "        database.execute('DELETE FROM profiles')\n"
            "        for n in 'ab':\n"
            "            database.execute('INSERT INTO profiles (name, api_url, project_id, id) VALUES (?, ?, ?, ?)',"
            " (f'{n}{i}', 'http://h', str(i) * 2000, n))\n",
            str(theirs.db_path),
        ]
    )
    try:
        for _ in range(5):
            answer = cli("auth", "import", "--dry-run", "-o", "json", patience=30)
            if answer.code == 0:
                names = [one["name"] for one in answer.json()["profiles"]]
                assert len({name[1:] for name in names}) <= 1 and len(names) in (0, 2), names
            else:
                answer.failed(1, "keeps changing")
    finally:
        writer.kill()
        writer.wait()


@pytest.mark.parametrize(
    "columns",
    [
        "n AS project_id, n AS api_key",
        "writefile('gotcha', 'x') AS project_id, edit('x', 'touch gotcha') AS api_key",
    ],
)
def test_a_database_that_would_run_something(cli, reader, columns):
    """Views in the place of tables: one without end, one that writes files."""
    path = cli.home / "hostile.db"
    database = sqlite3.connect(path)
    database.executescript(
        "CREATE VIEW profiles AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) "
        f"SELECT n AS name, 'http://h' AS api_url, {columns} FROM r;"
        "CREATE TABLE settings (key, value);"
        "CREATE TABLE environments (api_url, requires_auth, min_llamactl_version);"
    )
    database.close()
    cli("auth", "import", "--from", path, patience=30).failed(1, "cannot read '")
    assert not list(cli.home.rglob("gotcha"))
    assert not cli.store.exists()


def test_nobody_is_hurt_by_the_other_tools_home(cli, theirs):
    """Their database, our store and their tool side by side: both go on working."""
    fill(theirs)
    cli("auth", "import").ok()
    assert theirs.get_current_profile(SELF_HOSTED).name == "user99@example.com"
    theirs.create_profile("later", OPEN, "prj-later")
    report = cli("auth", "import", "-o", "json").ok().json()
    assert [one["name"] for one in report["profiles"] if one["imported"]] == ["later"]
