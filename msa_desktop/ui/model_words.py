"""What the Models page says: a model's state, its progress and its next step, in words."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePath

from msa_desktop.base.events import ModelProgress, ModelStep
from msa_desktop.services.models import ModelState, ModelStatus
from msa_desktop.ui import text
from msa_desktop.ui.action_table import Act
from msa_desktop.ui.progress_bar import time_words
from msa_desktop.weights.catalogue import Kind

DOT = " \N{MIDDLE DOT} "

GROUPS = {
    Kind.ENCODER: "Hearing",
    Kind.TEXT: "Understanding words",
    Kind.STEMS: "Taking tracks apart",
    Kind.LLM: "Writing words",
}

_PACE_SECONDS = 5.0  # a rate over less would jump, over more would lag
_LEAST_SECONDS = 0.5
_ID_LENGTH = 60
_NOT_ID = re.compile(r"[^a-z0-9._-]+")


class Doing(Enum):
    """What goes on with a model, and what is said before its first progress."""

    MEASURE = "Asking how large it is…"
    INSTALL = "Connecting…"
    ADD = "Looking at the files…"
    VERIFY = "Checking…"
    REMOVE = "Removing…"


_CAN_CANCEL = (Doing.INSTALL, Doing.ADD, Doing.VERIFY)
_STEPS = {
    ModelStep.DOWNLOAD: "Downloading",
    ModelStep.CHECK: "Checking",
    ModelStep.CONVERT: "Converting",
}


_STATES = {
    ModelState.BUILT_IN: "Built in",
    ModelState.READY: "Ready",
    ModelState.DAMAGED: "Damaged",
    ModelState.INSTALLING: "Being installed",
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong with a model, and the action that may mend it."""

    words: str
    act: Act
    button: str = "Retry"


@dataclass(frozen=True, slots=True)
class Entry:
    """A model as the page shows it."""

    status: ModelStatus
    doing: Doing | None = None
    stopping: bool = False
    trouble: Trouble | None = None

    @property
    def urgent(self) -> bool:
        """Whether it needs the person's attention."""
        return self.trouble is not None or self.status.state is ModelState.DAMAGED

    @property
    def brings(self) -> bool:
        """Whether its files are on their way."""
        return self.doing in (Doing.INSTALL, Doing.ADD)

    @property
    def extra_first(self) -> bool:
        """Whether what runs it must be there before it can be installed: it is converted."""
        return bool(self.status.extra_command) and any(f.becomes for f in self.status.model.files)

    @property
    def command(self) -> str:
        """The command to run next, or ""."""
        next_step = self.extra_first or self.status.state is ModelState.NEEDS_EXTRA
        return self.status.extra_command if next_step else ""

    def facts(self) -> list[str]:
        """How it stands, and its size where that does not tell it."""
        status = self.status
        size = [text.size(status.model.size)] if status.model.size else []
        if self.brings:
            return size
        missing = status.state is ModelState.MISSING
        return [state(status), *([] if missing else size)]

    def allows(self, act: Act) -> bool:
        """Whether an action makes sense now."""
        status, model = self.status, self.status.model
        gone = status.state in (ModelState.MISSING, ModelState.DAMAGED)
        left = status.installed is not None or bool(status.problems) or status.came > 0
        source = (model.hub or model.pypi) is not None
        can = {
            Act.INSTALL_MODEL: gone and source and not self.extra_first,
            Act.ADD_MODEL_FILES: gone and not model.built_in,
            Act.VERIFY_MODEL: not gone,
            Act.REMOVE_MODEL: left and not model.built_in,
        }
        if act in can:
            idle = self.doing is None and status.state is not ModelState.INSTALLING
            return idle and can[act]
        if act is Act.CANCEL_MODEL:
            return self.doing in _CAN_CANCEL and not self.stopping
        return act is not Act.COPY_COMMAND or bool(status.extra_command)

    def button(self) -> tuple[Act, str] | None:
        """The next step: an action and what its button says."""
        if self.doing is not None:
            return (Act.CANCEL_MODEL, "Cancel") if self.doing in _CAN_CANCEL else None
        if self.trouble is not None:
            return self.trouble.act, self.trouble.button
        if self.allows(Act.INSTALL_MODEL):
            if self.status.problems:
                return Act.INSTALL_MODEL, "Install again…"
            return Act.INSTALL_MODEL, "Continue…" if self.status.came else "Install…"
        if self.allows(Act.ADD_MODEL_FILES) and not self.extra_first:
            return Act.ADD_MODEL_FILES, "Add from file…"
        return None


def state(status: ModelStatus) -> str:
    """Where a model stands, in a few words."""
    size = status.model.size
    if status.state is ModelState.NEEDS_EXTRA:
        return f"Installed, needs the extra {status.model.extra}"
    if status.state is not ModelState.MISSING:
        return _STATES[status.state]
    if status.came:
        whole = f" of {text.size(size)}" if size else ""
        return f"Unfinished: {text.size(min(status.came, size or status.came))}{whole} is here"
    extra = f" and the extra {status.model.extra}" if status.extra_command else ""
    return (f"Needs a download of {text.size(size)}" if size else "Needs a download") + extra


def facts(status: ModelStatus) -> list[str]:
    """The state, and the size where the state does not tell it."""
    size = status.model.size
    told = size is None or status.state is ModelState.MISSING
    return [state(status), *([] if told else [text.size(size or 0)])]


def in_words(entry: Entry) -> str:
    """A model in full, for a screen reader."""
    status = entry.status
    parts = [status.model.title, *entry.facts(), status.model.licence]
    if entry.doing is not None:
        parts[1:1] = [entry.doing.value]
    if entry.trouble is not None:
        parts.append(entry.trouble.words)
    parts.extend(status.problems)
    return ", ".join(parts)


class Pace:
    """How fast a step goes, from its latest seconds.

    Args:
        clock: Seconds, monotonic; a test hands in its own.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._step: ModelStep | None = None
        self._seen: deque[tuple[float, int]] = deque()

    def take(self, progress: ModelProgress) -> float:
        """Bytes a second with this progress; 0 while unknown."""
        seen, now = self._seen, self._clock()
        if progress.step is not self._step or (seen and progress.done < seen[-1][1]):
            self._step = progress.step
            seen.clear()
        seen.append((now, progress.done))
        while len(seen) > 2 and now - seen[1][0] >= _PACE_SECONDS:
            seen.popleft()
        (since, before) = seen[0]
        return (progress.done - before) / (now - since) if now - since >= _LEAST_SECONDS else 0.0


def progress_words(progress: ModelProgress, rate: float) -> str:
    """How far a model is: "Downloading: 1.1 GB of 2.4 GB · 12.3 MB/s · about 2 min left"."""
    doing = _STEPS[progress.step]
    if not progress.total:
        return f"{doing}…"
    parts = [f"{doing}: {text.size(progress.done)} of {text.size(progress.total)}"]
    if rate > 0:
        parts.append(f"{text.size(round(rate))}/s")
        parts.append(time_words(max(0, progress.total - progress.done) / rate))
    return DOT.join(parts)


def new_id(path: str, taken: Collection[str]) -> str:
    """A model's id made from a file's name; another one than those taken."""
    plain = _NOT_ID.sub("-", PurePath(path).stem.lower()).strip("._-")[:_ID_LENGTH] or "model"
    number, found = 1, plain
    while found in taken:
        number += 1
        found = f"{plain}-{number}"
    return found
