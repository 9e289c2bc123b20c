"""RoBERTa and BERT in PyTorch, and their tokens: what words are read with.

LAION-CLAP and TTMR++ read with RoBERTa base, `_minilm` with a small BERT. Modules and weights carry
the names they have in the authors' files. Imported by the functions that load a model, because
torch is slow to import.

Sources: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language
Understanding", 2018; Liu et al., "RoBERTa: A Robustly Optimized BERT Pretraining Approach", 2019.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import FloatArray, display_path
from msa_desktop.base.text import printable
from msa_desktop.encoders._torch import in_batches

UNITS = 768  # of RoBERTa base

_FILE = "tokenizer.json"
_BATCH = 32  # texts at once


@dataclass(frozen=True, slots=True)
class Kind:
    """What tells one model from another.

    Attributes:
        name: For people.
        tokenizer: The model of the catalogue that brings its tokenizer.json.
        tokens: How many there are.
        pad: The token that fills up.
        pad_text: How that is written.
        positions: How many there are.
        first: The position of a text's first token.
        types: Of tokens; all here are of the first.
        inner: Units of the wide layers.
        epsilon: Of the layers that normalise.
    """

    name: str
    tokenizer: str
    tokens: int
    pad: int
    pad_text: str
    positions: int
    first: int
    types: int
    units: int
    layers: int
    heads: int
    inner: int
    epsilon: float


ROBERTA = Kind(
    name="RoBERTa",
    tokenizer="roberta-base",
    tokens=50_265,
    pad=1,
    pad_text="<pad>",
    positions=514,
    first=2,
    types=1,
    units=UNITS,
    layers=12,
    heads=12,
    inner=3072,
    epsilon=1e-5,
)
MINILM = Kind(
    name="all-MiniLM-L6-v2",
    tokenizer="all-minilm-l6-v2",
    tokens=30_522,
    pad=0,
    pad_text="[PAD]",
    positions=512,
    first=0,
    types=2,
    units=384,
    layers=6,
    heads=12,
    inner=1536,
    epsilon=1e-12,
)


class Words:
    """Cuts texts into a model's tokens.

    Args:
        folder: Holds tokenizer.json.
        longest: Tokens of a text at most, the marks of its beginning and end among them.
        kind: The model.

    Raises:
        UserError: The file is missing, damaged or another model's.
    """

    def __init__(self, folder: Path, longest: int, kind: Kind = ROBERTA) -> None:
        path = folder / _FILE
        remedy = f"Install it: msa-desktop models install {kind.tokenizer}"
        try:
            self._tokenizer = Tokenizer.from_str(path.read_text("utf-8"))
        except OSError as error:
            raise UserError(
                f"What cuts words into tokens is missing ({display_path(str(path))}). {remedy}"
            ) from error
        except Exception as error:  # the library raises nothing narrower
            reason = printable(str(error))
            raise UserError(f"{display_path(str(path))} is damaged ({reason}). {remedy}") from error
        if (
            self._tokenizer.get_vocab_size() != kind.tokens
            or self._tokenizer.token_to_id(kind.pad_text) != kind.pad
        ):
            raise UserError(f"{display_path(str(path))} is not {kind.name}'s. {remedy}")
        self._tokenizer.enable_truncation(longest)
        self._tokenizer.enable_padding(pad_id=kind.pad, pad_token=kind.pad_text)

    def tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Shape (n, length of the longest text), filled up with `Kind.pad`."""
        cut = self._tokenizer.encode_batch(
            [text.encode(errors="replace").decode() for text in texts]  # no lone surrogates
        )
        return np.array([one.ids for one in cut], np.int64)


class Reader:
    """Reads texts with a network.

    Args:
        run: From tokens, on `device`, to where texts lie, shape (n, units).
        words: Cuts texts into tokens.
        device: Where `run` works.
    """

    def __init__(self, run: Callable[[Tensor], Tensor], words: Words, device: torch.device) -> None:
        self._run = run
        self._words = words
        self._device = device

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """See `encoders._base.TextEncoder`."""
        places = self.place(self._words.tokens(texts))
        unit: FloatArray = places / np.linalg.norm(places, axis=1, keepdims=True)
        return unit

    def place(self, ids: NDArray[np.int64]) -> FloatArray:
        """Where texts lie.

        Args:
            ids: Shape (n, length), from `Words`.

        Returns:
            Shape (n, units), not normalised.
        """
        return in_batches(self._run, ids, self._device, _BATCH)


