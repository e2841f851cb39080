# SPDX-License-Identifier: MIT OR Apache-2.0
"""A queue whose time limit no clock that is set can touch."""

import os
import queue
import tempfile
import threading
import time
import unittest
from pathlib import Path

from ..mailbox import Mailbox
from .machine import DAY_S, Machine, compiled
from .support import later
from .test_process import ProcessTest


class MailboxTest(unittest.TestCase):
    def setUp(self):
        self.box = Mailbox()
        self.addCleanup(self.box.close)

    def fill(self):
        """A wait that came to its end: the sockets are there."""
        with self.assertRaises(queue.Empty):
            self.box.get(0.001)

    def test_what_is_put_comes_in_its_order(self):
        for number in range(3):
            self.box.put(number)
        self.assertEqual([self.box.get(), self.box.get(0), self.box.get(9)], [0, 1, 2])
        with self.assertRaises(queue.Empty):
            self.box.get(0)

    def test_a_wait_ends_with_its_time_or_with_what_is_put(self):
        began = time.monotonic()
        with self.assertRaises(queue.Empty):
            self.box.get(0.05)
        self.assertGreaterEqual(time.monotonic() - began, 0.05)
        for seconds in (300, None):
            later(0.05, lambda: self.box.put("news"))
            self.assertEqual(self.box.get(seconds), "news")

    def test_nothing_is_lost_between_many_who_put_and_one_who_gets(self):
        count, writers = 2000, 3

        def put():
            for number in range(count):
                self.box.put(number)

        threads = [threading.Thread(target=put) for _ in range(writers)]
        for one in threads:
            one.start()
        got = [self.box.get(60) for _ in range(count * writers)]
        self.assertEqual(sorted(got), sorted(list(range(count)) * writers))
        for one in threads:
            one.join()

    @unittest.skipIf(os.name == "nt", "no sockets are needed there")
    def test_sockets_that_somebody_closed_are_made_anew(self):
        self.fill()
        for one in self.box._sockets:
            os.close(one.fileno())
        later(0.05, lambda: self.box.put("news"))
        self.assertEqual(self.box.get(300), "news")

    @unittest.skipIf(os.name == "nt", "no sockets are needed there")
    def test_what_has_their_numbers_by_then_is_left_alone(self):
        self.fill()
        numbers = [one.fileno() for one in self.box._sockets]
        read, write = os.pipe()
        for number in numbers:
            os.dup2(write, number)
        os.close(write)
        self.addCleanup(os.close, read)
        later(0.05, lambda: self.box.put("news"))
        self.assertEqual(self.box.get(300), "news")
        for number in numbers:
            os.close(number)  # still open
        self.assertEqual(os.read(read, 1), b"", "nothing was written to it")

    @unittest.skipIf(os.name == "nt", "no sockets are needed there")
    def test_no_socket_is_to_be_had(self):
        self.box._make_ready = lambda: False
        began = time.monotonic()
        with self.assertRaises(queue.Empty):
            self.box.get(0.1)
        self.assertGreaterEqual(time.monotonic() - began, 0.1)
        later(0.05, lambda: self.box.put("news"))
        self.assertEqual(self.box.get(300), "news")


@unittest.skipIf(os.name == "nt", "descriptors of POSIX")
class NothingIsOpen(ProcessTest):
    def test_a_bridge_whose_descriptors_were_all_closed_finds_back(self):
        """Neither thread takes what the other one opens anew for its own."""
        self.begin()
        for connections in (2, 3):
            self.hub.wait_all(2, "beat")
            self.hub.forget()
            self.hub.call(f"closes-{connections}", "import os\nos.closerange(3, 4096)")
            self.hub.wait_connections(connections)
            self.assertEqual(self.value(f"look-{connections}", "1 + 1"), 2)


class TheClockJumps(ProcessTest):
    """A bridge in a process of its own whose wall's clock is set by a day: it beats on, ends calls in time, dials again."""

    def setUp(self):
        ProcessTest.setUp(self)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        library = compiled(folder.name)
        if isinstance(library, str):
            self.skipTest(library)
        self.machine = Machine(library, Path(folder.name, "state"), folder.name)

    def test_forward_and_back(self):
        self.begin(**self.machine.environment)
        for number, seconds in enumerate((DAY_S, -DAY_S, DAY_S, 0)):
            self.hub.wait_all(2, "beat")
            limited = f"limited-{number}"
            self.hub.call(limited, "while True: pass", timeout_ms=300)
            self.hub.wait("started", id=limited)
            self.machine.jump(seconds)  # in the middle of every wait that is under way
            self.assertEqual(self.hub.outcome(limited)["status"], "timed_out")
            self.hub.forget()
            self.hub.wait_all(3, "beat")
            seen = self.value(f"look-{number}", "import time\ntime.time()")
            self.assertLess(abs(seen - time.time() - seconds), 3600)
            self.hub.forget()

    def test_while_no_hub_is_there(self):
        self.begin(**self.machine.environment)
        for count, seconds in ((2, DAY_S), (3, -DAY_S)):
            address = self.hub.port
            self.hub.kill()
            time.sleep(0.3)  # it dials in vain, and waits longer each time
            self.machine.jump(seconds)
            self.hub.listen(address)
            self.hub.wait_connections(count)


if __name__ == "__main__":
    unittest.main()
