# SPDX-License-Identifier: MIT OR Apache-2.0
"""Who may do what: strangers, pages in a browser, callers with fewer scopes, and the folders they may use."""

import os
import stat
import subprocess
import sys

import pytest
from client import Client


@pytest.fixture
def effect(tmp_path):
    """A call that would leave a file, and that file."""
    path = tmp_path / "ran"
    return {"app": "blender", "command": "code.run", "args": {"code": "open(%r, 'w').close()" % str(path)}}, path


@pytest.fixture(scope="module")
def callers(stage):
    """Callers by what they may do."""
    return {
        "reader": stage.caller("reader", "read"),
        "writer": stage.caller("writer", "read", "write"),
        "breaker": stage.caller("breaker", "read", "write", "destructive"),
        "asked": stage.caller("asked", "read", "write", "destructive", "code", ask=["destructive", "code"]),
        "nobody": stage.caller("nobody"),
    }


def test_that_the_effect_would_be_seen(http, effect):
    body, path = effect
    assert http.request("POST", "/v1/calls", body).json["status"] == "succeeded" and path.exists()


@pytest.mark.every_blender
def test_without_a_token_nothing_runs(http, effect):
    body, path = effect
    for token in (None, "", "wrong", http.token[:-1], http.token + "0", http.token.upper()):
        answer = Client(http.url, token).request("POST", "/v1/calls", body)
        answer.problem(401, "unauthenticated")
        assert answer.headers["www-authenticate"] == "Bearer"
    for scheme in ("Basic ", "Token ", ""):
        answer = Client(http.url, None).request("POST", "/v1/calls", body, {"Authorization": scheme + http.token})
        answer.problem(401, "unauthenticated")
    assert not path.exists()


def test_the_bridges_secret_is_no_token_of_a_caller(stage, http):
    bridge = (stage.home / "tokens" / "bridge").read_text().strip()
    Client(http.url, bridge).request("GET", "/v1/instances").problem(401, "unauthenticated")


def test_every_route_wants_a_token(http):
    stranger = Client(http.url, None)
    document = http.get("/openapi.json")
    seen = 0
    for path, methods in document["paths"].items():
        for method in methods:
            # A WebSocket may take its token in the first frame; their own tests are in the doors.
            if path in ("/healthz", "/v1/ws", "/v1/ws/envelope") or method not in ("get", "put", "post", "delete"):
                continue
            answer = stranger.request(method.upper(), path.replace("{", "").replace("}", ""))
            if (path, method) == ("/v1/dashboard/session", "post"):
                # Its key is the one-time link's; and nobody but the hub's own page is asked for it.
                answer.problem(403, "origin_refused")
            else:
                answer.problem(401, "unauthenticated")
            seen += 1
    assert seen > 15


@pytest.mark.parametrize(
    "headers, status, code",
    [
        ({"Origin": "https://evil.example"}, 403, "origin_refused"),
        ({"Origin": "null"}, 403, "origin_refused"),
        ({"Origin": "http://localhost:1"}, 403, "origin_refused"),
        ({"Host": "evil.example"}, 403, "host_refused"),
        ({"Host": "rebound.example:80"}, 403, "host_refused"),
        ({"Content-Type": "text/plain"}, 415, "media_type_unsupported"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415, "media_type_unsupported"),
        ({"Content-Type": "multipart/form-data; boundary=x"}, 415, "media_type_unsupported"),
        ({"Content-Type": ""}, 415, "media_type_unsupported"),
    ],
)
def test_what_a_page_in_a_browser_can_send_runs_nothing_even_with_the_token(http, effect, headers, status, code):
    body, path = effect
    answer = http.request("POST", "/v1/calls", body, headers)
    answer.problem(status, code)
    assert "access-control-allow-origin" not in answer.headers
    assert not path.exists()


