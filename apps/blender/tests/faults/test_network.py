# SPDX-License-Identifier: MIT OR Apache-2.0
"""A network that does not hold: links that break again and again, callers who leave, connections that say nothing."""

import contextlib
import json
import random
import socket
import threading
from urllib.parse import urlsplit

import pytest
from hubs import wait_until
from runs import ONCE

FLAPS = 12
IDLE = 200


@pytest.mark.every_blender
def test_a_link_that_breaks_again_and_again_loses_nothing(hub, runs):
    """Each connection ends after some thousand bytes, in the middle of a frame, either way."""
    chance = random.Random(4)
    hub.wire.cut_after = lambda: chance.randrange(1500, 6000)
    hub.wire.cut()
    made = hub.wire.made
    names = ["call-%03d" % n for n in range(60)]
    try:
        ids = {name: hub.http.send(runs.code(name, 0.01) + "\n'x' * 300") for name in names}
        wait_until(lambda: hub.wire.made >= made + FLAPS, 60, "%d breaks" % FLAPS)
    finally:
        hub.wire.cut_after = None
        hub.wire.cut()
    ends = {name: hub.http.end(call_id)["status"] for name, call_id in ids.items()}
    assert ends == dict.fromkeys(names, "succeeded")
    assert runs.all() == dict.fromkeys(names, ONCE)


def ask_raw(hub, source):
    """POST /v1/calls on a socket of one's own; nothing is read."""
    body = json.dumps({"app": "blender", "command": "code.run", "args": {"code": source}}).encode()
    address = urlsplit(hub.url)
    head = (
        "POST /v1/calls HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"
        "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (address.netloc, hub.http.token, len(body))
    )
    sock = socket.create_connection((address.hostname, address.port), 10)
    sock.sendall(head.encode() + body)
    return sock


@pytest.mark.parametrize("manner", ("closes", "resets", "half closes"))
def test_a_caller_who_leaves_in_a_call(hub, runs, manner):
    """The call goes on, once, and its end can be asked for by others."""
    sock = ask_raw(hub, runs.code("left", 0.4))
    wait_until(lambda: runs.began("left"), what="the start")
    if manner == "resets":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    if manner == "half closes":
        sock.shutdown(socket.SHUT_WR)
    else:
        sock.close()
    call = hub.http.get("/v1/calls?limit=1")["calls"][0]
    end = hub.http.end(call["call_id"])
    sock.close()
    assert (end["status"], end["value"]) == ("succeeded", "left")
    assert runs.all() == {"left": ONCE}


def test_a_caller_who_leaves_before_the_body_is_whole(hub, runs):
    address = urlsplit(hub.url)
    with socket.create_connection((address.hostname, address.port), 10) as sock:
        sock.sendall(b"POST /v1/calls HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"
                     b"Content-Length: 100000\r\n\r\n{\"app\": \"blender\", " % (address.netloc.encode(), hub.http.token.encode()))  # fmt: skip
    assert hub.http.eval("1 + 1") == 2
    assert runs.all() == {}


@pytest.mark.every_blender
def test_two_hundred_connections_that_say_nothing(hub, runs):
    """On the door and on the bridges' port; nobody waits for them, and a bridge that is cut off comes back."""
    door = urlsplit(hub.url)
    host, _, port = hub.wire.stands_before().rpartition(":")
    with contextlib.ExitStack() as open_ones:
        for _ in range(IDLE):
            for address in ((door.hostname, door.port), (host, int(port))):
                open_ones.enter_context(contextlib.closing(socket.create_connection(address, 10)))
        assert hub.http.eval("1 + 1") == 2
        hub.wire.cut()
        call_id = hub.http.send(runs.code("late"))
        assert hub.http.end(call_id)["status"] == "succeeded"
    assert runs.all() == {"late": ONCE}
    assert hub.http.eval("2 + 2") == 4


def test_many_callers_at_once_while_the_link_breaks(hub, runs):
    """Eight callers who wait for their answers each get their own."""
    answers = {}

    def one(number):
        name = "caller-%d" % number
        answers[name] = [hub.http.eval(runs.code("%s-%d" % (name, n), 0.02)) for n in range(4)]

    callers = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers[::3]:
        hub.wire.cut()
        caller.join(0.4)
    for caller in callers:
        caller.join(60)
    names = ["caller-%d-%d" % (number, n) for number in range(8) for n in range(4)]
    assert answers == {"caller-%d" % n: ["caller-%d-%d" % (n, m) for m in range(4)] for n in range(8)}
    assert runs.all() == dict.fromkeys(sorted(names), ONCE)


def test_a_large_value_takes_longer_than_any_silence(hub, runs):
    """It arrives on the same link, and the next call after it."""
    made = hub.wire.made
    hub.wire.pace = 5e6
    try:
        first = hub.http.send("list(range(25_000_000))", instance="blender")
        second = hub.http.send(runs.code("second"), instance="blender")
        end = hub.http.end(first)
        assert end["status"] == "succeeded" and end["value"][:2] == [0, 1], str(end)[:400]
        assert hub.http.end(second)["value"] == "second"
    finally:
        hub.wire.pace = None
    assert hub.wire.made == made and runs.all() == {"second": ONCE}
