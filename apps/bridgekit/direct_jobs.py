# SPDX-License-Identifier: MIT OR Apache-2.0
"""Asynchronous calls of the direct mode: their outcomes wait here to be fetched, the oldest are forgotten.

In: a call that begins, later its outcome from the executor. Out: what get_job_status and get_job_result answer.
States of a job: queued -> running -> done.
"""

import base64
import queue
import threading

from . import dialects
from .mailbox import Mailbox
from .port import Port
from .problem import Problem

# Outcomes that wait to be fetched.
JOBS_MAX = 200


class Jobs(Port):
    def __init__(self):
        self._jobs = {}  # id -> Job
        self._lock = threading.Lock()

    def begin(self, call):
        """The Job of a call that is about to be submitted."""
        made = Job(call)
        with self._lock:
            self._jobs[call.id] = made
            if len(self._jobs) > JOBS_MAX:
                ended = [one for one, job in self._jobs.items() if job.told is not None]
                self._jobs.pop(ended[0] if ended else next(iter(self._jobs)))
        call.port = self
        return made

    def settle(self, call, told):
        with self._lock:
            job = self._jobs.get(call.id)
        if job is not None:
            job.settle(dict(told, value=inline(told["value"], call.blobs)))

    def find(self, params):
        """The Job that `job_id` names. Raises Problem `call_unknown`."""
        with self._lock:
            job_id = params.get("job_id")
            found = self._jobs.get(job_id) if isinstance(job_id, str) else None
        if found is None:
            raise Problem("call_unknown", f"No job `{str(job_id)[:80]}` is known here.")
        return found

    def status(self, params):
        job = self.find(params)
        running = "running" if job.call.started_at is not None else "queued"
        told = job.told
        return {"job_id": job.call.id, "status": told["status"] if told else running, "done": told is not None}

    def result(self, params):
        job = self.find(params)
        if job.told is None:
            return self.status(params)
        answer = dialects.executed(dialects.Request("typed", "execute_code", params), job.told)
        return dict(answer, job_id=job.call.id, done=True)


class Job:
    """One of them. `told` is its outcome, or None."""

    def __init__(self, call):
        self.call = call
        self.told = None
        self._mail = Mailbox()
        self._follower = None
        self._lock = threading.Lock()

    def settle(self, told):
        with self._lock:
            self.told = told
            follower = self._follower
        self._mail.put(told)
        if follower is not None:
            _on_a_thread(follower, told)

    def wait(self, seconds):
        """The outcome if it comes within that time, else None. Once."""
        try:
            return self._mail.get(seconds)
        except queue.Empty:
            return None
        finally:
            self._mail.close()

    def follow(self, follower):
        """`follower(outcome)` is called as soon as there is one, on a thread of its own."""
        with self._lock:
            self._follower = follower
            told = self.told
        if told is not None:
            _on_a_thread(follower, told)


def _on_a_thread(follower, told):
    threading.Thread(target=follower, args=(told,), name="kapelle-direct-later", daemon=True).start()


def inline(value, blobs):
    """The value with the bytes of its blobs as base64 in it: there is no other way to fetch them."""
    if not blobs:
        return value
    if isinstance(value, dict):
        data = blobs.get(value.get("$blob"))
        if data is not None:
            rest = {key: told for key, told in value.items() if key != "$blob"}
            return dict(rest, **{"$base64": base64.b64encode(data).decode("ascii")})
        return {key: inline(told, blobs) for key, told in value.items()}
    if isinstance(value, list):
        return [inline(told, blobs) for told in value]
    return value
