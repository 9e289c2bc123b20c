"""Going about in the window: which page is in front, and which list the actions work on."""

from __future__ import annotations

from PySide6.QtCore import QObject

from msa_desktop.base.fields import Field
from msa_desktop.ui.actions import Act, Actions
from msa_desktop.ui.evidence_pane import EvidencePane
from msa_desktop.ui.folder_tree import Node, Page
from msa_desktop.ui.history_page import HistoryPage
from msa_desktop.ui.models_page import ModelsPage
from msa_desktop.ui.review_model import Entry
from msa_desktop.ui.review_page import ReviewPage
from msa_desktop.ui.search_page import SearchPage
from msa_desktop.ui.sidebar import Sidebar
from msa_desktop.ui.track_commands import TrackCommands
from msa_desktop.ui.track_pane import TrackPane
from msa_desktop.ui.workspace import Workspace


class Navigation(QObject):
    """Takes the person from place to place.

    Args:
        actions: The window's actions.
        sidebar: Where a place is chosen.
        workspace: What shows the pages.
        pane: The page of tracks.
        search: The page of the search.
        review: The page of proposals.
        evidence: What belongs to it, at the right.
        history: The page of what was written.
        models: The page of models.
        tracks: What the actions on tracks do.
        parent: Qt's parent.
    """

    def __init__(
        self,
        actions: Actions,
        sidebar: Sidebar,
        workspace: Workspace,
        pane: TrackPane,
        search: SearchPage,
        review: ReviewPage,
        evidence: EvidencePane,
        history: HistoryPage,
        models: ModelsPage,
        tracks: TrackCommands,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._sidebar = sidebar
        self._workspace = workspace
        self._pane = pane
        self._search = search
        self._review = review
        self._evidence = evidence
        self._history = history
        self._models = models
        self._tracks = tracks
        handlers = {
            Act.FILTER: self._focus_filter,
            Act.SEARCH: self.show_search,
            Act.SHOW_ALL: self._show_all,
            Act.SHOW_RECENT: self._show_recent,
            Act.SHOW_ATTENTION: self.show_attention,
            Act.SHOW_REVIEW: self._show_review,
            Act.SHOW_HISTORY: self._show_history,
            Act.SHOW_MODELS: self.show_models,
            Act.NEXT_PANE: workspace.next_pane,
        }
        for act, handler in handlers.items():
            actions[act].triggered.connect(handler)
        sidebar.chosen.connect(self._show)
        review.list.chosen.connect(self._show_evidence)
        tracks.panel_asked.connect(self._show_panel)

    def show_attention(self) -> None:
        """To the files that could not be analysed."""
        self._sidebar.choose("attention")

    def show_batch(self, batch_id: int) -> None:
        """To a batch in the history."""
        self._history.show_batch(batch_id)
        self._show_history()

    def show_search(self) -> None:
        """To the search, ready to be typed into."""
        self._sidebar.choose("search")
        self._search.field.take_focus()

    def show_models(self) -> None:
        """To the models."""
        self._sidebar.choose("models")
        self._workspace.focus_centre()

    def _show(self, node: Node) -> None:
        self._workspace.show_page(node.page)
        if node.page is Page.TRACKS:
            self._pane.show_place(node)
            self._tracks.use_list(self._pane.table)
        elif node.page is Page.SEARCH:
            self._search.open()
            self._tracks.use_list(self._search.list)
        elif node.page is Page.REVIEW:
            self._review.open()
            self._tracks.use_list(self._review.list)
        elif node.page is Page.HISTORY:
            self._history.open()
        else:
            self._models.open()

    def _show_evidence(self, entry: Entry | None, field: Field | None) -> None:
        self._evidence.show_evidence(entry, field)
        if self._workspace.page is Page.REVIEW:
            self._workspace.show_side(Page.REVIEW)

    def _show_panel(self) -> None:
        self._workspace.show_side(Page.TRACKS)

    def _show_all(self) -> None:
        self._sidebar.choose("all")

    def _show_recent(self) -> None:
        self._sidebar.choose("recent")

    def _show_review(self) -> None:
        self._sidebar.choose("review")
        self._workspace.focus_centre()

    def _show_history(self) -> None:
        self._sidebar.choose("history")
        self._workspace.focus_centre()

    def _focus_filter(self) -> None:
        if self._workspace.page is Page.SEARCH:
            self._search.field.take_focus()
        else:
            review = self._workspace.page is Page.REVIEW
            (self._review if review else self._pane).filter.take_focus()
