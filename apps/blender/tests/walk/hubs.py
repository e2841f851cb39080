# SPDX-License-Identifier: MIT OR Apache-2.0
"""A hub of one's own: the binary under test as a process, with a home folder in a temporary place.

In: the binary, a folder. Out: callers over HTTP, the terminal's verbs, and the certainty that no process is left.
Whatever a hub has started knows its home by KAPELLE_HOME, which is how it is found again in the end.
"""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

from client import Client

READY_S = 20.0
# A hub lets its Blenders leave before it ends.
LEAVE_S = 30.0
VERB_S = 150.0


class Done:
    """A verb that has ended: `code`, `out`, `err`."""

    def __init__(self, words, ended):
        self.words = words
        self.code = ended.returncode
        self.out = ended.stdout.decode("utf-8", "replace")
        self.err = ended.stderr.decode("utf-8", "replace")

    @property
    def json(self):
        """The one document on stdout."""
        document = json.loads(self.out)
        assert self.out.count("\n") <= 1 or self.out.strip().startswith(("{", "[")), self.out
        return document

    def __repr__(self):
        return "kapelle %s: exit %d\n-- out\n%s\n-- err\n%s" % (" ".join(self.words), self.code, self.out, self.err)


class Terminal:
    """A shell in which KAPELLE_HOME is set, and nothing else of Kapelle."""

    def __init__(self, binary, home, environment=None):
        self.binary = str(binary)
        self.home = Path(home)
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("KAPELLE_")}
        self.environment["KAPELLE_HOME"] = str(self.home)
        self.environment["PYTHONDONTWRITEBYTECODE"] = "1"
        for name in ("PYTHONPATH", "PYTHONHOME", "NO_COLOR"):
            self.environment.pop(name, None)
        self.environment.update(environment or {})

    def kapelle(self, *words, stdin=b"", timeout_s=VERB_S, cwd=None):
        """Runs a verb to its end."""
        words = [str(word) for word in words]
        process = self.popen(*words, cwd=cwd)
        try:
            out, err = process.communicate(stdin, timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            raise AssertionError("kapelle %s hangs\n%s\n%s" % (" ".join(words), out, err)) from None
        return Done(words, subprocess.CompletedProcess(words, process.returncode, out, err))

    def document(self, *words, code=0, **more):
        """The JSON of a verb, run with --json, after its exit code was looked at."""
        done = self.kapelle(*words, "--json", **more)
        assert done.code == code, done
        return done.json

    def popen(self, *words, cwd=None, **more):
        return subprocess.Popen(
            [self.binary, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment,
            cwd=cwd or str(self.home.parent),
            start_new_session=True,
            **more,
        )

    def leftovers(self):
        """Pids of all living processes of this home."""
        return processes_of(self.home)

    def clear(self):
        """Kills what is left of this home."""
        for _ in range(50):
            left = self.leftovers()
            if not left:
                return
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.05)


class Hub(Terminal):
    """A running `kapelle serve`. Use it with `with`, or `close` it."""

    def __init__(self, binary, home, environment=None, limits=None):
        super().__init__(binary, home, environment)
        self.limits = limits  # run in the hub's process before it begins
        self.process = None
        self.serve()

    def serve(self):
        """Starts the hub, again if it was killed. Waits for its ready line."""
        more = {"preexec_fn": self.limits} if self.limits else {}
        self.process = self.popen("serve", "--listen", "127.0.0.1:0", "--json", **more)
        began = time.monotonic()
        line = self.process.stdout.readline()
        self.ready_s = time.monotonic() - began
        if not line:
            raise AssertionError("the hub did not start: %r" % (self.process.communicate()[1],))
        self.ready = json.loads(line)
        self.url = self.ready["url"]
        self.http = Client(self.url, Path(self.ready["token_file"]).read_text().strip())
        return self

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def start(self, program, name=None, **more):
        """Starts a background instance; its view."""
        body = dict({"app": "blender", "name": name, program.key: program.path}, **more)
        answer = self.http.request("POST", "/v1/instances", body)
        assert answer.status == 201, (answer.status, answer.body, self.log_of(name))
        return answer.json

    def caller(self, name, *scopes, ask=()):
        """A caller with a token of its own."""
        answer = self.http.request("POST", "/v1/tokens", {"name": name, "scopes": list(scopes), "ask": list(ask)})
        assert answer.status == 201, answer.body
        return Client(self.url, answer.json["token"])

    def kill(self):
        """kill -9: the hub's process only."""
        self.process.kill()
        self._gone(LEAVE_S)

    def terminate(self):
        """SIGTERM; the exit code, when it has left."""
        self.process.send_signal(signal.SIGTERM)
        return self._gone(LEAVE_S)

    def close(self):
        try:
            if self.process.poll() is None:
                self.terminate()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self._gone(LEAVE_S)
        finally:
            self.clear()

    def log_of(self, name):
        """What an instance wrote to its log."""
        paths = sorted((self.home / "logs").glob("%s*" % (name or "blender")))
        return "\n".join(path.read_text("utf-8", "replace")[-2000:] for path in paths)

    def _gone(self, seconds):
        code = self.process.wait(seconds)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            pipe.close()
        return code


def processes_of(home):
    """Pids of all processes that were started with this KAPELLE_HOME and have not ended."""
    wanted = b"KAPELLE_HOME=" + os.fsencode(str(home))
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            environment = Path("/proc", entry, "environ").read_bytes()
        except OSError:
            continue
        if wanted in environment.split(b"\0") and is_alive(int(entry)):
            found.append(int(entry))
    return found


def is_alive(pid):
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        stat = Path("/proc/%d/stat" % pid).read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")


def wait_until(condition, seconds=20.0, what="it"):
    """Waits for something that no event tells; gives what the condition gave."""
    until = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < until, "%s did not happen within %g s" % (what, seconds)
        time.sleep(0.02)
