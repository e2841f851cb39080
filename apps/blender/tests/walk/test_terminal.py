# SPDX-License-Identifier: MIT OR Apache-2.0
"""The verbs at the terminal against a real Blender: one JSON document with --json, data on stdout, exit codes."""

import json
import os
import signal
import time

import pytest
from hubs import wait_until

# A call that is only ended from outside.
ENDLESS = "import time\nprint('began', flush=True)\nwhile True: time.sleep(0.02)"


@pytest.fixture(autouse=True)
def fresh(http):
    """A free Blender with a default file for every test."""


def test_every_verb_that_looks_prints_one_document(stage):
    for words, member in [
        ([], "instances"),
        (["status"], "instances"),
        (["apps"], "apps"),
        (["commands"], "apps"),
        (["commands", "blender"], "commands"),
        (["describe", "blender", "object.create"], "args"),
        (["state"], "state"),
        (["state", "blender"], "state"),
        (["history"], "calls"),
        (["history", "--limit", "1", "--status", "succeeded"], "calls"),
        (["recover"], "copies"),
        (["token", "list"], "tokens"),
        (["doctor"], "checks"),
    ]:
        done = stage.kapelle(*words, "--json")
        assert done.code == 0, done
        assert member in done.json, done
        assert stage.kapelle(*words).code == 0, words


def test_status_names_the_hub_and_its_instances(stage):
    told = stage.document("status")
    assert told["hub"]["url"] == stage.url and told["hub"]["pid"] == stage.process.pid
    assert told["hub"]["uptime_ms"] > 0
    assert [one["name"] for one in told["instances"]] == ["blender"]
    plain = stage.kapelle()
    assert "blender" in plain.out and "idle" in plain.out and stage.url in plain.out


@pytest.mark.every_blender
def test_start_of_a_name_that_runs_answers_that_instance(stage):
    pid = stage.http.instance("blender")["pid"]
    for _ in range(2):
        told = stage.document("start", "blender", "--name", "blender", stage.program.option, stage.program.path)
        assert told["pid"] == pid and told["name"] == "blender"
    assert [one["name"] for one in stage.document("status")["instances"]] == ["blender"]


@pytest.mark.every_blender
def test_code_from_the_words_a_file_and_stdin(stage, tmp_path):
    assert stage.document("code", "blender", "-c", "1 + 1")["value"] == 2
    script = tmp_path / "script.py"
    script.write_text("print('from a file')\nlen(bpy.data.objects)\n")
    told = stage.document("code", "blender", script)
    assert (told["value"], told["output"]["stdout"]) == (3, "from a file\n")
    told = stage.document("code", "blender", "-", stdin="'ä ' + 'from stdin'".encode())
    assert told["value"] == "ä from stdin"
    told = stage.document("code", "blender", "--instance", "blender", "-c", "-5")
    assert told["value"] == -5
    assert stage.document("code", "blender", "no-such-file.py", code=1)["code"] == "file_not_found"


def test_stdout_is_data_and_the_rest_is_stderr(stage):
    done = stage.kapelle("code", "blender", "-c", "import sys\nprint('out')\nprint('err', file=sys.stderr)\n{'a': 1}")
    assert done.code == 0
    assert done.out.startswith("out\n") and '"a"' in done.out and "err" not in done.out, done
    assert "err" in done.err
    assert stage.kapelle("code", "blender", "-c", "'text'").out == "text\n"
    assert stage.kapelle("code", "blender", "-c", "None").out == ""


@pytest.mark.every_blender
def test_a_failed_call_has_its_exit_code_and_its_traceback_once(stage):
    done = stage.kapelle("code", "blender", "-c", "x = 1\n1 / 0")
    assert done.code == 1 and done.out == ""
    assert done.err.count("Traceback") == 1 and "line 2" in done.err and "ZeroDivisionError" in done.err
    told = stage.document("code", "blender", "-c", "1 / 0", code=1)
    assert told["status"] == "failed" and told["problem"]["code"] == "code_raised"


