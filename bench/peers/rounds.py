# SPDX-License-Identifier: MIT OR Apache-2.0
"""The measurements, in turns: each round asks every contestant once, each time beginning with another one.

In: contestants, and when to be done. Out: for each contestant {"rows": …} as report.py reads it. What else the machine
does hits all of them alike. A contestant that fails something has that sentence in place of the figure, and goes on.
"""

import selectors
import socket
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import contestants
import processes
from contestants import LARGE_BYTES, LARGE_IN, LARGE_OUT
from places import say
from wires import Failed, Gone, Line

SMALL = "print(1+1)"
# One contestant in one round: so long or so many calls, whichever is first, but a few at least.
SERIAL_S, SERIAL_CALLS, SERIAL_LEAST = 0.8, 400, 3
CROWD, CROWD_S = 8, 1.2
# Slow ones get at least one call of each client.
CROWD_MAX_S = 5.0
LARGE_ROUNDS = 3
LARGE_S = 40.0
BUSY_S = 3.0
BUSY = "import time\nend = time.time() + %g\nwhile time.time() < end: pass\nprint(1+1)" % BUSY_S
# Longest wait for a status, in seconds; beyond it stands as "more than".
STATUS_S = 8.0
IDLE_S = 12.0
# Blenders that start at once: two cores, and starting waits for files too.
STARTS = 4
PROBLEMS = (OSError, ValueError, LookupError, TypeError, Failed, Gone, TimeoutError)


def measure(known, end, rounds_max, rounds_least):
    """Rows by contestant: {id: {"what": {…}}}."""
    told = {one.id: {} for one in known}
    say("starting %d contestants" % len(known))
    with ThreadPoolExecutor(STARTS) as pool:
        list(pool.map(lambda one: _start(one, told), known))
    up = [one for one in known if "failed" not in told[one.id]]
    idle(up, told)
    asked = [one for one in up if one.wire is not None]
    stdio = _open(asked, "stdio", told)
    http = {one: Line(made) for one, made in _open(asked, "http", told).items()}
    busy(asked, stdio, told)
    for number in range(LARGE_ROUNDS if rounds_max > 2 else 1):
        say("5 MB each way, round %d" % (number + 1))
        for one in _in_turn(asked, number):
            large(one, told[one.id])
    took = 0.0
    for number in range(rounds_max):
        if number >= min(rounds_least, rounds_max) and time.monotonic() + took > end:
            break
        began = time.monotonic()
        say("round %d" % (number + 1))
        for one in _in_turn(asked, number):
            row = told[one.id]
            _try(row, "call", lambda one=one: serial(Line(one.wire)))
            _try(row, "crowd", lambda one=one: crowd(one.wire))
            if one in stdio:
                _try(row, "stdio", lambda one=one: serial(stdio[one]))
            if one in http:
                _try(row, "http", lambda one=one: serial(http[one]))
        took = time.monotonic() - began
    for one, way in stdio.items():
        pids = one.server_pids() + processes.with_children(way.process.pid)
        told[one.id]["served"] = {"mb": sum(map(processes.rss_mb, set(pids)))}
    return told


def _start(one, told):
    began = time.monotonic()
    try:
        one.start()
    except PROBLEMS as error:
        told[one.id]["failed"] = _said(error)
        say("%s does not start: %s" % (one.id, _said(error)))
    else:
        told[one.id]["ready_s"] = time.monotonic() - began
        say("%s is ready after %.1f s" % (one.id, time.monotonic() - began))


def _open(asked, way, told):
    """{contestant: its way by MCP}, for those that have it."""
    made = {}
    for one in asked:
        if getattr(one, "has_" + way):
            try:
                made[one] = getattr(one, way)()
            except PROBLEMS as error:
                told[one.id][way] = [_said(error)]
    return made


def _in_turn(asked, number):
    at = number % len(asked)
    return asked[at:] + asked[:at]


def _try(row, what, run):
    """Adds what `run` gives to the row, or the sentence with which it failed."""
    try:
        row.setdefault(what, []).append(run())
    except PROBLEMS as error:
        row.setdefault(what, []).append(_said(error))


def serial(line):
    """One client, one call after the other, on a kept connection where there is one."""
    times, end = [], time.monotonic() + SERIAL_S
    line.run(SMALL)
    while len(times) < SERIAL_CALLS and (time.monotonic() < end or len(times) < SERIAL_LEAST):
        took, printed = line.run(SMALL)
        if not printed.strip().endswith("2"):
            raise Failed("a call gave %r" % printed[:200])
        times.append(took * 1e3)
    return figures(times, sum(times) / 1e3)


def crowd(wire):
    """Eight clients at once, each with one call under way, all in one loop of one thread. Each has one call before the
    time begins: to be accepted takes seconds where somebody listens with a short queue."""
    waiting = selectors.DefaultSelector()
    clients = [_Client(wire, waiting) for _ in range(CROWD)]
    try:
        for one in clients:
            one.ask()
        _answers(waiting, CROWD, 0.0, CROWD_MAX_S)
        began = time.monotonic()
        times = _answers(waiting, CROWD, CROWD_S, CROWD_MAX_S)
        lasted = time.monotonic() - began
    finally:
        for one in clients:
            one.leave()
        waiting.close()
    if not times:
        raise Failed("no answer within %g s" % CROWD_MAX_S)
    return figures(times, lasted)


