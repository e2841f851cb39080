# SPDX-License-Identifier: MIT OR Apache-2.0
"""The hub as a process: how it begins, where it says it is, how it ends, what keeps it from starting."""

import json
import os
import signal
import socket
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from client import Client
from hubs import is_alive, wait_until


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_the_ready_line_is_one_document_with_three_members(hub):
    assert list(hub.ready) == ["url", "pid", "token_file"]
    assert hub.ready["pid"] == hub.process.pid
    assert hub.ready["token_file"] == str(hub.home / "tokens" / "owner")
    host, _, port = hub.url.removeprefix("http://").partition(":")
    assert host == "127.0.0.1" and int(port) > 0
    assert hub.ready_s < 5.0
    health = Client(hub.url, None).get("/healthz")
    assert health["status"] == "ok" and health["pid"] == hub.process.pid
    assert health["uptime_ms"] >= 0 and health["version"]


def test_the_run_file_says_where_the_hub_is(hub):
    told = json.loads((hub.home / "run" / "hub.json").read_text())
    assert told["url"] == hub.url and told["pid"] == hub.process.pid
    assert told["token_file"] == hub.ready["token_file"]
    host, _, port = told["bridge"].partition(":")
    assert host == "127.0.0.1" and int(port) > 0


def test_the_home_is_private(hub):
    assert mode_of(hub.home) == 0o700
    for name in ("tokens", "run", "logs", "blobs"):
        assert mode_of(hub.home / name) == 0o700, name
    for name in ("tokens/owner", "tokens/bridge", "run/hub.json"):
        assert mode_of(hub.home / name) == 0o600, name
    assert len((hub.home / "tokens" / "owner").read_text().strip()) >= 64


def test_the_port_is_on_loopback_only(hub):
    port = int(hub.url.rpartition(":")[2])
    listening = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if os.path.exists(table):
            for line in open(table).read().splitlines()[1:]:
                address, state = line.split()[1], line.split()[3]
                if state == "0A" and int(address.rpartition(":")[2], 16) == port:
                    listening.append(address.rpartition(":")[0])
    assert listening == ["0100007F"]


def test_sigterm_ends_it_with_zero_and_takes_its_file_away(new_hub):
    hub = new_hub()
    assert hub.terminate() == 0
    assert not (hub.home / "run" / "hub.json").exists()
    # The token stays: programs may keep it over restarts.
    token = (hub.home / "tokens" / "owner").read_text()
    hub.serve()
    assert (hub.home / "tokens" / "owner").read_text() == token


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_right_after_the_ready_line_is_heard(new_hub, kind):
    hub = new_hub()
    hub.process.send_signal(kind)
    assert hub.process.wait(20) == 0
    assert not (hub.home / "run" / "hub.json").exists()


def test_stop_hub_ends_it(new_hub):
    hub = new_hub()
    assert hub.document("stop", "--hub") == {"stopping": True}
    assert hub.process.wait(10) == 0
    status = hub.kapelle("status", "--json")
    assert status.code == 3 and status.json["code"] == "hub_unreachable"


def test_a_second_hub_on_the_same_home_says_so(hub):
    problem = hub.document("serve", "--listen", "127.0.0.1:0", code=3)
    assert problem["code"] == "hub_running"
    assert str(hub.home) in problem["message"] and "kapelle" in problem["hint"]
    assert Client(hub.url, None).get("/healthz")["pid"] == hub.process.pid


def test_a_taken_port_is_a_problem_and_not_a_panic(hub, terminal):
    problem = terminal.document("serve", "--listen", hub.url.removeprefix("http://"), code=3)
    assert problem["hint"] and "127.0.0.1" in problem["message"]


