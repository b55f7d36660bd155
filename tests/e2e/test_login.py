"""Browser login against npm's oidc-provider: the device flow, refreshing, and an honest logout."""

import json
import re
import signal
import time

import pytest

from support.control_plane import API_KEYS, LIST_PROJECTS
from support.person import Person
from support.readers import read_all

CODE = r"\b[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}\b"
ADA = "ada@example.com"


class Login:
    """`llamactl auth login` while it waits: the address and the code that it showed."""

    def __init__(self, cli, *arguments, **options):
        self.running = cli.start("auth", "login", *arguments, **options)
        self.code = self.running.wait_for(CODE)[0]
        self.address = self.running.wait_for(r"https?://[^\s\x00-\x1f]+/device[^\s\x00-\x1f]*")[0]

    def approve(self, name="ada"):
        """The person opens the address that was shown and goes all the way."""
        Person(name).approve(self.address, self.code)
        return self.running.finish()


@pytest.fixture
def start(cli, start_provider, start_control_plane):
    """A function that starts a provider with some settings and its control plane, and adds it as the environment."""

    def start(**settings):
        provider = start_provider(**{"interval": 1, **settings})
        plane = start_control_plane(provider)
        cli("environments", "add", plane.url).ok()
        plane.take()
        return provider, plane

    return start


def profiles(cli):
    return cli("auth", "get", "-o", "json").ok().json()


def minted(plane):
    """The one API key that the control plane knows."""
    [key] = plane.world.keys
    return key


def stored(cli):
    return cli.store.read_text(encoding="utf-8")


# -- signing in --


@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "EdDSA"])
def test_approved(cli, start, modules, alg):
    provider, plane = start(alg=alg)
    login = Login(cli, "--project", "prj-beta")
    assert minted_none(plane) and profiles(cli) == [], "nothing is stored before it worked"
    login.approve().ok()

    assert profiles(cli) == [
        {"name": ADA, "api_url": plane.url, "project_id": "prj-beta", "active": True, "auth_type": "oidc"}
    ]
    key = minted(plane)
    [made] = [request for request in plane.requests if request.line() == f"POST {API_KEYS}"]
    assert made.body["project_id"] is None and ADA in made.body["name"]

    plane.take()
    projects = cli("projects", "get", "-o", "json").ok().json()
    assert [project["project_id"] for project in projects if project["active"]] == ["prj-beta"]
    assert [(request.line(), request.authorization) for request in plane.take()] == [
        (f"GET {LIST_PROJECTS}", f"Bearer {key}")
    ]
    cli("auth", "inject").ok()
    for reader, read in read_all(cli.directory / ".env", modules).items():
        assert read == {
            "LLAMA_CLOUD_API_KEY": key,
            "LLAMA_CLOUD_BASE_URL": plane.url,
            "LLAMA_AGENTS_PROJECT_ID": "prj-beta",
        }, reader

    [asked] = provider.requests("device_authorization")
    assert asked["client_id"] == "llamactl-cli"
    assert set(asked["scope"].split()) == {"openid", "profile", "email", "offline_access"}
    claims = cli("auth", "me").ok().json()
    assert (claims["iss"], claims["sub"], claims["aud"]) == (provider.issuer, "ada", "llamactl-cli")


def minted_none(plane):
    return plane.world.keys == {}


def test_the_code_can_be_typed_at_the_bare_address(cli, start):
    """On another device: the address without the code in it, the code from the screen. The provider names no interval."""
    provider, plane = start(interval=None)
    login = Login(cli, "--project", "prj-alpha")
    Person("ada").approve(f"{provider.issuer}/device", login.code)
    login.running.finish().ok()
    [profile] = profiles(cli)
    assert profile["name"] == ADA
    assert len(provider.requests("token", status=400)) <= 1, "five seconds between polls where none are named"


def test_one_project_needs_no_choice(cli, start):
    _, plane = start()
    del plane.world.projects["prj-beta"], plane.world.projects["prj-lab"]
    Login(cli).approve().ok()
    assert [profile["project_id"] for profile in profiles(cli)] == ["prj-alpha"]


def test_several_projects_are_listed(cli, start):
    provider, plane = start()
    answer = Login(cli).approve().failed(2, "--project")
    for project in plane.world.projects:
        assert project in answer.stderr
    assert profiles(cli) == [] and minted_none(plane)


