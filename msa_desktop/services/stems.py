"""Taking tracks apart: voice, drums, bass and the rest; what kind of track that makes it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from msa_desktop.base.errors import UserError
from msa_desktop.base.events import EventBus, StemsProgress, StemsStep
from msa_desktop.base.jobs import CancelToken, Throttle
from msa_desktop.base.model import Reading, display_path
from msa_desktop.base.settings import Settings
from msa_desktop.base.text import bytes_in_words
from msa_desktop.services import kind
from msa_desktop.services.kind import KindOfTrack
from msa_desktop.services.models import Models, ModelStatus
from msa_desktop.services.stem_ears import StemEars
from msa_desktop.stems import export, process
from msa_desktop.stems.cache import Cache, StemSet
from msa_desktop.stems.export import Format
from msa_desktop.stems.process import Progress, Task
from msa_desktop.weights import files
from msa_desktop.weights.catalogue import Kind

_VERSION = 1  # of what is made: stems of another one are made again
_SPARE = 100_000_000  # bytes that stems leave free: more than `check_room` asks for


@dataclass(frozen=True, slots=True)
class Separated:
    """A track, or a part of it, taken apart.

    Attributes:
        path: The track.
        reading: What its file says of itself.
        stems: Its parts.
        begin: Where in the track they begin, in seconds.
        end: Where they were asked to end; None for the track's end.
        was_there: Whether they had been made before.
    """

    path: str
    reading: Reading
    stems: StemSet
    begin: float
    end: float | None
    was_there: bool

    @property
    def whole(self) -> bool:
        """Whether they are of the whole track."""
        return not self.begin and self.end is None

    @property
    def span(self) -> tuple[float, float]:
        """Where in the track they begin and end, in seconds."""
        return self.begin, self.begin + self.stems.record.seconds

    @property
    def kind(self) -> KindOfTrack:
        """The kind of track, by its stems."""
        levels = self.stems.record.levels
        return kind.from_stems({name: level.rms for name, level in levels.items()})

    @property
    def name(self) -> str:
        """What files of it are called: artist and title, or the file's name; and which part."""
        tags = self.reading.tags
        name = " - ".join(filter(None, (tags.artist, tags.title))) if tags.title else ""
        name = name or display_path(Path(self.path).stem)
        if self.whole:
            return name
        begin, end = self.span
        return f"{name}, {_clock(begin)} to {_clock(end)}"


