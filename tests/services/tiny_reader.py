"""An encoder that reads, as small as can be: for the process that reads, not for its answers."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import FloatArray
from msa_desktop.base.settings import Device
from msa_desktop.encoders._base import EncoderFacts

DIMENSION = 3
TOKENIZER = ""


class Reader:
    def embed(self, texts: Sequence[str]) -> FloatArray:
        if "die" in texts:
            os._exit(7)
        if "sleep" in texts:
            time.sleep(50)
        return np.array([[len(text), os.getpid(), 1] for text in texts], np.float32)


def create_text(folder: Path, tokenizer: Path, _device: Device) -> Reader:
    if not tokenizer.is_dir():
        raise UserError(f"There is no tokenizer in {tokenizer} for {folder}.")
    return Reader()


def facts(name: str, tokenizer: Path | str) -> EncoderFacts:
    return EncoderFacts(name, "1", DIMENSION, __name__, "here", tokenizer=str(tokenizer))
