# SPDX-License-Identifier: MIT OR Apache-2.0
"""A real Blender in the direct mode, and the barest client of it.

In: a program and the assembled bridge. Out: `ask`, one connection and one message each, as most of these clients do.
"""

import json
import re
import socket
import subprocess
import threading

START_S = 120.0
ANSWER_S = 120.0
LEAVE_S = 20.0
_GREETING = re.compile(r"is listening on 127\.0\.0\.1:(\d+)")


class Listening:
    def __init__(self, program, package, home, **environment):
        self.program = program
        told = dict(program.environment(home), KAPELLE_DIRECT="0", **environment)
        self.output = []
        self.port = None
        self._heard = threading.Event()
        self.process = subprocess.Popen(
            program.command(package / "boot.py"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=told,
            cwd=home,
        )
        threading.Thread(target=self._read, daemon=True).start()
        if not self._heard.wait(START_S) or self.port is None:
            self.close()
            raise AssertionError("it does not listen:\n" + "".join(self.output))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), ANSWER_S)

    def ask(self, message, end=b""):
        with self.connect() as one:
            one.sendall(json.dumps(message).encode("utf-8") + end)
            return hear(one)

    def run(self, command, **params):
        """The result of a typed request that must succeed."""
        told = self.ask({"type": command, "params": params})
        assert told["status"] == "success", told
        return told["result"]

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(LEAVE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait(20)

    def _read(self):
        for line in self.process.stdout:
            text = line.decode("utf-8", "replace")
            self.output.append(text)
            found = _GREETING.search(text)
            if found:
                self.port = int(found.group(1))
                self._heard.set()
        self._heard.set()


def hear(one):
    """One whole answer."""
    data = b""
    while True:
        more = one.recv(1 << 20)
        assert more, "closed after %r" % data[:200]
        data += more
        if data.rstrip(b"\0\n").endswith(b"}"):
            try:
                return json.loads(data.rstrip(b"\0\n").decode("utf-8"))
            except ValueError:
                continue
