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

# Cases in which readers disagree about the file on purpose, and what was chosen.
CHOICES = {
    "bom-then-ours": "Node, and python-dotenv of old, take the mark for a part of the name: edited in place, and again at the end",
    "colon-spelling": "only npm's pattern takes `NAME: value`: edited in place, and again at the end for the others",
    "export-names-after-assignment": "a name alone takes python-dotenv's value away: edited in place, and again at the end",
    "export-with-many-blanks": "Node 20 takes blanks into the name: edited in place, and again at the end",
    "trailing-comment-after-tab": "Node 20 takes the tab into the value: it becomes a space",
    "trailing-comment-close-to-quote": "a shell takes the comment for a part of the value: a space comes before it",
    "hash-in-bare-old-value": "half of the readers take it for a comment, the others for the value: replaced",
    "two-comments-with-two-blanks-and-apostrophe": "dotenvy sees a quote in such comments: again at the end, for dotenvy",
    "colon-at-end-of-file": "npm's pattern takes the next line for its value: a line with `#` comes between",
    "other-blank-after-equals-at-end": "Node takes the next line for its value: a line with `#` comes between",
    "other-blank-after-equals-then-ours": "Node takes our line for its value, before and after: edited",
    "ours-inside-backticks": "some know backtick quotes and some do not: refused",
    "other-bare-with-apostrophes-around-ours": "to shells and dotenvy that is one value: refused",
    "other-bare-ends-in-backslash": "a shell joins the lines: refused",
    "old-with-semicolon": "a shell sees two assignments: refused",
    "shell-several-on-a-line": "a shell sees two assignments: refused",
    "shell-if": "to a shell the assignment may not happen: edited in place, and again at the end",
    "shell-if-unindented": "as before",
    "shell-and": "as before",
    "old-with-ampersands": "a shell sees half of the address and an assignment: replaced, as all others see it",
    "plus-equals": "a shell would append to our value: refused",
    "ours-inside-quotes-with-escaped-quote": "Node knows no escapes, and reads our text there: left as it is",
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
            if not right:
                wrong.append(f"{reader}, {stem}: {now} is not {({**others, **want})}")
        lost = sum(text.startswith(f"{reader}, ") for text in wrong)
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
    for stem, choice in CHOICES.items():
        assert stem in grid or stem in refused, stem
        print(f"  {stem}: {choice}")
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
        message = edit(path, value, value, value)
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
            if values == {"A": "1", "B": "x y", **dict.fromkeys(NAMES, value)}:
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
