# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the panel says, and what it remembers of calls: without Blender."""

import importlib
import sys
from types import SimpleNamespace

import pytest
from assemble import NAME, assemble
from bridgekit import home
from bridgekit.port import Port


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bridge")
    assemble(folder)
    sys.path.insert(0, str(folder))
    yield SimpleNamespace(
        **{one: importlib.import_module(NAME + "." + one) for one in ("view", "recent")},
        call=importlib.import_module(NAME + ".bridgekit.call").Call,
    )
    sys.path.remove(str(folder))
    for name in [one for one in sys.modules if one == NAME or one.startswith(NAME + ".")]:
        del sys.modules[name]


class Link(Port):
    def __init__(self, **status):
        self.settled = []
        self.told = {"state": "connected", "why": None, "since": 0.0, "instance": "one", "hub": "http://127.0.0.1:7"}
        self.told.update(status)

    def settle(self, call, told):
        self.settled.append(call.id)

    def status(self):
        return self.told


@pytest.fixture
def pump(parts):
    def make(live=(), waiting=(), history=(), **status):
        link = Link(**status)
        return SimpleNamespace(
            link=link,
            dials=True,
            direct={"port": None, "why": None},
            recent=parts.recent.Recent(link),
            executor=SimpleNamespace(live=lambda: list(live), calls=lambda: {"queued": list(waiting)}),
            host=SimpleNamespace(
                history=SimpleNamespace(stepped=0, calls=lambda limit, mark: list(history)),
                watch=SimpleNamespace(events=0),
            ),
        )

    return make


def ended(parts, pump, call_id, command="object.get", effect="read", owner="claude", **more):
    args = more.pop("args", {})
    call = parts.call(call_id, command, args, owner)
    call.entry = SimpleNamespace(effect=effect)
    for name in ("wedged", "first_shot_at"):
        if name in more:
            setattr(call, name, more.pop(name))
    pump.recent.settle(call, dict({"status": "succeeded", "duration_ms": 1.0}, **more))
    return call


def texts(rows):
    return [row.text for row in rows]


def buttons(rows):
    return [row.button[0] for row in rows if row.button]


def test_calls_pass_through_and_are_remembered(parts, pump):
    one = pump()
    before = one.recent.version
    ended(parts, one, "c1", "object.create", "write", args={"name": "Box"})
    assert one.link.settled == ["c1"] and one.recent.version > before
    (entry,) = one.recent.ended()
    assert (entry["command"], entry["about"], entry["owner"], entry["status"]) == (
        "object.create",
        "Box",
        "claude",
        "succeeded",
    )


def test_like_reads_become_one_entry_and_writes_do_not(parts, pump):
    one = pump()
    for number in range(5):
        ended(parts, one, "r%d" % number)
    ended(parts, one, "w1", "object.create", "write")
    ended(parts, one, "w2", "object.create", "write")
    ended(parts, one, "r9", owner="curl")
    assert [(e["command"], e["count"], e["owner"]) for e in one.recent.ended()] == [
        ("object.get", 1, "curl"),
        ("object.create", 1, "claude"),
        ("object.create", 1, "claude"),
        ("object.get", 5, "claude"),
    ]
    assert one.recent.owners() == ["curl", "claude"]
    assert "object.get × 5" in texts(parts.view.last(one, {}))


def test_entries_are_bounded(parts, pump):
    one = pump()
    for number in range(100):
        ended(parts, one, "w%d" % number, "object.create", "write", owner="o%d" % number)
    assert len(one.recent.ended()) == parts.recent.KEPT_MAX
    assert len(one.recent.owners()) == parts.recent.OWNERS_MAX
    assert len(texts(parts.view.last(one, {}))) == 2 * parts.view.SHOWN_MAX


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"code": "import bpy\n# a note\n\nbpy.ops.object.delete()\nmore"}, "bpy.ops.object.delete()"),
        ({"code": "import os"}, "import os"),
        ({"path": "/home/someone/scene.blend"}, "scene.blend"),
        ({"path": "C:\\work\\scene.blend"}, "scene.blend"),
        ({"name": "x" * 100}, "x" * 39 + "…"),
        ({"name": 7}, ""),
        ({}, ""),
    ],
)
def test_what_a_call_is_about(parts, args, said):
    assert parts.recent.about(parts.call("c", "code.run", args)) == said


def test_a_listener_s_calls_are_noted_and_answered(parts, pump):
    one, mine, submitted = pump(), Link(), []
    executor = SimpleNamespace(table={}, cancel=None, submit=submitted.append)
    call = parts.call("d1", "code.run", {"code": "1"}, "direct-1", port=mine)
    parts.recent.Noting(executor, one.recent).submit(call)
    assert submitted == [call]
    call.port.started(call)
    call.port.settle(call, {"status": "succeeded", "duration_ms": 1.0})
    assert mine.settled == ["d1"] and one.link.settled == []
    assert [entry["owner"] for entry in one.recent.ended()] == ["direct-1"]


def test_connected(parts, pump):
    rows = parts.view.connection(pump())
    assert texts(rows)[:2] == ["Connected as one", "Hub: 127.0.0.1:7"] and buttons(rows) == ["kapelle.disconnect"]


