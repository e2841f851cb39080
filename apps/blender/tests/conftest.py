# SPDX-License-Identifier: MIT OR Apache-2.0
"""Makes `bridgekit` and the tests' own helpers importable, knows which tests failed, and tells at the end of every
shared Blender that died or stood still, and where a run was when it was interrupted."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
for folder in (HERE, HERE / "real", HERE.parent.parent):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from assemble import assemble  # noqa: E402
from shared import TOLD  # noqa: E402

FAILED = pytest.StashKey()
_begun, _interrupted = [], []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    item.stash[FAILED] = report.failed or item.stash.get(FAILED, False)
    return report


@pytest.fixture
def has_failed(request):
    """Whether the test has failed, for what comes after it."""
    return lambda: request.node.stash.get(FAILED, False)


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    """The bridge as it is put into a Blender."""
    return assemble(tmp_path_factory.mktemp("bridge"))


@pytest.fixture
def blender(shared, has_failed):
    """The Blender that tests share, with a default file."""
    yield shared.fresh()
    if has_failed():
        shared.look()


def pytest_runtest_logstart(nodeid):
    _begun[:] = [nodeid]


def pytest_keyboard_interrupt(excinfo):
    """Pytest itself shows the innermost line only, which is one of Python's."""
    ours = [one for one in excinfo.traceback if "site-packages" not in str(one.path)]
    _interrupted.extend("%s:%d in %s" % (one.path, one.lineno + 1, one.name) for one in ours)


def pytest_terminal_summary(terminalreporter):
    for told in TOLD:
        terminalreporter.section("a shared Blender is gone", red=True)
        terminalreporter.write_line(told)
    if _interrupted:
        terminalreporter.section("interrupted in %s" % "".join(_begun), red=True)
        terminalreporter.write_line("\n".join(_interrupted))
