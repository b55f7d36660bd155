"""The binary under test in a sandbox: a home of its own, an environment with nothing in it that the tool reads.

Every run has a time limit, and fails the test when a key or token that any server knows shows in what it printed.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import threading
import time
from dataclasses import dataclass

import yaml

PATIENCE = 60
BACKTRACES = ("panicked at", "stack backtrace")


@dataclass
class Answer:
    """What a run left behind."""

    code: int
    stdout: str
    stderr: str

    def json(self):
        return json.loads(self.stdout)

    def yaml(self):
        return yaml.safe_load(self.stdout)

    def table(self):
        """A text table as a list of rows, each a dictionary by column title. Cells start where their titles do."""
        head, *rows = self.stdout.splitlines()
        starts = [match.start() for match in re.finditer(r"\S+", head)]
        ends = [*starts[1:], None]
        return [
            {head[start:end].strip(): row[start:end].strip() for start, end in zip(starts, ends)} for row in rows
        ]

    def ok(self):
        assert self.code == 0, self
        return self

    def failed(self, code, *phrases):
        """Ended with this code, an `error:` line, at most one hint, and each of the phrases on stderr."""
        assert self.code == code, self
        lines = self.stderr.splitlines()
        assert sum(line.startswith("error:") for line in lines) == 1, self
        assert sum(line.startswith("hint:") for line in lines) <= 1, self
        for phrase in phrases:
            assert phrase.lower() in self.stderr.lower(), f"{phrase!r} is not in {self}"
        return self

    def warned(self, phrase):
        """One of the warnings on stderr has the phrase in it."""
        warnings = [line for line in self.stderr.splitlines() if line.startswith("warning:")]
        assert any(phrase in line for line in warnings), f"no warning with {phrase!r} in {self}"
        return self


class Running:
    """A run that goes on while the test does something else."""

    def __init__(self, process, check):
        self.process = process
        self._check = check
        self._parts = {"stdout": [], "stderr": []}
        self._open = len(self._parts)
        self._news = threading.Condition()
        self._readers = [
            threading.Thread(target=self._read, args=(name, getattr(process, name)), daemon=True)
            for name in self._parts
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, name, stream):
        for line in stream:
            with self._news:
                self._parts[name].append(line.decode("utf-8", "replace"))
                self._news.notify_all()
        with self._news:
            self._open -= 1
            self._news.notify_all()

    def _join(self):
        for reader in self._readers:
            reader.join(timeout=5)

    def wait_for(self, pattern, stream="stderr", patience=PATIENCE):
        """The first match of the pattern in what it printed so far or will print."""

        def found():
            return re.search(pattern, "".join(self._parts[stream]))

        with self._news:
            self._news.wait_for(lambda: found() or not self._open, timeout=patience)
        match = found()
        assert match, f"{pattern!r} never came on {stream}: {self._parts}"
        return match

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        return self

    def finish(self, patience=PATIENCE):
        """Waits for the end and gives the whole answer."""
        try:
            self.process.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"still running after {patience} s: {self._parts}") from None
        self._join()
        answer = Answer(self.process.returncode, "".join(self._parts["stdout"]), "".join(self._parts["stderr"]))
        self._check(answer)
        return answer


class Cli:
    """`cli("auth", "get", "-o", "json").ok().json()`."""

    def __init__(self, binary, home):
        self.binary = binary
        self.home = pathlib.Path(home)
        self.directory = self.home / "work"
        self.directory.mkdir(parents=True)
        self.environment = {"HOME": str(self.home), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        self.secrets = []  # functions that give the keys and tokens that no output may contain
        self._processes = []

    @property
    def store(self):
        return self.home / ".config" / "llamactl" / "profiles.json"

    def start(self, *arguments, env=None, home=True, shows_key=False, stdin=subprocess.DEVNULL):
        """Starts it. `env` is added to the sandbox's environment; `home=False` leaves HOME out of that."""
        environment = {**self.environment, **(env or {})}
        if not home:
            del environment["HOME"]
        process = subprocess.Popen(
            [str(self.binary), *map(str, arguments)],
            cwd=self.directory,
            env=environment,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._processes.append(process)
        return Running(process, lambda answer: self._check(arguments, answer, shows_key))

    def __call__(self, *arguments, input=None, patience=PATIENCE, **options):
        if input is None:
            return self.start(*arguments, **options).finish(patience)
        running = self.start(*arguments, stdin=subprocess.PIPE, **options)
        running.process.stdin.write(input.encode())
        running.process.stdin.close()
        return running.finish(patience)

    def _check(self, arguments, answer, shows_key):
        output = answer.stdout + answer.stderr
        assert not any(trace in output for trace in BACKTRACES), answer
        if not shows_key:
            known = {secret for ask in self.secrets for secret in ask()}
            shown = [secret for secret in known if secret in output]
            assert not shown, f"{arguments} printed {len(shown)} secret(s)"

    def files_with(self, text):
        """The files below the home that contain the text."""
        found = []
        for path in self.home.rglob("*"):
            if path.is_file() and text.encode() in path.read_bytes():
                found.append(path)
        return found

    def peak_memory(self, running):
        """Waits for the end of a run and gives the most memory, in KiB, that it was seen to hold.

        VmHWM is the high-water mark of the program itself; ru_maxrss would count the parent's memory before exec.
        """
        peak = 0
        status = pathlib.Path(f"/proc/{running.process.pid}/status")
        while running.process.poll() is None:
            match = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
            peak = max(peak, int(match[1]) if match else 0)
            time.sleep(0.005)
        assert peak, "no memory was measured"
        return peak

    def close(self):
        for process in self._processes:
            if process.poll() is None:
                process.kill()
                process.wait()
