"""The corpus of fixtures/dotenv, and hostile values, through real readers of .env files.

Each reader that could read a file before reads our three values after, and all other names as before, but for the
listed cases."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from dotenv_readers import readers  # noqa: E402
from dotenv_readers.editor import NAMES, ROOT, edit  # noqa: E402

CORPUS = sorted((ROOT / "fixtures" / "dotenv").glob("*.in"))
VALUES = ("llx-new", "https://api.example.com", "project-1")

SHELLS = {"bash", "dash", "zsh", "busybox"}
BACKTICKS = {"dotenv", "dotenvx", "node", "node 22", "node 24"}
PYTHON = {"python-dotenv", "python-dotenv 0.10"}

# Cases in which readers disagree about the file, so that an edit by one grammar leaves these without our values or with
# another value than before.
CHOICES = {
    "bom-then-ours": ({"python-dotenv 0.10", "node", "node 22", "node 24"}, "the mark is a part of the name to these"),
    "colon-at-end-of-file": ({"dotenv", "dotenvx"}, "their pattern takes the next line for the value of `A:`"),
    "export-names-after-assignment": (PYTHON, "a name alone takes the value away"),
    "name-alone-after-assignment": (PYTHON, "a name alone takes the value away"),
    "export-with-many-blanks": ({"node"}, "Node 20 takes the blanks into the name"),
    "export-with-tab": ({"node", "node 22", "node 24"}, "Node takes the tab into the name"),
    "tab-indent-kept": ({"node"}, "Node 20 takes the tab into the name"),
    "tabs-around-equals": ({"node"}, "Node 20 takes the tab into the name"),
    "no-break-space-before-name": ({"dotenvy"}, "a space to dotenvy only, whose first assignment counts"),
    "other-blank-after-equals-at-end": ({"node", "node 22", "node 24"}, "Node takes the next line for the value of `A= `"),
    "other-single-quoted-ends-in-backslash-twice": (PYTHON, "to these the backslash escapes the quote"),
    "ours-inside-backticks": (BACKTICKS, "only these know backtick quotes"),
    "other-bare-ends-in-backslash": (SHELLS, "a shell joins the lines"),
    "other-bare-with-apostrophes-around-ours": (SHELLS | {"dotenvy"}, "to these the lines between the apostrophes are one value"),
    "two-comments-with-two-blanks-and-apostrophe": ({"dotenvy"}, "dotenvy sees quotes in such comments"),
    "readonly": (SHELLS, "a shell cannot assign to it again"),
    "shell-and": (SHELLS, "a later line that only a shell understands assigns again"),
    "shell-exit-before-ours": (SHELLS, "a shell ends before"),
    "shell-if": (SHELLS, "the assignment may not happen"),
    "shell-if-unindented": (SHELLS, "the assignment may not happen"),
    "form-feed-before-ours": ({"node", "node 22", "node 24"}, "Node takes the form feed into the name"),
    "old-windows-path-escaped": ({"python-dotenv 0.10"}, "to this one the backslash escapes the quote"),
    "shell-ansi-c-string-around-ours": (SHELLS | {"dotenvy"}, "to these the lines between the quotes are one value"),
    "shell-string-around-ours": (SHELLS, "to a shell the lines between the quotes are one string"),
    "shell-unset-after": (SHELLS, "a later `unset`"),
}

HOSTILE = [
    "a b", " a", "a ", "it's", 'say "hi"', "a#b", "a #b", "#a", "$HOME", "a$", "$(: > {marker})", "`: > {marker}`",
    "'$(: > {marker})'", "\"$(: > {marker})\"", "';: > {marker};'", "$'\\x41'", "${HOME}", "${HOME:-x}", "a\\b", "\\n",
    "a\\", "a\\\\b", "\\'", "=a", "é ü", "北京", "🔑", "\u2028", "\u00a0", "x\ny", "x\n{marker}=1\ny", "x\r\ny", "\t",
    "~", "~/x", "x:~/y", "a~b", "=ls", "x:=ls", "*", "?", "[a]", "{a,b}", "a;b", "a&b", "a|b", "a>b", "(a)", "!x", "a!b",
    "it's #1", "it's\n\"two\"", "'\"", "`'", "export A=1", "<<EOF", "\x1b[0m", "\x7f", "^", "a b'c",
    "https://u:p@h.example.com/?a=1&b=2#f", "[1]", '{"a": 1}', "\\$x", "a'b`c",
]
SAFE = [
    "a=b", "a=", "a==", "%s", "a,b", "-n", "%%", "@", "+1", ",", "a:b", "_", "0", "007", "true", "null", "a/../b", "1e5",
    "https://api.example.com:8443/a%20b/c,d@e=f", "llx-0123456789abcdefABCDEF_-",
]


@pytest.fixture(scope="module")
def available():
    readers.install()
    return readers.available()


def _table(title, rows):
    width = max(len(row[0]) for row in rows)
    print(f"\n{title}")
    for name, *cells in rows:
        print("  " + name.ljust(width) + "  " + "  ".join(str(cell).rjust(10) for cell in cells))


def test_corpus(available, tmp_path):
    edited, refused = [], []
    for case in CORPUS:
        before, after = tmp_path / f"{case.stem}.before", tmp_path / f"{case.stem}.after"
        before.write_bytes(case.read_bytes())
        after.write_bytes(case.read_bytes())
        if edit(after, *VALUES) is None:
            edited.append((case.stem, before, after))
        else:
            assert after.read_bytes() == before.read_bytes(), case.stem
            refused.append(case.stem)
    known = readers.read_all(available, [before for _, before, _ in edited])
    then = readers.read_all(available, [after for _, _, after in edited])
    want = dict(zip(NAMES, VALUES))
    available_order = list(available)
    wrong, rows, grid = [], [], {stem: "" for stem, *_ in edited}
    for reader in available:
        could = 0
        for number, (stem, before, after) in enumerate(edited):
            was, now = known[reader][number], then[reader][number]
            if was is None or readers.misread(reader, before.read_bytes(), was, known["python-dotenv"][number]):
                grid[stem] += "-"
                continue
            could += 1
            was, now = readers.names(was), readers.names(now or {})
            others = {name: value for name, value in was.items() if name not in want}
            right = now == {**others, **want}
            grid[stem] += "+" if right else "X"
            if not right and reader not in CHOICES.get(stem, ({}, ""))[0]:
                wrong.append(f"{reader}, {stem}: {now} is not {({**others, **want})}")
        column = available_order.index(reader)
        lost = sum(cells[column] == "X" for cells in grid.values())
        rows.append([reader, len(edited), could, could - lost, lost])
    _table(
        f"{len(CORPUS)} files, {len(edited)} edited, {len(refused)} refused",
        [["reader", "edited", "could read", "reads right", "lost"], *rows],
    )
    print("\nreader by reader (" + ", ".join(available) + "): + reads right, - could not read it before, X lost")
    for stem, cells in grid.items():
        print(f"  {cells}  {stem}")
    print("\nrefused: " + ", ".join(refused))
    print("\nwhere readers disagree:")
    for stem, (lost, reason) in CHOICES.items():
        assert stem in grid, stem
        print(f"  {stem}: {', '.join(sorted(lost))}: {reason}")
    print("\nwhat counts as not read:")
    for reader, text in readers.MISREADINGS.items():
        print(f"  {reader}: {text}")
    assert not wrong, "\n".join(wrong[:20])


def test_values(available, tmp_path):
    """A value of safe characters is read back by every reader, in every kind of quotes; any other is refused."""
    marker = tmp_path / "MARKER"
    old = "A=1\nexport LLAMA_CLOUD_API_KEY=old # mine\nLLAMA_CLOUD_BASE_URL=\"old\"\nB='x y'\n"
    cases, refused = [], []
    for number, value in enumerate(HOSTILE + SAFE):
        value = value.replace("{marker}", str(marker))
        path = tmp_path / f"{number}.env"
        path.write_text(old)
        message = edit(path, value, "https://api.example.com", value)
        if message is None:
            cases.append((value, path))
        else:
            assert path.read_text() == old
            assert "error: the value of LLAMA_CLOUD_API_KEY has the character " in message, message
            refused.append(value)
    assert [value for value, _ in cases] == SAFE
    read = readers.read_all(available, [path for _, path in cases])
    wrong, rows = [], []
    for reader in available:
        exact = 0
        for (value, path), values in zip(cases, read[reader]):
            ours = dict(zip(NAMES, (value, "https://api.example.com", value)))
            if values == {"A": "1", "B": "x y", **ours}:
                exact += 1
            else:
                wrong.append(f"{reader}: {value!r} as {path.read_text()!r} is read as {values}")
        rows.append([reader, len(cases), exact])
    _table(f"{len(HOSTILE + SAFE)} values, {len(refused)} refused", [["reader", "written", "read back"], *rows])
    assert not marker.exists()
    assert not wrong, "\n".join(wrong[:20])


def test_second_edit_changes_nothing(tmp_path):
    path = tmp_path / ".env"
    path.write_text("A='x'\n")
    assert edit(path, *VALUES) is None
    before = path.stat().st_mtime_ns, path.stat().st_ino
    assert edit(path, *VALUES) is None
    assert before == (path.stat().st_mtime_ns, path.stat().st_ino)