def test_a_killed_hub_leaves_files_that_bother_nobody(new_hub, binary):
    hub = new_hub()
    hub.kill()
    run = hub.home / "run"
    assert (run / "hub.json").exists()
    dead = subprocess.Popen(["true"])
    dead.wait()
    left = {"name": "ghost", "launch": "00" * 16, "pid": dead.pid, "request": {"app": "blender", "mode": "background"}}
    (run / "instances" / "ghost.json").write_text(json.dumps(left))
    (run / "instances" / "torn.json").write_text("{")
    status = hub.kapelle("status", "--json")
    assert status.code == 3 and status.json["code"] == "hub_unreachable", status
    hub.serve()
    assert hub.http.get("/v1/instances") == {"instances": []}
    assert os.listdir(run / "instances") == []
    assert hub.document("status")["hub"]["pid"] == hub.process.pid


def test_a_run_file_of_nonsense_is_as_good_as_none(terminal):
    (terminal.home / "run").mkdir(parents=True, mode=0o700)
    terminal.home.chmod(0o700)
    for text in ("", "{", '{"url": 5}', "[]", '{"url":"http://127.0.0.1:1","pid":1}'):
        (terminal.home / "run" / "hub.json").write_text(text)
        status = terminal.kapelle("status", "--json")
        assert status.code == 3 and status.json["code"] == "hub_unreachable", (text, status)


def test_a_stranger_on_the_port_of_the_run_file_gets_no_token(terminal):
    """Somebody else took the port after a crash: the CLI looks before it shows the token."""
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        port = server.getsockname()[1]
        run = terminal.home / "run"
        run.mkdir(parents=True, mode=0o700)
        (terminal.home / "tokens").mkdir(mode=0o700)
        terminal.home.chmod(0o700)
        secret = "5ec7e7" * 11
        with open(os.open(terminal.home / "tokens" / "owner", os.O_CREAT | os.O_WRONLY, 0o600), "w") as out:
            out.write(secret)
        (run / "hub.json").write_text(json.dumps({"url": "http://127.0.0.1:%d" % port, "pid": os.getpid()}))

        def answer():
            body = b'{"status":"ok","version":"9","pid":1,"uptime_ms":1}'
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    heard.append(connection.recv(65536))
                    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
                    connection.sendall(head + body)

        with ThreadPoolExecutor(1) as pool:
            pool.submit(answer)
            status = terminal.kapelle("status", "--json")
            server.shutdown(socket.SHUT_RDWR)
    assert status.code == 3, status
    assert heard and secret.encode() not in b"".join(heard)


@pytest.mark.parametrize("name", ["owner", "bridge"])
def test_a_token_that_others_can_read_is_refused_with_the_remedy(new_hub, name):
    hub = new_hub()
    hub.terminate()
    token = hub.home / "tokens" / name
    token.chmod(0o644)
    problem = hub.document("serve", "--listen", "127.0.0.1:0", code=4)
    assert problem["code"] == "home_unsafe"
    assert problem["hint"] == "Run: chmod 600 %s" % token
    token.chmod(0o600)
    hub.serve()


def test_a_client_refuses_a_token_that_others_can_read(new_hub):
    hub = new_hub()
    token = hub.home / "tokens" / "owner"
    token.chmod(0o640)
    done = hub.kapelle("history", "--json")
    assert done.code == 4 and done.json["code"] == "home_unsafe", done
    token.chmod(0o600)
    assert hub.kapelle("history", "--json").code == 0


def test_a_home_that_others_can_write_is_refused(new_hub):
    hub = new_hub()
    hub.terminate()
    hub.home.chmod(0o777)
    problem = hub.document("serve", "--listen", "127.0.0.1:0", code=4)
    assert problem["code"] == "home_unsafe" and "chmod" in problem["hint"]


def test_an_unknown_setting_keeps_the_hub_from_starting(terminal):
    terminal.home.mkdir(mode=0o700)
    (terminal.home / "config.toml").write_text('[files]\nrotos = ["/data"]\n')
    done = terminal.kapelle("serve", "--listen", "127.0.0.1:0", "--json")
    assert done.code != 0 and "rotos" in done.json["message"] + (done.json.get("hint") or ""), done
    assert done.json["code"] == "config_invalid" and "configuration" in done.json["title"], done


