"""What the actions on stems do: take tracks apart, open the mixer, export. All in threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QStandardPaths, Signal
from PySide6.QtWidgets import QWidget

from msa_desktop.base.events import StemsProgress, StemsStep
from msa_desktop.base.model import Track, TrackId
from msa_desktop.base.settings import Settings
from msa_desktop.stems.ahead import Gone
from msa_desktop.stems.export import Format
from msa_desktop.stems.mixing import Mixer
from msa_desktop.store.tracks import TrackReader
from msa_desktop.ui import stem_work, text
from msa_desktop.ui.actions import Act, Actions
from msa_desktop.ui.bridge import Background, sentence
from msa_desktop.ui.message_bar import Offer
from msa_desktop.ui.mixer import MixerDesk
from msa_desktop.ui.part_dialog import PartDialog
from msa_desktop.ui.player import PlayerBar
from msa_desktop.ui.stem_export import StemExportDialog
from msa_desktop.ui.stem_jobs import WHOLE, Job, Part, StemJobs, ask_many
from msa_desktop.ui.stem_strip import StemStrip
from msa_desktop.ui.waveforms import Waveforms

if TYPE_CHECKING:  # loaded with the first track that plays
    from msa_desktop.services.stems import Separated

_MANY = 20  # tracks: more are hours of work, and seldom fit all at once


class StemCommands(QObject):
    """Connects the actions on stems with the service, and the mixer with the player.

    Args:
        open_stems: Gives the service; called in threads.
        reader: The library's reads.
        settings: Those in force.
        background: Where short work is done; long work has threads of its own.
        actions: The window's actions.
        player: Plays, and shows the mixer.
        waveforms: Brings that of a track of which a part is chosen.
        targets: The selected tracks.
        target: The one of them that is meant where only one can be.
        window: The parent of dialogs.

    Signals:
        failed: What went wrong while other work goes on (an exception).
        models_asked: The person wants to see the models.
        folder_asked: The person wants to see a folder (its path).
    """

    failed = Signal(Exception)
    models_asked = Signal()
    folder_asked = Signal(str)

    def __init__(
        self,
        open_stems: stem_work.OpenStems,
        reader: TrackReader,
        settings: Callable[[], Settings],
        background: Background,
        actions: Actions,
        player: PlayerBar,
        waveforms: Waveforms,
        targets: Callable[[], list[TrackId]],
        target: Callable[[], TrackId | None],
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._open_stems = open_stems
        self._reader = reader
        self._settings = settings
        self._background = background
        self._mixing = actions[Act.MIXER]
        self._player = player
        self._waveforms = waveforms
        self._targets = targets
        self._target = target
        self._window = window
        self._track: TrackId | None = None  # the one that plays
        self._wanted: tuple[TrackId, Separated] | None = None  # shown as soon as it plays
        self._separated: Separated | None = None  # its stems, if there are any
        self._parts: dict[TrackId, Separated] = {}  # the last part that was taken out of each
        self._mixer: Mixer | None = None
        self._folder = QStandardPaths.writableLocation(
            QStandardPaths.StandardLocation.MusicLocation
        )
        self._format = Format.FLAC
        self.desk = MixerDesk()
        self.separating = self._make_jobs(frozenset(StemsStep) - {StemsStep.EXPORT})
        self.exporting = self._make_jobs(frozenset({StemsStep.EXPORT}))
        player.add_panel(self.desk)
        player.set_mixer_action(self._mixing)
        self._mixing.setEnabled(False)
        self._mixing.toggled.connect(self._toggle)
        actions[Act.SEPARATE].triggered.connect(self._separate_selected)
        actions[Act.SEPARATE_PART].triggered.connect(self._choose_part)
        player.playing_changed.connect(self._follow)
        player.mix_ended.connect(self._mix_ended)
        self.desk.changed.connect(self._set_gains)
        self.desk.close_clicked.connect(self._leave)
        self.desk.export_clicked.connect(self._ask_export)

    def take_progress(self, progress: StemsProgress) -> None:
        """Shows how far work is."""
        self.separating.take_progress(progress)
        self.exporting.take_progress(progress)

    def close(self) -> None:
        """Ends what goes on, and closes the stems' files."""
        self._player.leave_mix()
        self.separating.close()
        self.exporting.close()

    def _make_jobs(self, steps: frozenset[StemsStep]) -> StemJobs:
        strip = StemStrip()
        self._player.add_panel(strip)
        jobs = StemJobs(strip, steps, self)
        jobs.failed.connect(self.failed)
        return jobs

    # Taking apart

    def _separate_selected(self) -> None:
        self._background.run(partial(self._jobs, self._targets()), self._separate_all)

    def _jobs(self, ids: Sequence[TrackId]) -> list[Job]:
        """What is to be done for some tracks; in a thread, for they may be all there are."""
        return [self._job(track) for track in self._reader.get_many(ids)]

    def _job(self, track: Track, part: Part = WHOLE) -> Job:
        return Job(
            track.path,
            f"Taking apart: {text.by(track)}{stem_work.which(track, part)}",
            partial(stem_work.separate, self._open_stems, track.path, part),
            partial(self._is_apart, track),
            partial(self._is_not_apart, track, part),
            part,
        )

    def _separate_all(self, jobs: Sequence[Job]) -> None:
        if len(jobs) > _MANY:
            room = self._settings().stems_cache_gigabytes
            ask_many(self._window, len(jobs), room, partial(self._separate, jobs))
        else:
            self._separate(jobs)

    def _separate(self, jobs: Sequence[Job]) -> None:
        known = self.separating.known()
        self.separating.add(*(job for job in jobs if (job.path, job.part) not in known))

    def _choose_part(self) -> None:
        track_id = self._target()
        if track_id is not None:
            work = partial(stem_work.to_choose_from, self._reader, track_id)
            self._background.run(work, self._ask_part, key="part", failed=self.failed.emit)

    def _ask_part(self, found: tuple[Track, float]) -> None:
        track, duration = found
        playing = self._player.track
        heard = playing is not None and playing.id == track.id
        former = self._parts.get(track.id)
        part: Part = (round(self._player.position, 1), None) if heard else (0.0, None)
        if former is not None and (not heard or self._separated == former):
            part = (former.begin, former.end)
        dialog = PartDialog(track, duration, part, self._window)
        self._waveforms.ready.connect(dialog.show_peaks)
        self._waveforms.want(track.id)
        dialog.agreed.connect(partial(self._separate_part, track))
        dialog.open()

    def _separate_part(self, track: Track, begin: float, end: float | None) -> None:
        self._separate([self._job(track, (begin, end))])

    def _is_apart(self, track: Track, separated: Separated) -> None:
        if not separated.whole:
            self._parts[track.id] = separated
        here = self._track == track.id
        if here and self._fits_in(separated):
            self._hear(separated)
        else:
            if here and self._separated is None:
                self._show(separated)
            offer = Offer("Listen", partial(self._listen, track, separated))
            which = stem_work.which(track, (separated.begin, separated.end))
            self.separating.tell(f"{track.title}{which} is taken apart.", offer)

    def _fits_in(self, separated: Separated) -> bool:
        """Whether the mixer can open on it without a break in what the person listens to."""
        if self._mixer is not None:
            return self._is_at_hand(separated)
        begin, end = separated.span
        inside = begin <= self._player.position < end
        return separated.whole or inside or not self._player.playing

    def _is_not_apart(self, track: Track, part: Part, error: Exception) -> None:
        if isinstance(error, stem_work.NoModel):
            self.separating.cancel()  # the others would fail alike
            offer = Offer("Models", self.models_asked.emit)
        else:
            offer = Offer("Try again", partial(self._separate, [self._job(track, part)]))
        self.separating.tell(sentence(error), offer, problem=True)

    def _listen(self, track: Track, separated: Separated) -> None:
        if self._track == track.id:
            self._hear(separated)
        else:
            self._wanted = (track.id, separated)
            self._player.play(track)

    # The mixer

    def _follow(self, track_id: TrackId | None, _playing: bool) -> None:
        """Another track plays: looks whether there are stems of it."""
        if track_id == self._track:
            return
        self._track = track_id
        self._separated = None
        self._leave()
        wanted, self._wanted = self._wanted, None
        if track_id is None:
            self._show(None)
        elif wanted is not None and wanted[0] == track_id:
            self._hear(wanted[1])
        else:
            self._look(track_id)  # until then the button stays, and keeps the keyboard

    def _hear(self, separated: Separated) -> None:
        """Opens the mixer on stems of the track that plays."""
        if not self._is_at_hand(separated):
            self._leave()  # of another part, or made by another model
            self._show(separated)
        self._mixing.setChecked(True)

    def _look(self, track_id: TrackId) -> None:
        self._background.run(
            partial(stem_work.find, self._open_stems, self._reader, track_id),
            partial(self._found, track_id),
            key="stems",
            failed=partial(self._not_found, track_id),
        )

    def _not_found(self, track_id: TrackId, error: Exception) -> None:
        self._found(track_id, None)
        self.failed.emit(error)

    def _found(self, track_id: TrackId, separated: Separated | None) -> None:
        if track_id != self._track or self._separated is not None:
            return  # late: another track plays, or its stems were made meanwhile
        self._show(separated or self._parts.get(track_id))
        if self._mixing.isChecked():
            self._open()

    def _show(self, separated: Separated | None) -> None:
        """Says which stems there are of the track that plays."""
        self._separated = separated
        if separated is None:
            self._leave()
        self._mixing.setEnabled(separated is not None)

    def _toggle(self, on: bool) -> None:
        if not on:
            self._player.leave_mix()
            self._close_desk()
            if (
                self._track is not None
                and self._separated is not None
                and not self._separated.whole
            ):
                self._separated = None  # the whole track's go first, if there are any
                self._look(self._track)
        else:
            self._open()

    def _open(self) -> None:
        """Opens the mixer; where the stems are looked for yet, `_found` does."""
        if self._separated is not None and self._mixer is None:
            self._background.run(
                partial(Mixer, self._separated.stems, repeats=not self._separated.whole),
                partial(self._enter, self._separated),
                failed=partial(self._cannot_enter, self._separated),
            )

    def _is_wanted(self, separated: Separated) -> bool:
        """Whether the person still waits for this mixer."""
        waits = self._mixing.isChecked() and self._mixer is None
        return waits and self._is_at_hand(separated)

    def _is_at_hand(self, separated: Separated) -> bool:
        """Whether these are the stems that the mixer has, or would open on."""
        return self._separated is not None and self._separated.stems == separated.stems

    def _cannot_enter(self, separated: Separated, error: Exception) -> None:
        if self._is_wanted(separated):
            self._mix_ended(error)

    def _enter(self, separated: Separated, mixer: Mixer) -> None:
        if not self._is_wanted(separated):
            mixer.close()
            return
        self._mixer = mixer
        self.desk.show_stems(separated)
        self.desk.show()
        self._set_gains()
        self._player.enter_mix(mixer)

    def _leave(self) -> None:
        self._mixing.setChecked(False)

    def _close_desk(self) -> None:
        self._mixer = None
        self.desk.hide()

    def _mix_ended(self, error: Exception | None) -> None:
        """The player went back to the file by itself."""
        track, separated = self._player.track, self._separated
        self._leave()
        if error is None or track is None:
            return
        offer = None
        if isinstance(error, Gone) and separated is not None:
            if self._parts.get(track.id) == separated:
                del self._parts[track.id]
            self._show(None)
            self._look(track.id)  # there may be others of it
            job = self._job(track, (separated.begin, separated.end))
            offer = Offer("Separate again", partial(self._separate, [job]))
        self.separating.tell(sentence(error), offer, problem=True)

    def _set_gains(self) -> None:
        if self._mixer is not None:
            self._mixer.set_gains(self.desk.gains())

    # Export

    def _ask_export(self) -> None:
        if self._separated is not None:
            dialog = StemExportDialog(
                self._separated, self.desk.audible(), self._folder, self._format, self._window
            )
            dialog.agreed.connect(partial(self._export, self._separated))
            dialog.open()

    def _export(
        self, separated: Separated, names: Sequence[str], folder: str, form: Format
    ) -> None:
        self._folder, self._format = folder, form
        self.exporting.add(
            Job(
                separated.path,
                f"Writing stems: {separated.name}",
                partial(stem_work.export, self._open_stems, separated, tuple(names), folder, form),
                partial(self._is_exported, folder),
                self._is_not_exported,
            )
        )

    def _is_exported(self, folder: str, files: Sequence[Path]) -> None:
        words = f"{text.count(len(files), 'stem', 'stems')} written to {text.folder_name(folder)}."
        self.exporting.tell(words, Offer("Show", partial(self.folder_asked.emit, folder)))

    def _is_not_exported(self, error: Exception) -> None:
        self.exporting.tell(sentence(error), problem=True)
