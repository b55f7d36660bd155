"""The readers of .env files, each as a function from paths to what it read: a dictionary, or None if it could not read
the file."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
INSTALLED = Path(os.environ.get("LLAMACTL_E2E_DIR", ROOT / "target" / "e2e")) / "dotenv_readers"
# Nothing that a file runs is found.
NOWHERE = {"PATH": "/nonexistent"}

PYTHON_DOTENV = {"python-dotenv": "1.2.4", "python-dotenv 0.10": "0.10.5"}
NODE_PACKAGES = ["dotenv@18.0.10", "@dotenvx/dotenvx@2.38.2"]
OTHER_NODES = ["22", "24"]


def _quiet(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stderr[-2000:]}")
    return done.stdout


def install():
    """Brings in the readers; what is there already stays."""
    INSTALLED.mkdir(parents=True, exist_ok=True)
    stamp = INSTALLED / "installed"
    want = json.dumps([PYTHON_DOTENV, NODE_PACKAGES, OTHER_NODES])
    if stamp.exists() and stamp.read_text() == want:
        return
    for name, version in PYTHON_DOTENV.items():
        venv = INSTALLED / name
        _quiet(sys.executable, "-m", "venv", venv)
        _quiet(venv / "bin" / "python", "-m", "pip", "install", "-q", f"python-dotenv=={version}")
    _npm(INSTALLED / "node", NODE_PACKAGES)
    for major in OTHER_NODES:
        # A plain package that brings the binary with it.
        _npm(INSTALLED / f"node{major}", [f"node@{major}"], may_fail=True)
    _quiet(
        "cargo", "build", "--quiet", "--release",
        "--manifest-path", HERE / "dotenvy" / "Cargo.toml", "--target-dir", INSTALLED / "dotenvy",
    )
    stamp.write_text(want)


def _npm(folder, packages, may_fail=False):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true}')
    try:
        _quiet("npm", "install", "--no-audit", "--no-fund", "--silent", *packages, cwd=folder)
    except RuntimeError:
        if not may_fail:
            raise


def _batch(command, env=None):
    def read(paths):
        listed = json.dumps([str(path) for path in paths])
        done = subprocess.run(
            [str(word) for word in command], input=listed, capture_output=True, text=True, env=env, check=True
        )
        return json.loads(done.stdout)

    return read


def _probed(read):
    """Lost its way: a reader that would not find one more line at the end of the file."""

    def both(paths):
        with tempfile.TemporaryDirectory() as folder:
            probes = [Path(folder) / str(number) for number in range(len(paths))]
            for path, probe in zip(paths, probes):
                probe.write_bytes(Path(path).read_bytes() + b"\nPROBE=1\n")
            return [
                values if probed is not None and probed.get("PROBE") == "1" else None
                for values, probed in zip(read(paths), read(probes))
            ]

    return both


def _each(function):
    def read(paths):
        with ThreadPoolExecutor(max_workers=4) as pool:
            return list(pool.map(function, paths))

    return read


def _node(what, binary=None):
    env = {**NOWHERE, "NODE_PATH": str(INSTALLED / "node" / "node_modules"), "HOME": str(INSTALLED)}
    return _batch([binary or shutil.which("node"), HERE / "node.js", what], env=env)


def _shell(*command):
    # Sources the file, then prints the environment. A complaint or a command that is not found: it could not read it.
    script = 'file=$1; shift; set -a; . "$file" >/dev/null; code=$?; /usr/bin/env -0; exit "$code"'
    ignored = {"code", "PATH", "PWD", "OLDPWD", "SHLVL", "_", "HOME", "LOGNAME"}

    def one(path):
        done = subprocess.run(
            [*command, "-c", script, "sh", str(path)],
            env=NOWHERE, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, timeout=20,
        )
        if done.returncode or done.stderr:
            return None
        pairs = (item.split(b"=", 1) for item in done.stdout.split(b"\0") if item)
        return {
            name.decode(errors="replace"): value.decode(errors="replace")
            for name, value in pairs
            if name.decode(errors="replace") not in ignored
        }

    return _each(one)


def _direnv(binary):
    def one(path):
        done = subprocess.run([binary, "dotenv", "json", str(path)], env=NOWHERE, capture_output=True, timeout=20)
        return None if done.returncode else json.loads(done.stdout)

    return _each(one)


def available():
    """Name → reader, of those that this machine has."""
    readers = {
        **{name: _batch([INSTALLED / name / "bin" / "python", HERE / "python.py"]) for name in PYTHON_DOTENV},
        "dotenvy": _batch([INSTALLED / "dotenvy" / "release" / "dotenvy-reader"]),
        "dotenv": _node("dotenv"),
        "dotenvx": _node("dotenvx"),
        "node": _probed(_node("parseEnv")),
    }
    for major in OTHER_NODES:
        binary = INSTALLED / f"node{major}" / "node_modules" / ".bin" / "node"
        if binary.exists():
            readers[f"node {major}"] = _node("parseEnv", binary)
    for shell, command in {
        "bash": ["--norc", "--noprofile"], "dash": [], "zsh": ["-f"], "busybox": ["sh"],
    }.items():
        if binary := shutil.which(shell):
            readers[shell] = _shell(binary, *command)
    if binary := shutil.which("direnv"):
        readers["direnv"] = _direnv(binary)
    return readers


# What a reader gives for a file that it gets wrong, by its own fault and without a word. Nothing can be promised there:
# such a file is one that the reader could not read. The texts are printed below the table.
MISREADINGS = {
    "shells": "CR and NUL are parts of values or dropped; what stands before a bare `&` is set in the background, and lost",
    "node": "20 takes a line without `=` for the start of the next name, and drops a last value whose quote is open",
    "node 22": "from 22 on `NAME=` and a blank swallow the next line; escaped quotes end a value of several lines",
    "dotenv": "`NAME:` at a line's end swallows the next line, `NAME=` a quoted one",
    "direnv": "reads line by line: values of several lines are cut, and their lines read as assignments",
    "names": "what no program can ask for (with blanks, quotes, `#` or a byte order mark in it) counts as no name",
}


def misread(reader, file, read, python):
    """Whether the reader got the file wrong. `python`: what python-dotenv makes of it, for values of several lines."""
    values = read.values()
    if reader in ("bash", "dash", "zsh", "busybox"):
        return b"\r\n" in file or b"\0" in file or bool(re.search(rb"=[^\s'\"`]*&", file)) or any(
            "\r" in value for value in values
        )
    if reader == "direnv":
        return any("\n" in value for value in (python or {}).values())
    if reader in ("dotenv", "dotenvx"):
        return bool(re.search(rb"[\w.-]:\r?\n\s*[^\s#]|=\s*\n\s*['\"`]", file))
    if reader == "node":
        open_end = re.search(rb"=[ \r]*(['\"`])[^'\"`]*$", file.rsplit(b"\n", 1)[-1])
        return any("\n" in name for name in read) or bool(open_end)
    if reader.startswith("node "):
        swallows = re.search(rb"=\r*[ \t][ \t\r]*\n\s*[^\s#]", file)
        escaped = re.search(rb"=\s*\"[^\"\n]*\\\"[^\"]*\n[^\"]*\"", file)
        return bool(swallows or escaped)
    return False


def names(read):
    """What was read, under names that a program can ask for."""
    return {name: value for name, value in read.items() if not re.search(r"[\s#'\"`]|^[\ufeff\u00a0]", name)}


def read_all(readers, paths):
    """Reader → what it read, path by path."""
    return {name: read(paths) for name, read in readers.items()}
