"""How the library's words are kept: one rule for what is stored and for what a person types.

Words are folded (`base.text.fold`). Scripts written without spaces are taken letter by letter, so
any part of a Japanese title can be typed.
"""

from __future__ import annotations

import re

from msa_desktop.base.text import fold

_UNSPACED = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])[^\W_])+")
_DIGITS = re.compile("[0-9]+")
_LONGEST_JOINED = 16
_MOST_TYPED_WORDS = 32


def clean(text: str) -> str:
    """Text that SQLite can hold and compare: no lone surrogates, no NUL characters."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", " ").strip()


def words(text: str) -> list[str]:
    """The folded words of a text, in order."""
    return _WORD.findall(fold(text))


def indexed_words(text: str) -> str:
    """What the word index keeps of a tag: its words, and short joined forms beside them.

    "AC/DC" is found by "ac", "dc" and "acdc"; "don't" by "don't" and "dont".
    """
    kept: list[str] = []
    for chunk in text.split():
        parts = words(chunk)
        kept += parts
        joined = "".join(parts)
        if len(parts) > 1 and len(joined) <= _LONGEST_JOINED:
            kept.append(joined)
    return " ".join(kept)


def match_expression(typed: str) -> str:
    """The FTS5 query for what a person typed: each word must begin some word of the track.

    Made of folded letters and digits only, each in quotes, so no input is a syntax error. Empty
    when the input holds no word. The first 32 words count.
    """
    return " ".join(f'"{word}"*' for word in words(typed)[:_MOST_TYPED_WORDS])


def sort_key(text: str) -> str | None:
    """A key whose byte order is the order a person expects; None for blank text.

    Folded, leading punctuation ignored, and numbers by value ("No. 2" before "No. 10").
    """
    folded = fold(text.strip())
    bare = folded.lstrip("\"'`´‘’“”„«».…-–—_*#([{<¡¿ ")  # noqa: RUF001 - real quotation marks
    return _DIGITS.sub(_number_key, bare or folded) or None


def _number_key(digits: re.Match[str]) -> str:
    """Length before digits: longer numbers are larger."""
    number = digits[0].lstrip("0") or "0"
    return chr(ord("0") + min(len(number), 9)) + number
