#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The two modes of the direct mode beside each other: what synchronous and asynchronous code cost a client.

    kapelle debug start --port 7777 &
    python3 bench/direct_modes.py --port 7777 [--rounds 300] [--json]

For each kind of code, in turns: `sync`, one message and its answer; `async`, the message, its acknowledgement, and
questions for the result until it is there, as clients of that form have to ask; `pushed`, asynchronous in the form
{action, …}, whose result comes by itself. Median and 95th percentile of the time until the client has the value, and
the messages it took. It asserts nothing; the machine should be quiet.
"""

import argparse
import json
import platform
import socket
import statistics
import time

HOST = "127.0.0.1"
ANSWER_S = 60.0
# Between two questions for a result: what clients of the asynchronous form do.
POLL_S = 0.005
CODES = {
    "1 + 1": "1 + 1",
    "20 objects": (
        "import bpy\n"
        "for n in range(20):\n"
        "    o = bpy.data.objects.new('bench', None)\n"
        "    bpy.context.collection.objects.link(o)\n"
        "    bpy.data.objects.remove(o)\n"
        "_result = n"
    ),
    "10,000 lines": "for n in range(10000): print(n)\n_result = n",
    "200 ms": "import time\ntime.sleep(0.2)\n_result = 1",
}


class Client:
    def __init__(self, port):
        self.socket = socket.create_connection((HOST, port), ANSWER_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.heard = b""
        self.messages = 0

    def ask(self, kind, **params):
        return self.say({"type": kind, "params": params})

    def say(self, message):
        self.messages += 1
        self.socket.sendall(json.dumps(message).encode() + b"\n")
        return self.hear()

    def hear(self):
        self.messages += 1
        while b"\n" not in self.heard:
            data = self.socket.recv(1 << 20)
            if not data:
                raise EOFError("the direct mode has closed the connection")
            self.heard += data
        line, self.heard = self.heard.split(b"\n", 1)
        return json.loads(line)


def sync(client, code):
    told = client.ask("execute_code", code=code, execution_mode="sync")
    return told["result"]


def asynchronous(client, code):
    job = client.ask("execute_code", code=code, execution_mode="async")["job_id"]
    while True:
        told = client.ask("get_job_result", job_id=job)["result"]
        if told["done"]:
            return told["result"]["value"]
        time.sleep(POLL_S)


def pushed(client, code):
    message = {"action": "execute_code", "params": {"code": code, "execution_mode": "async"}, "id": "bench"}
    told = client.say(message)
    assert told["status"] == "processing", told
    return client.hear()["result"]


MODES = {"sync": sync, "async": asynchronous, "pushed": pushed}


def measure(port, rounds):
    """[{code, mode, p50_ms, p95_ms, messages}]."""
    told = []
    for name, code in CODES.items():
        count = max(5, rounds // 20) if name == "200 ms" else rounds
        times = {mode: [] for mode in MODES}
        messages = dict.fromkeys(MODES, 0)
        client = Client(port)
        for _round in range(count + 2):  # the first two are not counted
            for mode, run in MODES.items():
                before, began = client.messages, time.perf_counter()
                run(client, code)
                times[mode].append((time.perf_counter() - began) * 1000.0)
                messages[mode] += client.messages - before
        for mode in MODES:
            kept = sorted(times[mode][2:])
            row = {"code": name, "mode": mode, "p50_ms": round(statistics.median(kept), 3)}
            row["p95_ms"] = round(kept[min(len(kept) - 1, int(len(kept) * 0.95))], 3)
            row["messages"] = round(messages[mode] / (count + 2), 1)
            told.append(row)
        client.socket.close()
    return told


def main():
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--port", type=int, default=7777)
    words.add_argument("--rounds", type=int, default=300)
    words.add_argument("--json", action="store_true")
    said = words.parse_args()
    rows = measure(said.port, said.rounds)
    if said.json:
        print(json.dumps(rows, indent=1))
        return
    print(f"{platform.platform()}, Python {platform.python_version()}, {said.rounds} rounds\n")
    print("| code | mode | p50 ms | p95 ms | messages |\n|---|---|---:|---:|---:|")
    for row in rows:
        print("| {code} | {mode} | {p50_ms} | {p95_ms} | {messages} |".format(**row))


if __name__ == "__main__":
    main()
