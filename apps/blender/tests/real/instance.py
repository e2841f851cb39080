# SPDX-License-Identifier: MIT OR Apache-2.0
"""A real Blender with the bridge in it, connected to the Python hub of bridgekit's tests.

In: a program and a folder. Out: `call` and the outcome that came back, as the hub would get it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import measured
from bridgekit.tests.fake_hub import FakeHub

# A Blender on a machine that does other things as well.
START_S = 120.0
CALL_S = 120.0
LEAVE_S = 10.0
# For what a process that has ended said last to come through the socket.
LAST_S = 2.0
SCOPES = ("read", "write", "destructive", "code", "admin")


class Program:
    """Where one Blender is found. `kind` is blender (the program) or module (a Python with the wheel)."""

    def __init__(self, name, path, kind):
        self.name = name
        self.path = path
        self.kind = kind

    def command(self, script, options=()):
        if self.kind == "module":
            return [self.path, str(script), *options]
        return [self.path, "-b", "-noaudio", "--factory-startup", "--python", str(script), "--", *options]

    def environment(self, home):
        told = dict(os.environ, KAPELLE_HOME=str(home), PYTHONUNBUFFERED="1")
        for name in ("KAPELLE_LAUNCH", "KAPELLE_NAME", "KAPELLE_FOLDERS", "KAPELLE_CHILD", "PYTHONPATH", "PYTHONHOME"):
            told.pop(name, None)
        if self.kind == "blender":
            # A distribution's Blender takes its Python's libraries from the first python3 on PATH.
            own = os.path.dirname(self.path)
            told["PATH"] = os.pathsep.join([own, "/usr/local/bin", "/usr/bin", "/bin"])
        return told


class Instance:
    """One process. Use it with `with`, or `close` it."""

    # Its folder for temporary files, if it was given one of its own.
    temporary = None
    # Whether the process has ended.
    _ended = False

    def __init__(self, program, package, options=(), environment=None, roots=()):
        self.program = program
        self.hub = FakeHub(heartbeat_ms=200)
        self.hub.roots = list(roots)
        self.hub.listen()
        self.home = self.hub.home
        self._count = 0
        self.output = []
        # Of its own, so that what it leaves there is known from what others leave meanwhile.
        self.temporary = tempfile.mkdtemp(prefix="kapelle-instance-")
        told = dict(program.environment(self.home), TMPDIR=self.temporary)
        told.update(environment or {})
        self.process = subprocess.Popen(
            program.command(self.script(package), options),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=told,
            cwd=self.home,
        )
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._await_end, daemon=True).start()
        try:
            self.announcement = self.hub.wait_connections(1, START_S)
        except AssertionError:
            self.close()
            raise AssertionError("no Blender came:\n" + self.text()) from None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def script(self, package):
        """What Blender runs to start the bridge."""
        return package / "boot.py"

    def send(self, command, args=None, scopes=SCOPES, owner="tester", timeout_ms=None, **more):
        """Sends a call and returns its id. `more`: further members of the message."""
        self._count += 1
        call_id = "call_%d" % self._count
        self.hub.send(
            {
                "t": "call",
                "id": call_id,
                "command": command,
                "args": args or {},
                "owner": owner,
                "scopes": list(scopes),
                "timeout_ms": timeout_ms,
                **more,
            }
        )
        return call_id

    def outcome(self, call_id, seconds=CALL_S):
        """Of a call that was sent. A Blender that has died is not waited for."""

        def told():
            return self._ended or any(one["t"] == "outcome" and one["id"] == call_id for one in self.hub.messages)

        with self.hub.changed:
            self.hub.changed.wait_for(told, seconds)
        try:
            return self.hub.outcome(call_id, LAST_S if self._ended else 0)
        except AssertionError:
            raise AssertionError("no outcome of %s\n%s" % (call_id, self.text())) from None

    def call(self, command, args=None, **more):
        """The whole outcome of a call."""
        return self.outcome(self.send(command, args, **more))

    def run(self, command, **args):
        """The value of a call that must succeed."""
        return self.value(self.call(command, args))

    def run_outcome(self, command, **args):
        """The outcome of a call that must succeed."""
        outcome = self.call(command, args)
        self.value(outcome)
        return outcome

    def code(self, source, **more):
        """The outcome of code.run."""
        return self.call("code.run", dict({"code": source}, **more.pop("args", {})), **more)

    def eval(self, source, **more):
        """The value of code that must succeed."""
        return self.value(self.code(source, **more))

    def value(self, outcome):
        assert outcome["status"] == "succeeded", outcome
        return outcome["value"]

    def problem(self, command, args=None, **more):
        """The problem of a call that must fail."""
        outcome = self.call(command, args, **more)
        assert outcome["status"] == "failed", outcome
        return outcome["problem"]

    def cancel(self, call_id):
        self.hub.send({"t": "cancel", "id": call_id, "reason": "cancelled"})

    def fresh(self, seconds=CALL_S):
        """A default file and no variables, for the next test."""
        for command in ("file.new", "code.reset"):
            self.value(self.outcome(self.send(command), seconds))

    def stop(self, seconds=30.0):
        """Asks it to leave; returns its exit code."""
        self.hub.send({"t": "stop"})
        return self.process.wait(seconds)

    def close(self):
        if self.process.poll() is None and measured.wanted() and self.program.kind == "module":
            self._leave()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(20)
        self.hub.close()
        if self.temporary:
            shutil.rmtree(self.temporary, ignore_errors=True)

    def _leave(self):
        """Lets it write down which lines ran."""
        try:
            self.stop(LEAVE_S)
        except (AssertionError, OSError, subprocess.TimeoutExpired):
            return

    def text(self):
        return "".join(self.output[-200:])

    def last_words(self):
        """What is known of one that no longer answers."""
        told = "What it printed last:\n" + self.text()
        # Blender's own, with the stack of what crashed.
        for crash in Path(self.temporary).glob("*.crash.txt") if self.temporary else ():
            told += "\n%s:\n%s" % (crash.name, crash.read_text("utf-8", "replace"))
        return told

    def _read(self):
        for line in self.process.stdout:
            self.output.append(line.decode("utf-8", "replace"))

    def _await_end(self):
        self.process.wait()
        with self.hub.changed:
            self._ended = True
            self.hub.changed.notify_all()


def wait_until(condition, seconds=20.0, what="it"):
    """Waits for something that no message tells: a process that ends, a file that comes."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("%s did not happen within %g s" % (what, seconds))
        time.sleep(0.02)


if __name__ == "__main__":
    sys.exit("this is a part of the tests")
