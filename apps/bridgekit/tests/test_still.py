# SPDX-License-Identifier: MIT OR Apache-2.0
"""Holding our own threads: none has the interpreter meanwhile, all go on afterwards."""

import os
import socket
import subprocess
import sys
import threading
import time
import unittest
from unittest import mock

from bridgekit import still
from bridgekit.interrupt import Interrupt

from .support import wait_for

# Long enough for a thread that is free to do something.
MOMENT_S = 0.05


class Reading(threading.Thread):
    """A member that counts what comes on a socket."""

    def __init__(self):
        threading.Thread.__init__(self, daemon=True)
        self.near, self.far = socket.socketpair()
        self.count = 0
        self.start()

    def run(self):
        with still.member():
            something_came = still.Wait(self.near)
            while something_came() and self.near.recv(1):
                self.count += 1

    def end(self):
        self.far.close()
        self.join(10)
        self.near.close()


class Holding(unittest.TestCase):
    def setUp(self):
        self.addCleanup(still.end, True)

    def reading(self):
        one = Reading()
        self.addCleanup(one.end)
        wait_for(lambda: one.ident in still._members)
        return one

    def test_what_comes_meanwhile_is_read_afterwards(self):
        one = self.reading()
        with still.hold(True):
            one.far.send(b"abc")
            time.sleep(MOMENT_S)
            self.assertEqual(one.count, 0)
        wait_for(lambda: one.count == 3)

    def test_a_thread_that_only_wakes_when_it_is_told_to(self):
        woken, ended = threading.Event(), []

        def wait():
            with still.member(woken.set):
                woken.wait()
                still.rest()
                ended.append(True)

        thread = threading.Thread(target=wait)
        thread.start()
        wait_for(lambda: thread.ident in still._members)
        with still.hold(True):
            time.sleep(MOMENT_S)
            self.assertEqual((woken.is_set(), ended), (True, []))
        thread.join(10)
        self.assertEqual(ended, [True])

    def test_one_that_is_busy_is_waited_for_and_not_for_ever(self):
        done = threading.Event()

        def work():
            with still.member(lambda: None):
                done.wait()

        thread = threading.Thread(target=work)
        thread.start()
        wait_for(lambda: thread.ident in still._members)
        with mock.patch.object(still, "REST_WAIT_S", 0.02):
            began = time.monotonic()
            with still.hold(True):
                self.assertGreater(time.monotonic() - began, 0.02)
        done.set()
        thread.join(10)

    def test_one_after_the_other_waits_for_nobody(self):
        one = self.reading()
        with mock.patch.object(still, "REST_WAIT_S", 10):
            began = time.monotonic()
            for _ in range(100):
                with still.hold(True):
                    one.far.send(b"a")
            self.assertLess(time.monotonic() - began, 10, "somebody's word was lost")
        wait_for(lambda: one.count == 100)

    def test_one_after_the_other_gives_the_others_their_turn(self):
        one = self.reading()
        one.far.send(b"a")
        end = time.monotonic() + 10
        while one.count == 0 and time.monotonic() < end:
            for _ in range(100):
                with still.hold(True):
                    pass
        self.assertEqual(one.count, 1)

    def test_nested_ones_are_one(self):
        one = self.reading()
        with still.hold(True):
            with still.hold(True):
                one.far.send(b"a")
            time.sleep(MOMENT_S)
            self.assertEqual(one.count, 0)
        wait_for(lambda: one.count == 1)

    def test_an_interrupt_anywhere_leaves_nobody_behind(self):
        one = self.reading()
        for line in range(40):
            self.shoot_at(line)
            still.end(all_of_them=True)
            one.far.send(b"a")
            wait_for(lambda wanted=line + 1: one.count == wanted)

    def shoot_at(self, number):
        """Begins and ends a hold; raises at that step of it."""
        code = (still.begin.__code__, still.end.__code__)
        steps = []

        def trace(frame, event, arg):
            if frame.f_code not in code:
                return None
            if event == "line":
                steps.append(frame.f_lineno)
                if len(steps) == number:
                    raise Interrupt
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            still.begin(True)
            still.end()
        except Interrupt:
            pass
        finally:
            sys.settrace(before)

    def test_where_it_is_not_needed_nothing_is_held(self):
        one = self.reading()
        with still.hold(False):
            one.far.send(b"a")
            wait_for(lambda: one.count == 1)
        self.assertEqual(still.NEEDED, sys.version_info < (3, 12))

    def test_a_wait_has_an_end(self):
        one, other = socket.socketpair()
        self.addCleanup(other.close)
        self.assertFalse(still.wait(one, 0.01))
        other.send(b"a")
        self.assertTrue(still.wait(one, 10))
        one.close()
        self.assertTrue(still.Wait(other)(10), "an end is something to read")

    @unittest.skipUnless(hasattr(os, "fork"), "no fork here")
    def test_what_is_closed_already_is_at_its_end(self):
        one, other = socket.socketpair()
        self.addCleanup(other.close)
        one.close()
        self.assertTrue(still.wait(one, 10))

    def test_in_a_child_of_a_fork_there_is_nobody_to_wait_for(self):
        self.reading()
        with still.hold(True):
            child = os.fork()
            if not child:
                began = time.monotonic()
                with still.hold(True):
                    os._exit(0 if time.monotonic() - began < still.REST_WAIT_S else 1)
        self.assertEqual(os.waitpid(child, 0)[1], 0)


class Lines(unittest.TestCase):
    def said(self, code):
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.wait)
        return list(still.lines(child.stdout))

    def test_lines_come_one_by_one_whatever_their_pieces(self):
        code = (
            "import sys, time\nfor part in ('a\\nb', 'c\\n\\n', 'end'):\n"
            "    sys.stdout.write(part); sys.stdout.flush(); time.sleep(0.02)"
        )
        self.assertEqual([one.strip() for one in self.said(code)], [b"a", b"bc", b"", b"end"])

    def test_one_without_an_end_is_passed_on_in_parts(self):
        with mock.patch.object(still, "LINE_BYTES_MAX", 100_000):
            said = self.said("print('x' * 1_000_000, end='')")
        self.assertEqual(sum(map(len, said)), 1_000_000)
        self.assertLess(max(map(len, said)), 200_000)
