# SPDX-License-Identifier: MIT OR Apache-2.0
"""The example of the README is a bridge that works."""

import os
import re
import subprocess
import sys
import unittest

from .fake_hub import FakeHub

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Example(unittest.TestCase):
    def test_it_connects_runs_and_leaves(self):
        with open(os.path.join(HERE, "README.md"), encoding="utf-8") as file:
            code = re.search(r"```python\n(.*?)```", file.read(), re.DOTALL).group(1)
        hub = FakeHub().listen()
        self.addCleanup(hub.close)
        variables = dict(os.environ, KAPELLE_HOME=hub.home, PYTHONPATH=os.path.dirname(HERE))
        process = subprocess.Popen([sys.executable, "-c", code], env=variables, stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        self.assertEqual(hub.wait_connections(1)["app"], "notebook")
        hub.call("c1", "", command="note.write", args={"name": "second", "text": "good"})
        self.assertEqual(hub.outcome("c1")["value"], {"name": "second", "length": 4})
        hub.call("c2", "", command="note.read", args={"name": "third"})
        self.assertEqual(hub.outcome("c2")["problem"]["hint"], "There are: first, second.")
        hub.call("c3", "sorted(notes)")
        self.assertEqual(hub.outcome("c3")["value"], ["first", "second"])
        hub.wait("state", state={"count": 2})
        hub.send({"t": "stop"})
        self.assertEqual(process.wait(10), 0)
        self.assertEqual(process.stdout.read().decode().strip(), "the hub asked for it")
