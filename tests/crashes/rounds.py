# SPDX-License-Identifier: MIT OR Apache-2.0
"""Rounds of jobs with `kill -9`: see README.md. `one_round` raises AssertionError with what went wrong."""

import argparse
import collections
import os
import random
import tempfile
import threading
import time
from pathlib import Path

from house import Blender, Hub, Tally

ASKERS = 6
PROGRAMS = 2
# A round that takes longer hangs.
ROUND_S = 420.0
LOOK_S = 0.1
OPEN = ("queued", "leased", "running")
ENDED_FOR_ONCE = ("succeeded", "interrupted")


class Round:
    """One home, its jobs, and what became of them."""

    def __init__(self, seed, jobs, kills, home, blender=None):
        self.random = random.Random(seed)
        self.seed, self.jobs, self.kills = seed, jobs, kills
        self.file = Path(home) / "tally"
        self.hub = Hub(home, os.environ["KAPELLE_TEST_BINARY"])
        self.blender = Blender(self.hub, blender) if blender else None
        self.programs = [] if blender else [Tally(home, "tally-%d" % n, self.file) for n in range(PROGRAMS)]
        self.acknowledged = {}  # number -> id
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.faults = []
        self.killed = collections.Counter()

    def run(self):
        began = time.monotonic()
        self.hub.start()
        try:
            if self.blender:
                self.blender.start()
            for program in self.programs:
                program.start()
            askers = [threading.Thread(target=self.ask_for, args=(n,)) for n in range(ASKERS)]
            for asker in askers:
                asker.start()
            killer = threading.Thread(target=self.kill_at_random)
            killer.start()
            for thread in (*askers, killer):
                thread.join(ROUND_S)
            assert not self.faults, self.faults[0]
            assert len(self.acknowledged) == self.jobs, "%d jobs acknowledged" % len(self.acknowledged)
            ended = self.wait_for_all(began)
            return self.judge(ended, time.monotonic() - began)
        finally:
            self.over.set()
            for program in self.programs:
                program.kill()
            if self.blender:
                self.blender.kill()
            self.hub.kill()

    # --- asking ---

    def ask_for(self, asker):
        try:
            for number in range(asker, self.jobs, ASKERS):
                self.ask_until_acknowledged(number)
        except Exception as error:
            self.faults.append(error)

    def ask_until_acknowledged(self, number):
        """The same key each time: a job that was stored without an answer is not stored twice."""
        body = dict(self.what(number), durable="fsync" if number % 3 else "journal", wait=False)
        body.update(idempotency_key="number %d" % number, labels={"number": str(number)})
        while not self.over.is_set():
            answer = self.hub.ask("POST", "/v1/calls", body)
            if answer is not None and answer[0] in (200, 202):
                with self.lock:
                    self.acknowledged[number] = answer[1]["call_id"]
                return
            retryable = answer is None or answer[1].get("retryable") or answer[1].get("code") == "app_unknown"
            assert retryable, "job %d: %r" % (number, answer)
            time.sleep(LOOK_S)

    def what(self, number):
        if self.blender:
            if number % 2:
                code = "import os\nf = os.open(%r, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)\nos.write(f, b'%d\\n')\nos.close(f)"
                return {"app": "blender", "command": "code.run", "args": {"code": code % (str(self.file), number)}}
            place = {"name": "Cube", "location": [number, 0, 0]}
            return {"app": "blender", "command": "object.transform", "args": place}
        ms = self.random.choice((0, 0, 0, 1, 5, 20))
        verb = "once" if number % 2 else "twice"
        return {"app": "tally", "command": "tally." + verb, "args": {"number": number, "ms": ms}}

    # --- killing ---

    def kill_at_random(self):
        try:
            for _ in range(self.kills):
                if self.over.wait(self.random.uniform(0.05, 1.2)):
                    return
                self.kill_one(self.random.choice(("hub", "app", "both")))
        except Exception as error:
            self.faults.append(error)

    def kill_one(self, what):
        self.killed[what] += 1
        apps = self.random.sample(self.programs, self.random.randint(1, len(self.programs))) if self.programs else []
        order = ["hub", "app"] if self.random.random() < 0.5 else ["app", "hub"]
        for one in order:
            if one == "hub" and what in ("hub", "both"):
                self.hub.kill()
            if one == "app" and what in ("app", "both"):
                for app in apps:
                    app.kill()
                if self.blender:
                    self.blender.kill()
        time.sleep(self.random.choice((0.0, 0.0, 0.3)))
        if what in ("hub", "both"):
            self.hub.start()
        if what in ("app", "both"):
            for app in apps:
                app.start()
            if self.blender:
                self.blender.start()

    # --- judging ---

    def wait_for_all(self, began):
        """number -> the job as it ended."""
        while time.monotonic() < began + ROUND_S:
            answer = self.hub.ask("GET", "/v1/jobs?limit=1")
            counts = answer[1]["counts"] if answer is not None else {"queued": 1}
            if not any(counts.get(status) for status in OPEN):
                return self.all_jobs()
            time.sleep(LOOK_S)
        still = self.hub.ask("GET", "/v1/jobs?limit=5&status=" + ",".join(OPEN))
        raise AssertionError("seed %d: not all jobs ended: %r" % (self.seed, still))

    def all_jobs(self):
        found, cursor = {}, ""
        while True:
            status, page = self.hub.ask("GET", "/v1/jobs?limit=1000" + cursor)
            assert status == 200, page
            for job in page["jobs"]:
                number = int(job["labels"]["number"])
                assert number not in found, "job %d was stored twice" % number
                found[number] = job
            if "next_cursor" not in page:
                return found
            cursor = "&cursor=" + page["next_cursor"]

    def judge(self, ended, seconds):
        runs = collections.Counter(int(line) for line in self.file.read_text().split()) if self.file.exists() else {}
        where = "seed %d" % self.seed
        for number, call_id in self.acknowledged.items():
            job = ended.get(number)
            assert job is not None and job["call_id"] == call_id, "%s: job %d is lost" % (where, number)
            count, status = runs.get(number, 0), job["status"]
            if number % 2:
                assert count <= 1, "%s: job %d ran %d times: %r" % (where, number, count, job)
                assert status in ENDED_FOR_ONCE, "%s: job %d: %r" % (where, number, job)
                assert status == "interrupted" or count == 1, "%s: job %d succeeded without a run" % (where, number)
            else:
                assert status == "succeeded", "%s: job %d: %r" % (where, number, job)
                assert self.blender or count >= 1, "%s: job %d succeeded without a run" % (where, number)
        statuses = collections.Counter(job["status"] for job in ended.values())
        again = sum(1 for job in ended.values() if job["attempt"] > 1)
        return "seed %d: %s, %d more than once, killed %s, %.1f s" % (
            self.seed, dict(statuses), again, dict(self.killed), seconds,
        )  # fmt: skip


def one_round(seed, jobs=1000, kills=12, blender=None):
    """What happened, in a line. Raises AssertionError when a promise was broken."""
    with tempfile.TemporaryDirectory(prefix="kapelle-crashes-") as home:
        return Round(seed, jobs, kills, home, blender).run()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=12, help="in each round")
    parser.add_argument("--seed", type=int, help="the first one")
    parser.add_argument("--blender", metavar="PYTHON", help="a Python with the bpy wheel: a real Blender instead")
    told = parser.parse_args()
    first = told.seed if told.seed is not None else int(time.time())
    for seed in range(first, first + told.rounds):
        print(one_round(seed, told.jobs, told.kills, told.blender), flush=True)


if __name__ == "__main__":
    main()
