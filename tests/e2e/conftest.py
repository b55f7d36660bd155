"""End-to-end tests: the built binary against programs that nobody here wrote.

`make e2e` runs them (see `run` beside this file). LLAMACTL_BIN names the binary, E2E_NODE_MODULES where the npm
packages are. Nothing is ever skipped: what is missing is an error.
"""

import os
import pathlib
import shutil
import signal

import pytest

from support.cli import Cli
from support.control_plane import ControlPlane, World
from support.provider import Provider

ROOT = pathlib.Path(__file__).resolve().parents[2]


def pytest_configure(config):
    # As in a terminal's foreground: in the background interrupts are ignored, and would be by what is started here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    binary = pathlib.Path(os.environ.get("LLAMACTL_BIN", ROOT / "target/release/llamactl")).resolve()
    modules = pathlib.Path(os.environ.get("E2E_NODE_MODULES", ROOT / "target/e2e/node/node_modules"))
    if not os.access(binary, os.X_OK) or binary.is_dir():
        raise pytest.UsageError(f"no binary at {binary}: build it first, or name it with LLAMACTL_BIN")
    if not modules.is_dir() or not shutil.which("node"):
        raise pytest.UsageError("node or its packages are missing: start the tests with tests/e2e/run")
    config.binary, config.modules = binary, modules


@pytest.fixture
def modules(request):
    """Where the npm packages are."""
    return request.config.modules


@pytest.fixture
def cli(request, tmp_path):
    """The binary in a new, empty home."""
    cli = Cli(request.config.binary, tmp_path / "home")
    yield cli
    cli.close()


@pytest.fixture
def start_control_plane(cli):
    """A function that starts control planes; their secrets are guarded from then on."""
    started = []

    def start(provider=None, **world):
        plane = ControlPlane(World(**world), provider)
        started.append(plane)
        cli.secrets.append(plane.secrets)
        return plane

    yield start
    for plane in started:
        plane.close()


@pytest.fixture
def control_plane(start_control_plane):
    """A control plane that wants an API key."""
    return start_control_plane()


@pytest.fixture
def start_provider(modules, tmp_path):
    """A function that starts OpenID providers with the settings that oidc/provider.mjs lists."""
    started = []

    def start(**settings):
        with open(tmp_path / f"provider-{len(started)}.log", "w") as log:
            provider = Provider(modules, settings, stderr=log)
        started.append(provider)
        return provider

    yield start
    for provider in started:
        provider.close()
