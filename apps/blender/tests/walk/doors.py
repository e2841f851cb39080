# SPDX-License-Identifier: MIT OR Apache-2.0
"""The three doors as those who read hints use them: each asks, hears hints, and does what a hint says.

In: a hub, and questions: a `Call` for any door, or the words, the request or the tool of one. Out: what was told: was
it refused for its form, the message, the hints. How hints are read is advice.py's.
"""

import copy
import json
import re
from collections import namedtuple

from advice import HTTP, MCP, TERMINAL
from client import Client
from hubs import Terminal
from mcp import Mcp

# form: whether it was refused for how it was asked. message: why it went wrong, or None.
Told = namedtuple("Told", "form message hints whole")
Lines = namedtuple("Lines", "words")
Request = namedtuple("Request", "method path body headers", defaults=(None, None))
Tool = namedtuple("Tool", "name args")

FORM_STATUS = (400, 404, 405, 413, 415, 422)
FORM_CODES = "arguments_invalid body_malformed command_unknown app_unknown instance_unknown call_unknown not_supported"
FLAGS = {"timeout_ms": "-t", "instance": "-i", "priority": "--priority", "revision": "--revision", "wait": "--no-wait"}
FLAGS.update(durable="--job", idempotency_key="--key", after="--after", deadline="--deadline", confirm="--yes")


class Call:
    """A call that each door asks in its own words."""

    def __init__(self, command, args=None, **fields):
        self.command, self.args, self.fields = command, args or {}, fields

    def body(self):
        return dict({"app": "blender", "command": self.command, "args": self.args}, **self.fields)

    def words(self):
        fields = dict(self.fields)
        words = ["run", fields.pop("app", "blender"), self.command]
        words += ["%s=%s" % (key, _plain(value)) for key, value in self.args.items()]
        if self.command == "code.run":
            words = ["code", "blender", "-c", self.args["code"]]
        for name, value in fields.items():
            if name == "select":
                words += ["--select", ",".join("%s=%s" % one for one in value.items())]
            elif name == "timeout_ms":
                words += ["-t", "%g" % (value / 1000)]
            else:
                value = ",".join(value) if isinstance(value, list) else value
                words += [FLAGS[name]] + ([] if value in (True, False) else [str(value)])
        return words


def _plain(value):
    return value if isinstance(value, str) else json.dumps(value)


def put_in(question, wrong, right):
    """The question with another word."""
    if isinstance(question, Call):
        fields = put_in(question.fields, wrong, right)
        return Call(put_in(question.command, wrong, right), put_in(question.args, wrong, right), **fields)
    if isinstance(question, str):
        return question.replace(wrong, right) if wrong in question else question
    if isinstance(question, (list, tuple)):
        made = [put_in(one, wrong, right) for one in question]
        return type(question)(*made) if hasattr(question, "_fields") else made
    if isinstance(question, dict):
        return {put_in(key, wrong, right): put_in(value, wrong, right) for key, value in question.items()}
    return question


class AtTerminal:
    name = TERMINAL

    def __init__(self, hub, tokens):
        self.hub = hub
        self.others = {}
        for name, token in tokens.items():
            told = {"KAPELLE_URL": hub.url, "KAPELLE_TOKEN": token}
            self.others[name] = Terminal(hub.binary, hub.home, dict(hub.environment, **told))

    def own(self, question):
        return Lines(question.words()) if isinstance(question, Call) else question

    def ask(self, question, by=None):
        done = self.others.get(by, self.hub).kapelle(*question.words)
        hints = re.findall(r"^(?:hint|warning): (.*)$", done.err, re.M) + re.findall(r"^hint: (.*)$", done.out, re.M)
        # The status says beside: "no instance is running; start one: kapelle start blender".
        if done.words == ["status"]:
            hints += re.findall(r"^.*: kapelle .*$", done.out, re.M)
        wrong = re.search(r"^error: (.*)$", done.err, re.M)
        return Told(done.code == 2, wrong and wrong[1], hints, done)

    def again(self, question, step):
        """The question in other words, as the step says."""
        words = list(question.words)
        flag = step.what[0] if step.kind == "option" else step.what
        if step.kind in ("option", "drop") and flag in words:
            at = words.index(flag)
            del words[at : at + 1 + (at + 1 < len(words) and not words[at + 1].startswith("-"))]
        if step.kind == "option":
            words += step.what + (["--no-wait"] if flag == "--job" else [])
        told = dict([step.what]) if step.kind == "choice" else step.what if step.kind == "argument" else {}
        for key, value in told.items():
            words = [word for word in words if not word.startswith(key + "=")] + ["%s=%s" % (key, _plain(value))]
        return Lines(words)


