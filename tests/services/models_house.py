"""A small catalogue, and the models over a folder of its own."""

from __future__ import annotations

import hashlib
from pathlib import Path

from msa_desktop.base.events import Event, EventBus, ModelProgress
from msa_desktop.services.models import Models, ModelState
from msa_desktop.weights import catalogue
from tests.support_gguf import gguf

TALKER = gguf({"general.name": "Talker", "llama.context_length": 512}, values=256 * 1024)
SHARED = gguf({"general.name": "Unhashed"})

TABLE = f"""
[extras]
llm = []
never = ["no_such_module_anywhere"]

[[model]]
id = "inside"
title = "Inside"
purpose = "p"
kind = "encoder"
licence = "ISC"
built_in = true
[[model.files]]
name = "weights.onnx"
size = 3
sha256 = "{hashlib.sha256(b"abc").hexdigest()}"

[[model]]
id = "talker"
title = "Talker"
purpose = "p"
kind = "llm"
extra = "llm"
licence = "MIT"
[model.hub]
repository = "maker/talker"
revision = "main"
[[model.files]]
name = "talker.gguf"
size = {len(TALKER)}
sha256 = "{hashlib.sha256(TALKER).hexdigest()}"
[[model.files]]
name = "sub/config.json"

[[model]]
id = "unhashed"
title = "Unhashed"
purpose = "p"
kind = "llm"
extra = "never"
licence = "MIT"
[model.hub]
repository = "maker/unhashed"
revision = "main"
[[model.files]]
name = "model.gguf"

[[model]]
id = "torch-one"
title = "Torch"
purpose = "p"
kind = "encoder"
extra = "llm"
licence = "MIT"
[model.hub]
repository = "maker/torch"
revision = "main"
[[model.files]]
name = "a.pt"
becomes = "model.safetensors"
"""


class House:
    """The models over a folder of its own, and what was told of them."""

    def __init__(self, folder: Path, table: str = TABLE) -> None:
        self.folder = folder / "models"
        self.built_in = folder / "resources"
        (self.built_in / "inside").mkdir(parents=True, exist_ok=True)
        (self.built_in / "inside/weights.onnx").write_bytes(b"abc")
        self.table = folder / "models.toml"
        self.table.write_text(table)
        self.told: list[ModelProgress] = []
        events = EventBus()
        events.subscribe(self._hear)
        self.models = Models(catalogue.load(self.table), self.folder, self.built_in, events)

    def _hear(self, event: Event) -> None:
        assert isinstance(event, ModelProgress)
        self.told.append(event)

    def state(self, model_id: str) -> ModelState:
        return self.models.status(model_id).state

    def files(self) -> set[str]:
        """What lies in the models folder, but for locks."""
        found = (p for p in self.folder.rglob("*") if p.is_file() and p.suffix != ".lock")
        return {str(path.relative_to(self.folder)) for path in found}