def test_the_table_of_exit_codes(stage, tmp_path):
    """0, 1 and 130 are tested beside; here the rest."""
    kapelle = lambda *words, **more: stage.kapelle(*words, "--json", **more)  # noqa: E731
    assert kapelle("code", "blender", "-c", "while True: pass", "--timeout", "0.3").code == 5
    assert kapelle("run", "blender", "object.create", "kind=cub").code == 2
    assert kapelle("run", "blender", "no.such").code == 2
    assert kapelle("run", "blendr", "object.create").code == 2
    assert kapelle("history", "call_nosuch").code == 2
    assert kapelle("code", "blender", "--instance", "nobody", "-c", "1").code == 3
    assert kapelle("state", "nobody").code == 3
    assert kapelle("stop", "nobody").code == 3
    assert kapelle("start", "blender", "--name", "x", "--blender", "/nonexistent").code == 3
    assert kapelle("no-such-verb").code == 2
    assert kapelle("code", "blender").code == 2
    assert kapelle("status", "--url", "http://127.0.0.1:9").code == 3


def test_wrong_words_are_a_document_too_and_suggest_the_right_ones(stage):
    done = stage.kapelle("statsu", "--json")
    assert done.code == 2 and "status" in json.dumps(done.json), done
    done = stage.kapelle("statsu")
    assert done.code == 2 and "status" in done.err and done.out == ""
    done = stage.kapelle("describe", "blender", "object.creat", "--json")
    assert done.code == 2 and "object.create" in done.json["hint"]


def test_a_token_of_ones_own_and_what_it_may_not(stage):
    made = stage.document("token", "create", "terminal-reader", "--scope", "read")
    reader = {"KAPELLE_TOKEN": made["token"]}
    stage.environment.update(reader)
    try:
        assert stage.kapelle("run", "blender", "scene.get", "--json").code == 0
        refused = stage.kapelle("code", "blender", "-c", "1", "--json")
        assert refused.code == 4 and refused.json["code"] == "forbidden"
        stage.environment["KAPELLE_TOKEN"] = "wrong"
        assert stage.kapelle("apps", "--json").code == 4
    finally:
        stage.environment.pop("KAPELLE_TOKEN")
    assert stage.document("token", "revoke", "terminal-reader") == {"revoked": "terminal-reader"}
    done = stage.kapelle("token")
    assert done.out.strip() == str(stage.home / "tokens" / "owner")
    assert made["token"] not in done.out


def test_yes_is_said_where_a_person_must_confirm(stage):
    made = stage.document("token", "create", "careful", "--scope", "read,write,destructive", "--ask", "destructive")
    stage.environment["KAPELLE_TOKEN"] = made["token"]
    try:
        refused = stage.kapelle("run", "blender", "object.delete", "name=Cube", "--json")
        assert refused.code == 4 and refused.json["code"] == "confirmation_required"
        assert "--yes" in refused.json["hint"]
        told = stage.document("run", "blender", "object.delete", "name=Cube", "--yes")
        assert told["value"] == {"deleted": ["Cube"]}
    finally:
        stage.environment.pop("KAPELLE_TOKEN")


def test_what_was_done_is_undone_redone_and_reverted(stage):
    made = stage.document("run", "blender", "object.create", "kind=monkey", "name=Suzy")
    calls = stage.document("history", "--limit", "3")["calls"]
    assert calls[0]["call_id"] == made["call_id"] and "monkey" in calls[0]["subject"]
    listed = stage.kapelle("history", "--limit", "1")
    (short,) = [word for word in listed.out.splitlines()[1].split() if len(word) > 9 and word in made["call_id"]]
    assert len(short) < 20, listed

    undone = stage.kapelle("undo")
    assert undone.code == 0 and "object.create" in undone.out, undone
    told = stage.document("history", short)
    assert told["call_id"] == made["call_id"] and told["undone_by"], told
    assert [one["name"] for one in told["changes"]["added"] if one["type"] == "object"] == ["Suzy"]
    shown = stage.kapelle("history", short)
    assert "Suzy" in shown.out and told["undone_by"] in shown.out, shown
    assert stage.http.run("object.list")["total"] == 3

    assert stage.kapelle("redo").code == 0
    assert "undone_by" not in stage.document("history", short)
    assert stage.http.run("object.list")["total"] == 4
    assert stage.document("revert", short.lower())["value"]["reverted"] == made["call_id"]
    assert stage.http.run("object.list")["total"] == 3
    again = stage.kapelle("revert", short, "--json")
    assert again.code == 1 and "already been undone" in again.json["message"]


