"""Other people's readers of `.env` files, and what each makes of one."""

import json
import subprocess

from dotenv import dotenv_values

NODE = {
    "util.parseEnv": "require('node:util').parseEnv(text)",
    "dotenv": "require(modules + '/dotenv').parse(text)",
    "dotenvx": "require(modules + '/@dotenvx/dotenvx').parse(text)",
}
SCRIPT = """
const [modules, path] = process.argv.slice(1);
const text = require('node:fs').readFileSync(path, 'utf8');
process.stdout.write(JSON.stringify(%s));
"""


def read_all(path, modules):
    """{name of the reader: {variable: value}} for each reader; none of them takes anything from the environment."""
    read = {"python-dotenv": dict(dotenv_values(path, interpolate=True, encoding="utf-8"))}
    for name, expression in NODE.items():
        answer = subprocess.run(
            ["node", "-e", SCRIPT % expression, str(modules), str(path)],
            check=True,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=30,
        )
        read[name] = json.loads(answer.stdout)
    return read
