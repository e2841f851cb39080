# SPDX-License-Identifier: MIT OR Apache-2.0
"""Keeps our own threads out of the interpreter for a moment, so that C code which has let go of it stays alone.

Some applications let go of the interpreter's lock and look into Python's memory all the same (Blender up to 5.0, in
an operator under an override of the context). Up to Python 3.11 they take another thread's lock for their own, and
crash when that thread runs or comes to rest just then, be it for a microsecond. So all of ours must rest: not wait for
something that may come, but behind a lock that opens when `hold` ends.

In: threads that say `member` for as long as they live, wait by `wait` (or wake up when they are told to), and `rest`
after each waiting. Out: `hold` on the main thread. What it does not do: threads of others, and of ours those that
wait for the main thread alone; they do not wake up meanwhile.

States of a hold: asked -> all rest, or REST_WAIT_S are over -> ended. Nothing beats, and nothing is read, until then.
"""

import queue
import select
import socket
import sys
import threading
import time
from contextlib import contextmanager

from . import fork

# From Python 3.12 on a thread knows whether it has the lock.
NEEDED = sys.version_info < (3, 12)
# For a thread that is busy, with a large message say. After this the main thread goes on all the same.
REST_WAIT_S = 0.25
# From a thread's word that it rests until it does, with room: a few of its bytecodes.
SETTLE_S = 0.00005
# Of holds one right after the other, one this often waits until all have had their turn: a cancel is heard.
TURN_S = 0.05
# What a child may say without an end of the line; then it is passed on as one.
LINE_BYTES_MAX = 1_000_000

_lock = threading.Lock()  # of the threads' alone: an interrupt on the main thread could leave it taken
_gate = threading.RLock()  # the main thread's while a hold lasts; who rests waits for it
_resting = set()  # threads behind the gate, or on the way there
_members = {}  # thread -> what wakes it, or None: it waits by `wait`
_holds = []  # a queue in which threads say that they rest, while a hold lasts
_depth = [0]
_all_awake_at = [0.0]  # the last hold that began so
_sockets = []  # readable while a hold lasts


@contextmanager
def member(wake=None):
    """The calling thread rests when it is asked to. `wake()` gets it out of a wait that is not ours."""
    me = threading.get_ident()
    fork.watch(sys.modules[__name__])
    known = me in _members
    _members.setdefault(me, wake)
    try:
        yield
    finally:
        if not known:
            _members.pop(me, None)


def rest():
    """Rests if that is asked for."""
    me = threading.get_ident()
    while _holds:
        _resting.add(me)
        try:
            _holds[0].put(me)
        except IndexError:
            pass  # it has ended just now
        with _gate:
            _resting.discard(me)  # in here: no hold can begin while this one still runs


class Wait:
    """For a member: waits until that socket or pipe can be read, and rests in between."""

    def __init__(self, readable):
        self._signal = signal()
        self._readable = readable
        self._poll = None
        if hasattr(select, "poll"):  # select() takes no descriptor beyond 1,023
            self._poll = select.poll()
            for one in (readable, self._signal):
                self._poll.register(one, select.POLLIN)
            self._fd = readable.fileno()

    def __call__(self, seconds=None):
        """False when `seconds` are over; they begin anew after a rest. True also when it is at its end."""
        while True:
            rest()
            try:
                ready, any_ready = self._look(seconds)
            except (OSError, ValueError):
                return True  # closed meanwhile; reading says so
            if ready and not _holds:
                return True
            if not any_ready:
                return False

    def _look(self, seconds):
        if self._poll is None:
            found = select.select([self._readable, self._signal], [], [], seconds)[0]
            return self._readable in found, bool(found)
        found = self._poll.poll(None if seconds is None else int(seconds * 1000) + 1)
        return any(fd == self._fd for fd, _event in found), bool(found)


def wait(readable, seconds=None):
    """The same once, for a thread that is no member otherwise."""
    with member():
        try:
            waiting = Wait(readable)
        except (OSError, ValueError):
            return True  # closed already; reading says so
        return waiting(seconds)


def lines(pipe):
    """The lines of a child's output, while it comes."""
    if sys.platform == "win32":  # nothing waits for a pipe there
        yield from pipe
        return
    kept, wait_for_more = b"", Wait(pipe)
    while True:
        with member():
            wait_for_more()
        data = pipe.read1(65536)
        if not data:
            break
        *whole, kept = (kept + data).split(b"\n")
        yield from whole
        if len(kept) > LINE_BYTES_MAX:
            yield kept
            kept = b""
    if kept:
        yield kept


@contextmanager
def hold(needed=None):
    """On the main thread: inside of it none of ours has the interpreter. Nested ones are one."""
    begin(needed)
    try:
        yield
    finally:
        end()


def begin(needed=None):
    """Begins a hold; `end` ends it, and more often than necessary does no harm."""
    if not (NEEDED if needed is None else needed):
        return
    _depth[0] += 1
    if _depth[0] > 1:
        return
    _give_turn()
    _gate.acquire()
    told = queue.SimpleQueue()
    _holds.append(told)
    if _sockets:
        _sockets[1].send(b".")
    awake = {ident: wake for ident, wake in dict(_members).items() if ident not in _resting}
    for wake in awake.values():
        if wake is not None:
            wake()
    until, waited = time.monotonic() + REST_WAIT_S, bool(awake)
    try:
        while awake:
            awake.pop(told.get(True, max(0.0, until - time.monotonic())), None)
    except queue.Empty:
        pass
    if waited:
        time.sleep(SETTLE_S)


def _give_turn():
    now = time.monotonic()
    if now - _all_awake_at[0] > TURN_S:
        while _resting and time.monotonic() < now + TURN_S:
            time.sleep(SETTLE_S)
    if not _resting:
        _all_awake_at[0] = now


def end(all_of_them=False):
    """Ends a hold; `all_of_them`: whatever an interrupt left behind."""
    if not all_of_them:
        _depth[0] = max(0, _depth[0] - 1)
        if _depth[0]:
            return
    _depth[0] = 0
    if _holds and _sockets:
        try:
            while _sockets[0].recv(64):
                pass
        except (BlockingIOError, InterruptedError):
            pass
    del _holds[:]
    try:
        while True:
            _gate.release()
    except RuntimeError:
        pass  # it is not ours, or not any more: an interrupt may come between any two steps of `begin`


def after_fork_in_child():
    """The threads are the parent's."""
    global _lock, _gate
    _lock, _gate = threading.Lock(), threading.RLock()
    _members.clear()
    _resting.clear()
    del _holds[:]
    _depth[0] = 0


def signal():
    """A socket that can be read while a hold lasts."""
    with _lock:
        if not _sockets:
            _sockets.extend(socket.socketpair())
            for one in _sockets:
                one.setblocking(False)
        return _sockets[0]
