# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a hint in the terminal advises is typed as it stands: every `kapelle …` in it, and every option for the same verb.

In: verbs that are refused, each for another reason. Out of each, its hint; what that says to type is run against the
same hub and Blender. It may have nothing to do there; it must not be refused for its words.
"""

import json
import re
import shlex

import pytest

pytestmark = pytest.mark.one_blender

ENDLESS = "while True: pass"
# What a wrong command line is told by, whatever the exit code.
WORDS = ("unexpected argument", "unrecognized subcommand", "invalid value", "There is no verb", "required arguments")
# They stay, or change more than a test may: only their words are looked at.
STAYS = {"serve", "demo", "install", "uninstall", "watch", "debug", "mcp", "dashboard", "doctor"}
# What stands for something in a hint, and what stands for it here.
GAPS = {"PATH": "/usr/bin/blender", "NAME": "blender", "APP": "blender", "PORT": "1", "FILE": "x", "CALL_ID": "call_1"}
REFUSED = [
    ["code", "blender", "-c", "nonsense"],
    ["code", "blender", "-c", "bpy.ops.wm.quit_blender()"],
    ["code", "blender", "-c", ENDLESS, "-t", "0.2"],
    ["code", "blender", "-c", "1", "-i", "nobody"],
    ["code", "blender", "/nowhere/script.py"],
    ["run", "blender", "object.creat"],
    ["run", "blender", "object.create", "kind=cub"],
    ["run", "blender", "object.create", "kind=cube", "nmae=x"],
    ["run", "blender", "object.create", "kind"],
    ["run", "blender", "object.list", "--args", "[1]"],
    ["run", "blendr", "object.list"],
    ["run", "blender", "object.get", "name=Cub"],
    ["run", "blender", "object.list", "--revision", "123456"],
    ["run", "blender", "object.list", "--priority", "3"],
    ["run", "blender", "object.list", "--select", "version=1.0"],
    ["run", "blender", "object.list", "-i", "*", "--job"],
    ["run", "blender", "file.open", "path=/nowhere/at/all.blend"],
    ["describe", "blender", "object.creat"],
    ["commands", "blendr"],
    ["state", "nobody"],
    ["stop", "nobody"],
    ["start", "blendr"],
    ["start", "blender", "--gui"],
    ["start", "blender", "--name", "a b"],
    ["history", "call_nobody"],
    ["revert", "call_nobody"],
    ["undo", "250"],
    ["redo", "250"],
    ["cancel", "call_nobody"],
    ["jobs", "show", "call_nobody"],
    ["jobs", "retry", "call_nobody"],
    ["jobs", "edit", "call_nobody", "--priority", "9"],
    ["jobs", "list", "--status", "asleep"],
    ["blob", "get", "sha256:00000000"],
    ["token", "revoke", "nobody"],
    ["token", "create", "a b", "--scope", "read"],
    ["recover", "nobody"],
    ["batch", "/nowhere/calls.json"],
    ["render", "/nowhere/shot.blend"],
    ["adopt", "1"],
    ["watch", "--topics", "weather"],
]


def hints(document):
    """Every hint in a document."""
    if isinstance(document, dict):
        own = [document["hint"]] if isinstance(document.get("hint"), str) else []
        return own + [hint for value in document.values() for hint in hints(value)]
    if isinstance(document, list):
        return [hint for value in document for hint in hints(value)]
    return []


def verbs(hint):
    """What the hint says to type, as lists of words without `kapelle`; gaps are filled."""
    found = re.findall(r"`kapelle ([^`]+)`", hint)
    plain = re.sub(r"`[^`]*`", " ", hint)
    found += re.findall(r"\bkapelle ((?:[^\s;,()'\"]|'[^']*'|(?<=\w) |(?<=') )+)", plain)
    for text in found:
        # A sentence may go on behind what is to be typed.
        text = re.split(r"\. |\.$| (?:to|shows|lists|says|and|or|if|which) ", text.strip())[0]
        words = [GAPS.get(word, word) for word in shlex.split(text) if word != "…"]
        if words:
            yield words


def options(hint):
    """Options that the hint names for the verb itself, with what stands behind them."""
    plain = re.sub(r"\bkapelle [^;,.)]*", " ", hint.replace("`", ""))
    for option, value in re.findall(r"(?<![\w-])(--?[a-z][a-z-]*)(?: (\w[\w.-]*))?", plain):
        yield [option] + ([GAPS.get(value, value)] if value else [])


def wrong(done):
    return done.code == 2 and any(sign in done.out + done.err for sign in WORDS)


def test_every_hint_can_be_typed(stage):
    stage.environment.pop("DISPLAY", None)
    stage.environment.pop("WAYLAND_DISPLAY", None)
    typed = {}
    silent = []
    for words in REFUSED:
        done = stage.kapelle(*words, "--json")
        assert done.code != 0, done
        told = hints(json.loads(done.out))
        if not told:
            silent.append(words)
        for hint in told:
            for verb in verbs(hint):
                if tuple(verb) in typed:
                    continue
                tried = verb + ["--help"] if verb[0] in STAYS or "--hub" in verb else verb
                typed[tuple(verb)] = again = stage.kapelle(*tried)
                assert not wrong(again), (words, hint, again)
            for option in options(hint):
                # With a value that means something for it, or with none: a word of the sentence is no value.
                tries = [stage.kapelle(*words, *option), stage.kapelle(*words, option[0])]
                typed[tuple(option)] = tries[0]
                assert not all(wrong(one) for one in tries), (words, hint, tries)
    assert len(typed) >= 12, sorted(typed)
    assert not silent, "a refusal without a next step: %s" % silent