class Stems:
    """Separates, keeps and exports stems.

    Thread-safe. `separate` and `export` take their time and belong into a background thread; they
    publish `StemsProgress`. One separation runs at a time, others wait.

    Args:
        models: The models that are installed.
        folder: Where stems are kept.
        settings: The settings in force.
        events: Told of progress.
        ears: Hear the stems of the library's tracks.
    """

    def __init__(
        self,
        models: Models,
        folder: Path,
        settings: Callable[[], Settings],
        events: EventBus,
        ears: StemEars,
    ) -> None:
        self._models = models
        self._cache = Cache(folder)
        self._settings = settings
        self._events = events
        self._ears = ears

    def separate(
        self,
        path: str,
        begin: float = 0.0,
        end: float | None = None,
        cancel: CancelToken | None = None,
        names: Sequence[str] = (),
    ) -> Separated:
        """Takes a track, or the seconds from `begin` to `end` of it, apart, unless it was before.

        The stems of a whole track of the library are heard by the encoders, too, as far as they
        were not; see `StemEars.hear`.

        Args:
            path: The track.
            begin: Seconds.
            end: Seconds; None for the track's end.
            cancel: Heard in every phase.
            names: Stems that are to be had: what the model does not give is said at once.

        Raises:
            UserError: There is no model, the file cannot be read, there is no room, or no such
                stem.
            Cancelled: The person ended it; stems that were finished by then are kept.
        """
        cancel = cancel or CancelToken()
        if begin < 0 or (end is not None and end <= begin):
            raise UserError("The part to be taken out must begin before it ends.")
        model = self.model()
        with self._telling(path) as tell:
            reading = process.read(path, cancel)
            key = _key(reading, model, begin, end)
            found = self._cache.find(key)
            if found:
                found.record.check(names)
                stems = found
            else:
                to_do = partial(
                    Task,
                    path,
                    model.model.id,
                    model.file,
                    self._settings().device,
                    begin=begin,
                    end=end,
                    wanted=tuple(names),
                )
                stems = self._make(key, to_do, cancel, tell)
            separated = Separated(path, reading, stems, begin, end, found is not None)
            if separated.whole:
                self._ears.hear(path, reading, stems, cancel, tell)
            return separated

    def find(self, path: str, reading: Reading) -> Separated | None:
        """A whole track's stems if they were made before. Quick; makes none.

        Args:
            path: The track.
            reading: What its file says of itself.
        """
        try:
            model = self.model()
        except UserError:
            return None
        stems = self._cache.find(_key(reading, model, 0.0, None))
        return Separated(path, reading, stems, 0.0, None, was_there=True) if stems else None

    def export(
        self,
        separated: Separated,
        folder: Path,
        names: Sequence[str] = (),
        form: Format = Format.FLAC,
        cancel: CancelToken | None = None,
    ) -> tuple[Path, ...]:
        """Writes stems as files of the person's own.

        Args:
            separated: What `separate` gave.
            folder: Made where it is not there.
            names: Those wanted, "instrumental" being all but the vocals; without any, every stem.
            form: The format.
            cancel: Looked at between pieces.

        Returns:
            The files, in the order of the names.

        Raises:
            UserError: There is no such stem, or the folder cannot be written to.
            Cancelled: The person ended it.
        """
        record = separated.stems.record
        wanted = tuple(dict.fromkeys(names)) or record.sources
        record.check(wanted)
        total = record.seconds * len(wanted)
        with self._telling(separated.path) as tell:
            return export.export(
                separated.stems,
                wanted,
                folder,
                form,
                name=separated.name,
                tags=separated.reading.tags,
                cancel=cancel or CancelToken(),
                tell=lambda done: tell(Progress(StemsStep.EXPORT, done, total)),
            )

    def trim(self) -> None:
        """Lets the longest unused stems go that are more than the settings have kept.

        Raises:
            UserError: Their folder cannot be read.
        """
        self._cache.make_room(self._settings().stems_cache_bytes)

    def model(self) -> ModelStatus:
        """The model that the settings want.

        Raises:
            UserError: There is none that can be run.
        """
        wanted = self._settings().stems_model
        self._models.path(wanted)  # says what is amiss
        status = self._models.status(wanted)
        if status.model.kind is not Kind.STEMS:
            raise UserError(
                f'{status.model.title} takes no music apart: set "stems_model" to another model.'
            )
        return status

    def _make(
        self,
        key: str,
        task: Callable[[Path], Task],
        cancel: CancelToken,
        tell: Callable[[Progress], None],
    ) -> StemSet:
        """Does what is to be done in a folder, and keeps what comes of it."""
        with self._cache.making(cancel) as folder:
            if found := self._cache.find(key):  # somebody else was at it meanwhile
                return found
            record = process.separate(
                task(folder), cancel, tell, lambda size: self._room(folder, size)
            )
            kept = self._cache.keep(key, folder, record)
            # Not before: what is cancelled or fails costs no stems that were there.
            self._cache.make_room(self._settings().stems_cache_bytes, spare=key)
            return kept

    def _room(self, folder: Path, needed: int) -> None:
        """Lets former stems go where the disk would not hold the new ones beside them.

        Raises:
            UserError: They are more than is kept, or more than the disk holds without any others.
                All former ones are still there.
        """
        limit = self._settings().stems_cache_bytes
        if needed > limit:
            raise UserError(
                f"Its stems take {bytes_in_words(needed)}, and {bytes_in_words(limit)} of stems "
                "are kept at most. Take a part of it, or raise the limit: "
                f"msa-desktop config stems_cache_gigabytes {-(-needed // 10**9)}"
            )
        held = self._cache.size()
        lacking = needed + _SPARE - shutil.disk_usage(folder).free
        if 0 < lacking <= held:
            self._cache.make_room(held - lacking)
        files.check_room(folder, needed)

    @contextmanager
    def _telling(self, path: str) -> Iterator[Callable[[Progress], None]]:
        last = Progress(StemsStep.LOAD)
        throttle = Throttle()

        def publish(*, running: bool = True) -> None:
            self._events.publish(StemsProgress(path, last.step, last.done, last.total, running))

        def tell(progress: Progress) -> None:
            nonlocal last
            new, last = progress.step is not last.step, progress
            if throttle.is_due() or new:
                publish()

        publish()
        try:
            yield tell
        finally:
            publish(running=False)


def _key(reading: Reading, model: ModelStatus, begin: float, end: float | None) -> str:
    """What stems are kept under: the sound, not the file, which may be moved or tagged."""
    digests = [file.sha256 for file in model.installed.files] if model.installed else []
    facts = (_VERSION, reading.sound_id, reading.info.duration, model.model.id, digests, begin, end)
    return hashlib.blake2b(repr(facts).encode(), digest_size=16).hexdigest()


def _clock(seconds: float) -> str:
    """A moment of a track as a file's name has it: 1m05s, 0m07.5s."""
    minutes, rest = divmod(round(seconds, 2), 60)
    return f"{minutes:.0f}m{rest:05.2f}".rstrip("0").rstrip(".") + "s"
