"""The function of the template's distribution, run by node."""

import json
import subprocess
from pathlib import Path
from urllib.parse import parse_qsl

from aws_emulator import ROOT

CASES = json.loads((ROOT / "Tests" / "Fixtures" / "paths.json").read_text())
# Of a request that the function hands on as it is, the query is still the object that it came with.
UNCHANGED: dict = {}


def run(code: str, urls: list[str], folder: Path) -> list[dict]:
    """What the code makes of each request: `uri` and `querystring`."""
    file = folder / "function.js"
    file.write_text(code)
    done = subprocess.run(
        ["node", ROOT / "Tests" / "SystemTests" / "paths_function.mjs", file], input=json.dumps(urls), capture_output=True, text=True,
        timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def parameters(querystring: str) -> dict[str, str]:
    """As API Gateway hands them to a function: decoded, of a name that comes several times the last value."""
    return dict(parse_qsl(querystring, keep_blank_values=True))
