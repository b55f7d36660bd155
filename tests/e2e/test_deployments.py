"""Deployments: looking, following their logs, rolling back, deleting. Against the vendor's router."""

import json
import time
from datetime import datetime, timedelta, timezone
from typing import get_args

import pytest

from llama_agents.core import schema
from llama_agents.core.schema.deployments import DeploymentEvent
from support.control_plane import DEPLOYMENTS, MORNING, SHAS, log_events

EVENTS = 100_000


@pytest.fixture
def plane(start_control_plane):
    """A control plane with a few deployments in two projects."""
    plane = start_control_plane()
    world = plane.world
    world.add_deployment("chat", secret_names=["OPENAI_API_KEY", "OTHER"], has_personal_access_token=True)
    world.add_deployment(
        "extract",
        repo_url="internal://",
        git_ref=None,
        git_sha=None,
        apiserver_url=None,
        appserver_version=None,
        status="BuildFailed",
        warning="The build failed",
        suspended=True,
    )
    world.add_deployment("elsewhere", project="prj-beta", repo_url="https://git.example.com/team/repo.git")
    return plane


@pytest.fixture
def variables(plane):
    """The environment variables that sign in to project prj-alpha."""
    return {
        "LLAMA_CLOUD_API_KEY": plane.world.add_key(),
        "LLAMA_AGENTS_PROJECT_ID": "prj-alpha",
        "LLAMA_CLOUD_BASE_URL": plane.url,
    }


@pytest.fixture
def deployments(cli, variables):
    """Runs `llamactl deployments …` with the variables."""

    def run(*arguments, start=False, **options):
        return (cli.start if start else cli)("deployments", *arguments, env=variables, **options)

    return run


CHAT = {
    "name": "chat",
    "generate_name": "Chat",
    "spec": {
        "repo_url": "https://github.com/example/chat",
        "deployment_file_path": ".",
        "git_ref": "main",
        "appserver_version": "0.12.2",
        "suspended": False,
        "secrets": {"OPENAI_API_KEY": "********", "OTHER": "********"},
        "personal_access_token": "********",
    },
    "status": {
        "phase": "Running",
        "git_sha": SHAS[0],
        "apiserver_url": "https://chat.example.com/",
        "project_id": "prj-alpha",
        "warning": None,
    },
}
EXTRACT = {
    "name": "extract",
    "generate_name": "Extract",
    "spec": {"repo_url": "internal://", "deployment_file_path": ".", "suspended": True},
    "status": {
        "phase": "BuildFailed",
        "git_sha": None,
        "apiserver_url": None,
        "project_id": "prj-alpha",
        "warning": "The build failed",
    },
}


# -- get --


def test_get_as_the_reference_page_shows_it(cli, plane, variables):
    """Three exports, one command, an empty home."""
    [row, other] = cli("deployments", "get", env=variables, home=False).ok().table()
    assert row == {"NAME": "chat", "REPO": "gh:example/chat", "GIT_REF": "main", "PHASE": "Running"}
    assert other == {"NAME": "extract", "REPO": "internal://", "GIT_REF": "-", "PHASE": "BuildFailed"}
    [request] = plane.take()
    assert (request.line(), request.query) == (f"GET {DEPLOYMENTS}", {"project_id": "prj-alpha"})


def test_get_in_every_form(deployments, plane):
    assert deployments("get", "-o", "json").ok().json() == [CHAT, EXTRACT]
    assert deployments("get", "-o", "yaml").ok().yaml() == [CHAT, EXTRACT]
    assert deployments("get", "chat", "-o", "json").ok().json() == CHAT
    assert deployments("get", "chat", "-o", "yaml").ok().yaml() == CHAT
    [row] = deployments("get", "chat", "-o", "wide").ok().table()
    assert row == {
        "NAME": "chat",
        "REPO": "gh:example/chat",
        "GIT_REF": "main",
        "APPSERVER": "0.12.2",
        "PHASE": "Running",
        "GIT_SHA": SHAS[0][:7],
        "APISERVER_URL": "https://chat.example.com/",
        "PROJECT": "prj-alpha",
    }