def _answers(waiting, least, seconds, most):
    """Times of all answers within these seconds, or until there are as many as `least`; each asks anew at once."""
    times, began = [], time.monotonic()
    while True:
        lasted = time.monotonic() - began
        if lasted > most or (lasted >= seconds and len(times) >= least):
            return times
        for key, _events in waiting.select(0.05):
            took = key.data.hear()
            if took is not None:
                times.append(took * 1e3)
                key.data.ask()


class _Client:
    def __init__(self, wire, waiting):
        self._wire, self._waiting, self._socket = wire, waiting, None

    def ask(self):
        if self._wire.one_shot:
            self.leave()
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._wire.port), 10.0)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._waiting.register(self._socket, selectors.EVENT_READ, self)
        self._data, self._start = bytearray(), time.perf_counter()
        self._socket.sendall(self._wire.request(SMALL))

    def hear(self):
        """Seconds when the answer is whole, else None."""
        more = self._socket.recv(1 << 16)
        if not more:
            raise Gone("a connection was closed")
        self._data += more
        if not self._wire.is_whole(self._data):
            return None
        if not self._wire.printed(self._data).strip().endswith("2"):
            raise Failed("a call gave something else")
        return time.perf_counter() - self._start

    def leave(self):
        if self._socket is not None:
            self._waiting.unregister(self._socket)
            self._socket.close()
            self._socket = None


def figures(times, lasted):
    times = sorted(times)
    return {
        "calls": len(times),
        "p50_ms": statistics.median(times),
        "p99_ms": times[min(len(times) - 1, int(len(times) * 0.99))],
        "calls_per_s": len(times) / lasted,
    }


def large(one, row):
    """5 MB of code in, 5 MB of text out: seconds, and bytes on the wire for each byte."""
    if isinstance(one, contestants.EchoFloor):
        return
    for what, code, least in (("large_in", LARGE_IN, 1), ("large_out", LARGE_OUT, LARGE_BYTES)):
        if any(isinstance(told, str) for told in row.get(what, [])):
            continue  # it was told once
        _try(row, what, lambda code=code, least=least: _large(one, code, least))


def _large(one, code, least):
    with Line(one.wire, LARGE_S) as line:
        took, printed = line.run(code)
        if len(printed) < least:
            raise Failed("only %d bytes of the text came" % len(printed))
        return {"s": took, "ratio": (line.sent + line.received) / LARGE_BYTES}


def busy(asked, stdio, told):
    """How long a status takes while a call of three seconds runs: on a second connection, and a ping of MCP."""
    say("status while a call runs")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda one: _busy(one, stdio.get(one), told[one.id]), [one for one in asked if not one.is_floor]))


def _busy(one, mcp, row):
    _try(row, "status", lambda: _status(one))
    if mcp is not None:
        _try(row, "ping", lambda: _ping(mcp))


def _status(one):
    ended = []

    def run():
        try:
            with Line(one.wire) as line:
                ended.append(line.run(BUSY)[1])
        except PROBLEMS as error:
            ended.append(_said(error))

    runner = threading.Thread(target=run, daemon=True)
    runner.start()
    time.sleep(0.7)
    times = []
    try:
        while not times or (not ended and times[-1] < 1.0 and len(times) < 20):
            with Line(one.wire, STATUS_S) as line:
                start = time.perf_counter()
                line.ask(one.wire.status())
                times.append(time.perf_counter() - start)
            time.sleep(0.05)
    finally:
        runner.join(30.0)
    return {"ms": statistics.median(times) * 1e3, "longest_ms": max(times) * 1e3, "asked": len(times)}


def _ping(mcp):
    running = mcp.begin(BUSY)
    time.sleep(0.7)
    start = time.perf_counter()
    mcp.hear(mcp.say("ping", {}), STATUS_S)
    took = time.perf_counter() - start
    if took < BUSY_S - 1.0:  # else the answer of the long call came before it and was passed over
        mcp.hear(running, 30.0)
    return {"ms": took * 1e3}


def idle(up, told):
    """What each Blender, and what runs beside it, costs while nothing is asked. All at once, over the same seconds."""
    say("idle cost")
    time.sleep(2.0)
    begun = {one.id: _used(one) for one in up}
    start = time.monotonic()
    time.sleep(IDLE_S)
    lasted = time.monotonic() - start
    for one in up:
        if one.blender_pid() is None:
            continue
        before, after = begun[one.id], _used(one)
        told[one.id]["idle"] = {
            "blender_percent": 100.0 * (after[0] - before[0]) / lasted,
            "blender_mb": processes.rss_mb(one.blender_pid()),
            "beside_percent": 100.0 * (after[1] - before[1]) / lasted,
            "beside_mb": sum(map(processes.rss_mb, one.server_pids())),
        }


def _used(one):
    if one.blender_pid() is None:
        return 0.0, 0.0
    return processes.cpu_s(one.blender_pid()), sum(map(processes.cpu_s, one.server_pids()))


def _said(error):
    return ("%s" % error).strip()[:400] or type(error).__name__
