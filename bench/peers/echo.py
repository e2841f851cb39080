# SPDX-License-Identifier: MIT OR Apache-2.0
"""The floor below everything: a bare TCP echo in Python, in a process of its own. Prints its port.

A message is its length in four bytes and as many bytes; it goes back when it is whole.
"""

import selectors
import socket


def main():
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(listening.getsockname()[1], flush=True)
    selector = selectors.DefaultSelector()
    selector.register(listening, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is listening:
                one, _address = listening.accept()
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(one, selectors.EVENT_READ, bytearray())
            elif not answer(key.fileobj, key.data):
                selector.unregister(key.fileobj)
                key.fileobj.close()


def answer(one, kept):
    """Reads what is there and echoes what is whole. False when the client has left."""
    try:
        data = one.recv(1 << 20)
        kept += data
        while len(kept) >= 4 and len(kept) >= 4 + int.from_bytes(kept[:4], "big"):
            size = 4 + int.from_bytes(kept[:4], "big")
            one.sendall(kept[:size])
            del kept[:size]
    except OSError:
        return False
    return bool(data)


main()
