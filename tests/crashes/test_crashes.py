# SPDX-License-Identifier: MIT OR Apache-2.0
"""What CI runs of rounds.py: few rounds with fixed seeds."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from rounds import one_round

needs_binary = pytest.mark.skipif(
    "KAPELLE_TEST_BINARY" not in os.environ and os.environ.get("CI") != "true",
    reason="set KAPELLE_TEST_BINARY to a built kapelle",
)
needs_blender = pytest.mark.skipif(
    "KAPELLE_TEST_BPY45" not in os.environ and os.environ.get("CI") != "true",
    reason="set KAPELLE_TEST_BPY45 to a Python with bpy 4.5",
)


@needs_binary
@pytest.mark.parametrize("seed", range(1, 6))
def test_no_job_is_lost_and_none_runs_twice_that_may_not(seed):
    print(one_round(seed))


@needs_binary
@needs_blender
def test_the_same_with_a_real_blender():
    print(one_round(7, jobs=200, kills=5, blender=os.environ["KAPELLE_TEST_BPY45"]))
