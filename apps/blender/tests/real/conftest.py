# SPDX-License-Identifier: MIT OR Apache-2.0
"""The real Blenders: the wheels 4.5 and 5.2, and a Blender program in background.

KAPELLE_TEST_BPY45, KAPELLE_TEST_BPY52: a Python with that wheel; KAPELLE_TEST_BLENDER: a Blender. Without them the
usual places are tried. What is not there is skipped at a desk and fails under CI=true. Further wheels are tried where
they are named, such as KAPELLE_TEST_BPY42 and KAPELLE_TEST_BPY50.
KAPELLE_TEST_ONLY=bpy45,blender chooses.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from instance import Instance, Program
from shared import Shared

USUAL = ("bpy45", "blender", "bpy52")
FURTHER = sorted(one[13:].lower() for one in os.environ if re.match(r"KAPELLE_TEST_BPY\d\d$", one))
NAMES = (*USUAL, *(one for one in FURTHER if one not in USUAL))
VERSIONS = {"bpy45": "4.5", "bpy52": "5.2"}


def find(name):
    """The Program, or a sentence that says what is missing."""
    told = os.environ.get("KAPELLE_TEST_" + name.upper())
    kind = "blender" if name == "blender" else "module"
    if told:
        return Program(name, told, kind) if shutil.which(told) else "KAPELLE_TEST_%s names no program" % name.upper()
    if kind == "blender":
        path = shutil.which("blender")
        return Program(name, path, kind) if path else "there is no blender on PATH (set KAPELLE_TEST_BLENDER)"
    version = VERSIONS[name]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    for folder in (cache / "kapelle" / ("bpy-" + version), cache / "kapelle-build" / ("bpy-" + version)):
        python = folder / "bin" / "python"
        if python.exists() and _has_bpy(python):
            return Program(name, str(python), kind)
    return "no Python with bpy %s was found (set KAPELLE_TEST_%s)" % (version, name.upper())


def _has_bpy(python):
    code = "import importlib.util, sys; sys.exit(importlib.util.find_spec('bpy') is None)"
    return subprocess.run([str(python), "-c", code], check=False, timeout=60).returncode == 0


def pytest_generate_tests(metafunc):
    if "program" in metafunc.fixturenames:
        only = os.environ.get("KAPELLE_TEST_ONLY")
        names = [one for one in NAMES if not only or one in only.split(",")]
        metafunc.parametrize("program", names, indirect=True, scope="session")


@pytest.fixture(scope="session")
def program(request):
    found = find(request.param)
    if isinstance(found, str):
        if os.environ.get("CI") == "true":
            pytest.fail(found)
        pytest.skip(found)
    return found


@pytest.fixture(scope="session")
def shared(program, package):
    """One Blender for all tests of a version, or one after the other: see shared.py."""
    shared = Shared(lambda: Instance(program, package))
    yield shared
    shared.close()
