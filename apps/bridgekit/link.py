# SPDX-License-Identifier: MIT OR Apache-2.0
"""The bridge's connection to the hub, and its coming back.

In: calls, cancels, acks from the hub; outcomes from the executor. Out: the same to the other side.
Outcomes are kept until the hub has acknowledged them and sent again after a reconnect.

States: connecting -> connected -> connecting …, or refused (dials on, slowly or not) -> …, or stopped.

Threads: one dials and reads; one writes what the socket did not take at once, streams and beats. An
outcome is normally written by the thread that made it, which is the main thread: no hand-over. What
happens under `_lock` is short and never waits for the socket. The main thread never takes it while a
call can be interrupted (interrupt.py), so `nudge` takes none.
"""

import json
import os
import queue
import random
import socket
import threading
import time
from collections import deque

from . import announce, configured, confined, fork, frames, handshake, home, memory, outcome, still
from .blobs import Incoming
from .call import Call
from .mailbox import Mailbox
from .outbox import Kept, Outbox
from .port import Port
from .sender import Sender
from .streaming import STREAM_GAP_S, has_more, messages

# Between two dials: the first wait, doubled up to the last; each with up to 50 % more or less. The hub gives up the
# calls of a lost link after 10 s: three dials at least fall into that time, so that one more fault is no end.
BACKOFF_FIRST_S = 0.1
BACKOFF_LAST_S = 2.0
# After a refusal that will be the same the next time.
REFUSED_S = 5.0
# How long the next call waits for the hub's last words after one that held everything up.
CATCH_UP_S = 0.5
# Without a word from the hub for this long the connection counts as lost: ten beats. It answers in order: as long as it
# takes what it is sent, and then for as long as it may look at that, it is no silence.
SILENCE_S = 5.0
# What a hub on a busy machine gets through at least.
TAKEN_BYTES_PER_S = 4_000_000
CONNECT_S = 5.0
# A link that lived this long starts its back-off anew; a shorter one does not, or a hub that closes
# at once would be dialled ten times a second.
LIVED_S = 2.0
# The main thread waits this long at most for a hub that takes nothing, before the socket takes `started`.
STARTED_WAIT_S = 2.0
# What is left is sent for this long when the bridge leaves.
BYE_WAIT_S = 1.0
# Ended calls of the direct mode that wait for a hub to be told of; the oldest are forgotten.
DIRECT_MAX = 200
# Of such a call's value and arguments, in characters of JSON; longer ones are left out.
DIRECT_CHARS_MAX = 64 * 1024
# Bounds for the hub's wish, in seconds.
_BEAT_MIN_S, _BEAT_MAX_S = 0.05, 2.0
_READ_BYTES = 256 * 1024

_END = object()


class Lost(Exception):
    """The connection is over; the text says why."""


