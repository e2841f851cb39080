# SPDX-License-Identifier: MIT OR Apache-2.0
"""`import kapelle` in a caller's code, alone and beside packages of that name."""

import os
import subprocess
import sys
import tempfile
import textwrap
import unittest

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Runs each argument as a call, and prints the last progress of each.
PROGRAM = """
import sys
from bridgekit import commands_code
from bridgekit.call import Call
from bridgekit.executor import Executor
from bridgekit.host import Host
from bridgekit.port import Port
from bridgekit.table import Table

class Told(Port):
    def settle(self, call, told):
        print(told["status"], call.fresh_progress and call.fresh_progress[1], told["value"], told.get("problem"))

table, host = Table(), Host()
commands_code.install(table, host)
executor = Executor(table, host, Told())
for at, code in enumerate(sys.argv[1:]):
    executor.submit(Call(str(at), "code.run", {"code": code}, "me", ("code", "destructive")))
    executor.step()
executor.close()
"""
SAY = "import kapelle\nkapelle.progress(0.5, 'half')\n"


class Module(unittest.TestCase):
    def run_codes(self, *codes, package=None):
        """What each call said, with a package `kapelle` on the path whose source is `package`."""
        with tempfile.TemporaryDirectory() as folder:
            if package is not None:
                os.mkdir(os.path.join(folder, "kapelle"))
                for name, text in package.items():
                    with open(os.path.join(folder, "kapelle", name), "w", encoding="utf-8") as file:
                        file.write(textwrap.dedent(text))
            variables = dict(os.environ, PYTHONPATH=os.pathsep.join([os.path.dirname(HERE), folder]))
            told = subprocess.run(
                [sys.executable, "-c", PROGRAM, *codes], env=variables, stdout=subprocess.PIPE, check=True, cwd=folder
            )
        return told.stdout.decode().splitlines()

    def test_alone(self):
        told = self.run_codes(SAY, "kapelle.progress(0.1, 'again')\nkapelle.__name__", "kapelle.nothing")
        self.assertEqual(told[0], "succeeded half None None")
        self.assertEqual(told[1], "succeeded again kapelle None")
        self.assertIn("inside an application it offers progress, log", told[2])

    def test_beside_the_client(self):
        client = {"__init__.py": "from .calls import Client\ndef progress(*a): raise SystemExit\n"}
        client["calls.py"] = "class Client:\n    name = 'client'\n"
        told = self.run_codes(
            "kapelle.Client.name", SAY + "kapelle.Client.name", "from kapelle.calls import Client\nClient.name",
            "import importlib\nimportlib.reload(kapelle).progress(0.5, 'anew')",
            package=client,
        )  # fmt: skip
        self.assertEqual(told[0], "succeeded None client None", "what every namespace begins with")
        self.assertEqual(told[1], "succeeded half client None")
        self.assertEqual(told[2], "succeeded None client None")
        self.assertEqual(told[3], "succeeded anew None None")

    def test_a_package_that_was_imported_before(self):
        told = self.run_codes(
            "import sys, types\nsys.modules['kapelle'] = types.ModuleType('kapelle')", SAY, "del kapelle.progress", SAY
        )
        self.assertEqual([one.split()[:2] for one in told[1::2]], [["succeeded", "half"]] * 2)

    def test_a_folder_of_that_name_is_no_package(self):
        told = self.run_codes(SAY, package={"notes.txt": "nothing"})
        self.assertEqual(told, ["succeeded half None None"])

    def test_a_package_that_cannot_be_loaded_says_so(self):
        told = self.run_codes(SAY, "kapelle.progress(0.5, 'still')", package={"__init__.py": "1/0"})
        self.assertIn("ZeroDivisionError", told[0])
        self.assertEqual(told[1], "succeeded still None None")


if __name__ == "__main__":
    unittest.main()
