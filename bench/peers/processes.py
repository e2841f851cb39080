# SPDX-License-Identifier: MIT OR Apache-2.0
"""The processes of a run, their certain end, and what they cost.

Each process carries a mark of this run in its environment, and so does all that it starts, also what makes itself a
daemon. At the end, and after each contestant, whatever carries the mark is ended. Linux only: it reads /proc.
"""

import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

MARK = "KAPELLE_PEERS_RUN"
LEAVE_S = 8.0
LOOK_S = 0.05
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Processes:
    def __init__(self, keep=False):
        self.folder = Path(tempfile.mkdtemp(prefix="kapelle-peers-"))
        self._keep = keep
        self._run = uuid.uuid4().hex
        self._numbers = itertools.count(1)
        self.display = os.environ.get("DISPLAY")
        self._children = []
        self._over = False

    def __enter__(self):
        if not self.display:
            self.display = self._xvfb()
        return self

    def __exit__(self, *error):
        self.end(None)
        if not self._keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def abort(self, number):
        """For a signal: nothing is started any more, everything ends, and what waits for it hears so."""
        self._over = True
        self.end(None)
        raise SystemExit("bench/peers: ended by signal %d" % number)

    def room(self, name):
        """A folder of its own and an environment that keeps everything of a process in it."""
        number = next(self._numbers)  # contestants start side by side
        folder = self.folder / ("%03d-%s" % (number, name))
        folder.mkdir()
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            MARK: "%s.%03d" % (self._run, number),
        }
        for part in ("config", "data", "cache", "state"):
            environment["XDG_%s_HOME" % part.upper()] = str(folder / part)
        return folder, environment

    def windowed(self, environment):
        return dict(environment, DISPLAY=self.display, LIBGL_ALWAYS_SOFTWARE="1")

    def spawn(self, command, environment, log, **options):
        """Starts a process whose output goes into the file `log`, unless `options` say otherwise."""
        if self._over:
            raise OSError("the run is over")
        with open(log, "ab") as file:
            options.setdefault("stdin", subprocess.DEVNULL)
            options.setdefault("stdout", file)
            options.setdefault("stderr", file)
            child = subprocess.Popen([str(one) for one in command], env=environment, start_new_session=True, **options)
        self._children.append(child)
        return child

    def end(self, environment):
        """Ends all that carries this environment's mark, or the mark of the run."""
        mark = environment[MARK] if environment else self._run
        end = time.monotonic() + LEAVE_S
        asked = set()
        while True:
            living = self._marked(mark)
            if not living:
                break
            for pid in living:
                if time.monotonic() > end:
                    _signal(pid, signal.SIGKILL)
                elif pid not in asked:
                    asked.add(pid)
                    _signal(pid, signal.SIGTERM)
                    _signal(pid, signal.SIGCONT)
            time.sleep(LOOK_S)
        self._children = [one for one in self._children if one.poll() is None]

    def marked(self, environment):
        return self._marked(environment[MARK])

    def _marked(self, mark):
        """Pids of all living processes with the mark."""
        for child in self._children:
            child.poll()  # reaped: a dead one that nobody waits for looks alive
        needle = ("%s=%s" % (MARK, mark)).encode()
        found = []
        for entry in os.listdir("/proc"):
            if entry.isdigit() and int(entry) != os.getpid():
                try:
                    with open("/proc/%s/environ" % entry, "rb") as file:
                        if needle in file.read() and state(int(entry)) != "Z":
                            found.append(int(entry))
                except OSError:
                    continue
        return found

    def _xvfb(self):
        folder, environment = self.room("xvfb")
        read, write = os.pipe()
        command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x800x24", "-nolisten", "tcp"]
        self.spawn(command, environment, folder / "log", pass_fds=[write])
        os.close(write)
        with os.fdopen(read) as told:
            number = told.readline().strip()
        if not number:
            raise SystemExit("bench/peers: Xvfb did not start: %s" % (folder / "log").read_text())
        return ":" + number


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def wait_until(true, seconds, what):
    """Waits until `true()`; raises TimeoutError with `what`."""
    end = time.monotonic() + seconds
    while True:
        got = true()
        if got:
            return got
        if time.monotonic() > end:
            raise TimeoutError("%s did not happen within %g s" % (what, seconds))
        time.sleep(LOOK_S)


def state(pid):
    """R, S, D, Z …, or None when it is gone."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return None


def cpu_s(pid):
    """Seconds of a core that it has used."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def rss_mb(pid):
    try:
        with open("/proc/%d/statm" % pid) as file:
            return int(file.read().split()[1]) * _PAGE / 1e6
    except OSError:
        return 0.0


def with_children(pid):
    """That process and all that came from it."""
    found = [pid]
    for one in found:
        try:
            with open("/proc/%d/task/%d/children" % (one, one)) as file:
                found += map(int, file.read().split())
        except OSError:
            pass
    return found


def _signal(pid, number):
    try:
        os.kill(pid, number)
    except OSError:
        pass