def test_the_flag_beats_the_variable(deployments, plane):
    [one] = deployments("get", "--project", "prj-beta", "-o", "json").ok().json()
    assert (one["name"], one["spec"]["repo_url"]) == ("elsewhere", "https://git.example.com/team/repo.git")
    assert deployments("get", "--project", "prj-lab", "-o", "json").ok().json() == []
    assert {request.query["project_id"] for request in plane.take()} == {"prj-beta", "prj-lab"}


def test_the_key_alone_and_a_project_by_flag(cli, plane, variables):
    del variables["LLAMA_AGENTS_PROJECT_ID"]
    answer = cli("deployments", "get", "--project", "prj-alpha", "-o", "json", env=variables).ok()
    assert [one["name"] for one in answer.json()] == ["chat", "extract"]


@pytest.mark.parametrize(
    "command", [["get"], ["history"], ["logs"], ["rollback", "--git-sha", SHAS[1]], ["delete", "--yes"]]
)
def test_one_that_is_not_there(deployments, plane, command):
    for name in ("nothing", "elsewhere"):  # elsewhere is in another project
        deployments(command[0], name, *command[1:]).failed(1, name)
    assert set(plane.world.deployments) == {"chat", "extract", "elsewhere"}


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../list-projects"])
def test_names_that_would_lead_elsewhere_are_refused(deployments, plane, name):
    deployments("delete", name, "--yes").failed(2)
    assert plane.take() == []


def test_a_wrong_key(cli, plane, variables):
    wrong = "llx-nobody-ever-made-this-key-0123456789"
    cli.secrets.append(lambda: {wrong})
    cli("deployments", "get", env={**variables, "LLAMA_CLOUD_API_KEY": wrong}).failed(4)
    cli("deployments", "logs", "chat", env={**variables, "LLAMA_CLOUD_API_KEY": wrong}).failed(4)


# -- history and rollback --


def test_history_keeps_the_order_and_times_of_the_server(deployments, plane):
    releases = deployments("history", "chat", "-o", "json").ok().json()
    assert [release["git_sha"] for release in releases] == SHAS
    assert [release["image_tag"] for release in releases] == ["0.12.3", "0.12.2", "0.12.1"]
    when = [datetime.fromisoformat(release["released_at"]) for release in releases]
    assert when == [MORNING - timedelta(days=age) for age in range(3)]
    lines = deployments("history", "chat").ok().stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [release["released_at"] for release in releases]
    assert [line.split()[1] for line in lines[1:]] == [sha[:7] for sha in SHAS]
    plane.world.history["chat"].reverse()
    releases = deployments("history", "chat", "-o", "json").ok().json()
    assert [release["git_sha"] for release in releases] == SHAS[::-1]


def test_rollback(deployments, plane):
    deployments("rollback", "chat", "--git-sha", SHAS[2]).ok()
    request = plane.take()[-1]
    assert request.line() == f"POST {DEPLOYMENTS}/chat/rollback"
    assert (request.query, request.body["git_sha"]) == ({"project_id": "prj-alpha"}, SHAS[2])
    assert deployments("get", "chat", "-o", "json").ok().json()["status"]["git_sha"] == SHAS[2]
    deployments("rollback", "chat", "--git-sha", "d" * 40).failed(1, "never released")
    deployments("rollback", "chat").failed(2, "--git-sha")


# -- update, suspend, resume, wait --