@pytest.mark.one_blender
def test_a_preflight_of_a_browser_gets_no_leave(http):
    headers = {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    answer = Client(http.url, None).request("OPTIONS", "/v1/calls", headers=headers)
    assert answer.status in (401, 403, 404, 405)
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_a_rebound_name_gets_nothing_at_all(http):
    for path in ("/healthz", "/openapi.json", "/v1/instances", "/"):
        answer = http.request("GET", path, headers={"Host": "evil.example:80"})
        answer.problem(403, "host_refused")


def test_names_of_this_machine_are_answered(http):
    port = http.address.rpartition(":")[2]
    for host in ("127.0.0.1:" + port, "localhost:" + port):
        assert http.request("GET", "/v1/instances", headers={"Host": host}).status == 200
    own = http.request("GET", "/v1/instances", headers={"Origin": "http://127.0.0.1:" + port})
    assert own.status == 200


@pytest.mark.one_blender
@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")
def test_another_user_of_the_machine_runs_nothing(stage, http, effect, tmp_path):
    """It can connect, and cannot read the token."""
    body, path = effect
    code = (
        "import sys, os, urllib.request, urllib.error, encodings.idna\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "try:\n    open(%r).read(); print('read it')\n"
        "except PermissionError:\n    print('no')\n"
        "try:\n    urllib.request.urlopen(urllib.request.Request(%r, b'{}', {'Content-Type': 'application/json'}))\n"
        "except urllib.error.HTTPError as error:\n    print(error.code)\n"
    ) % (str(stage.home / "tokens" / "owner"), http.url + "/v1/calls")
    # The folders above belong to the test's user alone; only those of the home are to be tried.
    above = [parent for parent in stage.home.parents if parent != parent.parent]
    modes = {parent: stat.S_IMODE(parent.stat().st_mode) for parent in above}
    try:
        for parent in above:
            parent.chmod(modes[parent] | 0o011)
        told = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=60, cwd="/")
    finally:
        for parent in above:
            parent.chmod(modes[parent])
    assert told.stdout.split() == ["no", "401"], told
    assert not path.exists()


def test_a_reader_reads_and_nothing_else(http, callers, effect):
    body, path = effect
    reader = callers["reader"]
    assert reader.run("object.list")["total"] == 3
    assert reader.run("scene.get")["name"] == "Scene"
    for command, args in [
        ("code.run", body["args"]),
        ("object.create", {"kind": "cube"}),
        ("object.delete", {"name": "Cube"}),
        ("file.save", {"path": "x.blend"}),
        ("render.still", {}),
        ("file.new", {}),
    ]:
        problem = reader.ask(command, args).problem(403, "forbidden")
        assert "scope" in problem["message"] and "read" in problem["hint"]
        # Checking is no way around.
        reader.ask(command, args, check_only=True).problem(403, "forbidden")
        reader.ask(command, args, instance="*").problem(403, "forbidden")
    assert not path.exists() and http.run("object.list")["total"] == 3


def test_each_effect_wants_its_scope(http, callers):
    writer, breaker = callers["writer"], callers["breaker"]
    writer.run("object.create", kind="cube", name="Box")
    writer.ask("object.delete", {"name": "Box"}).problem(403, "forbidden")
    writer.ask("code.run", {"code": "1"}).problem(403, "forbidden")
    assert breaker.run("object.delete", name="Box") == {"deleted": ["Box"]}
    breaker.ask("code.run", {"code": "1"}).problem(403, "forbidden")
    nobody = callers["nobody"]
    nobody.ask("scene.get").problem(403, "forbidden")
    nobody.request("GET", "/v1/instances/blender/state").problem(403, "forbidden")
    nobody.request("GET", "/v1/calls").problem(403, "forbidden")
    nobody.request("PUT", "/v1/blobs", b"x").problem(403, "forbidden")
    nobody.request("GET", "/v1/recovery").problem(403, "forbidden")


@pytest.mark.one_blender
def test_only_admins_make_tokens_and_stop_things(http, callers):
    asked = callers["asked"]
    asked.request("POST", "/v1/tokens", {"name": "more", "scopes": ["admin"], "ask": []}).problem(403, "forbidden")
    asked.request("GET", "/v1/tokens").problem(403, "forbidden")
    asked.request("DELETE", "/v1/tokens/reader").problem(403, "forbidden")
    asked.request("POST", "/v1/stop", {}).problem(403, "forbidden")
    asked.request("POST", "/v1/instances", {"app": "blender", "program": "/bin/true"}).problem(403, "forbidden")
    callers["reader"].request("DELETE", "/v1/instances/blender").problem(403, "forbidden")
    assert http.instance("blender")["state"] == "idle"