def test_named_and_of_one_organization(cli, start):
    _, plane = start()
    Login(cli, "--org", "org-lab", "--name", "lab").approve().ok()
    [profile] = profiles(cli)
    assert (profile["name"], profile["project_id"]) == ("lab", "prj-lab")


def test_no_email_in_the_id_token(cli, start):
    start(email=False)
    Login(cli, "--project", "prj-alpha").approve().ok()
    assert [profile["name"] for profile in profiles(cli)] == ["ada"]


def test_again_is_the_same_profile_and_the_same_key(cli, start):
    _, plane = start()
    Login(cli, "--project", "prj-alpha").approve().ok()
    key = minted(plane)
    Login(cli, "--project", "prj-beta").approve().ok()
    assert [(profile["name"], profile["project_id"]) for profile in profiles(cli)] == [(ADA, "prj-beta")]
    assert minted(plane) == key


# -- not signing in --


@pytest.fixture
def untouched(cli, start):
    """Somebody is signed in with a key already; afterwards the store must be as it was, byte for byte."""
    provider, plane = start()
    cli("auth", "token", "--api-key", plane.world.add_key(), "--project", "prj-alpha").ok()
    before = stored(cli)
    plane.take()
    yield provider, plane
    assert stored(cli) == before
    assert f"POST {API_KEYS}" not in plane.lines()


@pytest.mark.parametrize("how", ["deny_code", "deny_consent"])
def test_denied(cli, untouched, how):
    login = Login(cli, "--project", "prj-alpha")
    getattr(Person("ada"), how)(login.address, login.code)
    login.running.finish().failed(1, "denied")


def test_expired(cli, untouched):
    provider, _ = untouched
    provider.configure(interval=2, ttl={"DeviceCode": 5})
    started = time.monotonic()
    Login(cli, "--project", "prj-alpha").running.finish(patience=20).failed(1, "expired")
    assert time.monotonic() - started < 12


def test_interrupted(cli, untouched):
    login = Login(cli, "--project", "prj-alpha")
    assert login.running.interrupt().finish(patience=10).code == -signal.SIGINT


@pytest.mark.parametrize("how", ["signature", "key", "audience", "issuer", "expiry", "none"])
def test_an_id_token_that_does_not_hold(cli, untouched, how):
    provider, _ = untouched
    provider.configure(spoil=how)
    answer = Login(cli, "--project", "prj-alpha").approve()
    assert answer.code in (1, 3), answer
    answer.failed(answer.code)


def test_a_server_without_browser_login(cli, control_plane):
    cli("environments", "add", control_plane.url).ok()
    cli("auth", "login").failed(1, "auth token")
    assert profiles(cli) == []


# -- tokens that end --


@pytest.fixture
def signed_in(cli, start):
    """Somebody signed in by browser; gives the provider, the control plane and the tokens of the login."""
    provider, plane = start()
    Login(cli, "--project", "prj-alpha").approve().ok()
    tokens = provider.requests("token", status=200)[-1]
    plane.take()
    return provider, plane, tokens


def take_the_key_away(plane):
    """The key is revoked on the server, so that the login's access token is all that is left."""
    plane.world.keys.clear()


def test_a_refused_key_falls_back_on_the_login(cli, signed_in):
    provider, plane, tokens = signed_in
    take_the_key_away(plane)
    cli("projects", "get", "-o", "json").ok().warned("")
    assert plane.requests[-1].authorization == f"Bearer {tokens['access_token']}"
    assert provider.refreshes() == []


def test_an_access_token_refused_before_its_time_is_refreshed_once_and_saved(cli, signed_in):
    provider, plane, tokens = signed_in
    take_the_key_away(plane)
    plane.world.refused.add(tokens["access_token"])
    cli("projects", "get", "-o", "json").ok()
    [refreshed] = provider.refreshes()
    assert plane.requests[-1].authorization == f"Bearer {refreshed['access_token']}"
    assert refreshed["refresh_token"] in stored(cli) and tokens["refresh_token"] not in stored(cli)
    cli("projects", "get", "-o", "json").ok()
    assert len(provider.refreshes()) == 1


def test_eight_at_once_refresh_once(cli, start):
    provider, plane = start(ttl={"AccessToken": 4})
    Login(cli, "--project", "prj-alpha").approve().ok()
    take_the_key_away(plane)
    before = len(provider.refreshes())
    provider.configure(ttl={"AccessToken": 3600})
    time.sleep(4.5)
    running = [cli.start("projects", "get", "-o", "json") for _ in range(8)]
    for one in running:
        assert len(one.finish().ok().json()) == 3
    assert len(provider.refreshes()) - before == 1
    assert provider.refreshes(status=400) == []
    cli("projects", "get", "-o", "json").ok()


