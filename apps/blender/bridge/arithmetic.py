# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an expression of a driver is arithmetic: numbers, known names and operators, and never much work.

In: the text and the names that it may use. Out: yes or no. Nothing is evaluated. Floats take no time; whole numbers
grow without end (`7**7**8` takes longer than anybody waits), so how long a whole number may become is computed for
every part, and bounded. There are no texts: `"x" * 10**9` would fill the memory.
"""

import ast

# Characters of an expression; Blender itself keeps 255.
CHARS_MAX = 256
# How deep its parts may lie in each other.
DEPTH_MAX = 64
# Bits that a whole number may have on the way.
BITS_MAX = 4096
# The greatest exponent. It is a number and nothing to be computed: `x**2`, `x**-0.5`.
EXPONENT_MAX = 16
# Of a name: what Blender keeps is no longer. A float counts for as much.
_NAME_BITS = 64

_LONGER = (ast.Add, ast.Sub, ast.BitOr, ast.BitAnd, ast.BitXor)
_SHORTER = (ast.FloorDiv, ast.Mod, ast.RShift)


def is_arithmetic(text, names):
    """`names`: those that stand for numbers."""
    if len(text) > CHARS_MAX:
        return False
    try:
        tree = ast.parse(text.strip(), "<driver>", "eval")
        _bits(tree.body, names, 0)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _bits(node, names, depth):
    """The most bits that a whole number may have which comes of this. Raises ValueError where it is no arithmetic or
    too much."""
    if depth > DEPTH_MAX:
        raise ValueError("too deep")

    def of(*parts):
        return max(_bits(one, names, depth + 1) for one in parts)

    if isinstance(node, ast.Constant) or type(node).__name__ in ("Num", "NameConstant"):  # the latter up to Python 3.7
        bits = _of_number(node)
    elif isinstance(node, ast.Name) and node.id in names:
        bits = _NAME_BITS
    elif isinstance(node, ast.UnaryOp):
        bits = of(node.operand) + 1
    elif isinstance(node, ast.BinOp):
        bits = _of_two(node, of)
    elif isinstance(node, ast.BoolOp):
        bits = of(*node.values)
    elif isinstance(node, ast.IfExp):
        of(node.test)
        bits = of(node.body, node.orelse)
    elif isinstance(node, ast.Compare) and not any(isinstance(one, (ast.In, ast.NotIn)) for one in node.ops):
        of(node.left, *node.comparators)
        bits = 1
    else:
        raise ValueError("no arithmetic")
    if bits > BITS_MAX:
        raise ValueError("too long a number")
    return bits


def _of_two(node, of):
    if isinstance(node.op, ast.Pow):
        exponent = _number(node.right)
        if abs(exponent) > EXPONENT_MAX:
            raise ValueError("too great an exponent")
        return max(_NAME_BITS, int(of(node.left) * max(1, abs(exponent))) + 1)
    if isinstance(node.op, ast.Mult):
        return of(node.left) + of(node.right)
    if isinstance(node.op, ast.Div):
        of(node.left, node.right)
        return _NAME_BITS
    if isinstance(node.op, _LONGER):
        return of(node.left, node.right) + 1
    if isinstance(node.op, _SHORTER):
        return of(node.left, node.right)
    raise ValueError("no arithmetic")


def _of_number(node):
    number = _number(node)
    return int(number).bit_length() if isinstance(number, int) else _NAME_BITS


def _number(node):
    """The number that is written there, also with a sign."""
    sign = 1
    while isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        sign = -sign if isinstance(node.op, ast.USub) else sign
        node = node.operand
    number = getattr(node, "value", getattr(node, "n", None))
    if type(number) not in (bool, int, float):
        raise ValueError("no number")
    return sign * number
