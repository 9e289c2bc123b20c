"""The main window: lays out its parts and wires them to each other. It decides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QMainWindow,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from msa_desktop.app import App
from msa_desktop.base.events import (
    AnalysisProgress,
    ScanProgress,
    TagProgress,
    TagWork,
    TracksChanged,
)
from msa_desktop.base.model import Root, TrackId
from msa_desktop.base.settings import Settings
from msa_desktop.services.library import Library
from msa_desktop.services.tagging import Tagging
from msa_desktop.ui import about, text
from msa_desktop.ui.actions import Act, Actions
from msa_desktop.ui.bridge import Background, Bridge
from msa_desktop.ui.drop_area import DropArea
from msa_desktop.ui.evidence_pane import EvidencePane
from msa_desktop.ui.folder_tree import Page
from msa_desktop.ui.history_page import HistoryPage
from msa_desktop.ui.library_commands import LibraryCommands
from msa_desktop.ui.memory import Memory
from msa_desktop.ui.message_bar import MessageBar
from msa_desktop.ui.model_commands import ModelCommands
from msa_desktop.ui.models_page import ModelsPage
from msa_desktop.ui.navigation import Navigation
from msa_desktop.ui.play_order import PlayOrder
from msa_desktop.ui.playback import Playback
from msa_desktop.ui.player import PlayerBar
from msa_desktop.ui.progress_bar import AnalysisBar
from msa_desktop.ui.review_page import ReviewPage
from msa_desktop.ui.search_commands import SearchCommands
from msa_desktop.ui.search_page import SearchPage
from msa_desktop.ui.settings_dialog import SettingsDialog
from msa_desktop.ui.sidebar import Sidebar
from msa_desktop.ui.similar_panel import SimilarPanel
from msa_desktop.ui.stem_commands import StemCommands
from msa_desktop.ui.tag_commands import TagCommands
from msa_desktop.ui.tag_service import TagService
from msa_desktop.ui.track_commands import TrackCommands
from msa_desktop.ui.track_model import TrackModel
from msa_desktop.ui.track_pane import TrackPane
from msa_desktop.ui.waveforms import Waveforms
from msa_desktop.ui.welcome import WelcomePage
from msa_desktop.ui.window_state import WindowState
from msa_desktop.ui.workspace import Workspace

if TYPE_CHECKING:  # loaded with the first search, and the first track that plays
    from msa_desktop.services.stems import Stems
    from msa_desktop.services.text_search import TextSearch

_LOOKING_ONLY = "This window only shows the library; it cannot change anything."


class MainWindow(QMainWindow):
    """The window over one `App`.

    Args:
        app: The services.
        library: The library to change; None to look only.
        problem: Why there is no library, in words.
        playback: What plays; the computer's sound output by default.

    Signals:
        settings_changed: The person saved other settings (`Settings`).
    """

    settings_changed = Signal(object)

    def __init__(
        self,
        app: App,
        library: Library | None,
        problem: str = "",
        *,
        playback: Playback | None = None,
    ) -> None:
        super().__init__()
        self.app = app
        self.background = Background(self)
        self.bridge = Bridge(app.events, self)
        self.actions_table = Actions(self)
        self.model = TrackModel(app.tracks, self.background, self)
        self.tag_service = TagService(
            self._open_tagging, "" if library is not None else problem or _LOOKING_ONLY, self
        )
        self._make_parts(playback)
        self.library = LibraryCommands(library, problem, self.background, self)
        self.order = PlayOrder(self.player, app.tracks, self.background, self)
        self.waveforms = Waveforms(app.tracks, library, self.background, self)
        self.tracks = TrackCommands(
            app.tracks,
            self.background,
            self.actions_table,
            self.model,
            self.pane.table,
            self.panel,
            self.library,
            self.order,
            self,
        )
        for view in (self.review.list, self.evidence.list):
            self.tracks.add_list(view)
            view.menu_asked.connect(self.tracks.open_review_menu)
        self.tracks.add_list(self.search.list)
        self.search.list.menu_asked.connect(self.tracks.open_menu)
        self.searches = SearchCommands(
            self._open_search,
            app.tracks,
            self.background,
            self.actions_table,
            self.search,
            self.tracks.targets,
            self,
        )
        self.tags = TagCommands(
            self.tag_service,
            app.events,
            self.actions_table,
            self.review,
            self.history,
            self.tracks.targets,
            self,
        )
        self.stems = StemCommands(
            self._open_stems,
            app.tracks,
            self._settings,
            self.background,
            self.actions_table,
            self.player,
            self.waveforms,
            self.tracks.targets,
            self.tracks.target,
            self,
        )
        self.models = ModelCommands(
            app.models,
            self._settings,
            self.background,
            self.actions_table,
            self.models_page,
            app.models_changed,
            self,
        )
        self._any_folder = True
        self._lay_out()
        self.navigation = Navigation(
            self.actions_table,
            self.sidebar,
            self.workspace,
            self.pane,
            self.search,
            self.review,
            self.evidence,
            self.history,
            self.models_page,
            self.tracks,
            self,
        )
        self._wire_parts()
        self._wire_services()
        self._wire_actions()
        self._memory = Memory(
            WindowState(app.paths.root / "window.json"),
            self,
            self.actions_table,
            self.workspace,
            self.sidebar,
            self.pane.table,
            self.model,
            self.search,
            self.player,
        )
        self._memory.restore()

    def open(self, folder: str | None) -> None:
        """Reads the library, and starts the background work with one more folder if given."""
        self.show_library()
        self.library.open(folder)

    def show_library(self) -> None:
        """Reads the library without starting any work on it."""
        self.sidebar.refresh()
        self.models.check_language()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Remembers the layout, and ends what this window began."""
        self._memory.save()
        self.end_work()
        super().closeEvent(event)

    def end_work(self) -> None:
        """Ends what this window began; nothing reaches it from other threads afterwards."""
        self.player.stop()
        self.bridge.close()
        self.tags.work.cancel()
        self.tag_service.close()
        self.stems.close()
        self.models.close()
        self.app.stop_reading()
        self.searches.close()
        self.background.close()

    # Parts

    def _make_parts(self, playback: Playback | None) -> None:
        app, actions = self.app, self.actions_table
        self.sidebar = Sidebar(app.tracks, app.proposals, self.background, actions, self)
        self.pane = TrackPane(self.model, actions.for_lists(), self)
        self.panel = SimilarPanel(
            app.tracks,
            app.search,
            app.stem_search,
            {label.name: label.kind for label in app.vocabulary.labels},
            self._similar_count,
            self.background,
            actions,
            self,
        )
        self.search = SearchPage(actions, self)
        self.review = ReviewPage(app.proposals, self.background, actions, self)
        self.evidence = EvidencePane(actions.for_lists(), self)
        self.history = HistoryPage(self.tag_service, actions, self._history_megabytes, self)
        self.models_page = ModelsPage(actions, self)
        self.player = PlayerBar(self, playback=playback)
        self.progress = AnalysisBar(self)
        self.messages = MessageBar(self)
        self.welcome = WelcomePage(actions, self)

    def _lay_out(self) -> None:
        self.setWindowTitle(about.NAME)
        self.actions_table.fill_bar(self.menuBar())
        self.workspace = Workspace(
            self.sidebar,
            {
                Page.TRACKS: self.pane,
                Page.SEARCH: self.search,
                Page.REVIEW: self.review,
                Page.HISTORY: self.history,
                Page.MODELS: self.models_page,
            },
            {Page.TRACKS: self.panel, Page.SEARCH: self.panel, Page.REVIEW: self.evidence},
            self,
        )
        self._pages = QStackedWidget(self)
        self._pages.addWidget(self.workspace)
        self._pages.addWidget(self.welcome)
        central = QWidget(self)
        layout = QVBoxLayout(central)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.messages)
        layout.addWidget(self._pages, 1)
        layout.addWidget(self.player)
        layout.addWidget(self.progress)
        self.setCentralWidget(central)
        self._drop_area = DropArea(central)
        self.setMinimumSize(QSize(760, 480))
        self.resize(1280, 800)

    # Wires

    def _wire_parts(self) -> None:
        self.sidebar.read.connect(self._show_library_or_welcome)
        self.sidebar.chosen.connect(self._show_page)
        for tracks in (self.pane.table, self.search.list):
            tracks.current_changed.connect(self.panel.follow)
        self.pane.retry_asked.connect(self.library.analyse_again)
        self.panel.listen_asked.connect(self.library.prioritise)
        self.panel.retry_asked.connect(self.library.analyse_again)
        self.panel.resume_asked.connect(self._resume)
        self.player.playing_changed.connect(self._show_playing)
        self.stems.failed.connect(self.messages.show_error)
        self.stems.models_asked.connect(self.navigation.show_models)
        self.stems.folder_asked.connect(self.tracks.show_folder)
        self.searches.page_asked.connect(self.navigation.show_search)
        self.progress.pause_toggled.connect(self.library.set_paused)
        self.progress.attention_clicked.connect(self.navigation.show_attention)
        self.messages.emptied.connect(self.workspace.focus_centre)
        self.progress.tags_pause_toggled.connect(self.tags.work.set_paused)
        self.progress.cancel_clicked.connect(self.tags.work.cancel)
        self.tags.said.connect(self.messages.say)
        self.searches.said.connect(self.messages.say)
        self.tags.failed.connect(self.messages.show_error)
        self.models.language_missing.connect(self.review.set_model_missing)
        self.tags.batch_asked.connect(self.navigation.show_batch)
        self._drop_area.dropped.connect(self.library.add_folders)
        for speaker in (self.library, self.tracks, self.models):
            speaker.said.connect(self.messages.say)
            speaker.failed.connect(self.messages.show_error)
        self.background.failed.connect(self.messages.show_error)
        self.library.added.connect(self._show_added)

    def _wire_services(self) -> None:
        self.bridge.tracks_changed.connect(self._tracks_changed)
        self.bridge.roots_changed.connect(self.sidebar.refresh)
        self.bridge.roots_changed.connect(self.model.refresh_all)
        self.bridge.scan_progress.connect(self._scan_progress)
        self.bridge.analysis_progress.connect(self._analysis_progress)
        self.bridge.peaks_ready.connect(self.waveforms.made)
        self.player.peaks_wanted.connect(self.waveforms.want)
        self.waveforms.ready.connect(self.player.set_peaks)
        self.bridge.proposals_changed.connect(self.review.refresh)
        self.bridge.proposals_changed.connect(self.sidebar.refresh_soon)
        self.bridge.history_changed.connect(self.history.refresh)
        self.bridge.tag_progress.connect(self._tag_progress)
        self.bridge.model_progress.connect(self.models.take_progress)
        self.bridge.stems_progress.connect(self.stems.take_progress)
        self.bridge.notice.connect(self.messages.show_notice)

    def _wire_actions(self) -> None:
        actions = self.actions_table
        handlers = {
            Act.ADD_FOLDER: self._choose_folder,
            Act.REMOVE_FOLDER: self._ask_remove,
            Act.SHOW_FOLDER: self._show_folder,
            Act.RESCAN: self.library.rescan,
            Act.PAUSE_ANALYSIS: self.library.set_paused,
            Act.SETTINGS: self._open_settings,
            Act.QUIT: self.close,
            Act.BACK: self.panel.go_back,
            Act.FORWARD: self.panel.go_forward,
            Act.DEMO: self._make_demo,
            Act.ABOUT: self._show_about,
        }
        for act, handler in handlers.items():
            actions[act].triggered.connect(handler)
        actions.enable([Act.PREVIOUS, Act.NEXT], False)
        for act in (Act.SIDEBAR, Act.SIMILAR_PANEL):
            actions[act].setChecked(True)
        actions[Act.SIDEBAR].toggled.connect(self.sidebar.setVisible)
        actions[Act.SIMILAR_PANEL].toggled.connect(self.workspace.set_side_wanted)

    # What the services tell

    def _tracks_changed(self, change: TracksChanged) -> None:
        self.model.refresh(change)
        self.panel.refresh(change)
        self.searches.refresh(change)
        self.sidebar.refresh_soon()

    def _scan_progress(self, progress: ScanProgress) -> None:
        self.progress.show_scan(progress)
        self.pane.set_scanning(progress.running)

    def _analysis_progress(self, progress: AnalysisProgress) -> None:
        self.progress.show_progress(progress)
        self.panel.set_paused(progress.paused)
        self.actions_table[Act.PAUSE_ANALYSIS].setChecked(progress.paused)

    def _tag_progress(self, progress: TagProgress) -> None:
        self.progress.show_tags(progress)
        self.review.set_proposing(progress.work is TagWork.PROPOSE and progress.running)

    def _similar_count(self) -> int:
        return self.app.settings.similar_count

    def _settings(self) -> Settings:
        return self.app.settings

    def _history_megabytes(self) -> int:
        return self.app.settings.history_megabytes

    def _open_tagging(self) -> Tagging:
        return self.app.tagging

    def _open_stems(self) -> Stems:
        return self.app.stems

    def _open_search(self) -> TextSearch:
        return self.app.text_search

    # What the parts ask

    def _show_library_or_welcome(self, any_folder: bool) -> None:
        self._any_folder = any_folder
        self._show_page()

    def _show_page(self) -> None:
        """The welcome is in the place of the tracks; there are models and a history without any."""
        is_library = self._any_folder or self.workspace.page is not Page.TRACKS
        page = self.workspace if is_library else self.welcome
        if self._pages.currentWidget() is not page:
            self._pages.setCurrentWidget(page)
            if is_library:
                self.workspace.focus_centre()
            else:
                self.welcome.setFocus()
        self.player.setVisible(self._any_folder)
        self.progress.setVisible(is_library)

    def _show_added(self, root: Root) -> None:
        self.sidebar.choose(root.path)

    def _show_playing(self, track_id: TrackId | None, playing: bool) -> None:
        self.actions_table.enable([Act.PREVIOUS, Act.NEXT], track_id is not None)
        self.model.mark_playing(track_id)
        for view in (
            *self.panel.lists,
            self.search.list,
            self.review.list,
            self.evidence.list,
        ):
            view.mark_playing(track_id)
        track = self.player.track
        playing_track = f"{text.by(track)} \N{EM DASH} " if playing and track is not None else ""
        self.setWindowTitle(playing_track + about.NAME)

    def _resume(self) -> None:
        self.library.set_paused(False)

    # What the person asks

    def _choose_folder(self) -> None:
        dialog = QFileDialog(self, "Add a folder of music")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.setLabelText(QFileDialog.DialogLabel.Accept, "Add")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.filesSelected.connect(self.library.add_folders)
        dialog.open()

    def _ask_remove(self) -> None:
        node = self.sidebar.current()
        if node is not None and node.root_id is not None:
            about.ask_remove(self, node, node.root_id, self.library.remove_folder)

    def _show_folder(self) -> None:
        node = self.sidebar.current()
        if node is not None and node.path:
            self.tracks.show_folder(node.path)

    def _open_settings(self) -> None:
        dialog = SettingsDialog(self.app.settings_file, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.changed.connect(self.settings_changed)
        dialog.changed.connect(self.library.take_settings)
        dialog.changed.connect(self._trim_stems)
        dialog.changed.connect(self.panel.reload)
        dialog.changed.connect(self.history.refresh)
        dialog.changed.connect(self.models.check_language)
        dialog.open()

    def _trim_stems(self) -> None:
        def trim() -> None:
            self.app.stems.trim()  # the service is made here: not in the window's thread

        self.background.run(trim)

    def _make_demo(self) -> None:
        self.library.make_demo(self.app.paths.root / "demo")

    def _show_about(self) -> None:
        about.show_about(self)
