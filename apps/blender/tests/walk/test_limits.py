# SPDX-License-Identifier: MIT OR Apache-2.0
"""Memory and time of a Blender that the hub started."""

import pytest
from hubs import wait_until

GROW = "import numpy\nkept = numpy.ones(2_000_000_000, dtype=numpy.uint8)\nimport time\nwhile True: time.sleep(0.01)"
ENDLESS = "import time\nprint('began', flush=True)\nwhile True: time.sleep(0.01)"


def test_over_its_memory_the_call_is_told_and_blender_comes_back(program, new_hub):
    hub = new_hub()
    done = hub.kapelle("start", "blender", program.option, program.path, "--memory", "1GB")
    assert done.code == 0, done
    view = hub.http.instance("blender")
    assert view["limits"]["memory_mb"] == 1000
    wait_until(lambda: hub.http.instance("blender").get("rss_mb"), what="the first beat")
    assert 50 < hub.http.instance("blender")["rss_mb"] < 1000
    assert "of 1000 MB" in hub.kapelle("status").out
    hub.http.run("object.create", kind="cube", name="Kept")

    outcome = hub.http.code(GROW)
    assert outcome["status"] == "interrupted", outcome
    problem = outcome["problem"]
    assert problem["code"] == "memory_exceeded" and problem["details"]["limit_mb"] == 1000, problem
    assert problem["details"]["held_mb"] > 1000 and '"memory_mb": 2000' in problem["hint"], problem

    wait_until(lambda: hub.http.instance("blender")["state"] == "idle", 90.0, "the new process")
    after = hub.http.instance("blender")
    assert after["pid"] != view["pid"] and after["restarts"] == 1
    assert after["limits"]["memory_mb"] == 1000
    assert hub.http.eval("1 + 1") == 2


@pytest.mark.one_blender
def test_over_its_time_it_leaves_with_a_copy_and_says_why(program, new_hub):
    hub = new_hub()
    hub.start(program, "blender", time_s=12)
    hub.http.run("object.create", kind="cube", name="Kept")
    outcome = hub.http.code(ENDLESS)
    assert outcome["status"] == "interrupted", outcome
    assert outcome["problem"]["code"] == "time_exceeded", outcome
    assert outcome["output"]["stdout"] == "began\n"
    wait_until(lambda: hub.http.instance("blender")["state"] == "disconnected", what="its leaving")
    view = hub.http.instance("blender")
    assert "its time limit" in view["why"] and view["restarts"] == 0
    wait_until(lambda: not [pid for pid in hub.leftovers() if pid != hub.process.pid], what="the end of the process")
    copies = hub.http.get("/v1/recovery")["copies"]
    assert copies and copies[0]["instance"] == "blender", copies
    hub.start(program, "blender", file=copies[0]["path"])
    assert hub.http.run("object.list", name="Kept")["total"] == 1
