# SPDX-License-Identifier: MIT OR Apache-2.0
"""stdout, stderr and logging: complete, from the main thread only, whatever the code does to them."""

import io
import logging
import sys
import time
import unittest

from bridgekit import capture
from bridgekit.capture import Kept

from .support import Bench


class CaptureTest(unittest.TestCase):
    def setUp(self):
        self.bench = Bench()
        self.addCleanup(self.bench.close)

    def output(self, source, status="succeeded"):
        told = self.bench.code(source)
        self.assertEqual(told["status"], status, told)
        return told["output"]


class Streams(CaptureTest):
    def test_both_streams_also_when_it_fails(self):
        told = self.output("import sys\nprint('out')\nprint('err', file=sys.stderr)\n1/0", "failed")
        self.assertEqual((told["stdout"], told["stderr"]), ("out\n", "err\n"))

    def test_they_are_given_back(self):
        before = sys.stdin, sys.stdout, sys.stderr
        self.output("import sys\nsys.stdout = sys.stderr = sys.stdin = None")
        self.assertEqual((sys.stdin, sys.stdout, sys.stderr), before)
        self.assertEqual(self.output("print('again')")["stdout"], "again\n")

    def test_a_closed_stdout(self):
        told = self.bench.code("import sys\nprint('a')\nsys.stdout.close()\nsys.stdout.closed")
        self.assertEqual((told["value"], told["output"]["stdout"]), (True, "a\n"))
        told = self.bench.code("import sys\nsys.stdout.close()\nprint('b')")
        self.assertIn("closed file", told["problem"]["message"])
        self.assertEqual(self.output("print('c')")["stdout"], "c\n")

    def test_a_replaced_stdout(self):
        told = self.bench.code("import io, sys\nsys.stdout = mine = io.StringIO()\nprint('x')\nmine.getvalue()")
        self.assertEqual((told["value"], told["output"]["stdout"]), ("x\n", ""))
        self.assertEqual(self.output("print('y')")["stdout"], "y\n")

    def test_bytes_odd_texts_and_wrong_types(self):
        told = self.output("import sys\nsys.stdout.buffer.write(b'raw \\xc3\\xa4 \\xff')\nprint('\\ud800', 'ä')")
        self.assertEqual(told["stdout"], "raw ä \\xff\ud800 ä\n")
        self.assertIn("must be str", self.bench.code("import sys\nsys.stdout.write(5)")["problem"]["message"])

    def test_what_programs_ask_of_a_stream(self):
        code = "import sys\ns = sys.stdout\ns.flush(); s.reconfigure(encoding='latin-1')\ns.isatty(), s.writable(), s.encoding, s.readable()"
        self.assertEqual(self.bench.value(code), [False, True, "utf-8", False])

    def test_threads_print_to_the_real_stdout(self):
        real, before = io.StringIO(), sys.stdout
        sys.stdout = real
        try:
            told = self.bench.code(
                "import threading\nt = threading.Thread(target=lambda: print('thread'))\nt.start(); t.join()\nprint('main')"
            )
        finally:
            sys.stdout = before
        self.assertEqual(told["output"]["stdout"], "main\n")
        self.assertEqual(real.getvalue(), "thread\n")

    def test_a_thread_that_prints_while_the_real_stdout_is_closed(self):
        real, before = io.StringIO(), sys.stdout
        real.close()
        sys.stdout = real
        try:
            code = "import threading\nt = threading.Thread(target=lambda: print('x'))\nt.start(); t.join()\nprint('y')"
            told = self.bench.code(code)
        finally:
            sys.stdout = before
        self.assertEqual((told["status"], told["output"]["stdout"]), ("succeeded", "y\n"))

    def test_a_handler_that_kept_the_stream_works_in_later_calls(self):
        self.bench.code("import sys\nkept = sys.stdout")
        self.assertEqual(self.output("kept.write('later')")["stdout"], "later")

    def test_a_child_process_may_use_the_stream(self):
        code = "import subprocess, sys\nsubprocess.call([sys.executable, '-c', ''], stdout=sys.__stdout__)"
        self.assertEqual(self.bench.value(code), 0)


