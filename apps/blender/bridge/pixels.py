# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures as bytes: a PNG of pixels, several pictures on one sheet, words on a picture.

In: rows from the top, three bytes (red, green, blue) for each pixel. Out: the same, or a PNG. By zlib alone, because
Blender brings no picture library that holds across versions; it knows no Blender.
"""

import struct
import zlib

# Pixels along one side of a picture, and of a whole sheet: what people and models look at.
SIDE_MAX = 4096
# Colour of a sheet between its pictures, and of words and what is behind them.
GAP = (24, 24, 24)
INK = (255, 255, 255)
PAPER = (40, 40, 40)
# Height of a letter without scaling, and the room around it.
LETTER = (5, 7)
_GAP_PX = 4
# Rows of each letter from the top, five bits each.
_LETTERS = {
    " ": (0, 0, 0, 0, 0, 0, 0),
    "-": (0, 0, 0, 14, 0, 0, 0),
    ".": (0, 0, 0, 0, 0, 12, 12),
    "+": (0, 4, 4, 31, 4, 4, 0),
    "0": (14, 17, 19, 21, 25, 17, 14),
    "1": (4, 12, 4, 4, 4, 4, 14),
    "2": (14, 17, 1, 6, 8, 16, 31),
    "3": (31, 2, 4, 2, 1, 17, 14),
    "4": (2, 6, 10, 18, 31, 2, 2),
    "5": (31, 16, 30, 1, 1, 17, 14),
    "6": (6, 8, 16, 30, 17, 17, 14),
    "7": (31, 1, 2, 4, 8, 8, 8),
    "8": (14, 17, 17, 14, 17, 17, 14),
    "9": (14, 17, 17, 15, 1, 2, 12),
    "A": (14, 17, 17, 31, 17, 17, 17),
    "B": (30, 17, 17, 30, 17, 17, 30),
    "C": (14, 17, 16, 16, 16, 17, 14),
    "D": (28, 18, 17, 17, 17, 18, 28),
    "E": (31, 16, 16, 30, 16, 16, 31),
    "F": (31, 16, 16, 30, 16, 16, 16),
    "G": (14, 17, 16, 23, 17, 17, 15),
    "H": (17, 17, 17, 31, 17, 17, 17),
    "I": (14, 4, 4, 4, 4, 4, 14),
    "J": (7, 2, 2, 2, 2, 18, 12),
    "K": (17, 18, 20, 24, 20, 18, 17),
    "L": (16, 16, 16, 16, 16, 16, 31),
    "M": (17, 27, 21, 21, 17, 17, 17),
    "N": (17, 17, 25, 21, 19, 17, 17),
    "O": (14, 17, 17, 17, 17, 17, 14),
    "P": (30, 17, 17, 30, 16, 16, 16),
    "Q": (14, 17, 17, 17, 21, 18, 13),
    "R": (30, 17, 17, 30, 20, 18, 17),
    "S": (15, 16, 16, 14, 1, 1, 30),
    "T": (31, 4, 4, 4, 4, 4, 4),
    "U": (17, 17, 17, 17, 17, 17, 14),
    "V": (17, 17, 17, 17, 17, 10, 4),
    "W": (17, 17, 17, 21, 21, 21, 10),
    "X": (17, 17, 10, 4, 10, 17, 17),
    "Y": (17, 17, 17, 10, 4, 4, 4),
    "Z": (31, 1, 2, 4, 8, 16, 31),
}


class Picture:
    """`rows`: width * height * 3 bytes in a bytearray, from the top."""

    def __init__(self, width, height, rows=None):
        self.width = width
        self.height = height
        self.rows = bytearray(bytes(GAP) * (width * height)) if rows is None else rows

    @classmethod
    def of_rgba(cls, width, height, data):
        """From four bytes for each pixel, from the bottom, as graphics cards give them."""
        rgb = bytearray(width * height * 3)
        for channel in range(3):
            rgb[channel::3] = data[channel::4]
        line = width * 3
        flipped = bytearray().join(rgb[at : at + line] for at in range(len(rgb) - line, -1, -line))
        return cls(width, height, flipped)

    def png(self):
        """The file's bytes."""
        line = self.width * 3
        raw = b"".join(b"\0" + self.rows[at : at + line] for at in range(0, len(self.rows), line))
        head = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        parts = (b"IHDR", head), (b"IDAT", zlib.compress(raw, 6)), (b"IEND", b"")
        return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in parts)

    def paste(self, other, left, top):
        """Puts a picture into this one; it must fit."""
        line, part = self.width * 3, other.width * 3
        for row in range(other.height):
            at = (top + row) * line + left * 3
            self.rows[at : at + part] = other.rows[row * part : (row + 1) * part]

    def write(self, words, left=6, top=6):
        """Puts words into the picture: capital letters, digits, and - + . What does not fit is left out."""
        scale = 1 if self.width < 300 else 2
        pad = 2 * scale
        step = (LETTER[0] + 1) * scale
        words = [one for one in words.upper() if one in _LETTERS][: max(0, (self.width - left - 2 * pad) // step)]
        wide, high = len(words) * step + 2 * pad - scale, LETTER[1] * scale + 2 * pad
        if not words or top + high > self.height:
            return
        label = Picture(wide, high, bytearray(bytes(PAPER) * (wide * high)))
        for number, one in enumerate(words):
            label._letter(one, pad + number * step, pad, scale)
        self.paste(label, left, top)

    def _letter(self, one, left, top, scale):
        for row, bits in enumerate(_LETTERS[one]):
            for column in range(LETTER[0]):
                if not bits >> (LETTER[0] - 1 - column) & 1:
                    continue
                for line in range(scale):
                    at = ((top + row * scale + line) * self.width + left + column * scale) * 3
                    self.rows[at : at + 3 * scale] = bytes(INK) * scale


def sheet(pictures, columns):
    """Pictures of one size, row by row, on one picture."""
    wide, high = pictures[0].width, pictures[0].height
    lines = -(-len(pictures) // columns)
    made = Picture(*sheet_size(wide, high, columns, lines))
    for number, one in enumerate(pictures):
        line, column = divmod(number, columns)
        made.paste(one, _GAP_PX + column * (wide + _GAP_PX), _GAP_PX + line * (high + _GAP_PX))
    return made


def sheet_size(width, height, columns, lines):
    """(width, height) of a sheet of so many pictures."""
    return columns * (width + _GAP_PX) + _GAP_PX, lines * (height + _GAP_PX) + _GAP_PX


def _chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
