# SPDX-License-Identifier: MIT OR Apache-2.0
"""The direct mode: a bridge that listens by itself, for clients that know no hub.

In: connections on loopback that speak one of the dialects of dialects.py. Out: their answers, in order on each
connection. The calls go through the same executor as the hub's. It is off unless somebody starts it, and it says
so: these dialects have no token, so whoever reaches the port runs code.

One thread accepts, and each connection has one that reads, hands its call to the executor and waits for the
outcome. A client that leaves ends its call, and a call that names no limit of time has one, so that no client keeps the
others out. A connection whose first byte begins no JSON object is closed without a word, so that a browser, whose
requests begin with a method, runs nothing.

States of a `Listener`: made, listening, closed.
"""

import itertools
import json
import socket
import threading

from . import VERSION, call_limits, dialects, faults, still
from .call import Call
from .direct_jobs import Jobs, inline
from .frames import FrameError
from .objects import ObjectReader
from .port import Port
from .presence import Presence
from .problem import Problem

# Loopback by its number: `localhost` is not known everywhere.
HOST = "127.0.0.1"
PORT = 7777
# Connections at once; idle ones cost a thread each and no time.
CONNECTIONS_MAX = 256
# Read at a time.
_READ_BYTES = 256 * 1024
# A client that takes nothing of its answer for so long is dropped.
_SEND_S = 60.0
# How long the end of the listening waits for answers to calls that have ended.
_ANSWER_S = 2.0
# How long a call runs that names no `timeout`: what clients of these dialects were written for.
TIMEOUT_S = 30.0
# The same for a call that nobody waits for: as long as a hub gives one.
ASYNC_TIMEOUT_S = 600.0
# When execution_mode auto goes on as async, unless the client says `async_after`.
ASYNC_AFTER_S = 10.0
SCOPES = ("read", "write", "destructive", "code")
# Variables whose value counts before the last expression, by the form that its clients send.
WINNERS = {"typed": ("_result",), "execute": ("result",)}
NUDGE = object()


