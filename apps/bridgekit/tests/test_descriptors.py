# SPDX-License-Identifier: MIT OR Apache-2.0
"""What is written past Python, and the limits of a call, in a process of its own."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

from bridgekit import call_limits
from bridgekit.problem import Problem

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Runs each argument as a call; prints what it wrote and how it ended.
PROGRAM = """
import json, sys
from bridgekit import call_limits, commands_code
from bridgekit.call import Call
from bridgekit.executor import Executor
from bridgekit.host import Host
from bridgekit.port import Port
from bridgekit.table import Table

class Told(Port):
    def settle(self, call, told):
        kind = ((told.get("problem") or {}).get("details") or {}).get("type")
        said.append([told["output"]["stdout"], told["output"]["stderr"], told["value"], kind])

said, limits = [], json.loads(sys.argv[1])
table, host = Table(), Host()
commands_code.install(table, host)
executor = Executor(table, host, Told())
executor.capture_descriptors()
for at, code in enumerate(sys.argv[2:]):
    call = Call(str(at), "code.run", {"code": code}, "me", ("code", "destructive"))
    call.limits = call_limits.checked(**limits) if limits else None
    executor.submit(call)
    executor.step()
executor.close()
print("SAID" + json.dumps(said))
"""


class Descriptors(unittest.TestCase):
    def run_codes(self, *codes, limits=None):
        variables = dict(os.environ, PYTHONPATH=os.path.dirname(HERE), TMPDIR=self.folder.name)
        words = [sys.executable, "-c", PROGRAM, json.dumps(limits), *codes]
        told = subprocess.run(words, env=variables, capture_output=True, check=True)
        out, _, last = told.stdout.decode().partition("SAID")
        return json.loads(last), out, told.stderr.decode()

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def test_children_threads_and_native_code(self):
        said, out, err = self.run_codes(
            "import subprocess, sys\nprint('first')\nsubprocess.check_call([sys.executable, '-c', 'print(\"child\")'])",
            "import threading\none = threading.Thread(target=print, args=('thread',))\none.start()\none.join()",
            "import os\nos.write(1, b'raw ')\nos.write(2, b'error ')\n7",
            "print('next')",
        )
        self.assertEqual(said[0][0], "first\nchild\n")
        self.assertEqual(said[1][0], "thread\n")
        self.assertEqual(said[2][:3], ["raw ", "error ", 7])
        self.assertEqual(said[3][0], "next\n", "nothing of the calls before")
        self.assertEqual((out, err), ("child\nthread\nraw ", "error "), "and it goes where it would have gone")
        self.assertEqual(os.listdir(self.folder.name), [], "no file stays")

    def test_much_of_it_and_closed_descriptors(self):
        said, _out, _err = self.run_codes(
            "import os\nfor n in range(300): os.write(1, b'x' * 10000)\nlen('all of it')",
            "import os\nos.close(1)\n1",
            "import os\nos.write(1, b'on')\n2",
        )
        self.assertEqual((len(said[0][0]), said[0][2]), (3000000, 9))
        self.assertEqual([one[2] for one in said[1:]], [1, 2])

    @unittest.skipUnless(call_limits.resource and os.path.exists("/proc/self/statm"), "Linux has them")
    def test_limits(self):
        big = "x = bytearray(400_000_000)\nlen(x)"
        write = "open('%s/file', 'wb', 0).write(bytes(2_000_000)) == 2_000_000" % self.folder.name
        on = "n = 0\nwith open('%s/more', 'wb', 0) as f:\n for _ in range(9): n += f.write(bytes(500_000))"
        said, _out, _err = self.run_codes(
            big, write, on % self.folder.name, "1", limits={"memory_mb": 200, "file_mb": 1}
        )
        self.assertEqual(said[0][3], "MemoryError")
        self.assertIs(said[1][2], False, "cut where the limit is")
        self.assertEqual((said[2][3], said[3][2]), ("OSError", 1))
        said, _out, _err = self.run_codes(big, write)
        self.assertEqual([one[2] for one in said], [400000000, True])

    def test_what_is_no_limit_is_refused(self):
        self.assertIsNone(call_limits.checked(None, None))
        for wrong in ("1", True, -1, 1e9):
            with self.assertRaises(Problem):
                call_limits.checked(wrong, None)


if __name__ == "__main__":
    unittest.main()
