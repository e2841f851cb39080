# SPDX-License-Identifier: MIT OR Apache-2.0
"""Descriptions of commands from their functions."""

import typing
import unittest

from bridgekit import commands_code
from bridgekit.describe import spec_of
from bridgekit.host import Host
from bridgekit.table import Table


def full(
    call,
    name: str,
    count: int = 3,
    size: float = 1.5,
    on: bool = False,
    where: typing.Tuple[float, float, float] = (0.0, 0.0, 0.0),
    tags: typing.Optional[typing.List[str]] = None,
    guessed="x",
    anything=None,
) -> typing.Dict[str, int]:
    """Does a thing.

    It does more than that.
    Note: this is no argument.

    name: what it is called
    """


class Describe(unittest.TestCase):
    def test_all_of_it(self):
        spec = spec_of("thing.do", "write", full, timeout_ms=5000)
        self.assertEqual((spec["name"], spec["summary"], spec["effect"]), ("thing.do", "Does a thing.", "write"))
        self.assertEqual(spec["docs"], "It does more than that.\nNote: this is no argument.")
        self.assertEqual((spec["timeout_ms"], spec["result"]), (5000, {"type": "object"}))
        args = spec["args"]
        self.assertEqual((args["required"], args["additionalProperties"]), (["name"], False))
        told = args["properties"]
        self.assertEqual(list(told), ["name", "count", "size", "on", "where", "tags", "guessed", "anything"])
        self.assertEqual(told["name"], {"type": "string", "description": "what it is called"})
        self.assertEqual(told["count"], {"type": "integer", "default": 3})
        self.assertEqual(told["size"], {"type": "number", "default": 1.5})
        self.assertEqual(told["on"], {"type": "boolean", "default": False})
        number = {"type": "number"}
        self.assertEqual(
            told["where"],
            {"type": "array", "items": number, "minItems": 3, "maxItems": 3, "default": [0.0, 0.0, 0.0]},
        )
        self.assertEqual(told["tags"], {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]})
        self.assertEqual((told["guessed"], told["anything"]), ({"type": "string", "default": "x"}, {}))

    def test_short_forms(self):
        def some(call, a: typing.Union[str, int], b: typing.Optional[bool] = None, **rest):
            """Some."""

        args = spec_of("some.thing", "read", some)["args"]
        self.assertEqual(args["properties"]["a"], {"type": ["string", "integer"]})
        self.assertEqual(args["properties"]["b"], {"type": ["boolean", "null"]})
        self.assertIs(args["additionalProperties"], True)
        if hasattr(typing, "Literal"):  # 3.8

            def choose(call, kind: typing.Literal["a", "b"] = "a"):
                """Chooses."""

            told = spec_of("some.choice", "read", choose)["args"]["properties"]["kind"]
            self.assertEqual(told, {"enum": ["a", "b"], "default": "a"})

    def test_what_cannot_be_described_is_said_at_the_start(self):
        def bare(call):
            pass

        def odd(call, a: object):
            """Odd."""

        def default(call, a=object()):
            """Odd."""

        for function, word in ((bare, "docstring"), (odd, "JSON Schema"), (default, "default")):
            with self.assertRaises(ValueError) as caught:
                spec_of("some.thing", "read", function)
            self.assertIn("some.thing", str(caught.exception))
            self.assertIn(word, str(caught.exception))
        with self.assertRaises(ValueError):
            Table().command("some.thing", effect="read", timout_ms=5)(full)

    def test_code_is_described_too(self):
        table = Table()
        commands_code.install(table, Host())
        told = {one["name"]: one for one in table.specs()}
        self.assertEqual(sorted(told), ["code.check", "code.run"])
        self.assertEqual(told["code.run"]["args"]["required"], ["code"])


if __name__ == "__main__":
    unittest.main()
