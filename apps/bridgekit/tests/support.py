# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the tests share: a port that collects, an executor in a thread of the test's own, waiting."""

import threading
import time

from bridgekit import commands_code
from bridgekit.call import Call
from bridgekit.executor import Executor, Port
from bridgekit.host import Host
from bridgekit.table import Table

WAIT_S = 10.0


class Collector(Port):
    """Keeps what the executor says: outcomes by call id, in `order` everything that came."""

    def __init__(self):
        self.outcomes = {}
        self.order = []
        self.states = []
        self.beats = 0
        self.nudges = 0
        self.changed = threading.Condition()

    def started(self, call):
        with self.changed:
            self.order.append(("started", call.id))
            self.changed.notify_all()

    def settle(self, call, told):
        with self.changed:
            if call.id in self.outcomes:
                raise AssertionError(f"a second outcome for {call.id}")
            self.outcomes[call.id] = told
            self.order.append(("settled", call.id))
            self.changed.notify_all()

    def state(self, state, changes=None):
        self.states.append(state)

    def nudge(self):
        self.nudges += 1

    def beat_now(self):
        with self.changed:
            self.beats += 1
            self.changed.notify_all()

    def wait(self, call_id, seconds=WAIT_S):
        with self.changed:
            if not self.changed.wait_for(lambda: call_id in self.outcomes, seconds):
                raise AssertionError(f"no outcome of {call_id} within {seconds:g} s")
        return self.outcomes[call_id]


class Bench:
    """An executor with code.run and a collector, stepped by the test on its own thread."""

    def __init__(self, host=None, table=None):
        self.table = table or Table()
        self.host = host or Host()
        self.namespaces = commands_code.install(self.table, self.host)
        self.port = Collector()
        self.executor = Executor(self.table, self.host, self.port)
        self._count = 0

    def call(self, command, args=None, owner="tester", timeout_ms=None, scopes=("read", "destructive", "code")):
        self._count += 1
        return Call(f"call_{self._count}", command, args, owner, scopes, timeout_ms)

    def run(self, command, args=None, **more):
        """Submits a call, steps until it has ended, returns its outcome."""
        call = self.call(command, args, **more)
        self.executor.submit(call)
        end = time.monotonic() + WAIT_S
        while call.id not in self.port.outcomes:
            self.executor.step(linger_ms=0)
            if time.monotonic() > end:
                raise AssertionError(f"no outcome of {command}")
        return self.port.outcomes[call.id]

    def code(self, source, namespace=None, reset=False, **more):
        args = {"code": source}
        if namespace is not None:
            args["namespace"] = namespace
        if reset:
            args["reset"] = True
        return self.run("code.run", args, **more)

    def value(self, source, **more):
        told = self.code(source, **more)
        if told["status"] != "succeeded":
            raise AssertionError(told)
        return told["value"]

    def close(self):
        self.executor.close()


def wait_for(condition, seconds=WAIT_S, what="the condition"):
    """Waits until `condition()` gives something true and returns that."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come within {seconds:g} s")
        time.sleep(0.002)


def later(seconds, do):
    """Runs `do()` on another thread after a while."""
    timer = threading.Timer(seconds, do)
    timer.daemon = True
    timer.start()
    return timer
