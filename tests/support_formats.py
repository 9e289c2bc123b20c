"""Sounds in the formats that no library at hand can write."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from msa_desktop.base.model import FloatArray


def write_dsf(path: Path, tone: FloatArray) -> None:
    """A DSD64 file: first-order sigma-delta modulation of a mono tone at 44.1 kHz."""
    rate = 2_822_400
    at = np.arange(tone.size * 64) / 64
    steps = np.floor(np.cumsum((np.interp(at, np.arange(tone.size), tone) + 1) / 2))
    bits = np.diff(steps, prepend=0).astype(np.uint8)
    data = np.packbits(bits, bitorder="little").tobytes()
    data += bytes(-len(data) % 4096)

    def number(value: int, size: int) -> bytes:
        return value.to_bytes(size, "little")

    fields = (1, 0, 1, 1, rate, 1)  # version, raw DSD, mono, one channel, rate, bits a sample
    head = b"fmt " + number(52, 8) + b"".join(number(field, 4) for field in fields)
    head += number(bits.size, 8) + number(4096, 4) + number(0, 4)
    body = head + b"data" + number(12 + len(data), 8) + data
    path.write_bytes(b"DSD " + number(28, 8) + number(28 + len(body), 8) + number(0, 8) + body)


def ape_frame(samples: list[int]) -> bytes:
    """One frame of Monkey's Audio 3.87 at its fastest level, mono: prediction, then Rice codes."""
    bits = [f"{0:032b}"]  # a checksum that decoders do not look at
    k, mean = 10, 16 << 10
    weight, step, before, level = 375, 0, 0, 0
    for place, sample in enumerate(samples):
        if place < 3:
            value, new_step = sample, sample
        else:
            guess = 2 * step - before
            new_step = sample - level
            value = new_step - (guess * weight >> 9)
            weight += 1 if (value ^ guess) > 0 else -1
        before, step, level = step, new_step, sample
        code = 2 * value - 1 if value > 0 else -2 * value
        bits.append("0" * (code >> k) + "1")
        if k:
            bits.append(f"{code & ((1 << k) - 1):0{k}b}")
        mean += code - ((mean + 8) >> 4)
        if mean < (1 << (k + 4) if k else 0):
            k -= 1
        elif mean >= 1 << (k + 5):
            k += 1
    text = "".join(bits)
    text += "0" * (-len(text) % 32)
    words = np.packbits(np.array([int(bit) for bit in text], np.uint8)).view(">u4")
    return words.astype("<u4").tobytes()


def write_ape(path: Path, tone: FloatArray, rate: int) -> None:
    """No library writes Monkey's Audio; this does, in one of its older and simpler forms."""
    samples = np.round(tone * 32_767).astype(int).tolist()
    frames = [ape_frame(samples[at : at + 9_216]) for at in range(0, len(samples), 9_216)]
    last = len(samples) - 9_216 * (len(frames) - 1)
    # Version, level, flags (no WAV header), channels, rate, header and tail bytes, frames.
    head = b"MAC " + struct.pack("<HHHHIIIII", 3870, 1000, 32, 1, rate, 0, 0, len(frames), last)
    begin = len(head) + 4 * len(frames)
    places = begin + np.cumsum([0, *map(len, frames[:-1])])
    path.write_bytes(head + places.astype("<u4").tobytes() + b"".join(frames))
