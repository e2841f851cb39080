# SPDX-License-Identifier: MIT OR Apache-2.0
"""Every hint and every `Next:` is followed to the letter, by whoever reads it, against a real Blender.

In: the situations of situations.py, at each door. Out of each, its advice as it is read there; what that says to type is
typed. It may have nothing to do; it must not be refused for its form, and a call that is repeated in the advised words
must not hear the same again. Advice with nothing to type has to be among PLAIN, and all of those have to be heard.
"""

import datetime
import fnmatch
import itertools
import re
import signal
import socket
from collections import defaultdict

import pytest
from advice import GAP, HTTP, MCP, TERMINAL, NotUnderstood, read
from doors import AtTerminal, Lines, OverHttp, OverMcp, Request, Tool, put_in
from hubs import Hub, wait_until
from situations import BUSY, CALLS, NONE, QUIT, SEVERAL, WEDGED

pytestmark = pytest.mark.one_blender

# Different advice with something to type that is followed at each door, at least.
AT_LEAST = {TERMINAL: 28, HTTP: 32, MCP: 38}
CALLERS = {
    "reader": (["read"], []),
    "breaker": (["read", "write", "destructive"], []),
    "asked": (["read", "write", "destructive", "code"], ["destructive"]),
}
NEW_NAMES = map("somebody-{}".format, itertools.count())
# Not done again when they are advised again.
LOOKS = ("screenshot",)
PORT = 7420
# Held up in C code that looks at nothing; it is ended by advice, or else by the test.
HOLDING = "import ctypes\nctypes.PyDLL(None).sleep(30)"
# Advice that leaves nothing to type: `*` is what differs from one time to the next.
PLAIN = (
    "Allowed folders: *. To add more, set `roots` under `[[]files]` in Kapelle's config.toml.",
    "Blender keeps * steps, preference undo_steps, and none from before the file was opened.",
    "Change things back with another call, or open a recovery copy (KAPELLE_HOME/recovery).",
    "Check its name, and that it is on the machine where the hub runs.",
    "Check what changed, then try again with the new revision.",
    "Choose another name, or rename that one.",
    "Leave it out for no limit.",
    "Leave one of them out.",
    "None of the code ran.",
    "Pass `base_color`, `roughness` or the like.",
    "Pass `name` or `names`.",
    "Pass a folder.",
    "Pass the name of a file.",
    "Possible names: *",
    "Run this in a desktop session, set DISPLAY to a display you can use, or start it in the background.",
    "Similar names: *. Or search for words with docs.search.",
    "Start the program yourself; its bridge then connects by itself.",
    "Store it again: blobs that have not been used for a long time are dropped.",
    "Suffixes: *. Or pass `format`.",
    "The arguments are: *.",
    "The folder * does not exist either.",
    "The instances are: *.",
    "The last that did: *. history.list shows more.",
    "The orders are newest and queue.",
    "The statuses are: *.",
    "The tokens are: *.",
    "The topics are calls, instances, state, jobs and call:*.",
    "There are: *.",
    "To change the owner's token, delete its file and start the hub again.",
    "Use `next_cursor` from the previous page, or leave it out for the first page.",
    "Use a program instead of a page on another site.",
    "Use http://*.",
    "Use up to 64 letters, digits, `-`, `_` and `.`, starting with a letter or digit.*",
    "Variables are kept between calls, per caller and namespace; this one was never set, or was reset.",
    "What was undone can be redone only until something else is done.",
    "`size`: number. *",
)


class Followed:
    """What was heard and done at one door."""

    def __init__(self, door, owner, known, gaps, words):
        self.door = door
        self.http = owner[HTTP].hub.http
        self.owner = owner  # door name: the door of the owner there; advice may lead to another one
        self.known, self.gaps, self.words = known, gaps, words
        self.wrong, self.plain, self.steps, self.looks = [], set(), defaultdict(list), []

    def hear(self, situation):
        """What the situation's question is told: (the question, what was told)."""
        question, known = situation.question, self.known
        if situation.first:
            answer = self.http.request(*situation.first[:3])
            assert answer.status in (200, 202), (situation, answer.body)
            known = dict(known, first=answer.json.get("call_id"))
        for name, value in known.items():
            question = put_in(question, "{%s}" % name, value)
        question = self.door.own(question)
        told = self.door.ask(question, situation.by)
        if not told.hints:
            self.wrong.append((question, "gives no advice", told.whole))
        return question, told

    def follow(self, situation, question, told):
        of = self.door.own(situation.of) if situation.of else question
        for hint in told.hints:
            try:
                steps = read(self.door.name, hint, self.gaps)
            except (NotUnderstood, ValueError) as error:
                self.wrong.append((question, hint, "is not understood: %s" % error))
                continue
            if all(step.kind == "named" for step in steps):
                self.plain.add(hint)
            for step in steps:
                why = self.why_wrong(situation, of, told, step)
                if why:
                    self.wrong.append((question, hint, step, why))
                elif step.kind != "named":
                    self.steps[re.sub(r"(call|batch)_\w+", r"\1_", step.text)].append(hint)

    def why_wrong(self, situation, question, told, step):
        if step.kind == "named":
            return None if step.what in self.words else "nothing has this name"
        if step.kind in ("line", "request", "tool"):
            # These take their time and change nothing.
            if step.what in self.looks:
                return None
            if step.what[0] in LOOKS:
                self.looks.append(step.what)
            made = {"line": Lines, "request": lambda *parts: Request(*parts[0]), "tool": lambda *parts: Tool(*parts[0])}
            door = {"line": TERMINAL, "request": HTTP, "tool": MCP}[step.kind]
            answer = self.owner[door].ask(made[step.kind](step.what))
            return answer.whole if answer.form else None
        if step.kind == "meant":
            if not situation.wrong:
                return "the test does not know which word is wrong"
            again = put_in(question, situation.wrong, step.what)
            assert again != question, (question, situation)
        else:
            again = self.door.again(question, step)
        answer = self.door.ask(again, situation.by)
        # The right word may come with the wrong arguments; it must not be wrong itself.
        refused = answer.form and step.kind != "meant"
        same = answer.message is not None and answer.message == told.message
        return answer.whole if refused or same else None


