# SPDX-License-Identifier: MIT OR Apache-2.0
"""static_check: what is found in a source, and who is refused."""

import ast
import unittest

from bridgekit.host import Host
from bridgekit.remembered import Remembered
from bridgekit.static_check import CHECKED_CHARS_MAX, DANGERS, FINDINGS_MAX, FORBIDDEN, KINDS, Checks

from .support import Bench

LIMITED = ("read", "write", "code")


def found(source, known=None, **more):
    return [(one.kind, one.name, one.line) for one in Checks(**more).check(source, known).findings]


class Finding(unittest.TestCase):
    def test_each_kind_has_its_words(self):
        self.assertLessEqual(set(DANGERS.values()), set(KINDS))
        self.assertLessEqual(FORBIDDEN, set(KINDS))

    def test_names_are_followed_through_imports_and_assignments(self):
        for source in (
            "import os\nos.remove('a')",
            "import os as o\no.remove('a')",
            "import os\nx = os\nx.remove('a')",
            "import os\nx = os.remove\nx('a')",
            "import os\nlist(map(os.remove, []))",
            "from pathlib import Path\nPath('a').unlink()",
            "import pathlib\np = pathlib.Path('a')\np.rename('b')",
        ):
            self.assertIn(
                ("removing", 2 if source.count("\n") == 1 else 3), [(k, n) for k, _, n in found(source)], source
            )

    def test_an_import_of_a_function_counts(self):
        self.assertEqual(found("from os import remove"), [("removing", "os.remove", 1)])
        self.assertEqual(found("import subprocess"), [("processes", "import subprocess", 1)])
        self.assertEqual(found("import os, json, math.nothing"), [])
        self.assertEqual(found("import http.client"), [("network", "import http.client", 1)])

    def test_what_only_looks_like_it(self):
        for source in (
            "x = []\nx.remove(1)",
            "system = print\nsystem('x')",
            "import re\nre.compile('a')",
            "class A:\n  def eval(self): pass\nA().eval()",
            "d = {}\nd.exec",
            "import os\nos = 5\nos.path",
            "p = 'a'\np.replace('a', 'b')",
            "import os\nos.path.exists('a'), os.environ, os.getcwd(), os.listdir('.')",
        ):
            self.assertEqual(found(source), [], source)

    def test_open_for_writing(self):
        for source in ("open('a', 'w')", "open('a', mode='a')", "open('a', 'r+')", "open('a', m)", "import io\nio.open('a', 'xb')",
                       "from pathlib import Path\nPath('a').open('w')", "with open('a', 'wb') as f: pass"):  # fmt: skip
            self.assertEqual([kind for kind, _, _ in found(source)], ["writing"], source)
        for source in (
            "open('a')",
            "open('a', 'rb')",
            "open('a', mode='r')",
            "from pathlib import Path\nPath('a').open()",
        ):
            self.assertEqual(found(source), [], source)

    def test_what_earlier_calls_left(self):
        import os
        import subprocess

        known = {"o": os, "away": os.remove, "run": subprocess.run, "number": 5, "join": os.path.join}
        self.assertEqual(found("o.remove('a')", known), [("removing", "os.remove", 1)])
        self.assertEqual(found("away('a')", known), [("removing", "os.remove", 1)])
        self.assertEqual(found("run('a')", known)[0][0], "processes")
        self.assertEqual(found("number, join('a', 'b')", known), [])

    def test_rows_of_an_application(self):
        rows = {"app.data.*.remove": "deleting", "app.ops.**": "lasting"}
        self.assertEqual(found("app.data.things.remove(1)", dangers=rows), [("deleting", "app.data.things.remove", 1)])
        self.assertEqual(found("app.ops.a.b()", dangers=rows)[0][0], "lasting")
        self.assertEqual(found("app.data.remove(1)", dangers=rows), [])

    def test_findings_are_bounded(self):
        checked = Checks().check("import os\n" + "os.remove('a')\n" * (FINDINGS_MAX + 10))
        self.assertEqual((len(checked.findings), checked.more), (FINDINGS_MAX, 10))


class Counting(Checks):
    looks = 0

    def _walked(self, source, known):
        self.looks += 1
        return Checks._walked(self, source, known)


