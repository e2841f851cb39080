# SPDX-License-Identifier: MIT OR Apache-2.0
"""A job beside calls that never leave their Blender alone: it gets its turn, and they go on."""

from collections import deque

import pytest

# Calls that are under way at any time: the Blender is never without one while the oldest is looked at.
DEPTH = 8


def noted(path, name):
    """Code that leaves its name in a file when it runs, and takes a moment."""
    return "import time\nwith open(%r, 'a') as out: out.write(%r)\ntime.sleep(0.2)" % (str(path), name + "\n")


@pytest.mark.one_blender
def test_a_job_runs_although_the_calls_never_pause(stage, http, tmp_path):
    """It stands in line with them once it has waited for a minute, which this test does too."""
    path = tmp_path / "order"
    under_way = deque(http.send(noted(path, "call")) for _ in range(DEPTH))
    answer = http.ask("code.run", {"code": noted(path, "job")}, wait=False, durable=True)
    assert answer.status == 202, (answer.status, answer.body)
    job = answer.json["call_id"]
    while http.get("/v1/jobs/" + job)["status"] in ("queued", "leased", "running"):
        under_way.append(http.send(noted(path, "call")))
        end = http.end(under_way.popleft())
        assert end["status"] == "succeeded", end
    told = http.get("/v1/jobs/" + job)
    assert (told["status"], told["attempt"]) == ("succeeded", 1), told
    for call_id in under_way:
        assert http.end(call_id)["status"] == "succeeded"
    order = path.read_text().split()
    assert order.count("job") == 1
    before, after = order.index("job"), len(order) - order.index("job") - 1
    assert before > 2 * DEPTH, "calls that were asked after it went first"
    assert after > 0, "it did not wait for a pause"
