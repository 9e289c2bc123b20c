"""The dialog that asks which stems go into files, where, and as what."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from msa_desktop.base.model import display_path
from msa_desktop.services.stems import Separated
from msa_desktop.stems.export import Format
from msa_desktop.stems.record import INSTRUMENTAL
from msa_desktop.ui import text, theme
from msa_desktop.ui.elided import ElidedLabel
from msa_desktop.ui.theme import Role

_WIDTH = 460
_FORMATS = {
    Format.FLAC: "FLAC, 24 bits",
    Format.WAV: "WAV, 24 bits",
    Format.MP3: "MP3, 320 kbit/s",
}


class StemExportDialog(QDialog):
    """Asks for the stems, the format and the folder.

    Args:
        separated: The track.
        chosen: The stems to begin with.
        folder: The folder to begin with.
        form: The format to begin with.
        parent: Qt's parent.

    Signals:
        agreed: The stems (tuple of names), the folder, and the `Format`.
    """

    agreed = Signal(tuple, str, object)

    def __init__(
        self,
        separated: Separated,
        chosen: Sequence[str],
        folder: str,
        form: Format,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Export stems")
        self._folder = folder
        self._boxes = {name: QCheckBox(_title(name)) for name in separated.stems.record.names}
        self._formats = QComboBox()
        self._place = ElidedLabel(Qt.TextElideMode.ElideMiddle)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self._export = buttons.addButton("Export", QDialogButtonBox.ButtonRole.AcceptRole)
        theme.set_role(self._export, Role.PRIMARY)
        for name, box in self._boxes.items():
            box.setChecked(name in chosen)
            box.toggled.connect(self._refresh)
        for each, words in _FORMATS.items():
            self._formats.addItem(words, each)
        self._formats.setCurrentIndex(list(_FORMATS).index(form))
        self._lay_out(separated, buttons)
        self._show_folder(folder)
        self._refresh()
        buttons.accepted.connect(self._agree)
        buttons.rejected.connect(self.reject)

    def chosen(self) -> tuple[str, ...]:
        """The stems that are ticked."""
        return tuple(name for name, box in self._boxes.items() if box.isChecked())

    def _agree(self) -> None:
        self.agreed.emit(self.chosen(), self._folder, self._formats.currentData())
        self.accept()

    def _refresh(self) -> None:
        self._export.setEnabled(bool(self.chosen()))

    def _choose_folder(self) -> None:
        dialog = QFileDialog(self, "Choose the folder for the stems", self._folder)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self._show_folder)
        dialog.open()

    def _show_folder(self, folder: str) -> None:
        self._folder = folder
        self._place.setText(display_path(folder))

    def _lay_out(self, separated: Separated, buttons: QDialogButtonBox) -> None:
        title = ElidedLabel()
        title.setText(separated.name)
        theme.set_role(title, Role.TITLE)
        note = QLabel("One file a stem, at its full volume. Nothing is overwritten.")
        note.setWordWrap(True)
        theme.set_role(note, Role.MUTED)
        stems = QVBoxLayout()
        stems.setSpacing(2)
        for box in self._boxes.values():
            stems.addWidget(box)
        choose = QPushButton("Choose…")
        choose.clicked.connect(self._choose_folder)
        place = QHBoxLayout()
        place.setSpacing(10)
        place.addWidget(self._place, 1)
        place.addWidget(choose)
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(12)
        form.addRow(_label("Stems"), stems)
        form.addRow(_label("Format"), self._formats)
        form.addRow(_label("Folder"), place)
        column = QVBoxLayout(self)
        column.setContentsMargins(22, 18, 22, 16)
        column.setSpacing(6)
        column.addWidget(title)
        column.addWidget(note)
        column.addSpacing(10)
        column.addLayout(form)
        column.addSpacing(12)
        column.addWidget(buttons)
        self.setMinimumWidth(_WIDTH)


def _title(name: str) -> str:
    if name == INSTRUMENTAL:
        return "Instrumental: all but the vocals, in one file"
    return text.stem(name)


def _label(words: str) -> QLabel:
    label = QLabel(words)
    theme.set_role(label, Role.MUTED)
    return label