class OverHttp:
    name = HTTP

    def __init__(self, hub, tokens):
        self.hub = hub
        self.others = {name: Client(hub.url, token) for name, token in tokens.items()}

    def own(self, question):
        return Request("POST", "/v1/calls", question.body()) if isinstance(question, Call) else question

    def ask(self, question, by=None):
        answer = self.others.get(by, self.hub.http).request(*question)
        try:
            document = answer.json
        except ValueError:
            document = None
        hints, messages = [], []
        _look(document, hints, messages)
        whole = (question, answer.status, answer.body[:1500])
        return Told(answer.status in FORM_STATUS, messages[0] if messages else None, hints, whole)

    def again(self, question, step):
        body = copy.deepcopy(question.body)
        if step.kind == "query":
            return question._replace(path=question.path.partition("?")[0] + "?" + step.what)
        if step.kind == "header":
            return question._replace(headers=dict(question.headers or {}, **step.what))
        return question._replace(body=_changed(body, step))


class OverMcp:
    name = MCP

    def __init__(self, hub, tokens):
        self.own_session = Mcp(hub.http)
        self.others = {name: Mcp(Client(hub.url, token)) for name, token in tokens.items()}
        self.names = [tool["name"] for tool in self.own_session.tools()]

    def own(self, question):
        if not isinstance(question, Call):
            return question
        body = {key: value for key, value in question.body().items() if key != "app" or value != "blender"}
        return Tool("code", body["args"]) if question.command == "code.run" and len(body) == 2 else Tool("run", body)

    def ask(self, question, by=None):
        asked = {"name": question.name, "arguments": question.args}
        told = self.others.get(by, self.own_session).rpc("tools/call", asked)
        if "result" not in told:
            return Told(True, told["error"]["message"], [], (question, told))
        text = "\n".join(one.get("text", "") for one in told["result"]["content"])
        wrong = re.match(r"([a-z_]+): (.*)", text) if told["result"].get("isError") else None
        hints = re.findall(r"^Next: ((?:.|\n)*?)\s*(?=^== |\Z)", text, re.M)
        return Told(bool(wrong) and wrong[1] in FORM_CODES, wrong and wrong[2], hints, (question, text[:1500]))

    def again(self, question, step):
        args = copy.deepcopy(question.args)
        return question._replace(args=_changed(args, step))


def _changed(body, step):
    """The members of a call, as a step says."""
    if step.kind == "drop":
        body.pop(step.what, None)
    elif step.kind == "member":
        body.update(step.what)
        if "durable" in step.what and "wait" in body:
            body["wait"] = False
    elif step.kind == "argument":
        body.setdefault("args", {}).update(step.what)
    elif step.kind == "choice":
        *way, last = [int(one) if one.isdigit() else one for one in step.what[0].split(".")]
        inside = body["args"] if "command" in body and last not in body else body
        for one in way:
            inside = inside[one]
        inside[last] = step.what[1]
    return body


def _look(document, hints, messages):
    if isinstance(document, dict):
        if isinstance(document.get("hint"), str):
            hints.append(document["hint"])
        if "code" in document and isinstance(document.get("message"), str):
            messages.append(document["message"])
        for value in document.values():
            _look(value, hints, messages)
    elif isinstance(document, list):
        for value in document:
            _look(value, hints, messages)
