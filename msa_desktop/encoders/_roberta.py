"""RoBERTa base in PyTorch, and its tokens: what LAION-CLAP and TTMR++ read with.

Modules and weights carry the names they have in the authors' files. Imported by the functions that
load a model, because torch is slow to import.

Source: Liu et al., "RoBERTa: A Robustly Optimized BERT Pretraining Approach", 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import display_path
from msa_desktop.base.text import printable

UNITS = 768
PAD = 1  # the token that fills up, and the position it stands at

_TOKENS = 50_265
_POSITIONS = 514
_LAYERS = 12
_HEADS = 12
_INNER = 3072
_EPSILON = 1e-5

_FILE = "tokenizer.json"


class Words:
    """Cuts texts into RoBERTa's tokens.

    Args:
        folder: Holds tokenizer.json.
        longest: Tokens of a text at most, the marks of its beginning and end among them.

    Raises:
        UserError: The file is missing, damaged or another model's.
    """

    def __init__(self, folder: Path, longest: int) -> None:
        path = folder / _FILE
        remedy = "Install it: msa-desktop models install roberta-base"
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
            self._tokenizer.get_vocab_size() != _TOKENS
            or self._tokenizer.token_to_id("<pad>") != PAD
        ):
            raise UserError(f"{display_path(str(path))} is not RoBERTa's. {remedy}")
        self._tokenizer.enable_truncation(longest)
        self._tokenizer.enable_padding(pad_id=PAD, pad_token="<pad>")  # noqa: S106 - a token of text

    def tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Shape (n, length of the longest text), filled up with `PAD`."""
        cut = self._tokenizer.encode_batch(
            [text.encode(errors="replace").decode() for text in texts]  # no lone surrogates
        )
        return np.array([one.ids for one in cut], np.int64)


class Roberta(nn.Module):
    """The network.

    Args:
        pooler: With the layer that sums a text up.
    """

    def __init__(self, *, pooler: bool) -> None:
        super().__init__()
        self.embeddings: Any = nn.ModuleDict(
            {
                "word_embeddings": _Table(_TOKENS),
                "position_embeddings": _Table(_POSITIONS),
                "token_type_embeddings": _Table(1),
                "LayerNorm": nn.LayerNorm(UNITS, _EPSILON),
            }
        )
        self.encoder: Any = nn.ModuleDict(
            {"layer": nn.ModuleList(_Layer() for _ in range(_LAYERS))}
        )
        self.pooler: Any = nn.ModuleDict({"dense": nn.Linear(UNITS, UNITS)}) if pooler else None

    def forward(self, ids: Tensor) -> Tensor:
        """What a text's first token, which stands for the whole, has become.

        Args:
            ids: Shape (n, length), tokens, filled up with `PAD` at the end.

        Returns:
            Shape (n, 768), from the last layer; through the pooler where there is one.
        """
        there = ids != PAD
        positions = there.cumsum(1) * there + PAD  # those of the text begin at 2
        x = (
            self.embeddings["word_embeddings"](ids)
            + self.embeddings["token_type_embeddings"].weight[0]
            + self.embeddings["position_embeddings"](positions)
        )
        x = self.embeddings["LayerNorm"](x)
        mask = there[:, None, None]
        for layer in self.encoder["layer"]:
            x = layer(x, mask)
        first: Tensor = x[:, 0]
        if self.pooler is not None:
            first = self.pooler["dense"](first).tanh()
        return first


class _Table(nn.Module):
    """Looks up rows. An `nn.Embedding` without weights takes a second to make, for its draws."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(rows, UNITS))

    def forward(self, numbers: Tensor) -> Tensor:
        return functional.embedding(numbers, self.weight)


class _Added(nn.Module):
    """A linear map, added to what was there before."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, UNITS)
        self.LayerNorm = nn.LayerNorm(UNITS, _EPSILON)

    def forward(self, x: Tensor, before: Tensor) -> Tensor:
        added: Tensor = self.LayerNorm(self.dense(x) + before)
        return added


class _Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        own = nn.ModuleDict({name: nn.Linear(UNITS, UNITS) for name in ("query", "key", "value")})
        self.attention: Any = nn.ModuleDict({"self": own, "output": _Added(UNITS)})
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(UNITS, _INNER)})
        self.output = _Added(_INNER)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        q, k, v = (
            linear(x).unflatten(-1, (_HEADS, -1)).transpose(1, 2)
            for linear in self.attention["self"].values()
        )
        seen = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = self.attention["output"](seen.transpose(1, 2).flatten(2), x)
        widened = functional.gelu(self.intermediate["dense"](x))
        answer: Tensor = self.output(widened, x)
        return answer
