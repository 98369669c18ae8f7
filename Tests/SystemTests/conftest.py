"""What the system tests share: where the programs are, and AWS's emulator to run them."""

import os
from pathlib import Path

import pytest

from deployment import pack
from emulator import Emulator, fetch
from gateway_process import Gateway

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def programs() -> Path:
    """The folder with the built executables; `TICKERTAPE_PROGRAMS` names another one than the debug build's."""
    return Path(os.environ.get("TICKERTAPE_PROGRAMS", ROOT / ".build" / "debug"))


@pytest.fixture(scope="session")
def packages(programs, tmp_path_factory) -> Path:
    """The functions as `make package` packs them; where nobody has, the executables that were built for the tests.
    `TICKERTAPE_PACKAGES` names another folder."""
    folder = ROOT / os.environ.get("TICKERTAPE_PACKAGES", ".build/package")
    if (folder / "Publisher.zip").exists():
        return folder
    return pack(programs, tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="session")
def emulator_program() -> Path:
    return fetch(ROOT / ".build" / "emulator")


@pytest.fixture
def emulate(programs, emulator_program, tmp_path):
    """`emulate("EchoBootstrap", KEY="value")` runs an executable under the emulator until the test ends."""
    started = []

    def start(name: str, **environment: str) -> Emulator:
        log = tmp_path / f"{name}-{len(started)}.log"
        program = programs / name
        # A packaged function is a folder, as Lambda unpacks it.
        program = program / "bootstrap" if program.is_dir() else program
        started.append(Emulator(emulator_program, program, log, environment))
        return started[-1]

    yield start
    for emulator in started:
        emulator.stop()


@pytest.fixture
def gateway(tmp_path):
    """A running gateway of its own for the test; its log is shown if the test fails."""
    running = Gateway(tmp_path).start()
    yield running
    running.stop()
    print(running.log())
