"""Reference indexes: which there are, taking them in, building them, and what they know."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from msa_desktop.base.errors import UserError
from msa_desktop.base.events import EventBus
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.model import FloatArray, display_path
from msa_desktop.encoders._base import EncoderFacts
from msa_desktop.services import reference_build as building
from msa_desktop.services import reference_pairs as pairs
from msa_desktop.services import reference_tables as tables
from msa_desktop.services.listening import MakePool
from msa_desktop.services.reference_pairs import Align, PairCheck
from msa_desktop.store import faiss_flat, reference
from msa_desktop.store.reference import NAME, Origin, ReferenceArtist, ReferenceIndex

_log = logging.getLogger(__name__)


class ReferenceState(StrEnum):
    """Where an index stands."""

    READY = "ready"
    OTHER_VERSION = "other version"  # made by another version of its encoder
    NO_ENCODER = "no encoder"  # its encoder is not installed
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class ReferenceStatus:
    """An index and where it stands.

    Attributes:
        index: None where it is damaged.
        problem: What is wrong with one that cannot be used, and what to do.
        own: It lies in the data folder, and can be removed; else it came with the program.
    """

    name: str
    folder: Path
    state: ReferenceState
    index: ReferenceIndex | None
    problem: str
    own: bool


@dataclass(frozen=True, slots=True)
class Built:
    """What came of a build.

    Attributes:
        failed: Files that are not in the index: path below the folder, and reason.
        known: How many files had been heard by a build that was ended.
    """

    index: ReferenceIndex
    failed: tuple[tuple[str, str], ...]
    known: int


class PairError(UserError):
    """Vectors and rows were not taken in.

    Attributes:
        check: What was found out about them.
    """

    def __init__(self, message: str, check: PairCheck) -> None:
        super().__init__(message)
        self.check = check


class References:
    """Lists, builds, imports and removes reference indexes. Thread-safe.

    Everything but `list` takes its time and belongs into a background thread.

    Args:
        home: Where the person's own are, and new ones go; it need not exist.
        shipped: Where those are that come with the program; it need not exist.
        encoders: The encoders that can be run.
        make_pool: Makes worker processes.
        events: Told of progress.
    """

    def __init__(
        self,
        home: Path,
        shipped: Path,
        encoders: Callable[[], Sequence[EncoderFacts]],
        make_pool: MakePool,
        events: EventBus,
    ) -> None:
        self._home = home
        self._shipped = shipped
        self._find_encoders = encoders
        self._make_pool = make_pool
        self._events = events

    def list(self) -> tuple[ReferenceStatus, ...]:
        """Every index, by a quick look; a person's own hides a shipped one of its name."""
        own = reference.names(self._home)
        shipped = [name for name in reference.names(self._shipped) if name not in own]
        return (
            *(self._status(self._home / name, own=True) for name in own),
            *(self._status(self._shipped / name, own=False) for name in shipped),
        )

    def usable(self, encoder: str, version: str) -> tuple[ReferenceIndex, ...]:
        """The indexes whose vectors are this encoder's, of this version; whole as far as told."""
        found = []
        for status in self.list():
            if status.index is None:
                _log.warning("%s", status.problem)
            elif status.state is ReferenceState.READY and status.index.manifest.ear == (
                encoder,
                version,
            ):
                found.append(status.index)
        return tuple(found)

    def open(self, name: str) -> ReferenceIndex:
        """An index that can be used.

        Raises:
            UserError: There is none, or it cannot; the message says why and what to do.
        """
        status = self._find(name)
        if status.index is None or status.state is not ReferenceState.READY:
            raise UserError(status.problem)
        return status.index

    def verify(self, name: str) -> tuple[str, ...]:
        """Reads an index whole; returns what is wrong with it.

        Raises:
            UserError: There is no such index.
        """
        status = self._find(name)
        return tuple(status.index.verify()) if status.index else (status.problem,)

    def remove(self, name: str) -> None:
        """Takes an index of the person's own off the disk, and what is left of a build of it.

        Raises:
            UserError: There is none, it comes with the program, or cannot be removed.
        """
        status = self._find(name)
        if not status.own:
            raise UserError(f"{name} comes with the program and stays.")
        try:
            shutil.rmtree(status.folder)
            _kept(self._home, name).unlink(missing_ok=True)
        except OSError as error:
            raise _unusable(error, self._home) from error

    def import_pair(
        self,
        name: str,
        vectors: Path,
        metadata: Path,
        encoder: str,
        *,
        align: Align | None = None,
        title: str = "",
        licence: str = "",
    ) -> tuple[ReferenceIndex, PairCheck]:
        """Makes an index of vectors and rows that belong together by their order.

        Args:
            name: What it is to be called; there must be none of that name.
            vectors: A flat FAISS index, of the version of the encoder that is here.
            metadata: JSON, JSON lines or CSV.
            encoder: The encoder's id.
            align: Which ends belong together, where there are more of one: the person's choice.
            title: What it is shown as.
            licence: What may be done with it.

        Raises:
            PairError: The counts differ and nothing was chosen, or what was chosen is clearly
                wrong.
            UserError: Something cannot be read, is of another encoder, or the name is taken.
        """
        facts = self._encoder(encoder)
        self._check_name(name)
        rows = tables.read_metadata(metadata)
        found = faiss_flat.read(vectors, reference.MOST_BYTES)
        if found.shape[1] != facts.dimension:
            raise UserError(
                f"{display_path(str(vectors))} holds vectors of {found.shape[1]} numbers; those of "
                f"{facts.id} have {facts.dimension}. It is of another encoder."
            )
        check = pairs.check(found, rows)
        if (len(found) != len(rows) and align is None) or check.is_wrong(align or Align.HEAD):
            raise PairError(_refusal(vectors, metadata, check, align), check)
        end = align or Align.HEAD
        found = found[pairs.cut(len(found), len(rows), end)]
        rows = rows[pairs.cut(len(rows), check.vectors, end)]
        source = f"{vectors.name} and {metadata.name}"
        if check.vectors != check.rows:
            source += f" ({check.vectors} vectors, {check.rows} rows, aligned at the {end})"
        origin = Origin(title or name, facts.id, facts.version, source, licence)
        try:
            return reference.write(self._home, name, origin, found, rows), check
        except OSError as error:
            raise _unusable(error, self._home) from error

    def build(
        self,
        name: str,
        folder: Path,
        table: Path,
        encoder: str,
        *,
        title: str = "",
        licence: str = "",
        home: Path | None = None,
        cancel: CancelToken | None = None,
    ) -> Built:
        """Makes an index of a folder of audio; goes on where an earlier build was ended.

        One of that name goes when the new one is whole. Publishes `ReferenceProgress`.

        Args:
            name: What it is to be called.
            folder: Holds the audio.
            table: Says what it is; see `services.reference_tables.read_audio_table`.
            encoder: The encoder's id.
            title: What it is shown as.
            licence: What may be done with it.
            home: Where it goes; None for where the person's own are.
            cancel: Ends it; what was heard is kept for the next build.

        Raises:
            UserError: Something cannot be read or written, the encoder cannot be run, or not one
                file could be heard.
            Cancelled: The person ended it.
        """
        facts = self._encoder(encoder)
        home = home or self._home
        _check_spelling(name)
        folder = folder.absolute()
        kept = _kept(home, name)
        try:
            home.mkdir(parents=True, exist_ok=True)
            with building.telling(self._events, name) as tell:
                heard = building.hear(
                    folder,
                    tables.read_audio_table(table, folder),
                    facts,
                    kept,
                    self._make_pool,
                    tell,
                    cancel or CancelToken(),
                )
            if not heard.tracks:
                why = "; ".join(f"{path}: {reason}" for path, reason in heard.failed[:3])
                raise UserError(
                    f"Not one file of {display_path(str(table))} below "
                    f"{display_path(str(folder))} could be heard. {why}".rstrip()
                )
            origin = Origin(title or name, facts.id, facts.version, f"audio: {table.name}", licence)
            index = reference.write(home, name, origin, heard.vectors, heard.tracks)
            for left in (kept, building.lock_of(kept)):
                left.unlink(missing_ok=True)
        except OSError as error:
            raise _unusable(error, home) from error
        return Built(index, tuple(heard.failed), heard.known)

    def artists_near(
        self, vector: FloatArray, encoder: str, version: str, count: int, name: str = ""
    ) -> tuple[tuple[ReferenceArtist, float], ...]:
        """The artists that sound most like a track, and their cosines to it.

        Args:
            vector: Shape (dimension,), raw, of this version of the encoder.
            encoder: The encoder's id.
            version: Its version.
            count: How many at most.
            name: The index they are looked for in; "" for every one that can be used.

        Raises:
            UserError: There is no such index, it is of another encoder or version, or damaged.
        """
        indexes = (self.open(name),) if name else self.usable(encoder, version)
        best: dict[str, tuple[ReferenceArtist, float]] = {}
        for index in indexes:
            if index.manifest.ear != (encoder, version):
                raise UserError(
                    f"The reference index {name} is of the encoder {index.manifest.encoder}, not "
                    f"of {encoder}: add --encoder {index.manifest.encoder}."
                )
            mean, deviation = index.vectors.mean(axis=0), index.vectors.std(axis=0)
            rows = (np.vstack([index.artist_vectors, vector]) - mean) / np.where(
                deviation > 0, deviation, 1
            )
            rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
            scores = rows[:-1] @ rows[-1]
            for i in np.argsort(-scores, kind="stable")[:count].tolist():
                artist, score = index.artists[i], float(scores[i])
                if artist.name not in best or best[artist.name][1] < score:
                    best[artist.name] = (artist, score)
        return tuple(sorted(best.values(), key=lambda found: -found[1])[:count])

    @property
    def _encoders(self) -> dict[str, EncoderFacts]:
        return {encoder.id: encoder for encoder in self._find_encoders()}

    def _status(self, folder: Path, *, own: bool) -> ReferenceStatus:
        try:
            index = ReferenceIndex(folder)
        except UserError as error:
            return ReferenceStatus(
                folder.name, folder, ReferenceState.DAMAGED, None, str(error), own
            )
        manifest = index.manifest
        state, problem = ReferenceState.READY, ""
        known = self._encoders.get(manifest.encoder)
        if known is None:
            state = ReferenceState.NO_ENCODER
            problem = (
                f"The reference index {folder.name} is of the encoder {manifest.encoder}, which is "
                "not installed (msa-desktop models list)."
            )
        elif (known.version, known.dimension) != (manifest.version, manifest.dimension):
            state = ReferenceState.OTHER_VERSION
            problem = (
                f"The reference index {folder.name} is of {manifest.encoder} "
                f"{manifest.version}; this program has {known.version}. Their vectors cannot be "
                "compared: build or import it again."
            )
        return ReferenceStatus(folder.name, folder, state, index, problem, own)

    def _find(self, name: str) -> ReferenceStatus:
        for status in self.list():
            if status.name == name:
                return status
        raise UserError(f'There is no reference index "{name}": msa-desktop refs list')

    def _encoder(self, encoder: str) -> EncoderFacts:
        if encoder not in self._encoders:
            raise UserError(
                f'There is no encoder "{encoder}" here. There is: {", ".join(self._encoders)}. '
                "Others come with their models: msa-desktop models list"
            )
        return self._encoders[encoder]

    def _check_name(self, name: str) -> None:
        _check_spelling(name)
        if (self._home / name).exists():
            raise UserError(
                f"There is a reference index {name} already. Remove it first, or choose another "
                "--name."
            )