def test_an_ended_login_says_how_to_log_in_again(cli, signed_in):
    provider, plane, tokens = signed_in
    take_the_key_away(plane)
    provider.end_login(tokens["refresh_token"])
    cli("projects", "get").failed(4, "auth login")


def test_a_provider_out_of_reach_ends_nothing(cli, signed_in):
    provider, plane, tokens = signed_in
    take_the_key_away(plane)
    plane.world.refused.add(tokens["access_token"])
    before = stored(cli)
    provider.close()
    cli("projects", "get").failed(3)
    assert stored(cli) == before


def test_me_refreshes_an_expired_id_token(cli, start):
    provider, _ = start(spoil="late")
    Login(cli, "--project", "prj-alpha").approve().ok()
    provider.configure(spoil=None)
    time.sleep(12)  # then the minute of leeway is over, too
    claims = cli("auth", "me").ok().json()
    assert claims["exp"] > time.time()
    [refreshed] = provider.refreshes()
    assert refreshed["refresh_token"] in stored(cli)


# -- signing out --


def test_logout_revokes_what_login_made(cli, signed_in):
    provider, plane, tokens = signed_in
    key = minted(plane)
    about = plane.world.keys[key]["id"]
    cli.secrets.append(lambda: {key})
    cli("auth", "logout", ADA).ok()
    assert f"DELETE {API_KEYS}/{about}" in plane.lines()
    assert plane.world.keys == {}
    assert provider.introspect(tokens["refresh_token"]) == {"active": False}
    assert profiles(cli) == []
    for secret in (key, tokens["refresh_token"], tokens["access_token"], tokens["id_token"]):
        assert cli.files_with(secret) == []


def test_logout_refreshes_where_it_must(cli, start):
    provider, plane = start(ttl={"AccessToken": 3})
    Login(cli, "--project", "prj-alpha").approve().ok()
    provider.configure(ttl={"AccessToken": 3600})
    time.sleep(3.5)
    cli("auth", "logout", ADA).ok()
    assert plane.world.keys == {}
    assert provider.introspect(provider.refreshes()[-1]["refresh_token"]) == {"active": False}


def test_logout_with_the_server_down(cli, signed_in):
    provider, plane, tokens = signed_in
    about = plane.world.keys[minted(plane)]["id"]
    key = minted(plane)
    plane.close()
    cli("auth", "logout", ADA, patience=90).ok().warned(about)
    assert cli("auth", "get", "-o", "json").ok().json() == []
    assert cli.files_with(key) == []


def test_logout_of_all(cli, signed_in):
    provider, plane, tokens = signed_in
    Login(cli, "--project", "prj-lab", "--name", "bob").approve("bob").ok()
    pasted = plane.world.add_key()
    cli("auth", "token", "--api-key", pasted, "--project", "prj-alpha").ok()
    assert len(profiles(cli)) == 3
    cli("auth", "logout", "--all").ok()
    assert profiles(cli) == []
    assert list(plane.world.keys) == [pasted], "a key that somebody pasted stays"


def test_deleting_the_environment_is_logging_out(cli, signed_in):
    provider, plane, tokens = signed_in
    answer = cli("environments", "delete", plane.url).ok()
    assert ADA in answer.stderr
    assert plane.world.keys == {}
    assert provider.introspect(tokens["refresh_token"]) == {"active": False}


# -- manners on the wire --


def test_what_a_login_costs_after_approval(cli, start, record_property):
    """How many requests it takes from approval to the stored profile; a change here should be meant."""
    provider, plane = start()
    login = Login(cli, "--project", "prj-alpha")
    seen = len(provider.requests())
    login.approve().ok()
    walked = ("code_verification", "interaction", "submit", "device_resume", "abort")
    ours = [event for event in provider.requests()[seen:] if event["route"] not in walked]
    asked = [request.line() for request in plane.requests]
    record_property("requests", json.dumps([*[event["path"] for event in ours], *asked]))
    assert f"POST {API_KEYS}" in asked and len(asked) <= 5, asked
    connections = {request.client for request in plane.requests}
    assert len(connections) <= 2, "one connection is reused"
    assert all(re.search("llamactl", request.headers.get("user-agent", "")) for request in plane.requests)
