"""Dialogs that list files: what a write would do to them, and which were left alone and why."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QLabel,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from msa_desktop.ui import file_rows, text, theme
from msa_desktop.ui.file_rows import FileRow, FileRowList, Outlook
from msa_desktop.ui.note_page import NotePage
from msa_desktop.ui.theme import Role

_Button = QDialogButtonBox.StandardButton


class FilesDialog(QDialog):
    """A heading, a sentence, a list of files; accepted when the person says to go on.

    Args:
        title: Of the window and the heading.
        words: What it is about.
        rows: The files.
        go_on: Words of the button that accepts; empty for none.
    """

    def __init__(
        self,
        title: str,
        words: str,
        rows: Sequence[FileRow],
        parent: QWidget | None = None,
        *,
        go_on: str = "",
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        heading, sentence = QLabel(title, self), QLabel(words, self)
        theme.set_role(heading, Role.HEADING)
        theme.set_role(sentence, Role.MUTED)
        sentence.setWordWrap(True)
        sentence.setTextFormat(Qt.TextFormat.PlainText)
        self.list = FileRowList(rows, self)
        nothing = NotePage(self)
        nothing.say("check", "Nothing to write")
        pages = QStackedWidget(self)
        pages.addWidget(self.list)
        pages.addWidget(nothing)
        pages.setCurrentIndex(0 if rows else 1)
        line = QFrame(self)
        theme.set_role(line, Role.LINE)
        buttons = QDialogButtonBox(self)
        if go_on:
            button = buttons.addButton(go_on, QDialogButtonBox.ButtonRole.AcceptRole)
            theme.set_role(button, Role.PRIMARY)
            buttons.addButton(_Button.Cancel)
        else:
            buttons.addButton(_Button.Close)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        head = QVBoxLayout()
        head.setContentsMargins(20, 16, 20, 12)
        head.setSpacing(4)
        head.addWidget(heading)
        head.addWidget(sentence)
        foot = QVBoxLayout()
        foot.setContentsMargins(20, 12, 20, 14)
        foot.addWidget(buttons)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(pages, 1)
        column.addWidget(line)
        column.addLayout(foot)
        self.resize(760, 520)


def preview_dialog(outlook: Outlook, parent: QWidget) -> FilesDialog:
    """What a write would do, frame by frame; accepted to have it written."""
    files = text.count(outlook.changing, "file", "files")
    words = [f"{files} would be written. Nothing was changed yet."]
    if outlook.same:
        words.append(f"{text.count(outlook.same, 'file says', 'files say')} all of it already.")
    if outlook.left:
        left = text.count(outlook.left, "file", "files")
        words.append(f"{left} would be left alone, for the reasons at the end of the list.")
    go_on = f"Write {files}" if outlook.changing else ""
    return FilesDialog("Preview", " ".join(words), outlook.rows, parent, go_on=go_on)


def left_alone_dialog(files: Sequence[tuple[str, str]], parent: QWidget) -> FilesDialog:
    """Which files were left alone, and why."""
    count = text.count(len(files), "file was", "files were")
    words = f"{count} left alone: nothing in them was changed."
    return FilesDialog("Left alone", words, file_rows.left_alone(files), parent)


def changed_since_dialog(files: Sequence[tuple[str, str]], parent: QWidget) -> FilesDialog:
    """Files whose bytes could not be given back; accepted to restore their tags alone."""
    words = (
        "The original bytes of these files were not given back, for the reasons below. Restoring "
        "the tags alone writes what they said before, and keeps whatever else has changed since."
    )
    rows = file_rows.left_alone(files)
    return FilesDialog("Not undone", words, rows, parent, go_on="Restore the tags alone")
