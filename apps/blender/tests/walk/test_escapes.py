# SPDX-License-Identifier: MIT OR Apache-2.0
"""Nothing foreign steers the terminal: names of a scene, values, output, problems, labels, seen through a pseudo terminal.

Into a pipe goes what a call returned or printed as it is; JSON is escaped and means the same.
"""

import json
import os
import pty
import select
import signal
import threading
import time

import pytest

ESCAPES = "\x1b]0;PWNED\x07\x1b[2J\x1b]52;c;cHduZWQ=\x07\x1b[8m\u009b31m\u202etxt\r\x7f"
# No colour of ours is one of these.
STEERS = ("\x1b]", "\x1b[2J", "\x1b[8m", "\x07", "\u009b", "\u202e", "\x7f")

PRINTS = """
import sys
evil = %r
mesh = bpy.data.meshes.new('Mesh')
bpy.context.collection.objects.link(bpy.data.objects.new('Cube' + evil[:20], mesh))
print('out' + evil)
print('err' + evil, file=sys.stderr)
""" % ESCAPES
RETURNS = "%r" % ("text" + ESCAPES)
RETURNS_MORE = "{'name': %r, %r: 1}" % (ESCAPES, "key" + ESCAPES)
RAISES = "raise ValueError(%r)" % ("No object Cube" + ESCAPES)

pytestmark = pytest.mark.one_blender


def seen(stage, *words, seconds=60):
    """What a verb writes on a terminal."""
    pid, fd = pty.fork()
    if pid == 0:
        environment = dict(stage.environment, TERM="xterm-256color")
        os.execve(stage.binary, [stage.binary, *words], environment)
    data, until = b"", time.monotonic() + seconds
    while time.monotonic() < until:
        if select.select([fd], [], [], 0.1)[0]:
            try:
                more = os.read(fd, 65536)
            except OSError:
                break
            if not more:
                break
            data += more
    else:
        os.kill(pid, signal.SIGINT)
    os.waitpid(pid, 0)
    os.close(fd)
    # The terminal makes "\r\n" of every end of a line.
    return data.decode("utf-8").replace("\r\n", "\n")


def is_clean(text):
    wrong = [steers for steers in STEERS if steers in text]
    # indicatif moves the cursor for its bars; a lone return is only ever its own, before it clears a line.
    assert not wrong, (wrong, text)
    assert "\r" not in text.replace("\r\x1b[2K", "").replace("\x1b[1A\r", ""), repr(text)


@pytest.fixture(scope="module")
def scene(stage):
    """Calls in the history that have everything in them; a job with labels."""
    http = stage.http
    ids = [http.send(code) for code in (PRINTS, RETURNS, RETURNS_MORE, RAISES)]
    ends = [http.end(one) for one in ids]
    assert [end["status"] for end in ends] == ["succeeded"] * 3 + ["failed"]
    body = {"app": "blender", "command": "code.run", "args": {"code": RETURNS}, "durable": True}
    body.update(labels={"shot": "1" + ESCAPES}, idempotency_key="k" + ESCAPES)
    answer = http.request("POST", "/v1/calls", body)
    job = answer.json.get("call_id") if answer.status < 300 else None
    return ids, job


def test_no_verb_lets_anything_foreign_steer_the_terminal(stage, scene):
    ids, job = scene
    runs = [("code", "blender", "-c", code) for code in (PRINTS, RETURNS, RETURNS_MORE, RAISES)]
    looks = [("history",), ("status",), ("state", "blender"), ("jobs", "list"), *(("history", one) for one in ids)]
    if job:
        looks.append(("jobs", "show", job))
    for words in [*runs, *looks]:
        is_clean(seen(stage, *words))
        is_clean(seen(stage, *words, "--json"))
    assert "text␛]0;PWNED␇" in seen(stage, "code", "blender", "-c", RETURNS)


def test_words_that_are_not_taken_do_not_steer_either(stage):
    for words in [("run", "blender", "no" + ESCAPES), ("stop", "x" + ESCAPES), (ESCAPES,), ("history", ESCAPES)]:
        is_clean(seen(stage, *words))


def test_who_watches_is_not_steered(stage):
    done = []
    watcher = threading.Thread(target=lambda: done.append(seen(stage, "watch", "--limit", "6", seconds=20)))
    watcher.start()
    until = time.monotonic() + 15
    while watcher.is_alive() and time.monotonic() < until:
        stage.http.end(stage.http.send(PRINTS))
    watcher.join()
    is_clean(done[0])
    assert "out␛]0;PWNED" in done[0], done


def test_data_goes_into_a_pipe_as_it_is(stage):
    done = stage.kapelle("code", "blender", "-c", "print(%r, end='')\n%s" % (ESCAPES, RETURNS))
    assert done.code == 0, done
    assert "text" + ESCAPES in done.out.replace("\r\n", "\r"), repr(done.out)
    told = stage.kapelle("code", "blender", "-c", RETURNS, "--json")
    assert json.loads(told.out)["value"] == "text" + ESCAPES
    assert "\u009b" not in told.out and "\u202e" not in told.out
    # What is no data is clean there too: it is often on its way to a terminal.
    assert "\x1b" not in stage.kapelle("history").out


def test_the_log_has_one_clean_line_for_each_event(stage):
    stage.http.request("POST", "/v1/calls", {"app": "bl\n2026 INFO forged" + ESCAPES, "command": "x" + ESCAPES, "args": {}})
    for log in (stage.home / "logs").glob("kapelle.*.log"):
        text = log.read_text(encoding="utf-8")
        assert not any(steers in text for steers in STEERS), log
        assert log.stat().st_mode & 0o077 == 0
