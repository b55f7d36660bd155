"""Reads each file named in the JSON list on standard input with python-dotenv."""

import json
import logging
import sys

import dotenv

logging.disable(logging.CRITICAL)
read = []
for path in json.load(sys.stdin):
    try:
        values = dotenv.dotenv_values(path)
        read.append({name: value for name, value in values.items() if value is not None})
    except (UnicodeDecodeError, ValueError):
        read.append(None)
json.dump(read, sys.stdout)
