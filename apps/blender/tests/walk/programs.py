# SPDX-License-Identifier: MIT OR Apache-2.0
"""Where the binary under test and the real Blenders are, as functions and as fixtures that a conftest takes over.

KAPELLE_TEST_BINARY, else target/debug of cargo. KAPELLE_TEST_BPY45, KAPELLE_TEST_BPY52: a Python with that wheel;
KAPELLE_TEST_BLENDER: a Blender. KAPELLE_TEST_ONLY=bpy45,blender chooses. What is missing is skipped at a desk and fails
under CI=true.
"""

import os
import shutil
from pathlib import Path

import pytest
from program_version import has_extensions

# For every test of what an app does; those marked `every_blender` are run on NEWEST as well.
NAMES = ("bpy45", "blender")
NEWEST = "bpy52"
REPOSITORY = Path(__file__).resolve().parents[4]


class Program:
    """A Blender that can be started. `key` is how a start names it."""

    def __init__(self, name, path):
        self.name = name
        self.path = path
        self.is_module = name.startswith("bpy")
        self.key = "python" if self.is_module else "program"
        self.option = "--python" if self.is_module else "--blender"

    @property
    def has_extensions(self):
        """Whether the add-on is an extension there. Every wheel that there is has them."""
        return self.is_module or has_extensions(self.path)


def chosen(names):
    only = os.environ.get("KAPELLE_TEST_ONLY")
    return [name for name in names if not only or name in only.split(",")]


def find_program(name):
    """The Program, or a sentence that says what is missing."""
    variable = "KAPELLE_TEST_" + name.upper()
    told = os.environ.get(variable) or (shutil.which("blender") if name == "blender" else None)
    if not told:
        return "set %s to the %s under test" % (variable, "Blender" if name == "blender" else "Python with bpy")
    path = shutil.which(told)
    # Not resolved: a Python of an environment is a link, and what it is depends on where the link lies.
    return Program(name, os.path.abspath(path)) if path else "%s names no program: %s" % (variable, told)


def find_binary():
    """The path, or a sentence that says what is missing."""
    told = os.environ.get("KAPELLE_TEST_BINARY")
    if not told:
        target = os.environ.get("CARGO_TARGET_DIR") or REPOSITORY / "target"
        told = str(Path(target) / "debug" / "kapelle")
    if os.access(told, os.X_OK):
        return Path(told).resolve()
    return "there is no %s; build it: cargo build -p kapelle-cli" % told


def missing(what):
    """Skips the test at a desk, and fails it on CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def program(request):
    found = find_program(request.param)
    return missing(found) if isinstance(found, str) else found


@pytest.fixture(scope="session")
def binary():
    found = find_binary()
    return missing(found) if isinstance(found, str) else found
