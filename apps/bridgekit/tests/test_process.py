# SPDX-License-Identifier: MIT OR Apache-2.0
"""A bridge in a process of its own: signals, fork, leaving, being launched, coming back, being killed."""

import os
import signal
import subprocess
import sys
import time
import unittest

from .fake_hub import FakeHub
from .support import wait_for

PLAIN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "plain_bridge.py")


class ProcessTest(unittest.TestCase):
    def setUp(self):
        self.hub = FakeHub()
        self.addCleanup(self.hub.close)
        self.process = None

    def begin(self, listen=True, **environment):
        if listen:
            self.hub.listen()
        variables = dict(os.environ, KAPELLE_HOME=self.hub.home, PYTHONDONTWRITEBYTECODE="1", **environment)
        self.process = subprocess.Popen(
            [sys.executable, PLAIN],
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
        )
        self.addCleanup(self.end)
        if listen:
            self.hub.wait_connections(1)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def left(self, seconds=10):
        out, err = self.process.communicate(timeout=seconds)
        self.assertEqual(self.process.returncode, 0, err)
        return out

    def value(self, call_id, code):
        self.hub.call(call_id, code)
        told = self.hub.outcome(call_id)
        self.assertEqual(told["status"], "succeeded", told)
        return told["value"]


@unittest.skipIf(os.name == "nt", "C's usleep")
class HeldInterpreter(ProcessTest):
    def test_a_call_that_was_cancelled_meanwhile_never_runs(self):
        self.begin()
        self.hub.call("gate", "import time\ntime.sleep(0.5)")
        # PyDLL keeps the interpreter's lock: no thread of the bridge reads what comes.
        self.hub.call("held", "import ctypes\nctypes.PyDLL(None).usleep(900000)")
        for number in range(5):
            self.hub.call(f"c{number}", "ran = True")
        self.hub.wait("started", id="held")
        for number in range(5):
            self.hub.send({"t": "cancel", "id": f"c{number}", "reason": "cancelled"})
        for number in range(5):
            self.assertEqual(self.hub.outcome(f"c{number}")["status"], "cancelled")
        self.assertEqual(self.value("look", "'ran' in globals()"), False)


class Leaving(ProcessTest):
    def test_the_hub_s_stop(self):
        self.begin()
        self.hub.send({"t": "stop"})
        self.assertEqual(self.left(), "left\nreason: the hub asked for it\n")
        self.assertEqual(self.hub.wait("bye")["reason"], "the hub asked for it")

    def test_signals_while_it_waits(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            self.hub = FakeHub()
            self.addCleanup(self.hub.close)
            self.begin()
            self.assertEqual(self.value("c1", "1"), 1)
            self.process.send_signal(number)
            self.assertEqual(self.left(), f"left\nreason: signal {number}\n")

    def test_a_signal_while_a_call_runs_ends_the_call(self):
        self.begin()
        self.hub.call("c1", "while True: pass")
        self.hub.call("c2", "1")
        self.hub.wait("started", id="c1")
        self.process.send_signal(signal.SIGTERM)
        self.left()
        self.assertEqual(self.hub.outcome("c1")["status"], "cancelled")
        self.assertEqual(self.hub.outcome("c2")["status"], "cancelled")

    def test_a_launched_process_leaves_when_the_hub_stays_away(self):
        self.begin(KAPELLE_LAUNCH="ab" * 16, KAPELLE_NAME="plain-7", TEST_AWAY_S="0.5")
        told = self.hub.announcements[0]
        self.assertEqual((told["launch"], told["name"]), ("ab" * 16, "plain-7"))
        self.assertEqual((told["version"], told["mode"], told["app"]), ("1", "background", "plain"))
        self.hub.kill()
        self.assertEqual(self.left(), "left\nreason: the hub stayed away\n")

    def test_another_stays(self):
        self.begin(TEST_AWAY_S="0.2")
        self.hub.kill()
        time.sleep(0.6)
        self.assertIsNone(self.process.poll())

    def test_idle_costs_nearly_nothing(self):
        self.begin()
        before = self.value("c1", "import time\ntime.process_time()")
        time.sleep(1.0)
        self.assertLess(self.value("c2", "time.process_time()") - before, 0.05)


class Death(ProcessTest):
    def test_os_exit_closes_the_connection_after_started(self):
        self.begin()
        self.hub.call("c1", "import os\nos._exit(7)")
        self.process.wait(10)
        self.hub.wait("started", id="c1")
        wait_for(lambda: self.process.returncode == 7)


@unittest.skipUnless(hasattr(os, "fork"), "no fork here")
class Fork(ProcessTest):
    FORK = "import os\npid = os.fork()\nif pid == 0:\n%s\n_result = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) if hasattr(os, 'waitstatus_to_exitcode') else os.waitpid(pid, 0)[1] >> 8"

    def run_fork(self, child):
        body = "\n".join("    " + line for line in child.split("\n"))
        self.hub.call("c1", self.FORK % body)
        told = self.hub.outcome("c1")
        self.assertEqual(told["status"], "succeeded", told)
        # One bridge, one outcome, and it works on.
        self.hub.call("c2", "os.getpid()")
        self.assertEqual(self.hub.outcome("c2")["value"], self.process.pid)
        time.sleep(0.05)
        self.assertEqual(len([m for m in self.hub.messages if m["t"] == "outcome"]), 2)
        self.assertEqual(len([m for m in self.hub.messages if m["t"] == "started"]), 2)
        self.assertEqual(len(self.hub.announcements), 1)
        return told

    def test_a_child_whose_code_comes_back_ends_there(self):
        self.begin()
        self.assertEqual(self.run_fork("print('from the child')\n_result = 5\nraise SystemExit(5)")["value"], 5)

    def test_a_child_that_fails(self):
        self.begin()
        self.assertEqual(self.run_fork("1 / 0")["value"], 1)

    def test_a_child_that_writes_a_lot_and_ends_well(self):
        self.begin()
        code = "import os\npid = os.fork()\nif pid:\n  done = os.waitpid(pid, 0)[1]\nelse:\n  print('x' * 1000)\n  kapelle.progress(1)\n  done = None\ndone"
        self.hub.call("c1", code)
        self.assertEqual(self.hub.outcome("c1")["value"], 0)
        self.assertEqual(self.value("c2", "1"), 1)

    def test_a_fork_while_the_hub_talks(self):
        self.begin()
        code = "import os\nfor n in range(30):\n  pid = os.fork()\n  if not pid: break\n  os.waitpid(pid, 0)\nn"
        self.hub.call("c1", code)
        for n in range(30):
            self.hub.call(f"d{n}", "1")
        self.assertEqual(self.hub.outcome("c1")["value"], 29)
        self.hub.outcome("d29")

    def test_subprocess_and_multiprocessing(self):
        self.begin()
        code = "import subprocess, sys\nsubprocess.check_output([sys.executable, '-c', 'print(5)']).decode().strip()"
        self.assertEqual(self.value("c1", code), "5")
        code = (
            "import multiprocessing as m\nq = m.get_context('fork').SimpleQueue()\n"
            "p = m.get_context('fork').Process(target=q.put, args=(9,))\np.start(); got = q.get(); p.join(); got"
        )
        self.assertEqual(self.value("c2", code), 9)
        self.assertEqual(self.value("c3", "1"), 1)
