"""Is everything as it should be? One check a thing that can be wrong."""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from msa_desktop.base.paths import DataPaths
from msa_desktop.base.settings import Device
from msa_desktop.encoders._base import EncoderFacts, try_out
from msa_desktop.services.search import Search
from msa_desktop.store.db import Database

_log = logging.getLogger(__name__)

_LOW_DISK = 200_000_000  # bytes
_INOTIFY_LIMIT = Path("/proc/sys/fs/inotify/max_user_watches")
_FEW_WATCHES = 16_384


@dataclass(frozen=True, slots=True)
class Check:
    """One finding.

    Attributes:
        name: What was looked at.
        ok: Whether it is as it should be.
        detail: What was found.
        advice: What to do, where there is something to do.
    """

    name: str
    ok: bool
    detail: str
    advice: str = ""


class Doctor:
    """Examines one data folder and the system around it; changes nothing.

    Args:
        paths: The data folder's files.
        database: The library.
        search: Its vector indexes.
        encoders: Those that are ready here.
        device: Where they run now.
    """

    def __init__(
        self,
        paths: DataPaths,
        database: Database,
        search: Search,
        encoders: Callable[[], Iterable[EncoderFacts]],
        device: Callable[[], Device],
    ) -> None:
        self._paths = paths
        self._database = database
        self._search = search
        self._encoders = encoders
        self._device = device

    def examine(self) -> list[Check]:
        """Every check, in order."""
        return [
            self._database_check(),
            *self._index_checks(),
            *_model_checks(self._encoders(), self._device()),
            self._disk_check(),
            *_watch_checks(),
        ]

    def _database_check(self) -> Check:
        problems = self._database.check()
        detail = " ".join(problems) or "whole, and every row belongs to a track"
        return Check("database", not problems, detail)

    def _index_checks(self) -> Iterator[Check]:
        for encoder, problems, tracks in self._search.check():
            detail = " ".join(problems) or f"agrees with the database ({tracks} tracks)"
            advice = (
                f"The index is only a cache: delete {self._paths.indexes} and it is made again."
                if problems
                else ""
            )
            yield Check(f"index {encoder}", not problems, detail, advice)

    def _disk_check(self) -> Check:
        free = shutil.disk_usage(self._paths.root).free
        ok = free > _LOW_DISK
        advice = "" if ok else "Make room, or move the data folder (--data-dir)."
        return Check("disk", ok, f"{free / 1e9:.1f} GB free for the data folder", advice)


def _model_checks(encoders: Iterable[EncoderFacts], device: Device) -> Iterator[Check]:
    for encoder in encoders:
        name = f"model {encoder.id}"
        try:
            module = encoder.load()
            try_out(module.create(Path(encoder.folder), device), module.SPEC)
        except Exception as error:  # whatever a graphics card's driver raises
            _log.debug("%s does not work", encoder.id, exc_info=True)
            yield Check(name, False, encoder.trouble(error))
        else:
            yield Check(name, True, f"whole and ready (version {encoder.version})")
        yield from _word_checks(encoder, device)


def _word_checks(encoder: EncoderFacts, device: Device) -> Iterator[Check]:
    """Whether an encoder that could read the words of a search does."""
    module, name = encoder.load(), f"words {encoder.id}"
    if not module.TOKENIZER:
        return
    if not encoder.tokenizer:
        detail = f"it hears, but reads no words: {module.TOKENIZER} is missing or damaged"
        yield Check(name, False, detail, f"msa-desktop models install {module.TOKENIZER}")
        return
    try:
        module.create_text(Path(encoder.folder), Path(encoder.tokenizer), device)
    except Exception as error:  # as above
        _log.debug("%s does not read", encoder.id, exc_info=True)
        yield Check(name, False, encoder.trouble(error))
    else:
        yield Check(name, True, "the words of a search can be read")


def _watch_checks() -> Iterator[Check]:
    if not sys.platform.startswith("linux") or not _INOTIFY_LIMIT.exists():
        return
    limit = int(_INOTIFY_LIMIT.read_text())
    ok = limit >= _FEW_WATCHES
    advice = (
        ""
        if ok
        else "Large libraries fall back to polling. To raise it: "
        "sudo sysctl fs.inotify.max_user_watches=524288"
    )
    # A low limit costs speed, not correctness: folders without a watch are polled.
    yield Check("folder watches", True, f"the system allows {limit}", advice)
