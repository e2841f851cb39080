# SPDX-License-Identifier: MIT OR Apache-2.0
"""The direct mode: a bridge that listens by itself, for clients that know no hub.

In: connections on loopback that speak one of the dialects of dialects.py. Out: their answers, in order on each
connection. The calls go through the same executor as the hub's. It is off unless somebody starts it, and it says
so: these dialects have no token, so whoever reaches the port runs code.

One thread accepts, and each connection has one that reads, hands its call to the executor and waits for the
outcome. A connection whose first byte begins no JSON object is closed without a word, so that a browser, whose
requests begin with a method, runs nothing.

States of a `Listener`: made, listening, closed.
"""

import base64
import itertools
import json
import queue
import socket
import threading

from . import VERSION, dialects, faults, still
from .call import Call
from .frames import FrameError
from .objects import ObjectReader
from .port import Port
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
# Outcomes of asynchronous calls that wait to be fetched.
JOBS_MAX = 200
SCOPES = ("read", "write", "destructive", "code")


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
                f"The direct mode cannot listen on {HOST}:{port}: {error.strerror or error}.",
                hint="Another program has the port: choose another one, or end it. `kapelle doctor` says what listens.",
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

    def handle(self, request, owner, tell):
        """The answer to one request. `tell(progress)` is called while a call runs."""
        if request.name == "execute_code":
            return self._execute(request, owner, tell)
        own = _OWN.get(request.name)
        if own is not None:
            return dialects.succeeded(request, own(self, request))
        known = self._commands.get(request.name)
        if known is None:
            names = sorted({"execute_code"} | set(_OWN) | set(self._commands))
            raise Problem(
                "command_unknown",
                f"Unknown command type: {request.name}",
                hint=f"The commands here are {', '.join(names)}.",
            )
        command, args, shape = known(request.params)
        outcome, blobs = self._run(Call(self._id(), command, args, owner, SCOPES), owner, tell)
        if outcome.get("problem"):
            return dialects.refused(request, outcome["problem"])
        return dialects.succeeded(request, shape(_inline(outcome["value"], blobs)))

    def _execute(self, request, owner, tell):
        params = request.params
        args = {"code": dialects.decoded(params)}
        call = Call(self._id(), "code.run", args, owner, SCOPES, _timeout_ms(params.get("timeout")))
        if params.get("execution_mode") == "async":
            self.jobs.begin(call)
            call.port = self.jobs
            self._executor.submit(call)
            return dialects.succeeded(request, {"executed": False, "job_id": call.id, "status": "queued"})
        outcome, blobs = self._run(call, owner, tell)
        outcome = dict(outcome, value=_inline(outcome["value"], blobs))
        if self._exit_on_systemexit and _is_exit(outcome):
            request.ends = "the code raised SystemExit"
        return dialects.executed(request, outcome)

    def _run(self, call, owner, tell):
        events = queue.SimpleQueue()
        call.port = _Waiting(events, lambda: self._owe(owner))
        self._executor.submit(call)
        while True:
            told = events.get()
            if told is not None:
                return told, call.blobs or {}
            progress, call.fresh_progress = call.fresh_progress, None
            if progress is not None:
                tell(call.id, progress)

    def _owe(self, owner):
        with self._lock:
            self._owed.add(owner)

    def settled(self, owner):
        """All that this one is owed is said, or cannot be."""
        with self._lock:
            self._owed.discard(owner)
            self._answered.notify_all()

    def _id(self):
        return f"direct_{next(self._ids)}"

    def shut_down(self, request):
        request.ends = "a client asked for it"
        return {"message": "shutting down"}

    def cancel_job(self, params):
        call, _told = self.jobs.find(params)
        self._executor.cancel(call.id)
        return self.jobs.status(params)

    def answered(self, request):
        """The answer is on its way; now the program may end."""
        if request is not None and request.ends:
            self._on_shutdown(request.ends)


