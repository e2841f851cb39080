# SPDX-License-Identifier: MIT OR Apache-2.0
"""stdout, stderr and logging of the running call, from the main thread; with descriptors.py of all the process.

While a call runs, sys.stdout and sys.stderr are `Tee`s: what the main thread writes is kept for the
outcome and streamed; what another thread writes goes where it would have gone without us. sys.stdin is
empty. Afterwards all three are what they were before, whatever the code did to them.

Nothing here takes a lock: the main thread may be interrupted in the middle of a print (interrupt.py).
"""

import io
import logging
import sys
import threading
from collections import deque

# Kept of one stream in an outcome, in UTF-8 bytes: half from the start, half from the end.
STREAM_BYTES_MAX = 8 * 1024 * 1024
# Waiting to be streamed, in characters: a live view; the outcome has the whole.
FRESH_CHARS_MAX = 256 * 1024

_HALF = STREAM_BYTES_MAX // 2
# The end may grow by this much before it is cut back, so that many small prints do not each copy it.
_SLACK_BYTES = 1024 * 1024


class Kept:
    """What one call wrote to one stream: the start and the end, and what has not been streamed yet."""

    __slots__ = ("head", "head_bytes", "tail", "tail_bytes", "cut_bytes", "fresh", "put", "taken", "skipped")

    def __init__(self):
        self.head = []
        self.head_bytes = 0
        self.tail = deque()
        self.tail_bytes = 0
        self.cut_bytes = 0
        self.fresh = deque()
        self.put = self.taken = self.skipped = 0

    def add(self, text):
        if self.put - self.taken + len(text) <= FRESH_CHARS_MAX:
            self.put += len(text)
            self.fresh.append(text)
        else:
            self.skipped += len(text)
        size = _size(text)
        if not self.tail and self.head_bytes + size <= _HALF:
            self.head.append(text)
            self.head_bytes += size
            return
        if not self.tail:
            text = self._fill_head(text)
            size = _size(text)
        self.tail.append(text)
        self.tail_bytes += size
        if self.tail_bytes > _HALF + _SLACK_BYTES:
            self._cut_tail()

    def text(self):
        """The whole, or start and end with a note in between."""
        self._cut_tail()
        note = f"\n[… {self.cut_bytes} bytes cut here …]\n" if self.cut_bytes else ""
        return "".join(self.head) + note + "".join(self.tail)

    def take_fresh(self):
        """What came since the last time, joined; called by the link's thread."""
        parts = []
        while self.fresh:
            parts.append(self.fresh.popleft())
        text = "".join(parts)
        self.taken += len(text)
        skipped, self.skipped = self.skipped, 0
        if skipped:
            text += f"[… {skipped} characters not streamed; the outcome has them …]\n"
        return text

    def _fill_head(self, text):
        first = _first_bytes(text, _HALF - self.head_bytes)
        self.head.append(first)
        self.head_bytes = _HALF
        return text[len(first) :]

    def _cut_tail(self):
        while self.tail_bytes > _HALF:
            oldest = self.tail[0]
            size = _size(oldest)
            over = self.tail_bytes - _HALF
            if size <= over:
                self.tail.popleft()
                gone = size
            else:
                first = _first_bytes(oldest, over)
                first = oldest[: len(first) + 1] if _size(first) < over else first
                self.tail[0] = oldest[len(first) :]
                gone = _size(first)
            self.tail_bytes -= gone
            self.cut_bytes += gone


class Capture:
    """The two streams of one call."""

    __slots__ = ("stdout", "stderr")

    def __init__(self):
        self.stdout = None
        self.stderr = None

    def text(self, name):
        kept = getattr(self, name)
        return kept.text() if kept is not None else ""