def test_not_started_and_another_copy(parts):
    assert buttons(parts.view.connection(None)) == ["kapelle.connect"]
    rows = parts.view.connection(None, "/addons/kapelle", 200)
    assert texts(rows) == ["Another copy of Kapelle is running this Blender's bridge: /addons/kapelle."]
    assert buttons(rows) == []


def test_stopped_offers_to_connect(parts, pump):
    rows = parts.view.connection(pump(state="stopped", why="the hub asked this bridge to disconnect"), None, 200)
    assert "Press Connect to come back." in texts(rows) and buttons(rows) == ["kapelle.connect"]


def test_refused_says_why(parts, pump):
    rows = parts.view.connection(pump(state="refused", why="the hub speaks protocol 9, this bridge 1"), None, 200)
    assert rows[0].alert and any("kapelle install blender" in text for text in texts(rows))


def test_every_reason_of_a_missing_hub_has_a_hint(parts, tmp_path):
    folder = tmp_path / "home"

    def why():
        with pytest.raises(home.HomeError) as raised:
            home.find(str(folder))
        return parts.view.hint(str(raised.value))

    assert "kapelle serve" in why()
    (folder / "run").mkdir(parents=True)
    (folder / "run" / "hub.json").write_text('{"bridge": "127.0.0.1:1"}')
    assert "Start the hub once" in why()
    (folder / "tokens").mkdir()
    for content in (b"", "ö".encode()):
        (folder / "tokens" / "bridge").write_bytes(content)
        assert "creates a new one" in why()


def test_long_sentences_are_wrapped_and_nothing_is_lost(parts, pump):
    why = "no hub is running: there is no /a/very/long/path/that/does/not/fit/into/a/narrow/sidebar/run/hub.json"
    rows = parts.view.connection(pump(state="connecting", why=why), None, 30)
    assert max(len(text) for text in texts(rows)) <= 30
    assert why.split("no ", 2)[2].replace(" ", "") in "".join(texts(rows)).replace(" ", "")


def test_a_command_for_the_terminal_is_not_parted(parts, pump):
    for columns in range(20, 60):
        for why, command in (
            ("no hub is running", "kapelle serve"),
            ("it speaks protocol 9", "kapelle install blender"),
        ):
            told = texts(parts.view.connection(pump(state="refused", why=why), None, columns))
            assert any(command in line for line in told) == (columns > len(command)), (columns, told)
            assert all("\u00a0" not in line for line in told)


def test_running_waiting_and_their_buttons(parts, pump):
    call = parts.call("c1", "render.still", {"name": "Scene"}, "claude")
    call.fresh_progress = (0.5, "sample 8 of 16")
    one = pump(live=[call], waiting=[{"id": "c2", "command": "object.get", "owner": "curl"}])
    rows = parts.view.running(one)
    assert "50 %  sample 8 of 16" in texts(rows) and "Waits: object.get (curl)" in texts(rows)
    assert [row.button[3]["call_id"] for row in rows if row.button] == ["c1", "c2"]
    call.cancelled = True
    assert buttons(parts.view.running(one)) == ["kapelle.stop_call"], "the waiting one only"
    call.wedged = True
    assert any(row.alert for row in parts.view.running(one))
    assert parts.view.activity(one) == "claude: render.still"


def test_what_the_history_knows_of_this_file(parts, pump):
    one = pump(history=[{"call": "w1", "undone": False}, {"call": "w0", "undone": False}])
    one.host.undo = SimpleNamespace(steps=[{"call": "w1", "label": "x"}])
    assert {call: step["here"] for call, step in parts.view.steps(one).items()} == {"w1": True, "w0": False}


def test_only_what_has_a_step_can_be_reverted(parts, pump):
    one = pump()
    for number in range(3):
        ended(parts, one, "w%d" % number, "object.create", "write")
    known = {
        "w0": {"here": True, "undone": True},
        "w1": {"here": False, "undone": False},
        "w2": {"here": True, "undone": False},
    }
    rows = parts.view.last(one, known)
    assert [row.button[3]["call_id"] for row in rows if row.button] == ["w2"]
    assert sum("reverted" in text for text in texts(rows)) == 1


def test_ends_are_told(parts, pump):
    one = pump()
    ended(parts, one, "c1", status="cancelled", wedged=True, first_shot_at=0.0)
    ended(parts, one, "c2", status="failed", problem={"message": "There is no object Box."})
    ended(parts, one, "c3", status="timed_out")
    ended(parts, one, "c4", effect="write", duration_ms=2500.0)
    said = " ".join(texts(parts.view.last(one, {}, 200)))
    for words in ("stopped", "Wedged: Blender was stuck", "There is no object Box.", "timed out", "2.5 s"):
        assert words in said


def test_the_direct_mode(parts, pump):
    one = pump()
    one.dials, one.direct = False, {"port": 7777, "why": None}
    rows = parts.view.connection(one, None, 200)
    assert "Direct mode on port 7777" in texts(rows) and buttons(rows) == ["kapelle.connect"]
    assert any("No token" in text for text in texts(rows))
    why = "Direct mode cannot listen on 127.0.0.1:7777: Address already in use."
    one.direct = {"port": None, "why": why}
    last = parts.view.connection(one, None, 200)[-1]
    assert last.alert and last.text == why, "said once"
