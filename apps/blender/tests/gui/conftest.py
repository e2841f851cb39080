# SPDX-License-Identifier: MIT OR Apache-2.0
"""A Blender with a window under Xvfb: see window.py.

KAPELLE_TEST_BLENDER names the program, else PATH is searched. What is missing is skipped at a desk and fails under
CI=true. KAPELLE_TEST_PICTURES: where the pictures go.
"""

import os
import shutil

import display
import pytest
from installed import module_of
from shared import Shared
from window import Window, pictures


def pytest_terminal_summary(terminalreporter):
    if any(pictures().iterdir()):
        terminalreporter.write_line("Pictures of the windows: %s" % pictures())


@pytest.fixture(scope="session")
def program():
    """The path of a Blender that can open a window here."""
    told = os.environ.get("KAPELLE_TEST_BLENDER")
    path = shutil.which(told or "blender")
    why = display.missing() or (None if path else "there is no blender (set KAPELLE_TEST_BLENDER)")
    if why and os.environ.get("CI") == "true":
        pytest.fail(why)
    if why:
        pytest.skip(why)
    return path


@pytest.fixture(scope="session")
def addon(program):
    """The name of Kapelle's add-on in that Blender, once it is installed."""
    return module_of(program)


@pytest.fixture(scope="session")
def shared(program, package):
    """One Blender with a window for all tests, or one after the other: see shared.py."""
    shared = Shared(lambda: Window(program, package))
    yield shared
    shared.close()