class Remembering(unittest.TestCase):
    def test_the_same_source_is_looked_through_once(self):
        checks = Counting()
        for _ in range(3):
            self.assertEqual([one.kind for one in checks.findings("import os\nos.remove('a')", {})], ["removing"])
        self.assertEqual(checks.looks, 1)

    def test_but_again_when_a_name_stands_for_something_else(self):
        import os
        import shutil

        checks = Counting()
        for known, kinds in (
            ({}, []),
            ({"o": 5, "else": os}, []),  # nothing that the source names has changed
            ({"o": os}, ["removing"]),
            ({"o": os}, ["removing"]),
            ({"o": shutil}, []),
        ):
            self.assertEqual([one.kind for one in checks.findings("o.remove('a')", known)], kinds, known)
        self.assertEqual(checks.looks, 3)

    def test_bounded_by_number_and_characters(self):
        kept = Remembered(sources_max=2, chars_max=10)
        for source in ("a", "bb", "a", "cc"):
            kept.put(source, source.upper())
        self.assertEqual([kept.get("a"), kept.get("bb"), kept.get("cc")], ["A", None, "CC"])
        kept.put("x" * 9, "long")
        self.assertEqual([kept.get("a"), kept.get("cc"), len(kept)], [None, None, 1])
        kept.put("y" * 11, "too long")
        self.assertEqual([kept.get("y" * 11), len(kept)], [None, 1])


class Refusing(unittest.TestCase):
    def setUp(self):
        self.bench = Bench(Dangerous())
        self.addCleanup(self.bench.close)

    def run_code(self, code, scopes):
        return self.bench.run("code.run", {"code": code}, scopes=scopes)

    def test_by_scopes(self):
        code = "import os\nos.remove('/nowhere/at/all')"
        told = self.run_code(code, LIMITED)
        self.assertEqual(told["problem"]["code"], "forbidden")
        self.assertEqual(told["problem"]["details"]["findings"][0]["line"], 2)
        for scope in ("destructive", "admin"):
            self.assertEqual(self.run_code(code, (*LIMITED, scope))["problem"]["code"], "code_raised")

    def test_what_stays_behind_is_told_and_not_refused(self):
        self.assertEqual(self.run_code("import threading\nthreading.Thread\n5", LIMITED)["value"], 5)

    def test_of_an_application(self):
        self.assertEqual(self.run_code("app.wipe", LIMITED)["problem"]["code"], "forbidden")
        self.assertEqual(self.run_code("both", LIMITED)["problem"]["details"]["findings"][0]["name"], "also")

    def test_code_that_is_too_long_to_look_at(self):
        code = "1" + " " * CHECKED_CHARS_MAX
        self.assertEqual(self.run_code(code, LIMITED)["problem"]["code"], "forbidden")
        self.assertEqual(self.run_code(code, ("code", "destructive"))["value"], 1)

    def test_code_that_is_no_python_is_told_as_such(self):
        self.assertEqual(self.run_code("for:", LIMITED)["problem"]["code"], "code_syntax")

    def test_check(self):
        told = self.bench.run("code.check", {"code": "import os\nos.remove('a')\nlacking()"}, scopes=("read",))["value"]
        self.assertEqual(
            (told["valid"], told["allowed"], told["scopes_needed"]), (True, False, ["code", "destructive"])
        )
        self.assertEqual(told["missing"], [{"name": "lacking", "line": 3, "hint": "none"}])
        self.assertEqual(told["modules"], ["os"])
        told = self.bench.run("code.check", {"code": "def f(:"})["value"]
        self.assertFalse(told["valid"])
        self.assertEqual(told["problem"]["details"]["line"], 1)
        told = self.bench.run("code.check", {"code": 5})
        self.assertEqual(told["problem"]["code"], "arguments_invalid")

    def test_check_sees_what_the_caller_kept(self):
        self.bench.run("code.run", {"code": "import os as o"})
        told = self.bench.run("code.check", {"code": "o.remove('a')"})["value"]
        self.assertEqual([one["kind"] for one in told["findings"]], ["removing"])
        told = self.bench.run("code.check", {"code": "o.remove('a')"}, owner="else")["value"]
        self.assertEqual(told["findings"], [])


class Dangerous(Host):
    def dangers(self):
        return {"app.wipe": "deleting"}

    def dangers_in(self, tree, checked):
        from bridgekit.static_check import Finding as One

        if any(getattr(node, "id", "") == "both" for node in ast.walk(tree)):
            checked.findings.append(One("everything", "also", 1))

    def missing_in(self, checked):
        return [{"name": name, "line": line, "hint": "none"} for name, line, _ in checked.calls if name == "lacking"]


if __name__ == "__main__":
    unittest.main()
