# SPDX-License-Identifier: MIT OR Apache-2.0
"""What happens when somebody does what one should not: each case in a few words, as seen from outside.

In: contestants. Out: {id: {case: sentence}}. After each case a new client asks whether Blender still answers; one that
does not is started anew for the next case. Nothing here is timed, so the contestants go side by side.
"""

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor

from contestants import WINDOW
from places import say
from rounds import PROBLEMS, _said
from wires import FrugalLine, Http, Line

# How long a hostile call is waited for, and the next client after it.
CALL_S, NEXT_S = 8.0, 8.0
# A Blender that ends takes a moment.
ENDING_S = 3.0
# A loop that nobody would wait for. Kapelle's call carries the limit that its caller may give; the others have none.
LOOP = "while True: pass"
HUGE = "print('x' * 200_000_000)"
TOUCH = "import bpy; bpy.data.scenes[0].name = 'Taken'; print(1+1)"

CASES = (
    ("endless loop", lambda one: _code(one, LOOP)),
    ("sys.exit(3)", lambda one: _code(one, "import sys; sys.exit(3)")),
    ("raise SystemExit(0)", lambda one: _code(one, "raise SystemExit(0)")),
    ("wm.quit_blender()", lambda one: _code(one, "import bpy; bpy.ops.wm.quit_blender(); print(1+1)")),
    ("UTF-8 split between two packets", lambda one: _split(one)),
    ("200 MB of output", lambda one: _code(one, HUGE, 30.0, brief=True)),
    ("client gone in the middle of a call", lambda one: _gone(one)),
    ("a web page posts to its port", lambda one: _browser(one)),
)


def measure(known, end):
    """`end`: monotonic seconds after which no case is begun."""
    wanted = [one for one in known if not one.is_floor and (one.mode == WINDOW or not _has_window(one, known))]
    say("hostile cases of %s" % ", ".join(one.id for one in wanted))
    with ThreadPoolExecutor(3) as pool:
        return {one.id: told for one, told in zip(wanted, pool.map(lambda one: _all_of(one, end), wanted), strict=True)}


def _has_window(one, known):
    return any(other.name == one.name and other.mode == WINDOW for other in known)


def _all_of(one, end):
    told = {}
    for name, run in CASES:
        if time.monotonic() > end:
            told[name] = "not tried: the time was up"
            continue
        try:
            if not _answers(one):
                one.close()
                one.start()
            told[name] = run(one) + ". " + _after(one)
        except PROBLEMS as error:
            told[name] = "could not be tried: " + _said(error)
        say("  %s, %s: %s" % (one.id, name, told[name]))
    one.close()
    return told


def _answers(one, seconds=NEXT_S):
    if one.environment is None or one.wire is None or not one.is_alive():
        return False
    try:
        with Line(one.wire, seconds) as line:
            return line.run("print(1+1)")[1].strip().endswith("2")
    except PROBLEMS:
        return False


def _after(one):
    """What the next client finds."""
    start = time.monotonic()
    if _answers(one):
        took = time.monotonic() - start
        return "The next client is served" + (" after %.0f s" % took if took > 1.5 else "")
    end = time.monotonic() + ENDING_S
    while one.is_alive() and time.monotonic() < end:
        time.sleep(0.1)
    if one.is_alive():
        return "The next client gets no answer within %g s" % NEXT_S
    again = _again(one)
    return "Blender is gone" + again


def _again(one):
    """Kapelle starts an instance again that died and that it had started itself."""
    try:
        with Line(one.wire, 5.0) as line:
            told = line.ask(one.wire.status())
    except PROBLEMS:
        return ""
    if not isinstance(one.wire, Http) or b'"instances"' not in told:
        return ""
    return "; the hub still answers and says so"


def _code(one, code, seconds=CALL_S, brief=False):
    start = time.monotonic()
    try:
        with Line(_limited(one.wire), seconds) as line:
            printed = line.run(code)[1]
    except PROBLEMS as error:
        took = time.monotonic() - start
        if isinstance(error, (TimeoutError, socket.timeout)):
            return "No answer within %g s" % seconds
        if _is_end(error):
            return "The connection ends without an answer"
        return "Answered in %.1f s: %s" % (took, _line(_said(error)))
    took = time.monotonic() - start
    if brief:
        return "Answered in %.1f s with %.1f MB of it" % (took, len(printed) / 1e6)
    return "Answered as a success in %.1f s: %s" % (took, _line(printed) or "(nothing)")


