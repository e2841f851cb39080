# SPDX-License-Identifier: MIT OR Apache-2.0
"""Faults on real Blenders: every one of them ends in a clear outcome, and nothing is lost or run twice.

The hubs, callers and Blenders are those of the walk tests. Which fault is held by which test stands in
docs/reference/faults.md. One Blender does (the 4.5 wheel); what is marked `every_blender` runs on Debian's too.
"""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
for folder in (HERE, HERE.parent / "walk"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from bridgekit.tests.machine import compiled  # noqa: E402
from hubs import Hub, Terminal, wait_until  # noqa: E402
from programs import binary, chosen, missing, program  # noqa: E402, F401
from runs import Runs  # noqa: E402
from wire import Wire  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "every_blender: also run on Debian's Blender")


def pytest_generate_tests(metafunc):
    if "program" in metafunc.fixturenames:
        every = metafunc.definition.get_closest_marker("every_blender")
        names = chosen(("bpy45", "blender") if every else ("bpy45",))
        metafunc.parametrize("program", names, indirect=True, scope="session")


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """What makes clocks jump and disks fail, for LD_PRELOAD."""
    found = compiled(tmp_path_factory.mktemp("library"))
    return missing(found) if isinstance(found, str) else found


@pytest.fixture(scope="module")
def stage(program, binary, tmp_path_factory):
    """The module's hub with a wire before it and one Blender, named `blender`, behind the wire."""
    with Hub(binary, tmp_path_factory.mktemp("faults") / "home") as hub, Wire() as wire:
        hub.program, hub.wire = program, wire
        wire.stand_before(hub)
        hub.start(program, "blender")
        yield hub


@pytest.fixture
def hub(stage):
    """That hub, up, with the Blender free and nobody at the wire."""
    stage.wire.open_all()
    if stage.process.poll() is not None:
        stage.wire.serve(stage)
    if not is_free(stage, 20):
        # What an earlier test left is that test's failure, and not this one's too.
        stage.http.request("DELETE", "/v1/instances/blender?force=true")
        stage.start(stage.program, "blender")
    return stage


def is_free(stage, seconds):
    """Whether the Blender is there and has nothing to do, by then."""

    def look():
        answer = stage.http.request("GET", "/v1/instances/blender")
        return answer.status != 200 or answer.json["state"] == "idle"

    try:
        wait_until(look, seconds, "a free Blender")
    except AssertionError:
        return False
    return stage.http.request("GET", "/v1/instances/blender").status == 200


@pytest.fixture
def runs(tmp_path):
    """Counts how often the code of a call ran."""
    return Runs(tmp_path / "runs")


@pytest.fixture
def terminal_of():
    """A terminal beside a hub, with the same home."""
    return lambda hub: Terminal(hub.binary, hub.home)
