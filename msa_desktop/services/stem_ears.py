"""The encoders' ears on stems: what is heard in the parts of the library's tracks, and kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import partial

from msa_desktop.analysis.worker import Task, Work
from msa_desktop.base.errors import UserError
from msa_desktop.base.events import EventBus, Notice, StemsStep, TracksChanged
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.model import Embedding, Reading, TrackId
from msa_desktop.encoders._base import EncoderFacts
from msa_desktop.services import kind, listening
from msa_desktop.services.listening import MakePool
from msa_desktop.stems.cache import StemSet
from msa_desktop.stems.process import Progress
from msa_desktop.store.stem_rows import HeardStem, StemRows, store_stems
from msa_desktop.store.tracks import TrackReader
from msa_desktop.store.writer import Writer


class StemEars:
    """Has stems heard. Thread-safe.

    Those that hold as good as nothing are not heard: what an encoder says of them is made up. Nor
    is the instrumental, which is no file: without a voice it is the track, which was heard, and
    beside one its parts are.

    Args:
        tracks: The library's reads.
        rows: What was heard in stems.
        writer: Gives the one writer; called when there is something to store.
        make_pool: Makes worker processes.
        encoders: Gives those that can be run now.
        events: Told of what could not be heard.
    """

    def __init__(
        self,
        tracks: TrackReader,
        rows: StemRows,
        writer: Callable[[], Writer],
        make_pool: MakePool,
        encoders: Callable[[], Sequence[EncoderFacts]],
        events: EventBus,
    ) -> None:
        self._tracks = tracks
        self._rows = rows
        self._writer = writer
        self._make_pool = make_pool
        self._encoders = encoders
        self._events = events

    def hear(
        self,
        path: str,
        reading: Reading,
        stems: StemSet,
        cancel: CancelToken,
        tell: Callable[[Progress], None],
    ) -> None:
        """Has the stems of a whole track heard, if it is in the library, as far as they were not.

        What cannot be heard or kept is told as a `Notice`: the stems themselves are there.

        Args:
            path: The track.
            reading: What was read of the file when it was taken apart.
            stems: Its stems.
            cancel: Looked at several times a second.
            tell: Told of progress.

        Raises:
            Cancelled: The person ended it; nothing is kept of what was heard.
        """
        track = self._tracks.by_path(path)
        if track is None:
            return
        known = self._rows.of(track.id)
        levels = {name: level.rms for name, level in stems.record.levels.items()}
        if levels != {name: stem.level for name, stem in known.items()}:
            known = {}  # of other stems
        lacking = self._lacking(stems, levels, known)
        if known and not lacking:
            return
        try:
            writer = self._writer()  # before the work: another process may be the one that writes
            heard, troubles = self._heard(stems, lacking, cancel, tell)
            store = partial(
                store_stems,
                track_id=track.id,
                sound_id=reading.sound_id,
                levels=levels,
                heard=heard,
            )
            if writer.run(store):
                self._events.publish(TracksChanged(frozenset([track.id]), structure=False))
        except UserError as error:
            troubles = [str(error)]
        if troubles:
            self._events.publish(
                Notice(f'Not all stems of "{track.title}" were listened to. {troubles[0]}')
            )

    def _lacking(
        self, stems: StemSet, levels: Mapping[str, float], known: Mapping[str, HeardStem]
    ) -> dict[str, tuple[EncoderFacts, ...]]:
        """Who has yet to hear each stem that is worth it."""
        lacking = {}
        for name in stems.record.sources:
            by = known[name].encoders if known else {}
            deaf = tuple(one for one in self._encoders() if by.get(one.id) != one.version)
            if deaf and not kind.is_negligible(levels[name]):
                lacking[name] = deaf
        return lacking

    def _heard(
        self,
        stems: StemSet,
        lacking: Mapping[str, tuple[EncoderFacts, ...]],
        cancel: CancelToken,
        tell: Callable[[Progress], None],
    ) -> tuple[dict[str, tuple[Embedding, ...]], list[str]]:
        """What was heard in each stem, and why some was not."""
        names = list(lacking)
        tasks = [
            Task(TrackId(number), str(stems.file(name)), Work.LISTEN, lacking[name])
            for number, name in enumerate(names)
        ]
        heard: dict[str, tuple[Embedding, ...]] = {}
        troubles: list[str] = []
        seconds = stems.record.seconds
        if tasks:
            tell(Progress(StemsStep.LISTEN, 0.0, len(tasks) * seconds))
        with closing(listening.outcomes(tasks, self._make_pool, cancel)) as outcomes:
            for done, outcome in enumerate(outcomes, 1):
                name = names[outcome.task.track_id]
                heard[name] = outcome.embeddings
                troubles += outcome.unusable.values()
                if outcome.failure:
                    troubles.append(f"{name}: {outcome.failure}")
                tell(Progress(StemsStep.LISTEN, done * seconds, len(tasks) * seconds))
        return heard, troubles
