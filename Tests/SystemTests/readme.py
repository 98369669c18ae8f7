"""The fenced lines of README.md and of the pages that go on with it, and a checkout in which they run as they stand."""

import re
import subprocess
from pathlib import Path

from aws_emulator import ROOT

README = (ROOT / "README.md").read_text()
# Debian's own programs; nothing of the tests' surroundings.
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


# Of these every shell line is run.
PAGES = ["README.md", "Docs/configuration.md"]


def blocks(language: str, page: str = "README.md") -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / page).read_text(), re.M | re.S)


def shell_lines(*pages: str) -> list[str]:
    """Every command of the pages' shell blocks, with the lines that it goes on over."""
    return [line for page in pages or PAGES for block in blocks("sh", page) for line in re.findall(r"((?:.*\\\n)*.+)\n?", block)]


def shell_line(*words: str) -> str:
    """The one command that holds these words."""
    (found,) = [line for line in shell_lines() if all(word in line for word in words)]
    return found


def checkout(folder: Path, programs: Path) -> Path:
    """The project with `make release` done: what a reader of README.md has."""
    for name in ("Makefile", "README.md", "Package.swift", "Clients", "Data", "Docs", "Examples", "Pages", "Sources", "infra", "scripts"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".build").mkdir()
    (folder / ".build" / "release").symlink_to(programs)
    (folder / ".build" / "examples").symlink_to(ROOT / ".build" / "examples")
    return folder


def stand_in_for_swift(folder: Path, programs: Path) -> Path:
    """A `swift` for a project that is built: it says where, and builds nothing."""
    program = folder / "swift"
    program.write_text(f"""#!/bin/sh
case "$*" in
  "build -c release") ;;
  "build -c release --show-bin-path") echo '{programs}' ;;
  *) echo "swift: what is '$*'?" >&2; exit 64 ;;
esac
""")
    program.chmod(0o755)
    return program


class Shell:
    """Runs lines as a reader's shell would, with these variables and no others."""

    def __init__(self, folder: Path, **variables: str):
        self.folder = folder
        self.variables = {"PATH": SYSTEM_PATH, "HOME": str(folder), **variables}

    def run(self, line: str, timeout: float = 60, **more: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["bash", "-c", line], cwd=self.folder, env={**self.variables, **more}, capture_output=True, text=True, timeout=timeout,
            stdin=subprocess.DEVNULL)

    def start(self, line: str, output: Path, **more: str) -> subprocess.Popen:
        """In a process group of its own, as a terminal starts it; what it prints goes to a file."""
        with output.open("wb") as file:
            return subprocess.Popen(
                ["bash", "-c", line], cwd=self.folder, env={**self.variables, **more}, stdout=file, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL, start_new_session=True)
