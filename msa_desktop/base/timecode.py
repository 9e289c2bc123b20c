"""A place in a track as a clock shows it: "1:23.5"."""

from __future__ import annotations

import re

_SHAPE = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?)", re.ASCII)


def read(words: str) -> float:
    """Seconds from "83.5", "1:23.5" or "1:02:03".

    Raises:
        ValueError: It is none of them.
    """
    found = _SHAPE.fullmatch(words.strip())
    if found is None:
        raise ValueError(f"{words!r} is no time: write 83.5 or 1:23.5.")
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return 3600 * hours + 60 * minutes + seconds


def written(seconds: float) -> str:
    """Seconds as "1:23.5" or "1:02:03", to the hundredth, without zeros that say nothing."""
    whole, hundredths = divmod(max(0, round(100 * seconds)), 100)
    minutes, left = divmod(whole, 60)
    hours, rest = divmod(minutes, 60)
    words = f"{hours}:{rest:02}:{left:02}" if hours else f"{rest}:{left:02}"
    return f"{words}.{hundredths:02}".rstrip("0") if hundredths else words