@pytest.mark.one_blender
def test_tokens_are_made_listed_and_taken_back(stage, http):
    made = http.request("POST", "/v1/tokens", {"name": "short-lived", "scopes": ["read"], "ask": []})
    assert made.status == 201 and made.json["scopes"] == ["read"] and len(made.json["token"]) >= 32
    listed = http.get("/v1/tokens")["tokens"]
    assert {"name": "short-lived", "scopes": ["read"], "ask": []} in listed
    assert made.json["token"] not in str(listed)
    assert made.json["token"] not in (stage.home / "tokens" / "callers.json").read_text()
    caller = Client(http.url, made.json["token"])
    assert caller.get("/v1/instances")["instances"]
    http.request("POST", "/v1/tokens", {"name": "short-lived", "scopes": [], "ask": []}).problem(409, "name_taken")
    http.request("POST", "/v1/tokens", {"name": "owner", "scopes": [], "ask": []}).problem(409, "name_taken")
    http.request("POST", "/v1/tokens", {"name": "a/b", "scopes": [], "ask": []}).problem(400, "arguments_invalid")
    http.request("POST", "/v1/tokens", {"name": "x", "scopes": ["all"], "ask": []}).problem(400, "body_malformed")
    assert http.request("DELETE", "/v1/tokens/short-lived").json == {"revoked": "short-lived"}
    caller.request("GET", "/v1/instances").problem(401, "unauthenticated")
    http.request("DELETE", "/v1/tokens/short-lived").problem(404, "token_unknown")


def test_a_person_is_asked_once_for_each_call(http, callers):
    asked = callers["asked"]
    http.run("object.create", kind="cube", name="A")
    http.run("object.create", kind="cube", name="B")
    problem = asked.ask("object.delete", {"name": "A"}).problem(409, "confirmation_required")
    confirm = problem["details"]["confirm"]
    assert problem["hint"] and problem["details"]["effect"] == "destructive"
    # The value is bound to caller, command and arguments.
    asked.ask("object.delete", {"name": "B"}, confirm=confirm).problem(409, "confirmation_required")
    callers["breaker"].ask("object.get", {"name": "A"}, confirm=confirm)
    told = asked.call("object.delete", {"name": "A"}, confirm=confirm)
    assert told["value"] == {"deleted": ["A"]}
    asked.ask("object.delete", {"name": "A"}, confirm=confirm).problem(409, "confirmation_required")
    asked.ask("object.delete", {"name": "B"}, confirm="guess").problem(409, "confirmation_required")
    assert asked.run("object.get", name="B")["name"] == "B"
    asked.ask("code.run", {"code": "1"}).problem(409, "confirmation_required")


@pytest.mark.every_blender
def test_a_caller_without_code_stays_in_its_folders(stage, http, callers, tmp_path):
    breaker = callers["breaker"]
    inside = stage.home / "scenes" / "in.blend"
    value = breaker.run("file.save", path=str(inside), overwrite=True)
    assert value["path"] == str(inside) and inside.exists()
    outside = tmp_path / "out.blend"
    link = stage.home / "scenes" / "link.blend"
    link.unlink(missing_ok=True)
    link.symlink_to(outside)
    folder = stage.home / "scenes" / "elsewhere"
    if not folder.is_symlink():
        folder.symlink_to(tmp_path)
    refused = [
        str(outside),
        "../../out.blend",
        str(stage.home / "scenes" / ".." / ".." / "out.blend"),
        str(link),
        str(folder / "out.blend"),
        str(stage.home / "tokens" / "owner"),
        str(stage.home / "run" / "x.blend"),
        "/etc/kapelle.blend",
        "~/out.blend",
    ]
    for path in refused:
        outcome = breaker.call("file.save", {"path": path, "overwrite": True, "copy": True})
        assert outcome["status"] == "failed", (path, outcome)
        assert outcome["problem"]["code"] == "path_refused", (path, outcome["problem"])
        assert outcome["problem"]["hint"]
    for path in (str(tmp_path / "out.obj"), str(folder / "out.obj"), "../../out.obj"):
        outcome = breaker.call("file.export", {"path": path})
        assert outcome["problem"]["code"] == "path_refused", outcome
    assert os.listdir(tmp_path) == []
    assert not outside.exists() and (stage.home / "tokens" / "owner").read_text().startswith("kapelle_")
    for path in (str(outside), "/etc/passwd", str(stage.home / "tokens" / "owner")):
        for command in ("file.open", "file.import"):
            outcome = breaker.call(command, {"path": path})
            assert outcome["problem"]["code"] == "path_refused", outcome
    outcome = breaker.call("render.still", {"path": str(tmp_path / "p.png"), "width": 8, "height": 8})
    assert outcome["problem"]["code"] == "path_refused"
    # The owner goes anywhere.
    assert http.run("file.save", path=str(outside), copy=True)["path"] == str(outside)