class Listener:
    """`commands`: name -> function(params) -> (command, args, shape), where `shape(value)` makes the client's result
    of our value. `on_shutdown(reason)` is called when a client asks for the end; with `exit_on_systemexit` also after
    the answer to code that raised SystemExit."""

    def __init__(self, executor, commands=None, on_shutdown=lambda reason: None, exit_on_systemexit=False):
        self._executor = executor
        self._commands = commands or {}
        self._on_shutdown = on_shutdown
        self._exit_on_systemexit = exit_on_systemexit
        self._socket = None
        self._connections = set()
        self._owed = set()  # owners of calls that have ended and were not answered yet
        self._lock = threading.Lock()
        self._answered = threading.Condition(self._lock)
        self._ids = itertools.count(1)
        self.jobs = Jobs()

    def start(self, port=PORT):
        """Listens; returns the port. Raises Problem `start_failed`."""
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            made.bind((HOST, port))
            made.listen(128)
        except OSError as error:
            made.close()
            raise Problem(
                "start_failed",
                f"Direct mode cannot listen on {HOST}:{port}: {error.strerror or error}.",
                hint="Another program is using the port: choose another port, or end that program. `kapelle doctor` "
                "says what is listening.",
            ) from None
        self._socket = made
        threading.Thread(target=self._accept, name="kapelle-direct", daemon=True).start()
        return made.getsockname()[1]

    def close(self):
        """Ends the listening and every connection, after the answers to calls that have ended."""
        listening, self._socket = self._socket, None
        if listening is not None:
            _end(listening)
        with self._lock:
            self._answered.wait_for(lambda: not self._owed, _ANSWER_S)
            connections = list(self._connections)
        for one in connections:
            _end(one.socket)

    def _accept(self):
        while True:
            listening = self._socket
            if listening is None:
                return
            try:
                still.wait(listening)
                accepted, _address = listening.accept()
            except (OSError, ValueError):
                return  # closed
            accepted.settimeout(_SEND_S)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one = _Connection(self, accepted)
            with self._lock:
                full = len(self._connections) >= CONNECTIONS_MAX
                if not full:
                    self._connections.add(one)
            if full:
                one.say(dialects.refused(None, _full().to_dict()))
                _end(accepted)
            else:
                threading.Thread(target=self._serve, args=(one,), name="kapelle-direct-client", daemon=True).start()

    def _serve(self, one):
        try:
            one.run()
        except (OSError, FrameError):
            pass  # it left, or spoke something else: there is nothing to go on with
        finally:
            _end(one.socket)
            with self._lock:
                self._connections.discard(one)

    def handle(self, request, client):
        """The answer to one request of a _Connection."""
        if request.refusal is not None:
            raise request.refusal
        if request.name == "execute_code":
            return self._execute(request, client)
        own = _OWN.get(request.name)
        if own is not None:
            return dialects.succeeded(request, own(self, request))
        if request.name == "reset":
            self._outcome(self._call(request, client, {"code": "", "reset": True}), client)
            return dialects.succeeded(request, {"reset": True})
        known = self._commands.get(request.name)
        if known is None:
            names = sorted({"execute_code", "reset"} | set(_OWN) | set(self._commands))
            raise Problem(
                "command_unknown",
                f"Unknown command type: {request.name}",
                hint=f"The commands here are {', '.join(names)}.",
            )
        command, args, shape = known(request.params)
        call = self._call(request, client, args, command)
        outcome = self._outcome(call, client)
        if outcome.get("problem"):
            return dialects.refused(request, outcome["problem"])
        return dialects.succeeded(request, shape(inline(outcome["value"], call.blobs)))

    def _execute(self, request, client):
        params = request.params
        mode = dialects.mode(params)
        args = {"code": dialects.decoded(params), "reset": bool(params.get("reset"))}
        if params.get("on_error") is not None:
            args["on_error"] = params["on_error"]
        call = self._call(request, client, args, default_s=TIMEOUT_S if mode == "sync" else ASYNC_TIMEOUT_S)
        call.limits = call_limits.checked(params.get("memory_mb"), params.get("file_mb"))
        call.winners = WINNERS.get(request.dialect, ())
        if mode == "sync":
            outcome = self._outcome(call, client)
            outcome = dict(outcome, value=inline(outcome["value"], call.blobs))
            if self._exit_on_systemexit and _is_exit(outcome):
                request.ends = "the code raised SystemExit"
            return dialects.executed(request, outcome)
        job = self.jobs.begin(call)
        self._executor.submit(call)
        if mode == "auto":
            told = job.wait(_seconds(params, "async_after", ASYNC_AFTER_S))
            if told is not None:
                return dialects.executed(request, told)
        if request.dialect == "action":
            request.then = lambda: job.follow(lambda told: client.tell_later(request, told))
        return dialects.scheduled(request, call.id)

    def _call(self, request, client, args, command="code.run", default_s=TIMEOUT_S):
        limit_s = _seconds(request.params, "timeout", default_s)
        return Call(f"direct_{next(self._ids)}", command, args, client.owner, SCOPES, int(limit_s * 1000) or 1)

    def _outcome(self, call, client):
        """Runs the call and waits for its outcome, which comes in any case; a client that has left ends it."""
        presence = Presence(client.socket)
        call.port = _Waiting(presence, lambda: self._owe(client.owner))
        self._executor.submit(call)
        try:
            while True:
                told = presence.get()
                if told is None:
                    self._executor.cancel(call.id)
                elif told is not NUDGE:
                    return told
                else:
                    progress, call.fresh_progress = call.fresh_progress, None
                    if progress is not None and not presence.left:
                        client.tell(call.id, progress)
        finally:
            presence.close()

    def _owe(self, owner):
        with self._lock:
            self._owed.add(owner)

    def settled(self, owner):
        """All that this one is owed is said, or cannot be."""
        with self._lock:
            self._owed.discard(owner)
            self._answered.notify_all()

    def shut_down(self, request):
        request.ends = "a client asked for it"
        return {"message": "shutting down"}

    def cancel_job(self, params):
        self._executor.cancel(self.jobs.find(params).call.id)
        return self.jobs.status(params)

    def answered(self, request):
        """The answer is on its way; now what comes after it may come, and the program may end."""
        if request is None:
            return
        if request.then is not None:
            request.then()
        if request.ends:
            self._on_shutdown(request.ends)


