# SPDX-License-Identifier: MIT OR Apache-2.0
"""The wire between bridges and a hub, in the test's hands: it stops at a chosen frame, and it breaks.

In: a hub, before which it stands (it takes the hub's place in run/hub.json, which bridges read at every dial), and
gates: "the next `outcome` of a bridge", or a pace. Out: the same bytes, in their order, unless a test holds them up, throws them
away or cuts the connection. It changes no frame. So every step of the walk between hub and bridge can be met with
both sides standing exactly there, without a line in the product.

A frame is a length of four bytes and a payload; a JSON payload says by `t` what it is.
"""

import json
import os
import signal
import socket
import threading
import time

from hubs import processes_of

FROM_HUB = ("challenge", "welcome", "call", "cancel", "ack", "beat", "stop", "refused")
REACHED_S = 30.0


class Gate:
    """Holds the next frame of a kind. `reached` is set when it is there; then `open` it."""

    def __init__(self, side, kind, name, call):
        self.side, self.kind, self.name, self.call = side, kind, name, call
        self.reached = threading.Event()
        self.connection = None
        self._opened = threading.Event()
        self._deliver = True

    def wait(self, seconds=REACHED_S):
        assert self.reached.wait(seconds), "no %r of the %s came by" % (self.kind, self.side)
        return self

    def open(self, deliver=True):
        """Lets the frame go on, or drops it: then the connection must not live on, and is cut."""
        self._deliver = deliver
        self._opened.set()

    def _hold(self, connection):
        self.connection = connection
        self.reached.set()
        self._opened.wait()
        return self._deliver


class Wire:
    """Use it with `with`, or `close` it."""

    def __init__(self):
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.address = "127.0.0.1:%d" % self._listening.getsockname()[1]
        self._target = None
        self._gates = []
        self._connections = set()
        self._lock = threading.Lock()
        self.cut_after = None  # a function: bytes until the next cut of a new connection, or None
        self.pace = None  # bytes a second from the bridge to the hub, or None
        self.made = 0  # connections so far
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def stand_before(self, hub):
        """Takes this hub's place in the file that bridges read."""
        path = hub.home / "run" / "hub.json"
        told = json.loads(path.read_text())
        if told["bridge"] == self.address:
            return
        host, _, port = told["bridge"].rpartition(":")
        self._target = (host, int(port))
        draft = path.with_suffix(".wire")
        draft.write_text(json.dumps(dict(told, bridge=self.address)))
        os.chmod(draft, 0o600)
        os.replace(draft, path)

    def serve(self, hub):
        """Starts a hub again, with the wire before it. No bridge finds it before the wire does: they stand still."""
        bridges = [pid for pid in processes_of(hub.home) if pid != hub.process.pid]
        for pid in bridges:
            os.kill(pid, signal.SIGSTOP)
        try:
            hub.serve()
            self.stand_before(hub)
        finally:
            for pid in bridges:
                os.kill(pid, signal.SIGCONT)

    def stands_before(self):
        """The address of the hub's port for bridges."""
        return "%s:%d" % self._target

    def gate(self, kind, name=None, call=None):
        """Holds the next frame of that kind, of the bridge of that name, about the call of that id."""
        gate = Gate("hub" if kind in FROM_HUB else "bridge", kind, name, call)
        with self._lock:
            self._gates.append(gate)
        return gate

    def cut(self):
        """Resets every connection, as a network that breaks."""
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            connection.cut()
        return len(connections)

    def open_all(self):
        with self._lock:
            gates, self._gates = self._gates, []
        for gate in gates:
            gate.open(deliver=False)

    def close(self):
        self._listening.close()
        self.open_all()
        self.cut()

    def _accept(self):
        while True:
            try:
                bridge, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(bridge,), daemon=True).start()

    def _connect(self, bridge):
        try:
            hub = socket.create_connection(self._target, 5)
        except OSError:
            bridge.close()  # as a port where nobody listens: the bridge hears of it at once
            return
        connection = _Connection(self, bridge, hub)
        with self._lock:
            self.made += 1
            self._connections.add(connection)
        connection.start()

    def _gate_for(self, side, kind, name, call):
        with self._lock:
            for gate in self._gates:
                if (gate.side, gate.kind) == (side, kind) and gate.name in (None, name) and gate.call in (None, call):
                    self._gates.remove(gate)
                    return gate
        return None

    def _gone(self, connection):
        with self._lock:
            self._connections.discard(connection)


class _Connection:
    def __init__(self, wire, bridge, hub):
        self.wire, self.bridge, self.hub = wire, bridge, hub
        self.name = None
        self._left = wire.cut_after() if wire.cut_after else None
        for one in (bridge, hub):
            one.settimeout(None)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def start(self):
        for side, source, sink in (("bridge", self.bridge, self.hub), ("hub", self.hub, self.bridge)):
            threading.Thread(target=self._pass_on, args=(side, source, sink), daemon=True).start()

    def cut(self):
        """Both ends get a reset: what was under way is lost."""
        for one in (self.bridge, self.hub):
            try:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()
        self.wire._gone(self)

    def _pass_on(self, side, source, sink):
        waiting = bytearray()
        passed = 0  # of what waits, at a pace
        try:
            while True:
                data = source.recv(1 << 16)
                if not data:
                    break
                waiting += data
                if self.wire.pace and side == "bridge":
                    time.sleep(len(data) / self.wire.pace)
                    sink.sendall(waiting[passed:])  # as it comes: who hears a part knows that the other one lives
                    passed = len(waiting)
                while len(waiting) >= 4 and len(waiting) >= 4 + int.from_bytes(waiting[:4], "big"):
                    end = 4 + int.from_bytes(waiting[:4], "big")
                    frame = bytes(waiting[:end])
                    del waiting[:end]
                    if passed:
                        sink.sendall(frame[passed:])
                        passed = max(0, passed - end)
                    else:
                        self._frame(side, frame, sink)
            # Half a frame and the end: passed on as they came.
            if waiting:
                sink.sendall(waiting[passed:])
            sink.shutdown(socket.SHUT_WR)
        except (OSError, _Cut):
            self.cut()

    def _frame(self, side, frame, sink):
        kind = call = None
        if frame[4:5] == b"{":
            message = json.loads(frame[4:])
            kind, call = message.get("t"), message.get("id")
            if kind == "proof":
                self.name = message.get("name")
        gate = self.wire._gate_for(side, kind, self.name, call)
        if gate is not None and not gate._hold(self):
            raise _Cut
        if self._left is not None:
            if len(frame) >= self._left:
                sink.sendall(frame[: self._left])  # it breaks in the middle of a frame
                raise _Cut
            self._left -= len(frame)
        sink.sendall(frame)


class _Cut(Exception):
    pass