class Roberta(nn.Module):
    """The network.

    Args:
        kind: The model.
        pooler: With the layer that sums a text up.
    """

    def __init__(self, kind: Kind = ROBERTA, *, pooler: bool) -> None:
        super().__init__()
        self._kind = kind
        units = kind.units
        self.embeddings: Any = nn.ModuleDict(
            {
                "word_embeddings": _Table(kind.tokens, units),
                "position_embeddings": _Table(kind.positions, units),
                "token_type_embeddings": _Table(kind.types, units),
                "LayerNorm": nn.LayerNorm(units, kind.epsilon),
            }
        )
        self.encoder: Any = nn.ModuleDict(
            {"layer": nn.ModuleList(_Layer(kind) for _ in range(kind.layers))}
        )
        self.pooler: Any = nn.ModuleDict({"dense": nn.Linear(units, units)}) if pooler else None

    def forward(self, ids: Tensor) -> Tensor:
        """What a text's first token, which stands for the whole, has become.

        Args:
            ids: Shape (n, length), tokens, filled up with `Kind.pad` at the end.

        Returns:
            Shape (n, units), from the last layer; through the pooler where there is one.
        """
        first = self.states(ids)[:, 0]
        if self.pooler is not None:
            first = self.pooler["dense"](first).tanh()
        return first

    def mean(self, ids: Tensor) -> Tensor:
        """What a text's tokens have become, on average.

        Args:
            ids: As for `forward`.

        Returns:
            Shape (n, units).
        """
        there = (ids != self._kind.pad)[..., None]
        return (self.states(ids) * there).sum(1) / there.sum(1)

    def states(self, ids: Tensor) -> Tensor:
        """What every token has become in the last layer, shape (n, length, units)."""
        there = ids != self._kind.pad
        positions = there.cumsum(1) + (self._kind.first - 1)
        x: Tensor = (
            self.embeddings["word_embeddings"](ids)
            + self.embeddings["token_type_embeddings"].weight[0]
            + self.embeddings["position_embeddings"](positions)
        )
        x = self.embeddings["LayerNorm"](x)
        mask = there[:, None, None]
        for layer in self.encoder["layer"]:
            x = layer(x, mask)
        return x


class _Table(nn.Module):
    """Looks up rows. An `nn.Embedding` without weights takes a second to make, for its draws."""

    def __init__(self, rows: int, units: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(rows, units))

    def forward(self, numbers: Tensor) -> Tensor:
        return functional.embedding(numbers, self.weight)


class _Added(nn.Module):
    """A linear map, added to what was there before."""

    def __init__(self, inputs: int, kind: Kind) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, kind.units)
        self.LayerNorm = nn.LayerNorm(kind.units, kind.epsilon)

    def forward(self, x: Tensor, before: Tensor) -> Tensor:
        added: Tensor = self.LayerNorm(self.dense(x) + before)
        return added


class _Layer(nn.Module):
    def __init__(self, kind: Kind) -> None:
        super().__init__()
        units = kind.units
        own = nn.ModuleDict({name: nn.Linear(units, units) for name in ("query", "key", "value")})
        self._heads = kind.heads
        self.attention: Any = nn.ModuleDict({"self": own, "output": _Added(units, kind)})
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(units, kind.inner)})
        self.output = _Added(kind.inner, kind)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        q, k, v = (
            linear(x).unflatten(-1, (self._heads, -1)).transpose(1, 2)
            for linear in self.attention["self"].values()
        )
        seen = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = self.attention["output"](seen.transpose(1, 2).flatten(2), x)
        widened = functional.gelu(self.intermediate["dense"](x))
        answer: Tensor = self.output(widened, x)
        return answer