def test_update_deploys_the_latest_commit_of_the_reference(deployments, plane):
    assert deployments("update", "chat").ok().stdout == "no changes\n"
    read, change = plane.take()
    assert (read.line(), change.line()) == (f"GET {DEPLOYMENTS}/chat", f"PATCH {DEPLOYMENTS}/chat")
    assert (change.query, change.body) == ({"project_id": "prj-alpha"}, {"git_ref": "main"})
    plane.world.refs |= {"main": "d" * 40, "v1": SHAS[1]}
    assert deployments("update", "chat").ok().stdout == f"{SHAS[0][:7]} -> ddddddd\n"
    assert deployments("update", "chat", "--git-ref", "v1").ok().stdout == f"ddddddd -> {SHAS[1][:7]}\n"
    deployments("update", "chat", "--git-ref", "v9").failed(1, "v9")
    assert deployments("get", "chat", "-o", "json").ok().json()["spec"]["git_ref"] == "v1"


def test_suspend_and_resume(deployments, plane):
    assert deployments("suspend", "chat").ok().stdout == "active -> suspended\n"
    assert plane.take()[-1].body == {"suspended": True}
    assert deployments("suspend", "chat").ok().stdout == "no changes\n"
    assert deployments("resume", "chat").ok().stdout == "suspended -> active\n"
    assert plane.world.deployments["chat"].suspended is False


def test_update_waits_for_the_phase_of_the_change(deployments, plane):
    plane.world.refs["main"] = "d" * 40
    plane.world.upcoming["chat"] = [{"status": phase} for phase in ("Running", "Running", "Pending", "Running")]
    answer = deployments("update", "chat", "--wait").ok()
    assert answer.stdout == f"{SHAS[0][:7]} -> ddddddd\nRunning\n"
    assert "Pending" in answer.stderr
    assert plane.lines().count(f"PATCH {DEPLOYMENTS}/chat") == 1


@pytest.mark.parametrize("phase", ["Failed", "BuildFailed", "RolloutFailed"])
def test_wait_fails_with_the_reason_and_the_events(deployments, plane, phase):
    event = DeploymentEvent(reason="BackOff", message="Back-off restarting", type="Warning", count=3)
    failed = {"status": phase, "warning": "exit status 1", "events": [event]}
    plane.world.upcoming["chat"] = [{"status": "Building"}, failed]
    answer = deployments("wait", "chat")
    answer.failed(1, "exit status 1")
    assert answer.stdout == f"{phase}\n"
    assert "BackOff: Back-off restarting" in answer.stderr
    assert plane.take()[-1].query["include_events"] == "true"


@pytest.mark.parametrize(
    "phase", [phase for phase in get_args(schema.LlamaDeploymentPhase) if not phase.endswith("Failed")]
)
def test_wait_knows_every_phase_of_the_vendor(deployments, plane, phase):
    plane.world.add_deployment("one", status=phase)
    code = {"Running": 0, "Suspended": 1}.get(phase, 3)
    assert deployments("wait", "one", "--timeout", "0").code == code


# -- delete --


def test_delete_wants_to_be_sure(deployments, plane):
    deployments("delete", "chat").failed(2, "--yes")
    assert plane.take() == []
    deployments("delete", "chat", "--yes").ok()
    assert plane.take()[-1].line() == f"DELETE {DEPLOYMENTS}/chat"
    assert set(plane.world.deployments) == {"extract", "elsewhere"}
    deployments("delete", "chat", "--yes").failed(1, "chat")


@pytest.mark.parametrize("missing", ["LLAMA_CLOUD_API_KEY", "LLAMA_AGENTS_PROJECT_ID"])
def test_changes_refuse_half_of_the_variables(cli, plane, variables, missing):
    """A stored profile must not be what gets hit when a variable was forgotten."""
    cli("environments", "add", plane.url).ok()
    cli("auth", "token", "--api-key", plane.world.add_key(), "--project", "prj-alpha").ok()
    plane.take()
    del variables[missing]
    for command in (
        ["delete", "chat", "--yes"],
        ["rollback", "chat", "--git-sha", SHAS[1]],
        ["update", "chat"],
        ["suspend", "chat"],
        ["resume", "chat"],
    ):
        cli("deployments", *command, env=variables).failed(2, missing)
    assert plane.take() == []


