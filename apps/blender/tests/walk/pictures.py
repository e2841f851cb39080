# SPDX-License-Identifier: MIT OR Apache-2.0
"""Reads a PNG, as far as a test has to: 8 or 16 bits per channel, not interlaced."""

import struct
import zlib

_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}


class Picture:
    """`rows`: for each line its samples as bytes (of a 16-bit picture the upper half)."""

    def __init__(self, width, height, channels, rows):
        self.width = width
        self.height = height
        self.channels = channels
        self.rows = rows

    def pixels(self):
        for row in self.rows:
            for at in range(0, len(row), self.channels):
                yield tuple(row[at : at + self.channels])

    def shades(self):
        """How many different pixels there are."""
        return len(set(self.pixels()))

    def mean(self):
        """The brightness, 0 to 255, without the alpha channel."""
        colours = self.channels - (self.channels in (2, 4))
        total = sum(sum(pixel[:colours]) for pixel in self.pixels())
        return total / (self.width * self.height * colours)


def decode(data):
    """A Picture. Raises AssertionError when it is no PNG of that kind, or a checksum is wrong."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n", "no PNG"
    at, packed, head = 8, b"", None
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        (crc,) = struct.unpack_from(">I", data, at + 8 + length)
        assert crc == zlib.crc32(kind + body), kind
        if kind == b"IHDR":
            head = struct.unpack(">IIBBBBB", body)
        if kind == b"IDAT":
            packed += body
        at += 12 + length
    width, height, depth, colour, _, _, interlaced = head
    assert depth in (8, 16) and colour in _CHANNELS and not interlaced, head
    channels, size = _CHANNELS[colour], depth // 8
    rows = _unfilter(zlib.decompress(packed), width * channels * size, height, channels * size)
    return Picture(width, height, channels, [row[::size] for row in rows])


def _unfilter(raw, length, height, step):
    assert len(raw) == (length + 1) * height
    rows, above = [], bytearray(length)
    for line in range(height):
        start = line * (length + 1)
        kind, row = raw[start], bytearray(raw[start + 1 : start + 1 + length])
        for n in range(length):
            left = row[n - step] if n >= step else 0
            up = above[n]
            corner = above[n - step] if n >= step else 0
            if kind == 1:
                row[n] = (row[n] + left) & 255
            elif kind == 2:
                row[n] = (row[n] + up) & 255
            elif kind == 3:
                row[n] = (row[n] + (left + up) // 2) & 255
            elif kind == 4:
                row[n] = (row[n] + _paeth(left, up, corner)) & 255
        rows.append(row)
        above = row
    return rows


def _paeth(left, up, corner):
    guess = left + up - corner
    far = (abs(guess - left), abs(guess - up), abs(guess - corner))
    return (left, up, corner)[far.index(min(far))]