def test_what_is_there_is_not_overwritten_unasked(http, callers, stage):
    path = stage.home / "scenes" / "there.blend"
    callers["breaker"].run("file.save", path=str(path), overwrite=True)
    http.run("file.new")
    for caller in (callers["breaker"], http):
        outcome = caller.call("file.save", {"path": str(path)})
        assert outcome["problem"]["code"] == "file_exists" and "overwrite" in outcome["problem"]["hint"]
    assert callers["breaker"].call("file.save", {"path": str(path), "overwrite": True})["status"] == "succeeded"


@pytest.mark.every_blender
def test_scripts_in_a_file_run_only_for_callers_who_may_run_code(stage, http, callers, tmp_path):
    """A .blend with a text block that registers itself."""
    ran = tmp_path / "script ran"
    trap = stage.home / "scenes" / "trap.blend"
    trap.parent.mkdir(exist_ok=True)
    script = "open(%r, 'w').close()" % str(ran)
    http.eval(
        "text = bpy.data.texts.new('trap.py')\n"
        "text.write(%r)\n"
        "text.use_module = True\n"
        "bpy.ops.wm.save_as_mainfile(filepath=%r)\n" % (script, str(trap))
    )
    http.run("file.new")
    breaker = callers["breaker"]
    assert breaker.run("file.open", path=str(trap))["file"] == str(trap)
    assert "trap.py" in http.eval("[text.name for text in bpy.data.texts]")
    assert not ran.exists()
    # Nor does it run on the way out of a render, or with an import.
    assert (
        breaker.call("render.still", {"width": 8, "height": 8, "samples": 1, "engine": "cycles"})["status"]
        == "succeeded"
    )
    http.run("file.new")
    breaker.run("file.import", path=str(trap))
    assert not ran.exists()
    # Asking for it is refused to a caller without the scope, and the owner may.
    outcome = breaker.call("file.open", {"path": str(trap), "scripts": True})
    assert outcome["status"] == "failed" and outcome["problem"]["code"] == "forbidden", outcome
    assert not ran.exists()
    http.run("file.open", path=str(trap))
    assert not ran.exists(), "not even for the owner, unless it is said"
    http.run("file.open", path=str(trap), scripts=True)
    assert ran.exists()
    http.run("file.new")


def test_a_driver_in_a_file_does_not_run_either(stage, http, callers, tmp_path):
    ran = tmp_path / "driver ran"
    trap = stage.home / "scenes" / "driver.blend"
    trap.parent.mkdir(exist_ok=True)
    expression = "(lambda: open(%r, 'w').close() or 1.0)()" % str(ran)
    http.eval(
        "curve = bpy.data.objects['Cube'].driver_add('location', 0)\n"
        "curve.driver.expression = %r\n"
        "bpy.ops.wm.save_as_mainfile(filepath=%r)\n" % (expression, str(trap))
    )
    ran.unlink(missing_ok=True)
    http.run("file.new")
    callers["breaker"].run("file.open", path=str(trap))
    callers["breaker"].run("scene.set", frame=5)
    assert not ran.exists()
    http.run("file.new")


@pytest.mark.one_blender
def test_roots_of_the_config_are_allowed(new_hub, program, tmp_path):
    hub = new_hub()
    hub.terminate()
    more = tmp_path / "projects"
    more.mkdir()
    (hub.home / "config.toml").write_text('[files]\nroots = ["%s"]\n' % more)
    hub.serve()
    hub.start(program, "blender")
    caller = hub.caller("writer", "read", "write")
    assert caller.run("file.save", path=str(more / "a.blend"))["path"] == str(more / "a.blend")
    refused = caller.call("file.save", {"path": str(tmp_path / "b.blend"), "copy": True})
    assert refused["problem"]["code"] == "path_refused" and str(more) in refused["problem"]["hint"]


def test_the_folder_of_the_open_file_is_allowed(http, callers, tmp_path):
    breaker = callers["breaker"]
    http.run("file.save", path=str(tmp_path / "mine.blend"))
    assert breaker.run("file.save", path="beside.blend", copy=True)["path"] == str(tmp_path / "beside.blend")
    http.run("file.new")
    assert breaker.call("file.save", {"path": str(tmp_path / "again.blend")})["problem"]["code"] == "path_refused"
