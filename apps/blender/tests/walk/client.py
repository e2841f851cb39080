# SPDX-License-Identifier: MIT OR Apache-2.0
"""A caller over HTTP, as a script would be: plain `http.client`, one connection per request.

In: a base address and a token. Out: answers as they came. It repairs and retries nothing.
"""

import http.client
import json
import time
from urllib.parse import urlsplit

# A render or a start on a busy machine; nothing here should come near it.
ANSWER_S = 150.0


class Answer:
    """What came back: `status`, `headers`, `body`."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)

    def problem(self, status, code):
        """The problem of a request of which nothing ran, after it was found to be whole."""
        assert self.status == status, (self.status, self.body[:2000])
        assert self.headers["content-type"] == "application/problem+json", self.headers
        told = self.json
        assert told["code"] == code, told
        assert told["status"] == status
        assert told["type"] == "about:blank"
        assert told["title"]
        assert told["detail"] == told["message"] != ""
        assert told["severity"] in ("info", "warning", "error", "critical", "bug")
        assert isinstance(told["retryable"], bool)
        return told


class Client:
    """One caller. `token` None sends none."""

    def __init__(self, url, token):
        self.url = url
        self.token = token
        self.address = urlsplit(url).netloc

    def request(self, method, path, body=None, headers=None, timeout_s=ANSWER_S):
        """One request; `body` is bytes as they are, or something that becomes JSON."""
        connection, response = self._open(method, path, body, headers, timeout_s)
        try:
            return Answer(response)
        finally:
            connection.close()

    def get(self, path, **more):
        """The JSON of a GET that must answer 200."""
        answer = self.request("GET", path, **more)
        assert answer.status == 200, (path, answer.status, answer.body[:2000])
        return answer.json

    def ask(self, command, args=None, headers=None, timeout_s=ANSWER_S, app="blender", **fields):
        """POST /v1/calls."""
        body = dict({"app": app, "command": command, "args": args or {}}, **fields)
        return self.request("POST", "/v1/calls", body, headers, timeout_s)

    def call(self, command, args=None, **fields):
        """The outcome of a call that must have run, however it ended."""
        answer = self.ask(command, args, **fields)
        assert answer.status == 200, (answer.status, answer.body[:4000])
        return answer.json

    def run(self, command, instance=None, **args):
        """The value of a call that must succeed."""
        outcome = self.call(command, args, instance=instance)
        assert outcome["status"] == "succeeded", outcome
        return outcome["value"]

    def code(self, source, args=None, **fields):
        """The outcome of code.run."""
        return self.call("code.run", dict({"code": source}, **(args or {})), **fields)

    def eval(self, source, **fields):
        """The value of code that must succeed."""
        outcome = self.code(source, **fields)
        assert outcome["status"] == "succeeded", outcome
        return outcome["value"]

    def send(self, source, **fields):
        """Code that is not waited for; its call id."""
        answer = self.ask("code.run", {"code": source}, wait=False, **fields)
        assert answer.status == 202, (answer.status, answer.body)
        assert answer.json["status"] in ("queued", "running")
        return answer.json["call_id"]

    def look(self, call_id):
        """A call as it stands."""
        return self.get("/v1/calls/" + call_id)

    def end(self, call_id, seconds=60.0):
        """A call after its end."""
        until = time.monotonic() + seconds
        while True:
            left = max(0.0, until - time.monotonic())
            call = self.get("/v1/calls/%s?wait_ms=%d" % (call_id, min(left, 30.0) * 1000))
            if is_end(call["status"]):
                return call
            assert left > 0, "the call has not ended: %r" % call

    def cancel(self, call_id):
        answer = self.request("DELETE", "/v1/calls/" + call_id)
        assert answer.status == 200, answer.body
        return answer.json

    def instance(self, name):
        return self.get("/v1/instances/" + name)

    def events(self, method, path, body=None, timeout_s=ANSWER_S):
        """Yields (event, data, time) as they come; ends with the stream."""
        connection, response = self._open(method, path, body, {"Accept": "text/event-stream"}, timeout_s)
        try:
            assert response.status == 200, (response.status, response.read()[:2000])
            assert response.headers["content-type"].startswith("text/event-stream")
            name, data = None, []
            for raw in response:
                line = raw.decode("utf-8").rstrip("\r\n")
                if line.startswith("event:"):
                    name = line[6:].strip()
                elif line.startswith("data:"):
                    data.append(line[5:].strip())
                elif not line and data:
                    yield name, json.loads("\n".join(data)), time.monotonic()
                    name, data = None, []
        finally:
            connection.close()

    def follow(self, source, **fields):
        """The events of code that is run now."""
        body = dict({"app": "blender", "command": "code.run", "args": {"code": source}}, **fields)
        return self.events("POST", "/v1/calls", body)

    def _open(self, method, path, body, headers, timeout_s):
        told = {}
        if self.token is not None:
            told["Authorization"] = "Bearer " + self.token
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            told["Content-Type"] = "application/json"
        told.update(headers or {})
        connection = http.client.HTTPConnection(self.address, timeout=timeout_s)
        try:
            connection.request(method, path, body, told)
            return connection, connection.getresponse()
        except BaseException:
            connection.close()
            raise


def is_end(status):
    return status not in ("queued", "running")
