# SPDX-License-Identifier: MIT OR Apache-2.0
"""code.run: values, namespaces, and code that does what it should not."""

import os
import sys
import threading
import time
import unittest

from bridgekit import code as code_module

from .support import Bench, wait_for


class CodeTest(unittest.TestCase):
    def setUp(self):
        self.bench = Bench()
        self.addCleanup(self.bench.close)

    def problem(self, source, **more):
        """The problem of code that must fail; the next call must work in the same process."""
        told = self.bench.code(source, **more)
        self.assertEqual(told["status"], "failed", told)
        self.assertEqual(self.bench.value("'still ' + 'here'", owner="next"), "still here")
        return told["problem"]


class Values(CodeTest):
    def test_the_last_expression(self):
        self.assertEqual(self.bench.value("x = 2\nx * 21"), 42)
        self.assertEqual(self.bench.value("1 + 1"), 2)
        self.assertIsNone(self.bench.value("x = 2"))
        self.assertIsNone(self.bench.value(""))
        self.assertIsNone(self.bench.value("# nothing"))
        self.assertEqual(self.bench.value("def f():\n  return 5\nf()"), 5)

    def test_result_without_a_last_expression(self):
        self.assertEqual(self.bench.value("_result = 3"), 3)
        self.assertEqual(self.bench.value("_result = 3\nprint('x')"), 3)
        self.assertEqual(self.bench.value("_result = 3\n4"), 4)

    def test_result_of_an_earlier_call_is_not_this_ones(self):
        self.bench.value("_result = 3")
        self.assertIsNone(self.bench.value("x = 1"))

    def test_future_features_reach_the_last_expression(self):
        code = "from __future__ import annotations\ndef f(a: Nowhere): pass\nf.__annotations__"
        self.assertEqual(self.bench.value(code), {"a": "Nowhere"})

    def test_main_and_dataclasses_work(self):
        code = (
            "from __future__ import annotations\nimport dataclasses, typing\n@dataclasses.dataclass\n"
            "class P:\n  x: int\n  y: typing.List[int] = dataclasses.field(default_factory=list)\n"
            "__name__, P(1)"
        )
        self.assertEqual(self.bench.value(code), ["__main__", {"x": 1, "y": []}])

    def test_arguments_are_checked(self):
        self.assertEqual(self.bench.run("code.run", {"code": 5})["problem"]["code"], "arguments_invalid")
        told = self.bench.run("code.run", {"code": "1", "namespace": "n" * 65})
        self.assertEqual(told["problem"]["code"], "arguments_invalid")

    def test_a_filename_of_the_bridge_s_own(self):
        self.assertEqual(code_module.run("a = 1\n__name__, a", {"__name__": "n"}, "own.py"), ("n", 1))


class Namespaces(CodeTest):
    def test_kept_per_caller_and_name_and_reset(self):
        self.bench.code("x = 1")
        self.bench.code("x = 2", namespace="other")
        self.bench.code("x = 3", owner="somebody")
        self.assertEqual(self.bench.value("x"), 1)
        self.assertEqual(self.bench.value("x", namespace="other"), 2)
        self.assertEqual(self.bench.value("x", owner="somebody"), 3)
        self.assertEqual(self.bench.value("'x' in globals()", reset=True), False)
        self.assertEqual(self.bench.value("x", namespace="other"), 2)

    def test_bounded(self):
        for n in range(code_module.OWNERS_MAX + 5):
            self.bench.code(f"x = {n}", owner=f"owner{n}")
        self.assertFalse(self.bench.value("'x' in globals()", owner="owner0"))
        self.assertEqual(self.bench.value("x", owner=f"owner{code_module.OWNERS_MAX + 4}"), code_module.OWNERS_MAX + 4)
        for n in range(code_module.NAMES_MAX + 5):
            self.bench.code(f"x = {n}", namespace=f"name{n}")
        self.assertFalse(self.bench.value("'x' in globals()", namespace="name0"))
        self.bench.namespaces.forget("tester")
        self.assertFalse(self.bench.value("'x' in globals()", namespace="name20"))
        self.bench.namespaces.forget()
        self.assertEqual(len(self.bench.namespaces._owners), 0)

    def test_kept_sources_are_bounded(self):
        import linecache

        sources = code_module.Sources()
        before = len([name for name in linecache.cache if name.startswith("<code-")])
        for n in range(code_module.SOURCES_MAX + 50):
            sources.compile(f"{n}")
        sources.compile(f"'{'x' * code_module.SOURCE_CHARS_MAX}'")
        self.assertEqual(len(sources._kept), 1)
        after = len([name for name in linecache.cache if name.startswith("<code-")])
        self.assertLessEqual(after - before, 1)


