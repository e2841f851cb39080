# SPDX-License-Identifier: MIT OR Apache-2.0
"""Bytes of the bridge protocol, without I/O: an incremental decoder and an encoder.

In come bytes as they arrive, in any pieces; out come messages (dicts with a `t`) and `Piece`s of blobs,
or one `FrameError`, after which the stream is of no use: it is never resynchronised. What a message
means is not known here. The format is in docs/reference/bridge-protocol.md; tests/vectors.json holds
the vectors that the Rust side reads too.
"""

import codecs
import json
import struct

# Longest payload, in bytes: one message is held in memory on both sides; larger things are blobs.
FRAME_BYTES_MAX = 64 * 1024 * 1024
# Longest raw part of a blob piece, in bytes, so that a beat passes between two pieces in time.
PIECE_BYTES_MAX = 8 * 1024 * 1024

_LENGTH = struct.Struct(">I")
_HEAD_LENGTH = struct.Struct(">H")
_BLOB_MARK = 0x01
_BRACE = 0x7B
_HTTP_STARTS = (b"GET ", b"POST", b"PUT ", b"HEAD", b"OPTI", b"DELE", b"PATC", b"HTTP")


class FrameError(Exception):
    """What was wrong with the bytes. `kind` is one of http, bare_json, too_long, empty, unknown,
    not_json, no_type, piece, hash."""

    def __init__(self, kind, message):
        Exception.__init__(self, message)
        self.kind = kind


class Piece:
    """A piece of a blob: `blob` is its hash, `offset` and `total` are bytes, `data` the raw bytes."""

    __slots__ = ("blob", "offset", "total", "data")

    def __init__(self, blob, offset, total, data):
        self.blob = blob
        self.offset = offset
        self.total = total
        self.data = data


class Decoder:
    """Takes bytes in any pieces and gives whole frames."""

    def __init__(self):
        self._rest = bytearray()

    def feed(self, data):
        """Yields the messages and pieces that `data` completes. Raises FrameError, after those before it."""
        rest = self._rest
        if rest:
            rest += data
            data = rest
        at, size = 0, len(data)
        while size - at >= 4:
            length = _LENGTH.unpack_from(data, at)[0]
            end = at + 4 + length
            if length > FRAME_BYTES_MAX or not length:
                raise _bad_length(length, bytes(data[at : at + 4]))
            if size > at + 4 and data[at + 4] not in (_BRACE, _BLOB_MARK):
                raise FrameError("unknown", "the payload is neither a JSON object nor a blob piece")
            if end > size:
                break
            yield _payload(bytes(data[at + 4 : end]))
            at = end
        if data is rest:
            del rest[:at]
        elif at < size:
            rest += data[at:]
        if 0 < len(rest) < 4:
            _check_start(bytes(rest))

    def is_mid_frame(self):
        """Whether bytes of an unfinished frame wait."""
        return bool(self._rest)


def encode(message):
    """One message as a frame, in bytes. Raises FrameError `too_long`, ValueError for what is no JSON."""
    payload = to_json(message)
    if len(payload) > FRAME_BYTES_MAX:
        raise FrameError("too_long", f"a message of {len(payload)} bytes is over the limit of a frame")
    return _LENGTH.pack(len(payload)) + payload


def to_json(value):
    """JSON in UTF-8 without white space; halves of surrogate pairs become U+FFFD, since no reader takes them."""
    return _to_text(value).encode("utf-8", "kapelle.safe")


def pieces(blob, data):
    """Yields (head, view) for each piece of a blob; sent one after the other they are one frame."""
    view = memoryview(data)
    total = len(view)
    for offset in range(0, max(total, 1), PIECE_BYTES_MAX):
        part = view[offset : offset + PIECE_BYTES_MAX]
        head = to_json({"blob": blob, "offset": offset, "total": total})
        front = bytes([_BLOB_MARK]) + _HEAD_LENGTH.pack(len(head)) + head
        yield _LENGTH.pack(len(front) + len(part)) + front, part


def _bad_length(length, start):
    try:
        _check_start(start)
    except FrameError as error:
        return error
    if not length:
        return FrameError("empty", "an empty frame has no meaning")
    message = "a frame of %d bytes exceeds the limit of %d; send large values as blobs"
    return FrameError("too_long", message % (length, FRAME_BYTES_MAX))


def _check_start(start):
    """Names a dialect that is met by mistake, from its first bytes."""
    if start[:1] == b"{":
        raise FrameError("bare_json", "bare JSON arrived, without a frame's length before it")
    if len(start) >= 3 and any(known.startswith(start) for known in _HTTP_STARTS):
        raise FrameError("http", "HTTP arrived, not the bridge protocol")


def _payload(payload):
    if payload[0] == _BLOB_MARK:
        return _piece(payload)
    try:
        message = _from_text(payload.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise FrameError("not_json", f"the payload is not valid JSON: {error}") from None
    if not isinstance(message.get("t"), str):
        raise FrameError("no_type", "the message has no `t` to say what it is")
    return message


def _piece(payload):
    if len(payload) < 3:
        raise FrameError("piece", "the blob piece has no head")
    start = 3 + _HEAD_LENGTH.unpack_from(payload, 1)[0]
    if start > len(payload):
        raise FrameError("piece", "the head of the blob piece is cut off")
    try:
        head = _from_text(payload[3:start].decode("utf-8"))
        blob, offset, total = head["blob"], head["offset"], head["total"]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise FrameError("piece", f"the head of the blob piece is malformed: {error}") from None
    if not isinstance(blob, str) or type(offset) is not int or type(total) is not int:
        raise FrameError("piece", "the head of the blob piece needs blob, offset and total")
    size = len(payload) - start
    if size > PIECE_BYTES_MAX:
        raise FrameError("piece", "the blob piece exceeds the limit for a piece")
    if offset < 0 or offset + size > total:
        raise FrameError("piece", "the blob piece extends beyond the end of the blob")
    return Piece(blob, offset, total, memoryview(payload)[start:])


def _refuse_constant(text):
    raise ValueError(f"{text} is no JSON")


def _replace_surrogates(error):
    # Two halves that stand side by side are one character; a lone half is none.
    part = error.object[error.start : error.end]
    text = part.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text.encode("utf-8"), error.end


codecs.register_error("kapelle.safe", _replace_surrogates)
_from_text = json.JSONDecoder(parse_constant=_refuse_constant).decode
_to_text = json.JSONEncoder(ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":")).encode