def test_ids_are_found_by_their_beginning_over_http_too(stage):
    made = stage.document("code", "blender", "-c", "41 + 1")
    job = stage.document("code", "blender", "-c", "2", "--job")
    for whole, path in [(made["call_id"], "/v1/calls/"), (job["call_id"], "/v1/calls/"), (job["call_id"], "/v1/jobs/")]:
        unique = whole[:-2]
        for typed in (unique, unique.removeprefix("call_"), whole):
            assert stage.http.get(path + typed)["call_id"] == whole
    problem = stage.http.request("GET", "/v1/calls/" + made["call_id"][:9]).problem(409, "id_ambiguous")
    assert len(problem["details"]["candidates"]) > 1 and problem["details"]["candidates"][0] in problem["hint"]
    assert stage.kapelle("history", made["call_id"][:9]).code == 2
    assert stage.kapelle("cancel", job["call_id"][:-1]).code == 0


def test_the_token_and_blobs_are_there_to_be_read(stage, tmp_path):
    done = stage.kapelle("token", "show")
    assert done.out == (stage.home / "tokens" / "owner").read_text().strip() + "\n"
    (tmp_path / "bytes").write_bytes(b"\x00\xff" * 5)
    name = stage.kapelle("blob", "put", str(tmp_path / "bytes")).out.strip()
    out = tmp_path / "copy"
    assert stage.kapelle("blob", "get", name[:15], "-o", str(out)).code == 0
    assert out.read_bytes() == b"\x00\xff" * 5
    again = stage.kapelle("blob", "get", name, "-o", str(out))
    assert again.code != 0 and "exist" in again.err, "a file that is there stays as it is"


def test_hints_speak_the_language_of_their_door(stage):
    slow = ["code", "blender", "-c", ENDLESS, "-t", "0.2", "--json"]
    hint = stage.kapelle(*slow).json["problem"]["hint"]
    assert "-t" in hint and "timeout_ms" not in hint, hint
    over_http = stage.http.ask("code.run", {"code": ENDLESS}, timeout_ms=200).json["problem"]["hint"]
    assert "timeout_ms" in over_http and "-t" not in over_http, over_http


def test_a_batch_says_why_a_call_failed(stage, tmp_path):
    calls = [("object.create", {"kind": "cube"}), ("object.delete", {"name": "Nobody"}), ("scene.get", {})]
    lines = [json.dumps({"app": "blender", "command": command, "args": args}) for command, args in calls]
    (tmp_path / "calls").write_text("\n".join(lines))
    done = stage.kapelle("batch", str(tmp_path / "calls"), "--on-error", "continue")
    assert "not_found" in done.out and "Nobody" in done.out, done
    assert all(len(line) < 200 for line in done.out.splitlines()), done


def test_asking_and_going_then_looking_and_cancelling(stage):
    asked = stage.document("code", "blender", "--no-wait", "-c", ENDLESS)
    call_id = asked["call_id"]
    wait_until(lambda: stage.http.look(call_id)["status"] == "running", what="the start")
    told = stage.document("status")
    assert told["instances"][0]["state"] == "busy" and told["instances"][0]["running"]["call_id"] == call_id
    assert "code.run" in stage.kapelle("status").out
    assert stage.document("history", call_id)["status"] == "running"
    cancelled = stage.document("cancel", call_id)
    assert cancelled["status"] == "cancelled" and cancelled["call_id"] == call_id
    assert stage.document("history", call_id)["output"]["stdout"] == "began\n"
    assert stage.document("history", "--limit", "1")["calls"][0]["call_id"] == call_id


