"""What the actions on stems have done in threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msa_desktop.base.errors import UserError
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.model import Reading, Track, TrackId
from msa_desktop.stems.export import Format
from msa_desktop.store.tracks import TrackReader
from msa_desktop.ui import text
from msa_desktop.ui.part_dialog import LEAST
from msa_desktop.ui.stem_jobs import WHOLE, Part

if TYPE_CHECKING:  # loaded with the first track that plays
    from msa_desktop.services.stems import Separated, Stems

OpenStems = Callable[[], "Stems"]


class NoModel(UserError):  # noqa: N818 - a finding
    """There is nothing that takes music apart."""


def which(track: Track, part: Part) -> str:
    """What comes after a track's name where only a part of it is meant."""
    begin, end = part
    if end is None:
        end = track.info.duration if track.info else begin
    return "" if part == WHOLE else f", {text.span(begin, end)}"


def to_choose_from(reader: TrackReader, track_id: TrackId) -> tuple[Track, float]:
    """A track and its length in seconds.

    Raises:
        UserError: There is no part of it to choose.
    """
    track = reader.get(track_id)
    if track is None:
        raise UserError("This track is no longer in the library.")
    if track.info is None:
        raise UserError(f"{track.title} was not read yet, so its length is not known.")
    if track.info.duration <= LEAST:
        raise UserError(f"{track.title} is too short to take a part of it.")
    return track, track.info.duration


def separate(open_stems: OpenStems, path: str, part: Part, cancel: CancelToken) -> Separated:
    """Takes a track, or a part of it, apart.

    Raises:
        NoModel: There is no model that does.
        UserError: See `Stems.separate`.
        Cancelled: The person ended it.
    """
    stems = open_stems()
    try:
        stems.model()
    except UserError as error:
        raise NoModel(str(error)) from error
    begin, end = part
    return stems.separate(path, begin, end, cancel)


def find(open_stems: OpenStems, reader: TrackReader, track_id: TrackId) -> Separated | None:
    """The stems that were made of a track before."""
    track, sound_id = reader.get(track_id), reader.sound_id(track_id)
    if track is None or track.info is None or sound_id is None:
        return None
    return open_stems().find(track.path, Reading(track.info, track.tags, sound_id))


def export(
    open_stems: OpenStems,
    separated: Separated,
    names: Sequence[str],
    folder: str,
    form: Format,
    cancel: CancelToken,
) -> tuple[Path, ...]:
    """Writes stems as files; see `Stems.export`."""
    return open_stems().export(separated, Path(folder), names, form, cancel)
