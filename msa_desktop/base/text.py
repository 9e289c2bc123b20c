"""Text from outside (file names, tags, messages) made safe to show, and words made comparable."""

from __future__ import annotations

import io
import re
import sys
import unicodedata

_JOINING = frozenset({"and", "n", "y", "und", "et"})
_PART = re.compile(r"\w+")
NOT_FOR_SCREENS = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # controls: they move a terminal's cursor, clear it, set its title
    "\u2028\u2029"  # line and paragraph separators
    "\u202a-\u202e\u2066-\u2069"  # writing direction: "gpj.exe" shown as "exe.jpg"
    "\ud800-\udfff"  # lone surrogates: bytes that are not UTF-8, half a character of Windows
    "]"
)
"""Characters that do something to a screen instead of showing on it, or that none can show.

Joiners, which many scripts need, and spaces of all widths are not among them.
"""


_MARKS = re.compile("[\u0300-\u036f]+")
_LETTERS = str.maketrans(  # letters that have no decomposition, as people without them type them
    {
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "ħ": "h",
        "ı": "i",  # noqa: RUF001
        "þ": "th",
        "æ": "ae",
        "œ": "oe",
    }
)


def printable(text: str) -> str:
    """The text with U+FFFD in place of everything that no screen should be given."""
    return NOT_FOR_SCREENS.sub("\ufffd", text)


def printable_lines(text: str) -> str:
    """The same for several lines: their ends stay."""
    return "\n".join(map(printable, text.splitlines()))


def print_anything() -> None:
    """Has standard output and error write "?" for what their encoding does not have."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a program without a console has none
            stream.reconfigure(errors="replace")


def fold(text: str) -> str:
    """The text without case, accents and compatibility forms.

    "Björk" is found by "bjork", "Łódź" by "lodz", full-width letters by plain ones.
    """
    if text.isascii():
        return text.lower()
    plain = _MARKS.sub("", unicodedata.normalize("NFKD", text).casefold())
    return unicodedata.normalize("NFC", plain.translate(_LETTERS))


def spelling(text: str) -> str:
    """What all spellings of a word have in common.

    Case, accents, blanks, punctuation, "and" and a trailing "music" do not count: "Hip-Hop",
    "hip hop" and "HipHop" are one word, and so are "Drum & Bass" and "drum and bass".
    """
    parts = [part for part in _PART.findall(fold(text)) if part not in _JOINING]
    if len(parts) > 1 and parts[-1] == "music":
        parts.pop()
    return "".join(parts)


def bytes_in_words(size: int) -> str:
    """Bytes for people: 2.4 GB, 253 MB, 21 bytes."""
    if size >= 1_000_000_000:
        return f"{size / 1e9:.1f} GB"
    if size >= 1_000_000:
        return f"{size / 1e6:.0f} MB"
    return f"{size / 1e3:.0f} kB" if size >= 1000 else f"{size} bytes"