class Tracebacks(CodeTest):
    def test_in_the_caller_s_own_lines_once_without_the_bridge(self):
        told = self.problem("def inner():\n    return 1 / 0\n\ndef outer():\n    inner()\n\nouter()")
        self.assertEqual((told["code"], told["details"]["type"]), ("code_raised", "ZeroDivisionError"))
        self.assertEqual(told["message"], "ZeroDivisionError: division by zero (line 2)")
        self.assertEqual(told["details"]["line"], 2)
        lines = told["details"]["traceback"].split("\n")
        self.assertEqual(
            lines,
            [
                "Traceback (most recent call last):",
                '  File "<code>", line 7, in <module>',
                "    outer()",
                '  File "<code>", line 5, in outer',
                "    inner()",
                '  File "<code>", line 2, in inner',
                "    return 1 / 0",
                "ZeroDivisionError: division by zero",
            ],
        )

    def test_it_is_not_in_stderr_too(self):
        told = self.bench.code("print('before')\n1/0")
        self.assertEqual((told["output"]["stdout"], told["output"]["stderr"]), ("before\n", ""))

    def test_a_function_of_an_earlier_call_shows_its_own_lines(self):
        self.bench.code("# first\ndef f():\n    raise ValueError('old')")
        text = self.problem("# second\n# second\n# second\nf()")["details"]["traceback"]
        self.assertIn("line 4, in <module>\n    f()\n", text)
        self.assertIn("line 3, in f\n    raise ValueError('old')", text)

    def test_the_code_s_own_print_exc_shows_lines(self):
        told = self.bench.code("import traceback\ntry:\n    1 / 0\nexcept Exception: traceback.print_exc()")
        self.assertIn("    1 / 0", told["output"]["stderr"])

    def test_causes(self):
        text = self.problem("try:\n  {}['a']\nexcept KeyError as e:\n  raise ValueError('b') from e")["details"][
            "traceback"
        ]
        self.assertIn("direct cause", text)
        self.assertLess(text.index("KeyError: 'a'"), text.index("ValueError: b"))
        text = self.problem("try:\n  {}['a']\nexcept KeyError:\n  raise ValueError('b') from None")["details"][
            "traceback"
        ]
        self.assertNotIn("KeyError", text)
        text = self.problem(
            "e = None\nfor n in range(50):\n  try:\n    try: raise ValueError(n)\n    finally:\n      if e: raise e\n  except ValueError as x: e = x\nraise e"
        )
        self.assertLess(len(text["details"]["traceback"]), 20000)

    def test_a_long_message_is_bounded(self):
        told = self.problem("raise ValueError('x' * 1000000)")
        self.assertLess(len(told["message"]), 5000)
        self.assertLess(len(told["details"]["traceback"]), 20000)

    def test_exceptions_that_cannot_be_told(self):
        told = self.problem("class E(Exception):\n  def __str__(self): raise RuntimeError\nraise E()")
        self.assertIn("its __str__ raised RuntimeError", told["message"])
        told = self.problem("class E(Exception):\n  def __str__(self): return 5\nraise E()")
        self.assertIn("its __str__ raised TypeError", told["message"])

    def test_a_name_that_is_nearly_there(self):
        told = self.problem("number = 1\nnumbre")
        self.assertEqual(told["hint"], "Did you mean number?")
        self.assertIn("never set", self.problem("qqqqqq")["hint"])

    def test_library_frames_are_shown(self):
        text = self.problem("import json\njson.loads('{')")["details"]["traceback"]
        self.assertIn("json", text.split("\n")[3])
        self.assertNotIn("bridgekit", text)


