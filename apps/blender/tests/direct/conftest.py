# SPDX-License-Identifier: MIT OR Apache-2.0
"""Blenders in the direct mode, and the published clients of other add-ons.

KAPELLE_TEST_BPY45, KAPELLE_TEST_BLENDER as for tests/real. KAPELLE_TEST_PEERS: a Python that has mcp-for-blender and
blender-remote. What is missing is skipped at a desk and fails under CI=true.
"""

import os
import shutil

import pytest
from assemble import assemble
from instance import Program
from listening import Listening

NAMES = ("bpy45", "blender")


def missing(what):
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session", params=NAMES)
def listening(request, tmp_path_factory):
    """A Blender in background in the direct mode."""
    told = os.environ.get("KAPELLE_TEST_" + request.param.upper()) or request.param
    path = shutil.which(told)
    if path is None:
        missing("there is no %s (set KAPELLE_TEST_%s)" % (told, request.param.upper()))
    kind = "blender" if request.param == "blender" else "module"
    package = assemble(tmp_path_factory.mktemp("bridge"))
    with Listening(Program(request.param, path, kind), package, tmp_path_factory.mktemp("home")) as made:
        yield made


@pytest.fixture(scope="session")
def peers():
    """A Python with the published clients."""
    told = os.environ.get("KAPELLE_TEST_PEERS")
    return told if told else missing("set KAPELLE_TEST_PEERS to a Python with mcp-for-blender and blender-remote")