def _limited(wire):
    """Kapelle's callers may say how long a call may take; here as long as a person would wait."""
    if not isinstance(wire, Http) or not hasattr(wire, "limited"):
        return wire
    return wire.limited(5000)


def _is_end(error):
    return isinstance(error, OSError) or type(error).__name__ == "Gone"


def _line(text):
    words = " ".join(text.split()).rstrip(".")
    return words[:110] + ("…" if len(words) > 110 else "")


def _split(one):
    """A request whose ü is cut in two, with a pause between. Unescaped, as some clients write it."""
    request = one.wire.request("print('gr\u00fc\u00dfe')")
    raw = request.replace(b"\\u00fc", "\u00fc".encode()).replace(b"\\u00df", "\u00df".encode())
    if isinstance(one.wire, Http):
        head, _, body = raw.partition(b"\r\n\r\n")
        lines = [one for one in head.split(b"\r\n") if not one.lower().startswith(b"content-length")]
        raw = b"\r\n".join(lines) + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    at = raw.index("\u00fc".encode()) + 1
    try:
        with socket.create_connection(("127.0.0.1", one.wire.port), CALL_S) as sock:
            sock.sendall(raw[:at])
            time.sleep(0.3)
            sock.sendall(raw[at:])
            data = bytearray()
            while not one.wire.is_whole(data):
                more = sock.recv(1 << 16)
                if not more:
                    return "The connection is closed without an answer"
                data += more
        printed = one.wire.printed(data)
    except TimeoutError:
        return "No answer within %g s" % CALL_S
    except PROBLEMS as error:
        return "An error: " + _line(_said(error))
    return "Answered rightly" if "gr\u00fc\u00dfe" in printed else "Answered wrongly: %r" % printed[:60]


def _gone(one):
    """The client leaves in the middle; whether its code ran to its end is asked of the scene."""
    code = "import bpy, time; time.sleep(1.0); bpy.data.scenes[0]['gone'] = 'ran'; print('gone')"
    with socket.create_connection(("127.0.0.1", one.wire.port), CALL_S) as sock:
        sock.sendall(one.wire.request(code))
        time.sleep(0.3)
    time.sleep(1.5)
    with Line(one.wire, NEXT_S) as line:
        ran = line.run("import bpy; print(bpy.data.scenes[0].get('gone'))")[1].strip() == "ran"
    if not ran:
        return "Its code did not run to the end"
    return "Its code ran to the end; its outcome " + ("can be asked for" if _is_kept(one) else "is lost")


def _is_kept(one):
    """Whether a caller who comes back can learn the outcome."""
    if not hasattr(one.wire, "calls"):
        return False
    with Line(one.wire, NEXT_S) as line:
        told = json.loads(one.wire.body(line.ask(one.wire.calls()))[1])["calls"]
    return any(call["status"] == "succeeded" and "gone" in call["output"]["stdout"] for call in told[:4])


def _browser(one):
    """What a page can send without being asked: a POST of text/plain, with the command in its body, in lines too."""
    wire = one.wire
    if isinstance(wire, FrugalLine):
        body = json.dumps({"id": "page", "method": "execute", "params": {"steps": [{"op": "python", "code": TOUCH}]}})
    elif isinstance(wire, Http):
        body = bytes(wire.request(TOUCH)).partition(b"\r\n\r\n")[2].decode()
    else:
        body = wire.request(TOUCH).decode()
    lines = "%s\n%s\n" % (body, body)
    text = lines if not isinstance(wire, Http) else body
    path = getattr(wire, "_path", "/v1/calls")
    head = (
        "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nOrigin: https://example.org\r\nReferer: https://example.org/\r\n"
        "Content-Type: text/plain\r\nAccept: */*\r\nContent-Length: %d\r\n\r\n"
    ) % (path, wire.port, len(text))
    told = b""
    try:
        with socket.create_connection(("127.0.0.1", wire.port), 3.0) as sock:
            sock.sendall((head + text).encode())
            told = sock.recv(4096)
    except OSError:
        pass
    with Line(wire, NEXT_S) as line:
        name = line.run("import bpy; print(bpy.data.scenes[0].name)")[1]
    said = told.splitlines()[0].decode("latin-1")[:60] if told else "silence"
    ran = "THE CODE RAN" if "Taken" in name else "Nothing ran"
    return "%s (answer: %s)" % (ran, said)