class _Connection:
    def __init__(self, listener, accepted):
        self.socket = accepted
        self._listener = listener
        self._reader = ObjectReader()
        self._owner = f"direct-{next(listener._ids)}"
        self._request = None

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
            self._listener.settled(self._owner)
        self._listener.answered(self._request)

    def _say_answer(self, data):
        self._request = None
        try:
            self._request = dialects.read(data)
            answer = self._listener.handle(self._request, self._owner, self._tell)
        except Problem as problem:
            answer = dialects.refused(self._request, problem.to_dict())
        except Exception as error:  # ours: it is told, and the connection goes on
            answer = dialects.refused(self._request, faults.internal(error).to_dict())
        self.say(answer)

    def _tell(self, call_id, progress):
        """Progress, for those who ask for it: a client that expects one message per request would take it for the
        answer, so it does not carry the request's id."""
        if self._request.params.get("progress"):
            fraction, text = progress
            self.say({"type": "progress", "of": self._request.id, "fraction": fraction, "text": text})

    def say(self, answer):
        data = json.dumps(answer, ensure_ascii=True).encode("ascii")
        self.socket.sendall(data + self._reader.terminator)


class _Waiting(Port):
    """Tells the thread that waits for one call. None stands for "look for progress"."""

    def __init__(self, events, owe):
        self._events = events
        self._owe = owe

    def settle(self, call, told):
        self._owe()  # first: who ends the listening once the call has ended waits for its answer
        self._events.put(told)

    def nudge(self):
        self._events.put(None)


class Jobs(Port):
    """Asynchronous calls: their outcomes wait here, the oldest are forgotten."""

    def __init__(self):
        self._calls = {}  # id -> [call, outcome or None]
        self._lock = threading.Lock()

    def begin(self, call):
        with self._lock:
            self._calls[call.id] = [call, None]
            if len(self._calls) > JOBS_MAX:
                ended = [one for one, (_call, told) in self._calls.items() if told is not None]
                self._calls.pop(ended[0] if ended else next(iter(self._calls)))

    def settle(self, call, told):
        with self._lock:
            if call.id in self._calls:
                self._calls[call.id][1] = dict(told, value=_inline(told["value"], call.blobs or {}))

    def find(self, params):
        """(call, outcome or None). Raises Problem `call_unknown`."""
        with self._lock:
            job_id = params.get("job_id")
            found = self._calls.get(job_id) if isinstance(job_id, str) else None
            if found is None:
                raise Problem("call_unknown", f"No job `{str(job_id)[:80]}` is known here.")
            return found[0], found[1]

    def status(self, params):
        call, told = self.find(params)
        running = "running" if call.started_at is not None else "queued"
        return {"job_id": call.id, "status": told["status"] if told else running, "done": told is not None}

    def result(self, params):
        call, told = self.find(params)
        if told is None:
            return self.status(params)
        answer = dialects.executed(dialects.Request("typed", "execute_code", params), told)
        return dict(answer, job_id=call.id, done=True)


_OWN = {
    "ping": lambda listener, request: {"message": "pong", "kapelle": VERSION},
    "server_shutdown": Listener.shut_down,
    "get_job_status": lambda listener, request: listener.jobs.status(request.params),
    "get_job_result": lambda listener, request: listener.jobs.result(request.params),
    "cancel_job": lambda listener, request: listener.cancel_job(request.params),
}


def _timeout_ms(seconds):
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds < 1e6:
        raise Problem("arguments_invalid", "`timeout` is a number of seconds above 0.")
    return int(seconds * 1000) or 1


def _is_exit(outcome):
    problem = outcome.get("problem") or {}
    return ((problem.get("details") or {}).get("type")) == "SystemExit"


def _inline(value, blobs):
    """The value with the bytes of its blobs as base64 in it: there is no other way to fetch them."""
    if not blobs:
        return value
    if isinstance(value, dict):
        data = blobs.get(value.get("$blob"))
        if data is not None:
            rest = {key: told for key, told in value.items() if key != "$blob"}
            return dict(rest, **{"$base64": base64.b64encode(data).decode("ascii")})
        return {key: _inline(told, blobs) for key, told in value.items()}
    if isinstance(value, list):
        return [_inline(told, blobs) for told in value]
    return value


def _full():
    return Problem("queue_full", f"{CONNECTIONS_MAX} clients are connected already.", hint="Close some of them.")


def _end(one):
    try:
        one.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    one.close()