@pytest.fixture(scope="module")
def hub(program, binary, tmp_path_factory):
    """A hub that starts the Blender under test by itself. A home with a space: what is typed has to be quoted."""
    found = {"KAPELLE_BLENDER": program.path, "DISPLAY": "", "WAYLAND_DISPLAY": ""}
    with Hub(binary, tmp_path_factory.mktemp("hints") / "a home", found) as made:
        yield made


@pytest.fixture(scope="module")
def doors(hub):
    tokens = {name: hub.caller(name, *scopes, ask=ask).token for name, (scopes, ask) in CALLERS.items()}
    return {door.name: door for door in (AtTerminal(hub, tokens), OverHttp(hub, tokens), OverMcp(hub, tokens))}


def only(http, *names):
    """These Blenders are running and no other."""
    running = {one["name"]: one["state"] for one in http.get("/v1/instances")["instances"]}
    for name in set(running) - set(names):
        assert http.request("DELETE", "/v1/instances/%s?force=true" % name).status == 200
    for name in set(names) - {name for name, state in running.items() if state != "lost"}:
        answer = http.request("POST", "/v1/instances", {"app": "blender", "name": name})
        assert answer.status == 201, answer.body


def made(http, folder, turn):
    """A scene, files, calls and jobs to ask about; what they are called."""
    folder.mkdir(exist_ok=True)
    http.request("POST", "/v1/jobs/queue", {"app": "blender", "drain": False, "paused": False})
    http.run("file.new")
    http.run("object.create", kind="cube", name="Spare")
    http.run("material.create", name="Grey")
    (folder / "model.xyz").write_bytes(b"no model")
    http.run("file.save", path=str(folder / "kept.blend"), copy=True, overwrite=True)
    known = {"files": str(folder), "key": "once-%d" % turn}
    known["made"] = http.call("object.create", {"kind": "cube", "name": "Kept"})["call_id"]
    known["undone"] = http.call("object.create", {"kind": "cube"})["call_id"]
    http.run("history.undo")
    http.run("object.create", kind="cube", name="Later")
    http.request("POST", "/v1/tokens", {"name": "spare", "scopes": ["read"]})
    known["failed_call"] = http.call("object.get", {"name": "Cub"})["call_id"]

    def job(command="object.list", args=None, **fields):
        answer = http.ask(command, args, durable=True, **fields)
        assert answer.status in (200, 202), answer.body
        return answer.json["call_id"]

    known["failed"] = job("object.get", {"name": "Cub"})
    known["done"] = job(idempotency_key=known["key"])
    known["queued"] = job(wait=False, not_before="2040-01-01T00:00:00Z")
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=1)
    late = {"deadline": soon.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "select": {"version": "1.0"}}
    known["late"] = job(wait=False, **late)
    known["behind"] = job(wait=False, after=[known["late"]])
    wait_until(lambda: http.get("/v1/jobs/" + known["behind"])["status"] == "cancelled", what="the job's deadline")
    return known


def gaps_of(http, known):
    """What stands here for the placeholders of hints."""
    commands = {one["name"]: one.get("example") for one in http.get("/v1/apps/blender/commands")["commands"]}
    words = {
        "NAME": "blender",
        "token NAME": NEW_NAMES,
        "SCOPE": "read",
        "APP": "blender",
        "TOKEN": http.token,
        "PORT": "1",
    }
    paths = {"{name}": "blender"}
    members = {"query": "bevel", "call_id": known.get("made"), "call": known.get("made"), "command": "object.create"}
    members.update(args=commands, instance="blender", timeout_ms=400, idempotency_key="another", durable=True)
    members.update(name=NEW_NAMES, scopes=["read"])
    members["confirm"] = None
    members[GAP] = {"call_id": known.get("failed")}
    return {**words, **paths, **members, "-t": "0.4", "-i": "blender", "--key": "another"}


