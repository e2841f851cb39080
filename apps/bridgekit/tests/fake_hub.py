# SPDX-License-Identifier: MIT OR Apache-2.0
"""A hub in Python for tests of the link: it listens, proves itself, sends calls, keeps what comes.

In: what a test tells it to do, also wrong things (`secret`, `protocol`, `on_hello`). Out: `messages`, in
the order they came. It answers beats and acknowledges outcomes unless told not to.
"""

import hmac
import json
import os
import shutil
import socket
import tempfile
import threading
import time

from bridgekit import frames
from bridgekit.handshake import proof

WAIT_S = 10.0


class FakeHub:
    """One home folder and, while it `listen`s, one port in it."""

    def __init__(self, heartbeat_ms=100):
        self.home = tempfile.mkdtemp(prefix="kapelle-test-")
        self.secret = os.urandom(32).hex()
        self.roots = []  # folders that callers may use beside the home
        self.launch_secrets = {}  # of confined bridges, which do not know the other one
        self.protocol = 1
        self.acknowledge = True
        self.answer_beats = True
        self.heartbeat_ms = heartbeat_ms
        self.wants_direct = True
        self.refuse_with = None  # a PROBLEM instead of the welcome
        self.messages = []
        self.blobs = {}
        self.announcements = []
        self.strict = False  # whether it refuses, as the real one does, a call that was not announced
        self.changed = threading.Condition()
        self._listener = None
        self._connection = None
        self._sending = threading.Lock()
        os.makedirs(os.path.join(self.home, "run"))
        os.makedirs(os.path.join(self.home, "tokens"))
        self.write_token(self.secret)

    def folders(self):
        """As the real one has them (crates/hub/src/file_access.rs)."""
        places = ("tokens", "run", "logs", "blobs", "bridges", "journal", "store", "config.toml", "jobs")
        return {
            "allowed": [self.home, *self.roots],
            "private": [os.path.join(self.home, one) for one in places],
            "kept": [os.path.join(self.home, "recovery")],
        }

    def write_token(self, token):
        path = os.path.join(self.home, "tokens", "bridge")
        with open(path, "w") as file:
            file.write(token + "\n")
        os.chmod(path, 0o600)

    def listen(self, port=0):
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", port))
        self._listener.listen(8)
        self.port = self._listener.getsockname()[1]
        with open(os.path.join(self.home, "run", "hub.json"), "w") as file:
            json.dump({"url": "http://127.0.0.1:1", "pid": 1, "bridge": f"127.0.0.1:{self.port}"}, file)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()
        return self

    def kill(self):
        """As kill -9: nothing is said, the port is gone."""
        listener, self._listener = self._listener, None
        if listener is not None:
            _shut(listener)
        self.hang_up()

    def hang_up(self):
        connection, self._connection = self._connection, None
        if connection is not None:
            _shut(connection)

    def close(self):
        self.kill()
        shutil.rmtree(self.home, ignore_errors=True)

    def send(self, message):
        self.send_raw(frames.encode(message))

    def send_raw(self, data):
        wait = time.monotonic() + WAIT_S
        while self._connection is None:
            if time.monotonic() > wait:
                raise AssertionError("no bridge is connected")
            time.sleep(0.002)
        with self._sending:  # a test and the thread that answers beats must not mix their frames
            self._connection.sendall(data)

    def call(self, call_id, code, **more):
        message = {
            "t": "call", "id": call_id, "command": "code.run", "args": {"code": code}, "effect": "code",
            "owner": "tester", "scopes": ["read", "write", "destructive", "code"], "timeout_ms": None,
        }  # fmt: skip
        message.update(more)
        if self.strict:
            self._refuse(message)
        self.send(message)

    def _refuse(self, message):
        """What the real hub would not let through, for an application that it has no description of."""
        specs = {one["name"]: one for one in self.announcements[-1].get("commands") or ()}
        spec = specs.get(message["command"])
        assert spec is not None, f"command_unknown: {message['command']}; announced are {sorted(specs)}"
        assert spec["summary"] and spec["effect"] in ("read", "write", "destructive", "code"), spec
        known, args = spec["args"]["properties"], message["args"]
        assert set(args) <= set(known), f"arguments_invalid: {sorted(set(args) - set(known))}"
        assert set(spec["args"].get("required", ())) <= set(args), f"arguments_invalid: {spec['args']['required']}"

    def wait(self, kind, seconds=WAIT_S, **fields):
        """The first message of that kind with those fields, waited for."""
        return self.wait_all(1, kind, seconds, **fields)[0]

    def wait_all(self, count, kind, seconds=WAIT_S, **fields):
        def found():
            wanted = [m for m in self.messages if m["t"] == kind]
            return [m for m in wanted if all(m.get(k) == v for k, v in fields.items())]

        with self.changed:
            if not self.changed.wait_for(lambda: len(found()) >= count, seconds):
                raise AssertionError(f"no {kind} {fields!r} within {seconds:g} s; there came {self.messages[-5:]!r}")
            return found()

    def outcome(self, call_id, seconds=WAIT_S):
        return self.wait("outcome", seconds, id=call_id)

    def wait_connections(self, count, seconds=WAIT_S):
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.announcements) >= count, seconds):
                raise AssertionError(f"{len(self.announcements)} connections instead of {count}")
        return self.announcements[count - 1]

    def forget(self):
        with self.changed:
            del self.messages[:]

    # --- its threads ---

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._talk(connection)
        except (OSError, frames.FrameError):
            pass
        finally:
            _shut(connection)

    def _talk(self, connection):
        decoder, items = frames.Decoder(), []

        def hear():
            while not items:
                data = connection.recv(1 << 18)
                if not data:
                    raise OSError("closed")
                items.extend(decoder.feed(data))
            return items.pop(0)

        def say(message):
            with self._sending:
                connection.sendall(frames.encode(message))

        hello = hear()
        nonce = os.urandom(16).hex()
        secret = self.launch_secrets.get(hello.get("launch"), self.secret).encode()
        say({
            "t": "challenge", "magic": "kapelle", "protocol": self.protocol, "nonce": nonce,
            "proof": proof("hub", secret, hello["nonce"], nonce),
        })  # fmt: skip
        told = hear()
        if not hmac.compare_digest(told["proof"], proof("bridge", secret, hello["nonce"], nonce)):
            say({"t": "refused", "problem": {"code": "handshake_refused", "message": "wrong proof", "retryable": True}})
            return
        if self.refuse_with:
            say({"t": "refused", "problem": self.refuse_with})
            return
        self._connection = connection
        welcome = {"t": "welcome", "instance": "fake-1", "heartbeat_ms": self.heartbeat_ms, "direct": self.wants_direct}
        say(dict(welcome, folders=self.folders()))
        self._note(None, told)
        while True:
            item = hear()
            if isinstance(item, frames.Piece):
                self.blobs.setdefault(item.blob, bytearray()).extend(item.data)
                continue
            self._note(item)
            if item["t"] == "outcome" and self.acknowledge:
                say({"t": "ack", "id": item["id"]})
            elif item["t"] == "beat" and self.answer_beats:
                say({"t": "beat"})

    def _note(self, item, announcement=None):
        with self.changed:
            if item is not None:
                self.messages.append(item)
            if announcement is not None:
                self.announcements.append(announcement)
            self.changed.notify_all()


def _shut(sock):
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    sock.close()
