# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a running call has said since the last look, as messages: progress, output, logs.

Called by the link's writing thread, at most every STREAM_GAP_S. The outcome holds the whole in any case.
"""

from . import frames

# Between two looks, in seconds: 20 messages a second and stream.
STREAM_GAP_S = 0.05
# Log records of one call and look; the rest comes with the next.
_RECORDS_PER_LOOK = 20


def messages(call):
    """Yields the messages; a call that says nothing costs nothing."""
    latest = call.fresh_progress
    if latest is not None and latest is not call.told_progress:
        call.told_progress = latest
        message = {"t": "progress", "id": call.id, "fraction": latest[0], "text": latest[1]}
        if call.fresh_details is not None:
            message["details"] = call.fresh_details
        yield message
    capture = call.capture
    if capture is not None:
        for name in ("stdout", "stderr"):
            kept = getattr(capture, name)
            text = kept.take_fresh() if kept is not None else ""
            if text:
                yield {"t": "output", "id": call.id, "stream": name, "text": text}
    records = call.fresh_logs
    for _ in range(min(_RECORDS_PER_LOOK, len(records) if records else 0)):
        text = frames.to_json(records.popleft()).decode("utf-8")
        yield {"t": "output", "id": call.id, "stream": "log", "text": text}


def has_more(call):
    """Whether records were left for the next look."""
    return bool(call.fresh_logs)