class Tee(io.TextIOBase):
    """Stands for sys.stdout or sys.stderr, one per name and process.

    It lives on after a call, so that a handler which kept it (logging.basicConfig) goes on to work.
    """

    encoding = "utf-8"
    errors = "backslashreplace"
    newlines = None

    def __init__(self, name):
        self._name = name
        self._call = None
        self._thread = None
        self._real = None
        self._shut = False
        self.buffer = _Bytes(self)

    def begin(self, call, thread, real):
        self._shut = False
        self._real = real
        self._thread = thread
        self._call = call

    def end(self):
        self._call = None

    @property
    def has_call(self):
        return self._call is not None

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        call = self._call
        if call is None or threading.get_ident() != self._thread:
            return self._write_real(text)
        if self._shut:
            raise ValueError("I/O operation on closed file.")
        if text:
            self.add(text)
        return len(text)

    def add(self, text):
        """Adds to what the running call has written."""
        call = self._call
        kept = getattr(call.capture, self._name)
        if kept is None:
            kept = Kept()
            setattr(call.capture, self._name, kept)
        kept.add(text)
        if call.port is not None:
            call.port.nudge()

    def writable(self):
        return True

    def flush(self):
        if self._call is None and self._real is not None and self._real is not self:
            try:
                self._real.flush()
            except (OSError, ValueError, AttributeError):
                pass

    def fileno(self):
        if self._real is None or self._real is self:
            raise io.UnsupportedOperation("fileno")
        return self._real.fileno()

    def isatty(self):
        return False

    def close(self):
        # For this call only: the next one prints again.
        self._shut = self._call is not None

    @property
    def closed(self):
        return self._shut and self._call is not None

    def reconfigure(self, **options):
        """Exists because programs set the encoding at their start; it is UTF-8 and stays that."""

    def detach(self):
        raise io.UnsupportedOperation("detach")

    def __del__(self):
        pass

    def _write_real(self, text):
        real = self._real
        if real is None or real is self:
            return len(text)
        try:
            real.write(text)
        except UnicodeError:
            real.write(text.encode("ascii", "backslashreplace").decode("ascii"))
        except (OSError, ValueError, AttributeError):
            pass  # closed, or gone with its window: as lost as without us
        return len(text)


class _Bytes(io.RawIOBase):
    """`sys.stdout.buffer`: bytes written to it count as UTF-8 text."""

    def __init__(self, tee):
        self._tee = tee

    def writable(self):
        return True

    def write(self, data):
        self._tee.write(bytes(data).decode("utf-8", "backslashreplace"))
        return len(data)

    def close(self):
        pass

    def __del__(self):
        pass


class _NoInput(io.TextIOBase):
    """sys.stdin of a call: at its end, so that input() raises EOFError instead of waiting for ever."""

    encoding = "utf-8"
    errors = "strict"

    def readable(self):
        return True

    def read(self, size=-1):
        return ""

    def readline(self, size=-1):
        return ""

    def close(self):
        pass


class Streams:
    """Puts the Tees in place for a call and takes them away again; on the main thread."""

    def __init__(self):
        self.descriptors = None  # a Descriptors, in a process where what is written past Python counts too
        self._out = Tee("stdout")
        self._err = Tee("stderr")
        self._in = _NoInput()
        self._before = (None, None, None)

    def begin(self, call):
        thread = threading.get_ident()
        call.capture = Capture()
        self._before = before = (sys.stdin, sys.stdout, sys.stderr)
        self._out.begin(call, thread, before[1])
        self._err.begin(call, thread, before[2])
        sys.stdin, sys.stdout, sys.stderr = self._in, self._out, self._err
        if self.descriptors is not None:
            self.descriptors.begin()

    def end(self):
        sys.stdin, sys.stdout, sys.stderr = self._before
        if self.descriptors is not None:
            told = self.descriptors.end()
            for name, tee in (("stdout", self._out), ("stderr", self._err)):
                if told.get(name) and tee.has_call:
                    tee.add(told[name].decode("utf-8", "backslashreplace"))
        self._out.end()
        self._err.end()


class LogTap:
    """Sends records of `logging` on the main thread to the running call, besides where they go anyhow.

    It wraps Logger.callHandlers instead of adding a handler: with a handler at the root,
    logging.basicConfig in a caller's code would do nothing.
    """

    def __init__(self):
        self.call = None
        self.thread = None
        self._wrapped = None

    def install(self):
        if self._wrapped is not None:
            return
        before = logging.Logger.callHandlers

        def callHandlers(logger, record):
            call = self.call
            if call is None or threading.get_ident() != self.thread:
                return before(logger, record)
            call.log(record.levelname.lower(), _message(record), record.name)
            # Without any handler of its own a record would be printed to stderr as a last resort: it is
            # in the logs already.
            return before(logger, record) if logger.hasHandlers() else None

        self._wrapped = (before, callHandlers)
        logging.Logger.callHandlers = callHandlers

    def remove(self):
        if self._wrapped and logging.Logger.callHandlers is self._wrapped[1]:
            logging.Logger.callHandlers = self._wrapped[0]
            self._wrapped = None


def _message(record):
    try:
        text = record.getMessage()
    except Exception as error:
        text = f"{record.msg} [this record does not format: {error}]"
    if record.exc_info and record.exc_info[1] is not None:
        text += "\n" + logging.Formatter().formatException(record.exc_info)
    return text


def _size(text):
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _first_bytes(text, limit):
    """The longest start of the text that takes at most `limit` bytes."""
    if text.isascii():
        return text[:limit]
    data = text[:limit].encode("utf-8", "surrogatepass")
    cut = min(limit, len(data))
    while 0 < cut < len(data) and data[cut] & 0xC0 == 0x80:
        cut -= 1  # not in the middle of a character
    return data[:cut].decode("utf-8", "surrogatepass")