@pytest.mark.every_blender
def test_ctrl_c_cancels_the_call(stage):
    process = stage.popen("code", "blender", "-c", ENDLESS)
    assert process.stdout.readline() == b"began\n", "output comes as it is printed"
    os.kill(process.pid, signal.SIGINT)
    began = time.monotonic()
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130 and time.monotonic() - began < 5, (out, err)
    last = stage.http.get("/v1/calls?limit=1")["calls"][0]
    assert last["status"] == "cancelled"
    assert stage.http.eval("1") == 1


def test_a_terminal_that_is_killed_cancels_nothing(stage):
    process = stage.popen("code", "blender", "-c", "import time\nprint('began', flush=True)\ntime.sleep(0.7)\n'done'")
    assert process.stdout.readline() == b"began\n"
    process.kill()
    process.communicate(timeout=20)
    call = stage.http.get("/v1/calls?limit=1")["calls"][0]
    assert stage.http.end(call["call_id"])["value"] == "done"


def test_who_waits_is_told_for_whom(stage):
    call_id = stage.document("code", "blender", "--no-wait", "-c", "import time\nfor _ in range(100): time.sleep(0.01)")
    call_id = call_id["call_id"]
    wait_until(lambda: stage.http.look(call_id)["status"] == "running", what="the start")
    done = stage.kapelle("code", "blender", "-c", "'mine'")
    assert done.code == 0 and done.out == "mine\n"
    assert "owner" in done.err and "code.run" in done.err, done


def test_names_are_kept_between_verbs_and_can_be_forgotten(stage):
    stage.document("code", "blender", "-c", "kept = 5")
    assert stage.document("code", "blender", "-c", "kept")["value"] == 5
    assert stage.document("code", "blender", "--namespace", "apart", "-c", "globals().get('kept')")["value"] is None
    stage.document("code", "blender", "--reset", "-c", "1")
    assert stage.document("code", "blender", "-c", "globals().get('kept')")["value"] is None


def test_a_pipe_that_closes_early_is_no_panic(stage):
    process = stage.popen("history", "--limit", "1000")
    process.stdout.close()
    process.stdin.close()
    err = process.stderr.read()
    process.stderr.close()
    process.wait(20)
    assert b"panicked" not in err, err


def test_colours_only_where_they_can_be_seen(stage):
    assert "\x1b[" not in stage.kapelle("status").out
    assert "\x1b[" in stage.kapelle("status", "--color", "always").out


def test_completions_are_printed(stage):
    for shell in ("bash", "zsh", "fish"):
        assert "kapelle" in stage.kapelle("completions", shell).out


def test_stop_and_start_at_the_terminal(stage):
    """The last: it takes the module's Blender away and brings it back."""
    stopped = stage.document("stop", "blender")
    assert stopped == {"stopped": "blender", "how": "left"}
    none = stage.document("code", "blender", "-c", "1", code=3)
    assert none["code"] == "no_instance" and "kapelle start blender" in none["hint"]
    assert stage.document("stop", "--all")["stopped"] == []
    told = stage.document(
        "start", "blender", "--name", "blender", "--background", stage.program.option, stage.program.path
    )
    assert told["state"] == "idle" and told["mode"] == ("module" if stage.program.is_module else "background")
    assert [one["how"] for one in stage.document("stop", "--all")["stopped"]] == ["left"]
    path = stage.home / "made.blend"
    stage.document("start", "blender", "--name", "blender", stage.program.option, stage.program.path)
    stage.http.run("file.save", path=str(path))
    stage.document("stop")
    told = stage.document(
        "start", "blender", "--name", "blender", stage.program.option, stage.program.path, "--file", path
    )
    assert told["file"] == str(path)


@pytest.mark.one_blender
def test_plain_words_find_a_command(stage):
    done = stage.kapelle("find", "make", "a", "cube")
    assert done.code == 0, done
    assert done.out.splitlines()[1].startswith("object.create"), done
    assert "kapelle run blender object.create kind=cube" in done.out, done
