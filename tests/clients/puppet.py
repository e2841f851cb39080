# SPDX-License-Identifier: MIT OR Apache-2.0
"""An SDK client as a process that does what a test says: one JSON object a line, both ways.

A test sends `{"id", "do", …}` and gets `{"id", "result"}` or `{"id", "error": {"kind", "code", "message", "data"}}`;
several may be under way. In between come events: `hello` (connected; version, era, server, capabilities), `refused`,
`progress` (with the id of its call), `elicit` (the person is asked), `updated` (a watched resource), `task`, `trouble`.

| do | with |
|---|---|
| `tools`, `resources`, `templates`, `prompts` | |
| `call` | `name`, `arguments`, `progress` (wants progress), `timeout_ms` |
| `cancel` | `call`: the id of a call under way |
| `answer` | `reply`: how the person answers from now on, as an elicitation's result |
| `read`, `watch` | `uri` |
| `prompt` | `name`, `arguments` |
| `close` | |
"""

import json
import os
import queue
import signal
import subprocess
import threading

# Of one answer; a start of an app is far below.
ANSWER_S = 90.0
CLOSE_S = 20.0


class Line:
    """One client on one way: which SDK, which mode of its, over what."""

    def __init__(self, sdk, mode, transport):
        self.sdk = sdk
        self.mode = mode
        self.transport = transport
        self.is_node = sdk.startswith("ts")
        self.major = 1 if sdk.endswith("old") else 2
        self.script = sdk + (".mjs" if self.is_node else ".py")
        self.era = "legacy" if mode == "legacy" else "modern"
        self.key = "%s-%s-%s" % (sdk, mode, transport)


class Refused(Exception):
    """An error that the client's library raised; `error` is what the puppet told of it."""

    def __init__(self, error):
        super().__init__(json.dumps(error))
        self.error = error


class Puppet:
    def __init__(self, line, command, config, environment):
        self.line = line
        self.events = []
        self._answers = {}
        self._news = queue.Queue()
        self._next = 0
        self.process = subprocess.Popen(
            [*command, json.dumps(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**environment, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
            text=True,
        )
        self.complaints = []
        threading.Thread(target=self._listen, daemon=True).start()
        threading.Thread(target=self._hear_complaints, daemon=True).start()
        self.hello = self.event("hello")["params"]

    def do(self, verb, timeout_s=ANSWER_S, **words):
        """Does it, and gives the result."""
        return self.answer(self.send(verb, **words), timeout_s)

    def call(self, name, arguments=None, **words):
        """Calls a tool and waits for its result."""
        return self.do("call", name=name, arguments=arguments or {}, **words)

    def send(self, verb, **words):
        """Begins it; `answer(id)` waits."""
        self._next += 1
        self._say({"id": self._next, "do": verb, **words})
        return self._next

    def answer(self, asked, timeout_s=ANSWER_S):
        while asked not in self._answers:
            self._take(timeout_s, "the answer to %d" % asked)
        told = self._answers.pop(asked)
        if "error" in told:
            raise Refused(told["error"])
        return told["result"]

    def event(self, kind, timeout_s=ANSWER_S, **fields):
        """The next event of that kind with these fields; earlier ones are passed by."""
        while True:
            for at, event in enumerate(self.events):
                if event["event"] == kind and all(event.get(name) == value for name, value in fields.items()):
                    del self.events[: at + 1]
                    return event
            self.events.clear()
            self._take(timeout_s, "the event %s" % kind)

    def heard(self, kind, **fields):
        """All events of that kind that came so far and were not taken."""
        while not self._news.empty():
            self._take(0.1, kind)
        return [
            event
            for event in self.events
            if event["event"] == kind and all(event.get(name) == value for name, value in fields.items())
        ]

    def person(self, action, **content):
        """From now on the person answers like that."""
        reply = {"action": action, **({"content": content} if action == "accept" else {})}
        self.do("answer", reply=reply)

    def close(self):
        """Ends the client as a client ends; kills what is left."""
        if self.process.poll() is None:
            try:
                self._say({"id": -1, "do": "close"})
                self.process.wait(CLOSE_S)
            except (subprocess.TimeoutExpired, BrokenPipeError):
                pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        return self.process.wait()

    def _say(self, what):
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()

    def _take(self, timeout_s, what):
        try:
            told = self._news.get(timeout=timeout_s)
        except queue.Empty:
            raise AssertionError("%s: %s did not come\n%s" % (self.line.key, what, self._stderr())) from None
        if told is None:
            self._news.put(None)
            raise AssertionError("%s ended before %s\n%s" % (self.line.key, what, self._stderr()))
        if "event" not in told:
            self._answers[told["id"]] = told
        elif told["event"] == "refused":
            raise Refused(told["params"])
        else:
            self.events.append(told)

    def _listen(self):
        for line in self.process.stdout:
            self._news.put(json.loads(line))
        self._news.put(None)

    def _hear_complaints(self):
        for line in self.process.stderr:
            self.complaints.append(line)

    def _stderr(self):
        return "".join(self.complaints[-40:])
