# SPDX-License-Identifier: MIT OR Apache-2.0
"""The steps of scripts/test: one that is ended for its bound says what had failed till then, also beside others."""

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "test"
STEPS = """
import threading

def test_broken():
    assert "as it is" == "as it should be"

def test_hanging():
    threading.Event().wait()
"""
# Minutes: long enough for pytest to come to the second test on a busy machine.
BOUND = "0.25"
RUN = """
source <(sed -n '/^stop()/p; /^within()/,/^}/p' "$0")
(within "$@") &
wait $!
"""


def test_what_failed_before_a_hang_is_told(tmp_path):
    steps = tmp_path / "test_hanging_steps.py"
    steps.write_text(STEPS, "utf-8")
    words = [BOUND, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "conftest", str(steps)]
    ran = subprocess.run(
        ["bash", "-c", RUN, str(SCRIPT), *words],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env=dict(os.environ, PYTHONPATH=str(Path(__file__).resolve().parent)),
    )
    assert ran.returncode == 1 and "did not end within 0.25 minutes" in ran.stderr, ran
    assert "'as it is' == 'as it should be'" in ran.stdout and "FAILED" in ran.stdout, ran.stdout
    assert "::test_hanging" in ran.stdout and "test_hanging_steps.py:8 in test_hanging" in ran.stdout, ran.stdout