class Link(Port):
    """`announcement()` gives a dict with at least `app` and `mode`; it is called on the link's thread.

    `on_stop()` is called when the hub says `stop` (a background process leaves; without it the link only
    disconnects). `on_away()` is called once when the hub stayed away for `away_limit_s`.
    """

    def __init__(self, home_folder, announcement, executor, on_stop=None, away_limit_s=None, on_away=None):
        # Once, as a whole path: a caller's code may change the environment and the current folder.
        self._home = os.path.abspath(home.folder(home_folder))
        self._announcement = announcement
        self._executor = executor
        self._on_stop = on_stop
        self._away_limit_s = away_limit_s
        self._on_away = on_away
        self._lock = threading.Lock()
        self._outbox = Outbox()
        self._direct = deque(maxlen=DIRECT_MAX)  # frames that no hub has been told
        self._direct_wanted = False
        self._incoming = Incoming()
        self._sender = None
        self._sockets = ()
        self._wake = Mailbox()
        self._pause = Mailbox()  # ends the wait between two dials
        self._stopping = threading.Event()
        self._threads = []
        self._beat_s = 0.5
        self._beat_due = 0.0
        self._beats_sent = self._beats_answered = 0  # of this connection
        self._answered = threading.Event()
        self._stream = False
        self._stream_due = 0.0
        self._name = None
        self._status = {"state": "connecting", "why": None, "since": time.time(), "instance": None, "hub": None}
        executor.port = self
        fork.watch(self)

    # --- for the bridge ---

    def start(self):
        """Starts both threads; they dial until `stop`."""
        for run, wake, name in (
            (self._dial_forever, self._pause, "kapelle-link"),
            (self._write_forever, self._wake, "kapelle-writer"),
        ):
            thread = threading.Thread(target=_as_member, args=(run, wake), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self, reason="the bridge was stopped"):
        """Says goodbye, sends what is left for up to BYE_WAIT_S, and ends both threads."""
        if self._stopping.is_set():
            return
        with self._lock:
            sender = self._sender
            self._send(sender, frames.encode({"t": "bye", "reason": reason}))
        end = time.monotonic() + BYE_WAIT_S
        while sender is not None and sender.waits() and time.monotonic() < end:
            sender.wait(0.05)
            with self._lock:
                self._flush(sender)
        self._stopping.set()
        with self._lock:
            for sock in self._sockets[:1]:
                # Only our half: closing with unread bytes would throw away what the hub has not read yet.
                _quietly(sock.shutdown, socket.SHUT_WR)
        self._wake.put(_END)
        self._pause.put(_END)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.1, end - time.monotonic()))
        self._hang_up()
        self._incoming.close()
        self._set_status("stopped", reason)

    def status(self):
        """{"state", "why", "since" (epoch seconds), "instance", "hub"} for a panel or a log."""
        return dict(self._status)

    # --- the executor's port ---

    def started(self, call):
        frame = frames.encode({"t": "started", "id": call.id})
        with self._lock:
            sender = self._sender
            done = self._send(sender, frame)
        asked_at = time.monotonic()
        while not done and sender is self._sender:
            if time.monotonic() > max(asked_at, sender.alive_at) + STARTED_WAIT_S:
                return self._lose(sender)  # it is not read at all; the reconnect will settle things
            sender.wait(0.05)
            with self._lock:
                done = self._flush(sender)

    def settle(self, call, told):
        kept = Kept(outcome.frame(call.id, told), call.blobs, call.known())
        with self._lock:
            call.settled = True
            self._outbox.put(call.id, kept)
            if self._sender is not None:
                self._push(self._sender, kept)
        if call.incoming:
            self._incoming.release(call.incoming)

    def direct(self, call, told):
        """A call of the direct mode has ended: told to a hub for its history, once. Not acknowledged: if the link
        goes meanwhile, it may be missing there."""
        frame = _direct_frame(call, told)
        with self._lock:
            if self._sender is None or not self._direct_wanted:
                self._direct.append(frame)
            else:
                self._send(self._sender, frame)

    def state(self, state, changes=None):
        told = {"t": "state", "state": state}
        if changes is not None:
            told["changes"] = changes
        try:
            frame = frames.encode(told)
        except (frames.FrameError, ValueError, TypeError) as error:
            frame = frames.encode({"t": "state", "state": {"error": f"the state cannot be sent: {error}"}})
        with self._lock:
            self._send(self._sender, frame)

    def nudge(self):
        if not self._stream:
            self._wake.put(None)
            self._stream = True

    def catch_up(self):
        """The hub answers a beat after all that it said before."""
        wanted = self._beats_sent + 1
        self._answered.clear()
        self.beat_now()
        end = time.monotonic() + CATCH_UP_S
        while self._beats_answered < wanted and self._answered.wait(max(0.0, end - time.monotonic())):
            self._answered.clear()

    def beat_now(self):
        self._beat_due = 0.0
        self._wake.put(None)

    # --- the thread that dials and reads ---

    def _dial_forever(self):
        backoff = BACKOFF_FIRST_S
        away_since = time.monotonic()
        while not self._stopping.is_set():
            began, slow = time.monotonic(), False
            try:
                self._connection()
            except handshake.Refused as error:
                slow = not error.retryable
                self._set_status("refused", str(error))
            except home.HomeError as error:
                self._set_status("connecting", str(error))
            except (Lost, OSError, frames.FrameError) as error:
                self._set_status("connecting", _said(error))
            except Exception as error:  # ours: say it, and go on dialling
                self._set_status("connecting", f"the link failed: {type(error).__name__}: {error}")
            was_connected = self._hang_up()
            now = time.monotonic()
            if was_connected:
                away_since = now
                if now - began > LIVED_S:
                    backoff = BACKOFF_FIRST_S
            if self._away_limit_s is not None and now - away_since > self._away_limit_s and self._on_away:
                on_away, self._on_away = self._on_away, None
                on_away()
            self._wait_to_dial((REFUSED_S if slow else backoff) * random.uniform(0.5, 1.5))
            backoff = min(backoff * 2, BACKOFF_LAST_S)

    def _wait_to_dial(self, seconds):
        end = time.monotonic() + seconds
        try:
            while not self._stopping.is_set():
                still.rest()
                self._pause.get(max(0.0, end - time.monotonic()))
        except queue.Empty:
            pass

    def _connection(self):
        """One connection from its dial to its end, which is always an exception."""
        if confined.is_confined():
            host, port, secret, launch = confined.find()
            url = None
        else:
            host, port, secret, url = home.find(self._home)
            launch = None
        sock = socket.create_connection((host, port), CONNECT_S)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            welcome, decoder, rest = handshake.shake(sock, secret, self._announce, launch)
            sender = self._open(sock, welcome, url)
            for item in rest:
                self._take(item)
            self._read(sock, decoder, sender)
        except frames.FrameError as error:
            self._refuse(sock, error)
            raise Lost(f"the hub sent something that is not a frame: {error}") from None
        finally:
            if not self._sockets:
                sock.close()

    def _read(self, sock, decoder, sender):
        view = memoryview(bytearray(_READ_BYTES))
        sock.settimeout(0)
        something_came = still.Wait(sock)
        while True:
            limit = SILENCE_S + sender.unanswered / TAKEN_BYTES_PER_S
            left = sender.alive_at + limit - time.monotonic()
            if left <= 0:
                raise Lost(f"the hub was silent for {limit:.0f} s")
            if not something_came(left):
                continue
            try:
                size = sock.recv_into(view)
            except BlockingIOError:
                continue
            if not size:
                raise Lost("the hub closed the connection")
            sender.heard()
            for item in decoder.feed(view[:size]):
                self._take(item)

    def _refuse(self, sock, error):
        frame = frames.encode(handshake.malformed(error))
        with self._lock:
            if self._sender is not None:
                self._send(self._sender, frame)
                return
        _quietly(sock.sendall, frame)

    def _announce(self):
        told = announce.whole(self._announcement(), self._name)
        with self._lock:
            known = self._executor.calls()
            ended = [kept.known for kept in self._outbox.all()]
            complete = not self._outbox.has_dropped
        told["calls"] = announce.calls(known, ended, complete)
        return told

    def _open(self, sock, welcome, url):
        """The hub has let us in; returns the sender of this connection."""
        self._name = welcome.get("instance") or self._name
        configured.take(welcome)
        wish = welcome.get("heartbeat_ms")
        wish = wish / 1000.0 if isinstance(wish, (int, float)) else 0.5
        self._beat_s = min(_BEAT_MAX_S, max(_BEAT_MIN_S, wish))
        self._incoming.restart()
        # A second object for the same connection: it has a mode of its own, so that reading waits with a
        # limit and writing never waits.
        writing = sock.dup()
        writing.settimeout(0)
        with self._lock:
            self._sockets = (sock, writing)
            self._sender = sender = Sender(writing)
            for kept in self._outbox.all():
                self._push(sender, kept)
            running = self._executor.running
            if running is not None and not running.settled:
                # It may have begun since the announcement.
                self._send(sender, frames.encode({"t": "started", "id": running.id}))
            self._direct_wanted = welcome.get("direct") is True
            while self._direct_wanted and self._direct:
                self._send(sender, self._direct.popleft())
        self._set_status("connected", None, hub=url)
        self._beats_sent = self._beats_answered = 0
        self._beat_due = 0.0
        self._wake.put(None)
        self._executor.touch(again=True)
        return sender

    def _take(self, item):
        """What the hub said."""
        if isinstance(item, frames.Piece):
            self._incoming.take(item)
            return
        kind = item["t"]
        if kind == "call":
            self._take_call(item)
        elif kind == "ack":
            with self._lock:
                self._outbox.forget(item.get("id"))
        elif kind == "cancel":
            reason = item.get("reason")
            self._executor.cancel(item.get("id"), reason if reason == "timed_out" else "cancelled")
        elif kind == "stop":
            self._take_stop()
        elif kind == "refused":
            problem = item.get("problem") or {}
            raise Lost(f"the hub refused the connection: {problem.get('message', 'no reason given')}")
        elif kind == "beat":
            self._beats_answered += 1
            self._answered.set()
        # What a newer hub may say: nothing to do.

    def _take_call(self, item):
        call = Call.of_message(item)
        call.incoming = self._incoming.claim(call.args) if call.args else None
        if not self._executor.submit(call) and call.incoming:
            self._incoming.release(call.incoming)

    def _take_stop(self):
        if self._on_stop is not None:
            self._on_stop()
            return
        self._stopping.set()
        self._wake.put(_END)
        raise Lost("the hub asked this bridge to disconnect")

    # --- the thread that writes, streams and beats ---

    def _write_forever(self):
        while True:
            still.rest()
            with self._lock:
                sender = self._sender
            order = self._sleep(sender)
            if order is _END:
                return
            if sender is None or sender is not self._sender:
                continue
            now = time.monotonic()
            if now >= self._beat_due:
                self._beat_due = now + self._beat_s
                beat = frames.encode(dict(self._executor.beat(), rss_mb=memory.rss_mb()))
                self._beats_sent += 1
                with self._lock:
                    self._send(sender, beat, first=True)
            if self._stream and now >= self._stream_due:
                self._stream_out(sender, now)
            with self._lock:
                self._flush(sender)

    def _sleep(self, sender):
        """Until something is due, or somebody wakes this thread, or the socket takes more."""
        if sender is None:
            return self._wake.get()
        due = min(self._beat_due, self._stream_due) if self._stream else self._beat_due
        left = max(0.0, due - time.monotonic())
        try:
            if sender.waits():
                sender.wait(left)
            elif left and self._wake.get(left) is _END:
                return _END
            while self._wake.get(0) is not _END:
                pass  # one look does for all who woke this thread
            return _END
        except queue.Empty:
            return None

    def _stream_out(self, sender, now):
        self._stream = again = False
        self._stream_due = now + STREAM_GAP_S
        for call in self._executor.live():
            started = call.started_at
            if started is None or now - started < STREAM_GAP_S:
                again = True  # a short call says it all in its outcome
                continue
            for message in messages(call):
                frame = frames.encode(message)
                with self._lock:
                    if not call.settled:
                        self._send(sender, frame)
            again = again or has_more(call)
        if again:
            self._stream = True

    # --- under the lock ---

    def _send(self, sender, frame, first=False):
        """True when it is on its way, or when there is nobody to send to."""
        if sender is None or sender is not self._sender:
            return True
        try:
            done = sender.send_first(frame) if first else sender.send(frame)
        except OSError:
            self._drop(sender)
            return True
        if not done:
            self._wake.put(None)
        return done

    def _push(self, sender, kept):
        """An outcome, its blobs before it."""
        try:
            for name, data in (kept.blobs or {}).items():
                for head, part in frames.pieces(name, data):
                    sender.send(head, part)
            if not sender.send(kept.frame):
                self._wake.put(None)
        except OSError:
            self._drop(sender)

    def _flush(self, sender):
        if sender is not self._sender:
            return True
        try:
            return sender.flush()
        except OSError:
            self._drop(sender)
            return True

    def _drop(self, sender):
        """The connection is of no use; the reading thread is told by its end."""
        if sender is self._sender:
            self._sender = None
            for sock in self._sockets[:1]:
                _quietly(sock.shutdown, socket.SHUT_RDWR)

    # --- small things ---

    def _lose(self, sender):
        with self._lock:
            self._drop(sender)

    def _hang_up(self):
        """Closes the connection; True when there was one."""
        with self._lock:
            sockets, self._sockets, self._sender = self._sockets, (), None
        for sock in sockets:
            _quietly(sock.shutdown, socket.SHUT_RDWR)
        for sock in sockets:
            _quietly(sock.close)
        return bool(sockets)

    def _set_status(self, state, why, hub=None):
        if self._stopping.is_set() and state != "stopped":
            state = "stopped"
        before = self._status
        since = before["since"] if before["state"] == state else time.time()
        self._status = {
            "state": state,
            "why": why,
            "since": since,
            "instance": self._name,
            "hub": hub or before["hub"],
        }

    def after_fork_in_child(self):
        """The child closes its copies without a word: the connection is the parent's."""
        self._lock = threading.Lock()
        sockets, self._sockets, self._sender = self._sockets, (), None
        for sock in sockets:
            _quietly(sock.close)


def _as_member(run, wake):
    with still.member(lambda: wake.put(None)):
        run()
    wake.close()


def _quietly(do, *args):
    try:
        do(*args)
    except OSError:
        pass


def _said(error):
    if isinstance(error, ConnectionRefusedError):
        return "nothing is listening at the hub's address; is the hub running?"
    return str(error) or type(error).__name__


def _direct_frame(call, told):
    value = None if call.blobs else _short(told["value"])
    bare = (
        dict(told, value=value)
        if value is not None or told["value"] is None
        else outcome.without_value(told, "it is large, and went to a client of direct mode")
    )
    message = {"t": "direct", "command": call.command, "args": _short(call.args) or {}, "client": call.owner}
    try:
        return frames.encode(dict(message, **bare))
    except frames.FrameError:
        return frames.encode(dict(message, **outcome.without_value(told, "it did not fit into one message")))


def _short(value):
    """The value, or None where it is too long to be told."""
    return value if len(json.dumps(value)) <= DIRECT_CHARS_MAX else None
