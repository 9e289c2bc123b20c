"""A place in a track as a clock shows it: "1:23.5"."""

from __future__ import annotations

import functools
import re

_WHOLE = re.compile(r"\d{1,7}", re.ASCII)
_SECONDS = re.compile(r"\d{1,7}(?:\.\d*)?", re.ASCII)


def read(words: str) -> float:
    """Seconds from "83.5", "1:23,5" or "1:02:03".

    Raises:
        ValueError: It is none of them.
    """
    *before, last = words.strip().replace(",", ".").split(":")
    if len(before) <= 2 and _SECONDS.fullmatch(last) and all(map(_WHOLE.fullmatch, before)):
        numbers = [float(part) for part in (*before, last)]
        if all(number < 60 for number in numbers[1:]):
            return functools.reduce(lambda larger, number: 60 * larger + number, numbers)
    raise ValueError(f"{words!r} is no time: write 83.5 or 1:23.5.")


def written(seconds: float) -> str:
    """Seconds as "1:23.5" or "1:02:03", to the hundredth, without zeros that say nothing."""
    whole, hundredths = divmod(max(0, round(100 * seconds)), 100)
    minutes, left = divmod(whole, 60)
    hours, rest = divmod(minutes, 60)
    words = f"{hours}:{rest:02}:{left:02}" if hours else f"{rest}:{left:02}"
    return f"{words}.{hundredths:02}".rstrip("0") if hundredths else words