def names_of(http, doors):
    """What a hint may put into backticks: commands and their arguments, routes' members, tools and instances."""
    told = http.get("/v1/apps/blender/commands")["commands"]
    names = {one["name"] for one in told} | {key for one in told for key in one["args"].get("properties", {})}
    for tool in doors[MCP].own_session.tools():
        names |= {tool["name"], *tool["inputSchema"].get("properties", {})}
    names |= {"blender", "hub", "*", "-", "_", ".", "roots", "[files]", "next_cursor"}
    return names


def listening(doors, hub, door, known):
    return Followed(doors[door], doors, known, gaps_of(hub.http, known), names_of(hub.http, doors))


def follow_at_once(followed, situations):
    for situation in situations:
        if not situation.doors or followed.door.name in situation.doors:
            if not isinstance(situation.question, Lines) or followed.door.name == TERMINAL:
                followed.follow(situation, *followed.hear(situation))


def follow_later(followed, situations):
    """Heard by all before anything is done about it."""
    heard = [(situation, *followed.hear(situation)) for situation in situations]
    for one in heard:
        followed.follow(*one)


def shown(wrong):
    return "\n\n".join("\n  ".join(map(str, one)) for one in wrong)


def test_every_hint_is_followed_to_the_letter(hub, doors):
    http = hub.http
    heard, wrong = set(), []
    for turn, door in enumerate(doors):
        only(http, "blender")
        followed = listening(doors, hub, door, made(http, hub.home.parent / "files", turn))
        follow_at_once(followed, CALLS + BUSY[door] + [QUIT])
        only(http)
        follow_later(followed, NONE[door])
        heard |= followed.plain
        wrong += followed.wrong
        if len(followed.steps) < AT_LEAST[door]:
            wrong.append((door, "only %d" % len(followed.steps), *sorted(followed.steps)))
    wrong += [(hint, "has nothing to type and is not in PLAIN") for hint in sorted(heard) if not is_plain(hint)]
    wrong += [(one, "was not heard") for one in PLAIN if not fnmatch.filter(heard, one)]
    assert not wrong, shown(wrong)


def is_plain(hint):
    return any(fnmatch.fnmatchcase(hint, one) for one in PLAIN)


def test_several_instances_are_told_apart_as_the_hint_says(hub, doors):
    only(hub.http, "left", "right")
    for door in doors:
        followed = listening(doors, hub, door, {})
        followed.gaps.update(instance="left", **{"-i": "left"})
        follow_at_once(followed, SEVERAL[door])
        assert not followed.wrong, shown(followed.wrong)
        assert followed.steps
        only(hub.http, "left", "right")


def test_who_waits_for_a_wedged_blender_can_do_what_they_are_told(hub, doors):
    http = hub.http
    only(http, "blender")
    http.code("import ctypes")
    outcome = http.code(HOLDING, timeout_ms=500)
    assert outcome["status"] == "timed_out" and http.instance("blender")["state"] == "wedged", outcome
    listeners = [listening(doors, hub, door, {"holder": outcome["call_id"]}) for door in (HTTP, TERMINAL, MCP)]
    heard = [(one, situation, *one.hear(situation)) for one in listeners for situation in WEDGED[one.door.name]]
    for listener, *one in heard:
        listener.follow(*one)
    for listener in listeners:
        assert not listener.wrong, shown(listener.wrong)
    # The last advice is to end its process.
    assert "blender" not in [one["name"] for one in http.get("/v1/instances")["instances"]]


@pytest.fixture
def taken_port():
    """Somebody else has the port that a hub takes."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            other.bind(("127.0.0.1", PORT))
            other.listen()
        except OSError:
            pass  # that is somebody else already
        yield


def advice_of(done):
    steps = read(TERMINAL, re.search(r"^hint: (.*)$", done.err, re.M)[1], {})
    return [step.what for step in steps]


def test_without_a_hub_a_terminal_is_told_how_to_start_one(terminal, program, taken_port):
    terminal.environment["KAPELLE_BLENDER"] = program.path
    told = terminal.kapelle("jobs", "list")
    assert told.code == 3, told
    serve, start = advice_of(told)
    told = terminal.kapelle(*serve)
    option = advice_of(told)[0]
    assert option[0] == "--listen", told
    process = terminal.popen(*serve, *option)
    wait_until(lambda: terminal.kapelle("jobs", "list").code == 0, what="the hub")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert terminal.kapelle("jobs", "list").code == 3
    started = terminal.kapelle(*start)
    assert started.code == 0, started
    assert terminal.kapelle("jobs", "list").code == 0
    assert terminal.kapelle("stop", "--hub").code == 0
