# SPDX-License-Identifier: MIT OR Apache-2.0
"""The whole way: the binary as a process, real Blenders, a caller over HTTP and one at the terminal.

Every module gets a hub in a home of its own, for each Blender it is run on. What is missing is skipped at a desk
and fails under CI=true.
"""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))

from hubs import Hub, Terminal  # noqa: E402
from programs import NAMES, NEWEST, binary, chosen, program  # noqa: E402, F401


def pytest_configure(config):
    config.addinivalue_line("markers", "every_blender: also run on the newest Blender, as a smoke test")
    config.addinivalue_line("markers", "one_blender: about the hub; which Blender there is does not matter")


def pytest_generate_tests(metafunc):
    if "program" in metafunc.fixturenames:
        has = metafunc.definition.get_closest_marker
        names = chosen((*NAMES, NEWEST) if has("every_blender") else NAMES)
        if has("one_blender"):
            names = names[:1]
        metafunc.parametrize("program", names, indirect=True, scope="session")


@pytest.fixture
def terminal(binary, tmp_path):
    """A terminal with a home that is not there yet, and no hub."""
    made = Terminal(binary, tmp_path / "home")
    yield made
    made.clear()


@pytest.fixture
def new_hub(binary, tmp_path):
    """Makes hubs for one test: `new_hub()`, `new_hub("other")`."""
    made = []

    def make(name="home", **more):
        hub = Hub(binary, tmp_path / name, **more)
        made.append(hub)
        return hub

    yield make
    for hub in made:
        hub.close()


@pytest.fixture(scope="module")
def hub(binary, tmp_path_factory):
    """The module's hub."""
    with Hub(binary, tmp_path_factory.mktemp("walk") / "home") as made:
        yield made


@pytest.fixture(scope="module")
def stage(program, binary, tmp_path_factory):
    """The module's hub with one background Blender, named `blender`."""
    with Hub(binary, tmp_path_factory.mktemp("stage") / "home") as made:
        made.program = program
        made.start(program, "blender")
        yield made


@pytest.fixture
def http(stage):
    """The owner over HTTP, with the Blender free, a default file and no variables."""
    caller = stage.http
    view = caller.instance("blender")
    assert view["state"] == "idle", (view, stage.log_of("blender"))
    caller.run("file.new")
    caller.run("code.reset")
    return caller
