"""all-MiniLM-L6-v2: reads sentences, so that those that mean nearly the same lie near each other.

It hears nothing, and so is no encoder of tracks: `services.summaries` lays what files say of
themselves beside what a person searches for. It holds the facts of `_base.EncoderModule` that one
who only reads has.

A sentence's vector is the mean over its tokens (`_roberta`), as the authors' own settings have it.

Sources: Reimers & Gurevych, "Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks", 2019;
Wang et al., "MiniLM: Deep Self-Attention Distillation for Task-Agnostic Compression of Pre-Trained
Transformers", 2020.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from msa_desktop.base.settings import Device
from msa_desktop.encoders._torch import extra, fit, read_tensors, torch_device

if TYPE_CHECKING:
    from msa_desktop.encoders._roberta import Reader

ID = "minilm"
VERSION = "1"  # counts up when the same sentence would give another vector
DIMENSION = 384
MEMORY = 340
MODELS = ("all-minilm-l6-v2",)
TOKENIZER = "all-minilm-l6-v2"

_WEIGHTS = "model.safetensors"
_LONGEST = 256  # tokens; the authors' setting
# Of no use here: what sums a text up in another way, and a table of 0, 1, 2...
_LEFT_OUT = ("pooler.", "embeddings.position_ids")


def create_text(folder: Path, tokenizer: Path, device: Device) -> Reader:
    """See `encoders._base.EncoderModule`."""
    with extra("text", "all-MiniLM-L6-v2"):
        import torch  # noqa: PLC0415 - start-up cost

        from msa_desktop.encoders._roberta import MINILM, Reader, Roberta, Words  # noqa: PLC0415

        where = torch_device(device)
        words = Words(tokenizer, _LONGEST, MINILM)
        with torch.device("meta"):
            net = Roberta(MINILM, pooler=False)
        path = folder / _WEIGHTS
        tensors = read_tensors(path)
        used = {name: one for name, one in tensors.items() if not name.startswith(_LEFT_OUT)}
        fit(net, used, path)
    return Reader(net.to(where).mean, words, where)
