"""Weights for LAION-CLAP, made by a rule (`recipe`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.encoders import recipe

DATA = recipe.DATA / "clap"


def weights(size: str, *towers: str) -> dict[str, Any]:
    """The tensors of the official model whose names begin so, checked by their digests."""
    import torch

    tensors = {}
    for key in recipe.keys(DATA / f"{size}_keys.json"):
        if not key.name.startswith(towers) or "extractor." in key.name:
            continue
        tensor: Any
        if key.name.endswith("attn_mask"):
            tensor = recipe.swin_mask(round(key.shape[0] ** 0.5), 8)
        elif key.name.endswith("relative_position_index"):
            tensor = recipe.swin_index(8)
        elif key.name.endswith("num_batches_tracked"):
            tensor = np.zeros((), np.int64)
        else:
            tensor = recipe.weight(key.name, key.shape)
        assert tensor.shape == key.shape
        assert recipe.digest(tensor) == key.digest
        tensors[key.name] = torch.from_numpy(tensor)
    return tensors
