"""The composition root: builds every service from the settings. Knows no Qt."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property, partial
from types import TracebackType
from typing import TYPE_CHECKING

import filelock

from msa_desktop import encoders
from msa_desktop.analysis.pool import Pool
from msa_desktop.analysis.worker import Outcome
from msa_desktop.base import log, plugins, vocabulary
from msa_desktop.base.errors import UserError
from msa_desktop.base.events import EventBus, Notice
from msa_desktop.base.model import display_path
from msa_desktop.base.paths import DataPaths, indices, resources
from msa_desktop.base.settings import Settings, SettingsFile
from msa_desktop.encoders._base import EncoderFacts, InstalledModel, facts
from msa_desktop.llm import words
from msa_desktop.llm.words import Words
from msa_desktop.services.doctor import Doctor
from msa_desktop.services.library import Library
from msa_desktop.services.search import Search
from msa_desktop.store.db import Database
from msa_desktop.store.journal import Journal
from msa_desktop.store.proposals import ProposalReader
from msa_desktop.store.stem_rows import StemRows
from msa_desktop.store.tracks import TrackReader
from msa_desktop.store.vectors import VectorIndex
from msa_desktop.store.writer import Writer

if TYPE_CHECKING:
    from msa_desktop.services.models import Models, ModelStatus
    from msa_desktop.services.reading import Reading
    from msa_desktop.services.references import References
    from msa_desktop.services.stem_search import StemSearch
    from msa_desktop.services.stems import Stems
    from msa_desktop.services.summaries import Summaries
    from msa_desktop.services.taggers import Taggers
    from msa_desktop.services.tagging import Tagging
    from msa_desktop.services.text_search import TextSearch

_NEARLY_ALL = 0.9
_MARK = 8  # characters of a SHA-256


@contextmanager
def usable(paths: DataPaths) -> Iterator[None]:
    """Around the first use of a data folder's files: says what to do when they cannot be used.

    Raises:
        UserError: The folder, or a file in it, cannot be made, read or written.
    """
    try:
        yield
    except OSError as error:
        file = display_path(str(error.filename or paths.root))
        raise UserError(
            f"The data folder {display_path(str(paths.root))} cannot be used "
            f"({file}: {error.strerror or error}). Check its permissions and that its disk is "
            "there and has room, or choose another folder with --data-dir."
        ) from error


class App:
    """Every service of the program over one data folder.

    Reading needs no lock: `tracks` and `search` work beside a running program. The first use of
    `library` makes this process the one that writes.

    Args:
        paths: The data folder's files.

    Raises:
        UserError: The data folder or the library in it cannot be used.
    """

    def __init__(self, paths: DataPaths) -> None:
        self.paths = paths
        with usable(paths):
            paths.root.mkdir(parents=True, exist_ok=True)
            self.settings_file = SettingsFile(paths.settings)
            log.set_up(paths.logs, self.settings.log_level)
            self.database = Database(paths.database)
        self.events = EventBus()
        self._changing = threading.Lock()
        self._listens_by = self._wanted_of_encoders
        self.encoders = self._find_encoders()
        self._lock = filelock.FileLock(paths.lock, timeout=0)
        self.tracks = TrackReader(self.database)
        self.stem_rows = StemRows(self.database)
        self.vocabulary = vocabulary.load(resources() / "labels.toml")
        self._indexes = self._open_indexes({})
        self.search = Search(
            self.tracks, self._indexes, self.vocabulary, lambda: self.settings.measure
        )
        self.proposals = ProposalReader(self.database, self.tracks)
        self.doctor = Doctor(
            paths,
            self.database,
            self.search,
            lambda: self.encoders,
            lambda: self.settings.device,
        )

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.settings_file.values

    def override(self, **values: object) -> None:
        """Puts other settings in force for this run; they are not saved."""
        self.settings_file.values = self.settings.model_copy(update=values)

    @cached_property
    def writer(self) -> Writer:
        """The one writer.

        Raises:
            UserError: Another process is it already, or the data folder cannot be written to.
        """
        with usable(self.paths):
            try:
                self._lock.acquire()
            except filelock.Timeout:
                raise UserError(
                    f"The program is already running on {self.paths.root}. Close its window or "
                    "wait for its scan, or use another data folder (--data-dir)."
                ) from None
        return Writer(self.database, on_error=self._write_failed)

    @cached_property
    def library(self) -> Library:
        """Folders, scanning, watching and the analysis queue.

        Raises:
            UserError: Another process writes to this data folder.
        """
        return Library(
            self.tracks,
            self.writer,
            self._make_pool,
            self.events,
            lambda: self.settings,
            lambda: self.encoders,
        )

    @cached_property
    def words(self) -> Words:
        """The genres and moods that are written into files."""
        return words.load(resources() / "words.toml")

    @cached_property
    def models(self) -> Models:
        """The models: which there are, which are here, and how they come and go."""
        # Like the tag services below, loaded late: most commands start without them, 0.1 s sooner.
        from msa_desktop.services.models import Models  # noqa: PLC0415
        from msa_desktop.weights import catalogue  # noqa: PLC0415

        return Models(
            catalogue.load(resources() / "models.toml"),
            self.paths.models,
            resources() / "models",
            self.events,
        )

    @cached_property
    def references(self) -> References:
        """Reference indexes: tagged tracks of others, for neighbours."""
        from msa_desktop.services.references import References  # noqa: PLC0415 - start-up cost

        return References(
            self.paths.references, indices(), lambda: self.encoders, self._make_pool, self.events
        )

    @cached_property
    def text_search(self) -> TextSearch:
        """Search by words."""
        from msa_desktop.services import text_search  # noqa: PLC0415 - start-up cost

        return text_search.make(
            self.database,
            self.tracks,
            self.vocabulary,
            self.words,
            self.search.ears,
            self.reading,
            self.summaries,
        )

    @cached_property
    def reading(self) -> Reading:
        """The encoders that read words."""
        from msa_desktop.encoders import _minilm  # noqa: PLC0415 - start-up cost
        from msa_desktop.services.reading import Reading  # noqa: PLC0415

        def readers() -> tuple[EncoderFacts, ...]:
            sentences = facts(_minilm, resources() / "models", self._installed)
            return (*self.encoders, *((sentences,) if sentences else ()))

        return Reading(readers, lambda: self.settings.device, self.events)

    @cached_property
    def summaries(self) -> Summaries:
        """What the tracks' summaries mean."""
        from msa_desktop.services.summaries import Summaries  # noqa: PLC0415 - start-up cost

        return Summaries(self.database, self.paths.indexes, self.reading.embed)

    @cached_property
    def stems(self) -> Stems:
        """Taking tracks apart."""
        from msa_desktop.services.stem_ears import StemEars  # noqa: PLC0415 - start-up cost
        from msa_desktop.services.stems import Stems  # noqa: PLC0415

        return Stems(
            self.models,
            self.paths.stems,
            lambda: self.settings,
            self.events,
            StemEars(
                self.tracks,
                self.stem_rows,
                lambda: self.writer,
                partial(self._make_pool, workers=1),
                lambda: self.encoders,
                self.events,
            ),
        )

    @cached_property
    def stem_search(self) -> StemSearch:
        """Tracks with similar drums, a similar voice."""
        from msa_desktop.services.stem_search import StemSearch  # noqa: PLC0415 - start-up cost

        return StemSearch(self.tracks, self.stem_rows, lambda: self.encoders, self.vocabulary)

    @cached_property
    def journal(self) -> Journal:
        """What was written into files, and what gives their bytes back.

        Raises:
            UserError: It cannot be opened.
        """
        with usable(self.paths):
            return Journal(self.paths.journal, self.tracks.library_id())

    @cached_property
    def taggers(self) -> Taggers:
        """Rules and language models, as the settings want them."""
        from msa_desktop.services.taggers import Taggers  # noqa: PLC0415 - start-up cost

        return Taggers(self.words, self.vocabulary, self.models, lambda: self.settings, self.events)

    @cached_property
    def tagging(self) -> Tagging:
        """Proposing, writing and undoing tags.

        Raises:
            UserError: Another process writes to this data folder.
        """
        # Start-up cost.
        from msa_desktop.services.evidence import EvidenceReader  # noqa: PLC0415
        from msa_desktop.services.tag_writing import TagWriting  # noqa: PLC0415
        from msa_desktop.services.tagging import Tagging  # noqa: PLC0415
        from msa_desktop.services.written import WrittenFiles  # noqa: PLC0415

        writer = self.writer  # first of all the lock: only its holder may clear up after a kill
        files = WrittenFiles(self.tracks, writer, self.events)
        writing = TagWriting(
            self.journal,
            lambda: self.settings,
            self.events,
            on_written=files.store,
            find=files.find,
            track_of=files.track_of,
        )
        writing.recover()
        return Tagging(
            self.tracks,
            self.proposals,
            writer,
            writing,
            EvidenceReader(
                self.tracks,
                self.proposals,
                self._neighbours_by(),
                self.vocabulary,
                self.words,
                self.references,
                self.stem_rows,
            ),
            self.taggers.current,
            self.words,
            self.events,
            lambda: self.settings,
        )

    def models_changed(self) -> None:
        """Models were installed or removed: what runs them comes into use, or goes.

        Takes a moment: belongs into a background thread.
        """
        with self._changing:
            former = self.encoders, self._listens_by
            self._listens_by = self._wanted_of_encoders
            self.encoders = self._find_encoders()
            if "reading" in self.__dict__:
                self.reading.encoders_changed()
            if "taggers" in self.__dict__:
                self.taggers.models_changed()
            if self.encoders != former[0]:
                self._indexes = self._open_indexes(self._indexes)
                self.search.use(self._indexes)
            if (self.encoders, self._listens_by) != former and "library" in self.__dict__:
                self.library.encoders_changed(self._memory)

    def settings_changed(self) -> None:
        """Other settings are in force: everything works by them from now on.

        Takes a moment: belongs into a background thread.
        """
        if self._wanted_of_encoders != self._listens_by:
            self.models_changed()
        if "library" in self.__dict__:
            self.library.settings_changed()
        self.stems.trim()

    @property
    def _wanted_of_encoders(self) -> tuple[object, ...]:
        """What the settings say of the encoders."""
        return self.settings.device, self.settings.clap_model, self.settings.windows

    def _find_encoders(self) -> tuple[EncoderFacts, ...]:
        """The encoders that can be run, what comes with the program first.

        So every track is heard by it before any other.
        """
        modules = sorted(plugins.load(encoders), key=lambda module: bool(module.MODELS))
        return tuple(
            known
            for module in modules
            if (
                known := facts(
                    module,
                    resources() / "models",
                    self._installed,
                    preferred=self.settings.clap_model,
                    windows=self.settings.windows,
                )
            )
        )

    def _open_indexes(self, former: Mapping[str, VectorIndex]) -> dict[str, VectorIndex]:
        """The index of each encoder; of one that has not changed, the former one."""
        return {
            one.id: former[one.id]
            if one.id in former and former[one.id].version == one.version
            else VectorIndex(self.database, self.paths.indexes, one.id, one.version)
            for one in self.encoders
        }

    @property
    def _memory(self) -> int:
        """Megabytes that a process comes to need for all encoders."""
        return sum(encoder.memory for encoder in self.encoders)

    def _installed(self, model_id: str) -> InstalledModel | None:
        """A model that was installed and can be run; None where there is none."""
        # Most have none: they start without the models' code.
        if not (self.paths.models / model_id).is_dir():
            return None
        status = self.models.status(model_id)
        return InstalledModel(status.folder, _mark(status)) if status.usable else None

    def _make_pool(
        self,
        on_outcome: Callable[[Outcome], None],
        on_error: Callable[[str], None],
        workers: int | None = None,
    ) -> Pool:
        return Pool(
            workers or self.settings.worker_count,
            self.settings.file_time_limit,
            on_outcome,
            on_error=on_error,
            device=self.settings.device,
            memory=self._memory,
        )

    def _neighbours_by(self) -> EncoderFacts:
        """Whose vectors say which tagged tracks are near.

        TTMR++ once it has heard nearly all: on its vectors the votes were measured
        (scripts/bench/knn_tags.py). Until then MusiCNN, which everybody has.
        """
        by = {encoder.id: encoder for encoder in self.encoders}
        learned = by.get("ttmrpp")
        if learned is not None:
            heard = self.tracks.vector_count(learned.id, learned.version)
            if heard >= _NEARLY_ALL * self.tracks.counts().analysed:
                return learned
        return by["musicnn"]

    def _write_failed(self, error: Exception) -> None:
        text = (
            f"The library could not be written ({error}). The log in {self.paths.logs} says more."
        )
        self.events.publish(Notice(text, is_error=True))

    def stop_reading(self) -> None:
        """Ends a search that still waits for encoders to be loaded. There are no others after."""
        if "reading" in self.__dict__:
            self.reading.stop()

    def close(self) -> None:
        """Ends the background work, writes what waits, and gives up the lock."""
        if "summaries" in self.__dict__:
            self.summaries.close()
        if "reading" in self.__dict__:
            self.reading.close()
        if "taggers" in self.__dict__:
            self.taggers.close()
        if "tagging" in self.__dict__:
            self.tagging.close()
        if "library" in self.__dict__:
            self.library.close()
        if "writer" in self.__dict__:
            self.writer.close()
        if "journal" in self.__dict__:
            self.journal.close()
        self.search.save()
        self.database.close()
        self._lock.release()

    def __enter__(self) -> App:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _mark(status: ModelStatus) -> str:
    """What tells a model's weights from those that the catalogue knows by their hash; "" for these.

    So vectors of a person's own checkpoint are never compared with those of the published one.
    """
    if status.installed is None:
        return ""
    weights = status.installed.files[0]
    digest = weights.came_as or weights.sha256
    return "" if digest == status.model.files[0].sha256 else digest[:_MARK]
