"""How the tests have a .env file edited: by `llamactl auth inject`, from a store that holds just what is to be written.

The store is written by hand, so that values come through which no command would take in.
"""

import json
import os
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
NAMES = ("LLAMA_CLOUD_API_KEY", "LLAMA_CLOUD_BASE_URL", "LLAMA_AGENTS_PROJECT_ID")


def edit(path, key, url, project):
    """Edits the file; the message where that was refused, else None."""
    profile = {"name": "one", "project_id": project, "api_key": key}
    environment = {"api_url": url, "requires_auth": True, "current_profile": "one", "profiles": [profile]}
    store = {"version": 1, "current_environment": url, "environments": [environment]}
    with tempfile.TemporaryDirectory() as home:
        file = Path(home) / "profiles.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(store))
        done = subprocess.run(
            [os.environ["LLAMACTL_BIN"], "auth", "inject", "--env-file", str(path)],
            env={"LLAMACTL_CONFIG_DIR": home, "PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{done.returncode}: {done.stderr}")
    return done.stderr if done.returncode else None
