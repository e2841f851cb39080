# SPDX-License-Identifier: MIT OR Apache-2.0
"""Properties of every decoder on the Python side, searched for counterexamples by hypothesis.

On the Python of the tools only: hypothesis has no release for the oldest Pythons that bridges meet, which run the seeded
tests of apps/bridgekit/tests instead. KAPELLE_PROPERTY_RUNS: cases of each property (500, about a minute in all). What was found is in
docs/reference/faults.md.
"""

import importlib
import os
import sys

import pytest

hypothesis = pytest.importorskip("hypothesis")
from assemble import NAME, assemble  # noqa: E402

RUNS = int(os.environ.get("KAPELLE_PROPERTY_RUNS", "500"))
hypothesis.settings.register_profile(
    "kapelle",
    max_examples=RUNS,
    deadline=None,  # a busy machine is no fault
    derandomize="KAPELLE_PROPERTY_RUNS" not in os.environ,  # CI finds the same every time; by hand it goes on searching
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
hypothesis.settings.load_profile("kapelle")


@pytest.fixture(scope="session")
def bridge(tmp_path_factory):
    """A module of the bridge by its name, without Blender."""
    folder = tmp_path_factory.mktemp("bridge")
    assemble(folder)
    sys.path.insert(0, str(folder))
    yield lambda name: importlib.import_module(NAME + "." + name)
    sys.path.remove(str(folder))
    for name in [one for one in sys.modules if one == NAME or one.startswith(NAME + ".")]:
        del sys.modules[name]
