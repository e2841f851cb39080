# SPDX-License-Identifier: MIT OR Apache-2.0
"""`kapelle debug start`: a Blender that listens by itself, from a terminal, until something ends it."""

import json
import os
import signal
import socket

import pytest
from hubs import wait_until

ANSWER_S = 60.0
LEAVE_S = 40.0
pytestmark = pytest.mark.one_blender


class Started:
    """The verb as a process, once it said where it listens."""

    def __init__(self, terminal, program, *words, **environment):
        terminal.environment.update(environment)
        self.process = terminal.popen("debug", "start", *words, program.option, program.path, "--json")
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1].decode()
        self.told = json.loads(line)
        self.port = int(self.told["address"].rpartition(":")[2])

    def ask(self, kind, **params):
        with socket.create_connection(("127.0.0.1", self.port), ANSWER_S) as one:
            one.sendall(json.dumps({"type": kind, "params": params}).encode())
            data = b""
            while True:
                data += one.recv(65536)
                try:
                    return json.loads(data)
                except ValueError:
                    assert data, "closed without an answer"

    def ended(self):
        out, err = self.process.communicate(timeout=LEAVE_S)
        return self.process.returncode, out.decode(), err.decode()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_its_port_by_the_environment_and_its_end_by_a_client(terminal, program):
    port = free_port()
    started = Started(terminal, program, "--background", BLD_DEBUG_TCP_PORT=str(port))
    assert started.port == port
    exits = started.ask("execute_code", code="import sys; sys.exit(3)")
    assert exits["status"] == "error" and "SystemExit" in exits["message"], "told, and it stays"
    assert started.ask("execute_code", code="print(6 * 7)")["result"]["result"] == "42\n"
    assert started.ask("server_shutdown")["status"] == "success"
    code, out, err = started.ended()
    assert (code, json.loads(out)) == (0, {"ended": True}), err
    assert "token" in err, "it says plainly that these dialects have none"
    assert gone(started.told["pid"])


def test_the_option_wins_and_system_exit_ends_it_where_asked_for(terminal, program):
    started = Started(terminal, program, "--port", "0", "--exit-on-systemexit", BLD_DEBUG_TCP_PORT="1")
    told = started.ask("execute_code", code="raise SystemExit(0)")
    assert "SystemExit" in told["message"], "the answer comes first"
    code, _out, err = started.ended()
    assert code == 0 and gone(started.told["pid"]), err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_both(terminal, program, number):
    """SIGINT as Ctrl-C sends it, to all of the terminal; SIGTERM to Kapelle alone."""
    started = Started(terminal, program, "--port", "0")
    assert started.ask("ping")["result"]["message"] == "pong"
    if number == signal.SIGINT:
        os.killpg(started.process.pid, number)
    else:
        started.process.terminate()
    code, _out, err = started.ended()
    assert code == 0 and gone(started.told["pid"]), err


def test_a_port_that_is_taken_is_named(terminal, program):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = terminal.kapelle("debug", "start", "--background", program.option, program.path, "--port", str(port), "--json")
    assert done.code == 3 and str(port) in done.err, done


def test_a_hub_that_is_there_has_its_calls_in_the_history(new_hub, program):
    hub = new_hub()
    started = Started(hub, program, "--port", "0")
    view = wait_until(lambda: hub.http.get("/v1/instances")["instances"], 60, "its instance")[0]
    assert view["app"] == "blender" and view["pid"] == started.told["pid"], view
    assert started.ask("execute_code", code="print(6 * 7)")["status"] == "success"
    caller = "direct:%s" % view["name"]
    told = wait_until(
        lambda: [one for one in hub.document("history")["calls"] if one["caller"] == caller], 20, "its call"
    )
    assert told[0]["command"] == "code.run" and told[0]["status"] == "succeeded", told
    assert hub.http.run("code.run", code="6 * 7") == 42, "and the hub's own calls run there too"
    assert started.ask("server_shutdown")["status"] == "success"
    code, _out, err = started.ended()
    assert code == 0, err