def _kept(home: Path, name: str) -> Path:
    """Where a build keeps what was heard so far."""
    return home / f".{name}.heard"


def _check_spelling(name: str) -> None:
    if not NAME.fullmatch(name):
        raise UserError(
            f'A reference index cannot be called "{name}": use small letters, digits, ".", "-" '
            'and "_".'
        )


def _refusal(vectors: Path, metadata: Path, check: PairCheck, align: Align | None) -> str:
    """What to tell the person, with both counts and what both ends sound like."""
    head = (
        f"{display_path(str(vectors))} has {check.vectors} vectors and "
        f"{display_path(str(metadata))} {check.rows} rows"
    )
    if check.vectors == check.rows:
        return (
            f"{head}, but they do not belong together: of {check.ends[Align.HEAD].asked} tracks, "
            f"{_shares(check.ends[Align.HEAD])} have one of their artist nearest."
        )
    words = [
        f"{head}: which belong together is not known. Nearest neighbours of the same artist, "
        f"--align head: {_shares(check.ends[Align.HEAD])}; "
        f"--align tail: {_shares(check.ends[Align.TAIL])}."
    ]
    if not any(fit.told for fit in check.ends.values()):
        words.append("Too few tracks share an artist to say which is right.")
    elif check.best is None:
        words.append("Neither clearly fits: something else than one end is missing.")
    elif align is None:
        words.append(f"The {check.best} fits: add --align {check.best}.")
    else:
        words.append(f"The {check.best} fits, the {align} does not.")
    return " ".join(words)


def _shares(fit: pairs.Fit) -> str:
    return f"{fit.share:.1%} (rows shifted: {fit.shifted:.1%})"


def _unusable(error: OSError, folder: Path) -> UserError:
    name = display_path(str(error.filename or folder))
    return UserError(f"{name} cannot be used: {error.strerror or error}.")