class Syntax(CodeTest):
    def test_line_and_caret(self):
        told = self.problem("x = 1\nif x\n  y = 2")
        self.assertEqual((told["code"], told["details"]["line"]), ("code_syntax", 2))
        self.assertIn('File "<code>", line 2', told["details"]["traceback"])
        self.assertIn("    if x\n", told["details"]["traceback"])
        self.assertIn("^", told["details"]["traceback"])

    def test_what_python_does_not_compile(self):
        self.assertEqual(self.problem("a\0b")["code"], "code_syntax")
        self.assertEqual(self.problem("x = 'a\ud800b'")["code"], "code_syntax")
        told = self.problem("x = 1\ny = '\udc80'")
        self.assertIn("U+DC80", told["message"])
        self.assertEqual((told["details"]["line"], told["details"]["column"]), (2, 6))
        self.assertEqual(self.problem("(" * 500 + ")" * 500)["code"], "code_syntax")
        self.assertEqual(self.problem("return 5")["code"], "code_syntax")

    def test_a_syntax_error_inside_the_code_is_an_exception_of_it(self):
        told = self.problem("eval('1 +')")
        self.assertEqual((told["code"], told["details"]["line"]), ("code_raised", 1))


class Hostile(CodeTest):
    def test_leaving(self):
        for source in (
            "import sys; sys.exit(3)",
            "raise SystemExit(3)",
            "import os, sys\ntry: sys.exit(3)\nfinally: pass",
        ):
            told = self.problem(source)
            self.assertEqual(told["code"], "code_exited", source)
            self.assertIn("SystemExit 3", told["message"])

    def test_other_base_exceptions(self):
        for name in ("KeyboardInterrupt", "GeneratorExit", "BaseException"):
            told = self.problem(f"raise {name}()")
            self.assertEqual((told["code"], told["details"]["type"]), ("code_raised", name))

    def test_recursion(self):
        told = self.problem("def f(): f()\nf()")
        self.assertEqual(told["details"]["type"], "RecursionError")
        self.assertLess(len(told["details"]["traceback"]), 8000)
        self.assertIn("frames left out", told["details"]["traceback"])

    def test_recursion_in_a_repr(self):
        told = self.bench.code("class R:\n  def __repr__(self): return repr(self)\nR()")
        self.assertEqual(told["status"], "succeeded")
        self.assertIn("RecursionError", told["value"]["$repr"])

    def test_memory(self):
        told = self.problem("x = bytearray(1 << 60)")
        self.assertEqual(told["code"], "out_of_memory")

    def test_input(self):
        began = time.monotonic()
        told = self.problem("input('name? ')")
        self.assertEqual(told["details"]["type"], "EOFError")
        self.assertIn("no keyboard", told["hint"])
        self.assertLess(time.monotonic() - began, 1)
        self.assertEqual(self.bench.value("import sys\nsys.stdin.read() + sys.stdin.readline()"), "")

    def test_replaced_builtin_exit_and_excepthook(self):
        self.bench.code("import sys\nsys.excepthook = None")
        self.addCleanup(setattr, sys, "excepthook", sys.__excepthook__)
        self.problem("1/0")

    def test_a_thread_that_outlives_its_call(self):
        self.bench.code("import threading\nstop = threading.Event()\nt = threading.Thread(target=stop.wait); t.start()")
        self.assertEqual(self.bench.value("t.is_alive()"), True)
        self.bench.code("stop.set(); t.join()")

    def test_chdir_and_environment_stay_the_caller_s_business(self):
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        self.assertEqual(self.bench.value("import os\nos.chdir('/')\nos.getcwd()"), "/")


class KapelleModule(CodeTest):
    def test_progress_by_name_and_by_import(self):
        call = self.bench.call(
            "code.run",
            {"code": "kapelle.progress(0.5, 'half')\nimport kapelle as k\nk.log('info', 'said')\nk is kapelle"},
        )
        self.bench.executor.submit(call)
        self.bench.executor.step()
        told = self.bench.port.outcomes[call.id]
        self.assertEqual(told["value"], True)
        self.assertEqual(call.fresh_progress, (0.5, "half"))
        self.assertEqual(told["output"]["logs"], [{"level": "info", "source": "code", "text": "said"}])

    def test_fractions(self):
        call = self.bench.call("code.run", {})
        for given, kept in ((-1, 0.0), (2, 1.0), (None, None), (float("nan"), None), (float("inf"), 1.0)):
            call.progress(given)
            self.assertEqual(call.fresh_progress[0], kept)

    def test_outside_a_call_it_does_nothing(self):
        import kapelle

        kapelle.progress(0.5)
        kapelle.log("info", "nobody hears")
        seen = []
        thread = threading.Thread(target=lambda: seen.append(kapelle.progress(0.5)))
        thread.start()
        thread.join()
        wait_for(lambda: seen == [None])