def test_verbs_that_only_look_start_nothing(terminal):
    for words in (["status"], ["apps"], ["history"], ["state"], ["stop", "--all"], ["cancel", "call_x"]):
        done = terminal.kapelle(*words, "--json")
        assert done.code == 3 and done.json["code"] == "hub_unreachable", done
        assert "kapelle" in done.json["hint"]
    welcome = terminal.kapelle("--json")
    assert welcome.code == 0 and welcome.json["hub"] is None, welcome
    assert not (terminal.home / "run" / "hub.json").exists()
    assert terminal.leftovers() == []


def test_a_verb_that_needs_a_hub_starts_one_and_says_so(terminal):
    done = terminal.kapelle("token", "list", "--json")
    assert done.code == 0 and done.json == {"tokens": []}, done
    assert "hub" in done.err, done
    pid = json.loads((terminal.home / "run" / "hub.json").read_text())["pid"]
    assert is_alive(pid)
    again = terminal.kapelle("token", "list", "--json")
    assert again.code == 0 and "starting" not in again.err
    assert terminal.document("stop", "--hub") == {"stopping": True}
    wait_until(lambda: not terminal.leftovers(), what="the end of the hub")


def test_many_at_once_start_one_hub(terminal):
    with ThreadPoolExecutor(6) as pool:
        verbs = list(pool.map(lambda _: terminal.kapelle("token", "list", "--json"), range(6)))
    assert [done.code for done in verbs] == [0] * 6, verbs
    assert len(terminal.leftovers()) == 1
    terminal.document("stop", "--hub")


def test_http_on_the_bridge_port_gets_a_sentence(hub):
    bridge = json.loads((hub.home / "run" / "hub.json").read_text())["bridge"]
    answer = Client("http://" + bridge, hub.http.token).request("GET", "/v1/instances")
    assert answer.status == 400
    text = answer.body.decode()
    assert "bridge" in text.lower() and len(text.split()) > 5, text


def test_noise_on_the_bridge_port_hurts_nobody(hub):
    host, _, port = json.loads((hub.home / "run" / "hub.json").read_text())["bridge"].partition(":")
    hello = b'{"t":"hello","magic":"kapelle","protocol":1,"nonce":"00"}'
    noises = [
        b"\0\0\0\0",
        b"\xff\xff\xff\xff",
        b"\0\0\0\5hello",
        b"\0\0\0\2{}",
        len(hello).to_bytes(4, "big") + hello[:10],
        b'{"jsonrpc":"2.0"}\n',
        os.urandom(4096),
    ]
    for noise in noises:
        with socket.create_connection((host, int(port)), 10) as connection:
            connection.sendall(noise)
            connection.shutdown(socket.SHUT_WR)
            said = b""
            try:
                while chunk := connection.recv(65536):
                    said += chunk
            except ConnectionResetError:
                pass
        assert b"panic" not in said
    assert hub.http.get("/v1/instances") == {"instances": []}


def test_the_log_is_kept_and_holds_no_secret(hub):
    hub.http.get("/v1/apps")
    secret = hub.http.token
    logs = list((hub.home / "logs").iterdir())
    assert logs
    for log in logs:
        assert secret not in log.read_text("utf-8", "replace")


def test_doctor_tells_of_the_hub_and_shows_no_secret(hub):
    done = hub.kapelle("doctor", "--json")
    assert done.code in (0, 1)
    told = done.json
    assert told["home"] == str(hub.home) and told["checks"]
    for check in told["checks"]:
        assert check["status"] in ("ok", "warn", "fail"), check
    assert hub.http.token not in done.out
    assert any("hub" in check["name"] and check["status"] == "ok" for check in told["checks"]), told


def test_a_hub_that_stands_idle_is_small(hub):
    status = open("/proc/%d/status" % hub.process.pid).read()
    rss_kb = int(status.split("VmRSS:")[1].split()[0])
    # The goal for a release build is 40 MB (see bench/); an unoptimised one gets room.
    assert rss_kb < 80 * 1024