# -- logs --


def test_logs(deployments, plane):
    lines = deployments("logs", "chat").ok().stdout.splitlines()
    assert len(lines) == 5
    for number, line in enumerate(lines):
        assert "pod-1/app" in line and line.endswith(f"line {number} of the log")
    [request] = plane.take()
    assert request.line() == f"GET {DEPLOYMENTS}/chat/logs"
    assert (request.query["project_id"], request.query["follow"]) == ("prj-alpha", "false")


def test_logs_as_json_lines(deployments, plane):
    lines = deployments("logs", "chat", "--json").ok().stdout.splitlines()
    events = [json.loads(line) for line in lines]
    for event, sent in zip(events, log_events(5), strict=True):
        assert datetime.fromisoformat(event.pop("timestamp")) == sent.timestamp
        assert event == {"pod": "pod-1", "container": "app", "text": sent.text}


def test_logs_with_limits(deployments, plane):
    lines = deployments("logs", "chat", "--tail", "2").ok().stdout.splitlines()
    assert [line.rpartition("line ")[2] for line in lines] == ["3 of the log", "4 of the log"]
    recently = datetime.now(timezone.utc) - timedelta(seconds=100)
    plane.world.logs["chat"] = lambda: log_events(1000, since=recently - timedelta(seconds=900))
    lines = deployments("logs", "chat", "--since-seconds", "60").ok().stdout.splitlines()
    assert 58 <= len([line for line in lines if int(line.split("line ")[1].split()[0]) < 1000]) <= 200
    queries = [request.query for request in plane.take()]
    assert (queries[0]["tail_lines"], queries[1]["since_seconds"]) == ("2", "60")


def test_logs_cannot_play_with_the_terminal(deployments, plane):
    hostile = "\x1b]0;gotcha\x07\x1b[2Jinnocent\r\x9bA"
    plane.world.logs["chat"] = lambda: (event.model_copy(update={"text": hostile}) for event in log_events(1))
    [line] = deployments("logs", "chat").ok().stdout.splitlines()
    assert "innocent" in line
    assert not [character for character in line if not character.isprintable()]


def test_logs_that_are_not_there_yet(deployments, plane):
    del plane.world.logs["chat"]
    deployments("logs", "chat").failed(1, "no replica set yet")
    plane.world.logs["extract"] = lambda: iter(())
    assert deployments("logs", "extract").ok().stdout == ""


def test_following_until_interrupted(deployments, plane):
    events = list(log_events(3))
    plane.world.logs["chat"] = lambda: iter(events)
    running = deployments("logs", "chat", "--follow", start=True)
    running.wait_for("line 2 of the log", stream="stdout")
    events.extend(event.model_copy(update={"text": "a late line"}) for event in log_events(1))
    running.wait_for("a late line\n", stream="stdout")
    answer = running.interrupt().finish(patience=10)
    assert answer.code == -2  # it dies of the signal
    assert len(answer.stdout.splitlines()) == 4
    assert "error:" not in answer.stderr
    deadline = time.monotonic() + 10
    while plane.world.log_streams_open and time.monotonic() < deadline:
        time.sleep(0.05)
    assert plane.world.log_streams_open == 0, "the stream was left open"


def test_a_long_log_in_constant_memory(cli, deployments, plane):
    peaks = {}
    for count in (1000, EVENTS):
        plane.world.logs["chat"] = lambda count=count: log_events(count)
        running = deployments("logs", "chat", "--tail", count, start=True)
        peaks[count] = cli.peak_memory(running)
        lines = running.finish(patience=120).ok().stdout.splitlines()
        assert len(lines) == count
        assert lines[-1].endswith(f"line {count - 1} of the log")
    print(f"peak memory: {peaks}")
    assert peaks[EVENTS] < peaks[1000] + 2048, peaks
    assert peaks[EVENTS] < 32 * 1024, peaks