class _Connection:
    def __init__(self, listener, accepted):
        self.socket = accepted
        self.owner = f"direct-{next(listener._ids)}"
        self._listener = listener
        self._reader = ObjectReader()
        self._request = None
        self._saying = threading.Lock()

    def run(self):
        while True:
            self.socket.settimeout(None)  # an idle connection costs nothing
            still.wait(self.socket)
            data = self.socket.recv(_READ_BYTES)
            if not data:
                return
            objects = self._reader.feed(data)
            self.socket.settimeout(_SEND_S)
            for one in objects:
                self._answer(one)

    def _answer(self, data):
        try:
            self._say_answer(data)
        finally:
            self._listener.settled(self.owner)
        self._listener.answered(self._request)

    def _say_answer(self, data):
        self._request = None
        try:
            self._request = dialects.read(data)
            answer = self._listener.handle(self._request, self)
        except Problem as problem:
            answer = dialects.refused(self._request, problem.to_dict())
        except OSError:
            raise
        except Exception as error:  # ours: it is told, and the connection goes on
            answer = dialects.refused(self._request, faults.internal(error).to_dict())
        self.say(answer)

    def tell(self, call_id, progress):
        """Progress, for those who ask for it: a client that expects one message per request would take it for the
        answer, so it does not carry the request's id."""
        if self._request.params.get("progress"):
            fraction, text = progress
            self.say({"type": "progress", "of": self._request.id, "fraction": fraction, "text": text})

    def tell_later(self, request, told):
        """Says the outcome of an asynchronous call, on a thread of its own, if the client is still there."""
        try:
            self.say(dialects.executed(request, told))
        except OSError:
            pass  # it left; the outcome can be fetched from another connection

    def say(self, answer):
        data = json.dumps(answer, ensure_ascii=True).encode("ascii")
        with self._saying:
            self.socket.sendall(data + self._reader.terminator)


class _Waiting(Port):
    """Tells the thread that waits for one call. NUDGE stands for "look for progress"."""

    def __init__(self, presence, owe):
        self._presence = presence
        self._owe = owe

    def settle(self, call, told):
        self._owe()  # first: who ends the listening once the call has ended waits for its answer
        self._presence.put(told)

    def nudge(self):
        self._presence.put(NUDGE)


_OWN = {
    "ping": lambda listener, request: {"message": "pong", "kapelle": VERSION},
    "server_shutdown": Listener.shut_down,
    "get_job_status": lambda listener, request: listener.jobs.status(request.params),
    "get_job_result": lambda listener, request: listener.jobs.result(request.params),
    "cancel_job": lambda listener, request: listener.cancel_job(request.params),
}


def _seconds(params, name, default):
    told = params.get(name)
    if told is None:
        return default
    if isinstance(told, bool) or not isinstance(told, (int, float)) or not 0 < told < 1e6:
        raise Problem("arguments_invalid", f"`{name}` must be a number of seconds above 0.")
    return told


def _is_exit(outcome):
    problem = outcome.get("problem") or {}
    return ((problem.get("details") or {}).get("type")) == "SystemExit"


def _full():
    return Problem("queue_full", f"{CONNECTIONS_MAX} clients are connected already.", hint="Close some of them.")


def _end(one):
    try:
        one.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    one.close()
