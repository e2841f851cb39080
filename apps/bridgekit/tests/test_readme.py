# SPDX-License-Identifier: MIT OR Apache-2.0
"""The example of the README is a bridge that works: with the hub of these tests, and with the real one.

KAPELLE_TEST_BINARY: the real one. Without it that test is skipped at a desk and fails under CI=true.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
import urllib.request

from .fake_hub import FakeHub
from .support import wait_for

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BINARY = os.environ.get("KAPELLE_TEST_BINARY")
SECONDS = 30.0


def example():
    with open(os.path.join(HERE, "README.md"), encoding="utf-8") as file:
        return re.search(r"```python\n(.*?)```", file.read(), re.DOTALL).group(1)


class Example(unittest.TestCase):
    def start(self, home):
        variables = dict(os.environ, KAPELLE_HOME=home, PYTHONPATH=os.path.dirname(HERE))
        process = subprocess.Popen([sys.executable, "-c", example()], env=variables, stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_it_connects_runs_and_leaves(self):
        hub = FakeHub().listen()
        self.addCleanup(hub.close)
        hub.strict = True
        process = self.start(hub.home)
        told = hub.wait_connections(1)
        self.assertEqual(told["app"], "notebook")
        self.assertEqual(
            [one["name"] for one in told["commands"]], ["code.check", "code.run", "note.read", "note.write"]
        )
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

    def test_with_the_real_hub(self):
        if not BINARY:
            if os.environ.get("CI") == "true":
                self.fail("set KAPELLE_TEST_BINARY")
            self.skipTest("set KAPELLE_TEST_BINARY to a built kapelle")
        home = tempfile.mkdtemp(prefix="kapelle-test-")
        words = [BINARY, "serve", "--listen", "127.0.0.1:0", "--json"]
        hub = subprocess.Popen(words, env=dict(os.environ, KAPELLE_HOME=home), stdout=subprocess.PIPE)
        self.addCleanup(hub.stdout.close)
        self.addCleanup(hub.wait)
        self.addCleanup(hub.terminate)
        told = json.loads(hub.stdout.readline().decode())
        with open(told["token_file"], encoding="utf-8") as file:
            token = file.read().strip()

        def ask(path, body=None):
            request = urllib.request.Request(told["url"] + path, json.dumps(body).encode() if body else None)
            request.add_header("Authorization", "Bearer " + token)
            request.add_header("Content-Type", "application/json")
            try:
                with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                    return json.loads(answer.read().decode())
            except urllib.error.HTTPError as error:
                with error:
                    return json.loads(error.read().decode())

        def call(command, **args):
            return ask("/v1/calls", {"app": "notebook", "command": command, "args": args})

        self.start(home)
        wait_for(lambda: "notebook" in str(ask("/v1/instances")), SECONDS, "the notebook")
        self.assertEqual(call("note.write", name="second", text="good")["value"], {"name": "second", "length": 4})
        self.assertEqual(call("note.read", name="second")["value"], "good")
        self.assertEqual(call("code.run", code="sorted(notes)")["value"], ["first", "second"])
        self.assertIn("note.write", str(call("note.wirte", name="x")), "it names the near one")
        refused = str(call("note.write", text="no name"))
        self.assertIn("arguments_invalid", refused)
        self.assertIn("name", refused)


if __name__ == "__main__":
    unittest.main()
