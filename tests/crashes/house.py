# SPDX-License-Identifier: MIT OR Apache-2.0
"""A hub and its programs as processes that can be killed and come back, and a client that outlives them.

In: the built binary. Out: `ask` gives an answer or None where the hub was not there to give it. Standard library only.
"""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

HERE = Path(__file__).resolve().parent
# A hub on a machine that does other things as well.
START_S = 60.0
LOOK_S = 0.02


class Hub:
    """One home folder, and whoever serves it now."""

    def __init__(self, home, binary):
        self.home = Path(home)
        self.binary = binary
        self.process = None
        self.url = None

    def start(self):
        environment = dict(os.environ, KAPELLE_HOME=str(self.home))
        environment.pop("KAPELLE_URL", None)
        with open(self.home / "serve.log", "ab") as log:
            self.process = subprocess.Popen(
                [self.binary, "serve", "--listen", "127.0.0.1:0"],
                env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            try:
                told = json.loads((self.home / "run" / "hub.json").read_text())
                if told["pid"] == self.process.pid:
                    self.url = told["url"]
                    if self.ask("GET", "/v1/instances") is not None:
                        return
            except (OSError, ValueError, KeyError):
                pass
            if self.process.poll() is not None:
                raise AssertionError("the hub has left:\n" + (self.home / "serve.log").read_text()[-2000:])
            time.sleep(LOOK_S)
        raise AssertionError("no hub came")

    def kill(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def ask(self, method, path, body=None, seconds=30.0):
        """(status, document), or None when the hub did not answer: then nobody knows whether it took it."""
        where = urlsplit(self.url)
        connection = http.client.HTTPConnection(where.hostname, where.port, timeout=seconds)
        try:
            token = (self.home / "tokens" / "owner").read_text().strip()
            headers = {"Authorization": "Bearer " + token, "Content-Type": "application/json"}
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()


class Tally:
    """A process with the counting bridge."""

    def __init__(self, home, name, file):
        self.home, self.name, self.file = home, name, file
        self.process = None

    def start(self):
        environment = dict(
            os.environ, KAPELLE_HOME=str(self.home), KAPELLE_NAME=self.name, TALLY_FILE=str(self.file),
            PYTHONDONTWRITEBYTECODE="1",
        )  # fmt: skip
        environment.pop("KAPELLE_LAUNCH", None)
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "tally.py")], env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def kill(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None


class Blender:
    """A background Blender that the hub starts, and starts again when only it was killed."""

    def __init__(self, hub, python):
        self.hub, self.python = hub, python

    def start(self):
        wanted = {"app": "blender", "name": "stage", "python": self.python}
        for _ in range(3):
            answer = self.hub.ask("POST", "/v1/instances", wanted, seconds=150.0)
            if answer is not None and answer[0] in (200, 201):
                return
        raise AssertionError("no Blender came: %r" % (answer,))

    def pid(self):
        answer = self.hub.ask("GET", "/v1/instances/stage")
        if answer is not None and answer[0] == 200:
            return answer[1].get("pid")
        told = self.hub.home / "run" / "instances" / "stage.json"
        return json.loads(told.read_text())["pid"] if told.exists() else None

    def kill(self):
        pid = self.pid()
        if pid is not None:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
