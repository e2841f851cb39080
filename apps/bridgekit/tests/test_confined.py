# SPDX-License-Identifier: MIT OR Apache-2.0
"""A bridge that has no token: it is let in by the secret of its launch, and follows the hub by an open file."""

import json
import os
import subprocess
import sys
import unittest

from .fake_hub import FakeHub
from .test_process import PLAIN

LAUNCH = "a" * 32


@unittest.skipIf(os.name == "nt", "descriptors are inherited by number")
class Confined(unittest.TestCase):
    def setUp(self):
        self.hub = FakeHub()
        self.addCleanup(self.hub.close)
        self.hub.launch_secrets[LAUNCH] = "0123456789abcdef"
        os.remove(os.path.join(self.hub.home, "tokens", "bridge"))
        self.path = os.path.join(self.hub.home, "link")

    def begin(self):
        self.write()
        descriptor = os.open(self.path, os.O_RDONLY)
        self.addCleanup(os.close, descriptor)
        process = subprocess.Popen(
            [sys.executable, PLAIN],
            env=dict(os.environ, KAPELLE_CONFINED=str(descriptor), KAPELLE_LAUNCH=LAUNCH, KAPELLE_HOME=self.hub.home),
            pass_fds=[descriptor],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)

    def write(self, secret="0123456789abcdef"):
        """Into the same file, as a hub that comes later does."""
        told = json.dumps({"bridge": "127.0.0.1:%d" % self.hub.port, "launch": LAUNCH, "secret": secret})
        with open(self.path, "r+" if os.path.exists(self.path) else "w") as file:
            file.write(told.ljust(512))

    def test_it_is_let_in_and_follows_the_hub_to_another_port(self):
        self.hub.listen()
        self.begin()
        self.assertEqual(self.hub.wait_connections(1)["launch"], LAUNCH)
        self.hub.kill()
        self.hub.listen()
        self.write()
        self.hub.wait_connections(2)
        self.hub.call("code", "import os\nos.environ.get('KAPELLE_CONFINED') is not None")
        self.assertIs(self.hub.outcome("code")["value"], True)
        self.hub.call("child", "import os, subprocess, sys\n" + CHILD)
        self.assertEqual(self.hub.outcome("child")["value"].strip(), "closed")


CHILD = """
look = "import os\\ntry:\\n    os.fstat(%s)\\n    print('open')\\nexcept OSError:\\n    print('closed')"
subprocess.run([sys.executable, "-c", look % os.environ["KAPELLE_CONFINED"]], stdout=subprocess.PIPE, close_fds=False).stdout.decode()
"""