class Large(CaptureTest):
    def test_50_mb_in_one_print(self):
        began = time.monotonic()
        told = self.output("print('A' + 'x' * 50000000 + 'Z')")["stdout"]
        self.assertLess(time.monotonic() - began, 3)
        self.assertLess(len(told), capture.STREAM_BYTES_MAX + 100)
        self.assertTrue(told.startswith("Ax") and told.endswith("xZ\n"))
        self.assertIn("[… 41611395 bytes cut here …]", told)

    def test_many_prints(self):
        began = time.monotonic()
        told = self.output("for n in range(100000): print('line', n, 'x' * 90)")["stdout"]
        self.assertLess(time.monotonic() - began, 10)
        self.assertTrue(told.startswith("line 0 x") and told.rstrip("x\n").endswith("line 99999 "))
        self.assertLess(len(told), capture.STREAM_BYTES_MAX + 100)
        self.assertIn("bytes cut here", told)

    def test_one_large_print_and_many_small_ones(self):
        began = time.monotonic()
        told = self.output("print('x' * 20000000)\nfor n in range(100000): print(n)")["stdout"]
        self.assertLess(time.monotonic() - began, 5)
        self.assertTrue(told.endswith("\n99999\n"))

    def test_characters_are_not_cut_in_two(self):
        told = self.output("print('€' * 6000000)")["stdout"]
        self.assertLessEqual(len(told.encode("utf-8")), capture.STREAM_BYTES_MAX + 100)
        self.assertEqual(set(told.split("[", 1)[0].strip()), {"€"})
        self.assertEqual(set(told.rsplit("]", 1)[1].strip()), {"€"})

    def test_kept_adds_up(self):
        for texts in (["ab", "c"], ["€" * 7, "x"], ["x" * 30] * 9, ["€x"] * 40):
            before = capture._HALF, capture._SLACK_BYTES
            capture._HALF, capture._SLACK_BYTES = 20, 7
            try:
                kept = Kept()
                for text in texts:
                    kept.add(text)
                whole = "".join(texts)
                told = kept.text()
            finally:
                capture._HALF, capture._SLACK_BYTES = before
            if kept.cut_bytes == 0:
                self.assertEqual(told, whole)
                continue
            head, tail = "".join(kept.head), "".join(kept.tail)
            self.assertTrue(whole.startswith(head) and whole.endswith(tail))
            self.assertEqual(len((head + tail).encode()) + kept.cut_bytes, len(whole.encode()))
            self.assertLessEqual(len(head.encode()), 20)
            self.assertLessEqual(len(tail.encode()), 20)

    def test_the_stream_is_bounded_when_nobody_takes_it(self):
        kept = Kept()
        for _ in range(1000):
            kept.add("x" * 1000)
        told = kept.take_fresh()
        self.assertLess(len(told), capture.FRESH_CHARS_MAX + 200)
        self.assertIn("characters not streamed", told)
        kept.add("more")
        self.assertEqual(kept.take_fresh(), "more")


class Logging(CaptureTest):
    def test_records_of_the_main_thread(self):
        code = (
            "import logging, threading\nlog = logging.getLogger('mine')\nlog.warning('one %d', 1)\nlog.info('too low')\n"
            "t = threading.Thread(target=lambda: log.warning('thread')); t.start(); t.join()"
        )
        before, logging.lastResort = logging.lastResort, None
        self.addCleanup(setattr, logging, "lastResort", before)
        told = self.output(code)
        self.assertEqual(told["logs"], [{"level": "warning", "source": "mine", "text": "one 1"}])
        self.assertNotIn("one", told["stderr"])

    def test_basic_config_still_works(self):
        self.addCleanup(logging.root.setLevel, logging.root.level)
        before = logging.root.handlers[:]
        logging.root.handlers[:] = []
        self.addCleanup(lambda: logging.root.handlers.__setitem__(slice(None), before))
        told = self.output(
            "import logging\nlogging.basicConfig(level=logging.INFO, format='%(message)s')\nlogging.info('hello')"
        )
        self.assertEqual(told["logs"][0]["text"], "hello")
        self.assertEqual(told["stderr"], "hello\n")
        self.assertEqual(self.output("logging.info('later')")["stderr"], "later\n")

    def test_exceptions_and_broken_records(self):
        code = (
            "import logging\nlog = logging.getLogger('alone'); log.propagate = False\n"
            "try: 1/0\nexcept Exception: log.exception('failed')\nlog.warning('%d', 'x')"
        )
        told = self.output(code)
        self.assertIn("ZeroDivisionError", told["logs"][0]["text"])
        self.assertIn("does not format", told["logs"][1]["text"])

    def test_the_tap_is_taken_out(self):
        bench = Bench()
        before = logging.Logger.callHandlers
        bench.value("1")
        self.assertIsNot(logging.Logger.callHandlers, before)
        bench.close()
        self.assertIs(logging.Logger.callHandlers, before)
