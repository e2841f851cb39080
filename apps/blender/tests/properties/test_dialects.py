# SPDX-License-Identifier: MIT OR Apache-2.0
"""The direct mode: three framings and three dialects, split and joined anywhere, and clients that are nearly right."""

import json
from types import SimpleNamespace

from bridgekit import dialects, direct, outcome
from bridgekit.frames import FrameError
from bridgekit.objects import ObjectReader
from bridgekit.problem import Problem
from hypothesis import given
from hypothesis import strategies as st
from shapes import cut, json_objects, json_values, keyed, texts

ENDS = (b"", b"\0", b"\n")
MEMBERS = ("code", "code_is_base64", "return_as_base64", "timeout", "execution_mode", "capture_output", "progress", "job_id", "filepath", "max_size", "name")  # fmt: skip
names = st.one_of(st.sampled_from(["execute_code", "ping", "get_job_status", "get_job_result", "cancel_job", "server_shutdown", "get_scene_info", "nothing"]), json_values)  # fmt: skip
params = st.one_of(keyed(MEMBERS), json_values)
requests = st.one_of(
    st.fixed_dictionaries({"type": names}, optional={"params": params, "id": json_values}),
    st.fixed_dictionaries({"action": names}, optional={"params": params, "id": json_values}),
    st.fixed_dictionaries({"type": st.just("execute")}, optional={"code": json_values, "strict_json": json_values}),
    json_objects,
)


@given(st.data(), st.lists(json_objects, min_size=1, max_size=4), st.sampled_from(ENDS), st.booleans())
def test_objects_come_out_however_they_are_framed_and_split(data, told, end, ascii_only):
    stream = b"".join(json.dumps(one, ensure_ascii=ascii_only).encode("utf-8") + end for one in told)
    reader, found = ObjectReader(), []
    for piece in data.draw(cut(stream)):
        found += reader.feed(piece)
    assert [json.dumps(json.loads(one)) for one in found] == [json.dumps(one) for one in told]
    assert reader.terminator == end


@given(st.data(), st.one_of(st.binary(max_size=100), st.builds(lambda text: b"{" + text.encode(), texts)))
def test_other_bytes_end_the_stream_or_wait(data, stream):
    reader = ObjectReader()
    try:
        for piece in data.draw(cut(stream)):
            for one in reader.feed(piece):
                assert one[:1] == b"{" and one[-1:] == b"}"
    except FrameError as error:
        assert error.kind == "object"


@given(st.one_of(st.binary(max_size=100), st.builds(lambda one: json.dumps(one).encode(), requests)))
def test_any_object_is_a_request_or_refused(data):
    if not data.startswith(b"{"):
        data = b"{" + data
    try:
        request = dialects.read(data)
    except Problem as problem:
        assert problem.to_dict()["message"]
        return
    assert request.dialect in ("typed", "action", "execute") and isinstance(request.params, dict)


class Executor:
    """Ends every call at once, with a value of the test's."""

    def __init__(self, value):
        self.value = value

    def submit(self, call):
        call.started_at = 0.0
        call.port.settle(call, outcome.build(call, "succeeded", self.value, None, 1.0))

    def cancel(self, call_id, reason="cancelled"):
        return False


def answered(listener, data):
    """What a connection writes for this request."""
    said = []
    sock = SimpleNamespace(sendall=said.append, settimeout=lambda seconds: None)
    connection = direct._Connection(listener, sock)
    connection._answer(data)
    return [json.loads(one) for one in said]


@given(st.lists(requests, min_size=1, max_size=3), json_values)
def test_every_request_has_one_answer_and_the_connection_goes_on(asked, value):
    commands = {"get_scene_info": lambda told: ("scene.get", told, lambda value: value)}
    listener = direct.Listener(Executor(value), commands)
    for one in asked:
        answers = answered(listener, json.dumps(one).encode())
        assert len(answers) == 1, answers
        assert answers[0]["status"] in ("success", "ok", "error", "timeout"), answers
        assert answers[0].get("code") != "internal" and answers[0].get("error_type") != "internal", answers
