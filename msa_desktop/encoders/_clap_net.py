"""LAION-CLAP's networks in PyTorch. Modules and weights have the names they have in LAION's files.

Sound: log-mel frames, HTSAT (a Swin transformer over an image: four stretches of time, one above
the other), two linear maps. Words: RoBERTa with its pooler, two linear maps. Imported by the
functions of `clap` that load a model, because torch is slow to import.

Source: Wu et al., "Large-scale Contrastive Language-Audio Pretraining with Feature Fusion and
Keyword-to-Caption Augmentation", ICASSP 2023; https://github.com/LAION-AI/CLAP.
Chen et al., "HTS-AT: A Hierarchical Token-Semantic Audio Transformer for Sound Classification and
Detection", ICASSP 2022. Liu et al., "Swin Transformer", ICCV 2021.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from msa_desktop.base.model import FloatArray
from msa_desktop.encoders import _mel
from msa_desktop.encoders._roberta import UNITS, Roberta

SAMPLE_RATE = 48_000
FFT = 1024
HOP = 480
BANDS = 64
DIMENSION = 512  # units of the space that sounds and words share

_LOWEST, _HIGHEST = 50.0, 14_000.0  # Hz, of the mel bands
_LEAST = 1e-10  # of the mel power

_SIDE = 256  # of the image
_STRETCHES = _SIDE // BANDS  # of time, one above the other
_FRAMES = _SIDE * _STRETCHES
_PATCH = 4
_WINDOW = 8  # patches that attend to each other: 8 x 8
_TOGETHER = _WINDOW**2
_HEADS = (4, 8, 16, 32)


def log_mel(waves: Tensor) -> Tensor:
    """What HTSAT is fed: the power in mel bands, in decibels.

    Args:
        waves: Shape (n, samples), float32, 48 kHz.

    Returns:
        Shape (n, 1 + samples // 480, 64), float32.
    """
    # The models were trained on sound that went through 16 bit whole numbers, rounded towards zero.
    whole = waves.clamp(-1, 1).mul_(32_767).trunc_().div_(32_767)
    window = torch.hann_window(FFT, device=waves.device)
    filters = torch.from_numpy(mel_filters()).to(waves.device)
    spectrum = torch.stft(whole, FFT, HOP, window=window, return_complex=True)
    power = torch.view_as_real(spectrum).square_().sum(-1).transpose(1, 2)
    return (power @ filters).clamp_(min=_LEAST).log10_().mul_(10)


@cache
def mel_filters() -> FloatArray:
    """Shape (513, 64); librosa's, bit for bit."""
    filters = _mel.mel_filters(SAMPLE_RATE, FFT, BANDS, _LOWEST, _HIGHEST)
    return np.ascontiguousarray(filters.T)


class AudioTower(nn.Module):
    """From a waveform to where the sound lies.

    Args:
        width: Units of the first stage; each has twice those of the one before.
        depths: Blocks of each stage.
    """

    def __init__(self, width: int, depths: tuple[int, ...]) -> None:
        super().__init__()
        self.audio_branch = _Htsat(width, depths)
        self.audio_projection = _projection(width * 2 ** (len(depths) - 1))

    def forward(self, waves: Tensor) -> Tensor:
        """From (n, 480000), 48 kHz, to (n, 512) of unit length."""
        latent = self.audio_branch(log_mel(waves))
        return functional.normalize(self.audio_projection(latent), dim=-1)


class TextTower(nn.Module):
    """From tokens to where the sound that they describe lies."""

    def __init__(self) -> None:
        super().__init__()
        self.text_branch = Roberta(pooler=True)
        self.text_projection = _projection(UNITS)

    def forward(self, ids: Tensor) -> Tensor:
        """From tokens (n, length), filled up with RoBERTa's `PAD`, to (n, 512) of unit length."""
        return functional.normalize(self.text_projection(self.text_branch(ids)), dim=-1)


def _projection(inputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, DIMENSION), nn.ReLU(), nn.Linear(DIMENSION, DIMENSION))


class _Htsat(nn.Module):
    def __init__(self, width: int, depths: tuple[int, ...]) -> None:
        super().__init__()
        self.bn0 = nn.BatchNorm2d(BANDS)
        self.patch_embed = nn.ModuleDict(
            {"proj": nn.Conv2d(1, width, _PATCH, stride=_PATCH), "norm": nn.LayerNorm(width)}
        )
        self.layers = nn.ModuleList(
            _Stage(
                width * 2**number,
                _SIDE // _PATCH // 2**number,
                _HEADS[number],
                depth,
                last=number == len(depths) - 1,
            )
            for number, depth in enumerate(depths)
        )
        self.norm = nn.LayerNorm(width * 2 ** (len(depths) - 1))

    def forward(self, mels: Tensor) -> Tensor:
        """From `log_mel`'s (n, frames, 64), at most 1024 frames, to the units of the last stage."""
        x = self.bn0(mels[:, None].transpose(1, 3)).transpose(1, 3)
        x = functional.interpolate(x, (_FRAMES, BANDS), mode="bicubic", align_corners=True)
        image = x.reshape(-1, 1, _STRETCHES, _SIDE, BANDS).transpose(3, 4).flatten(2, 3)
        x = self.patch_embed["norm"](self.patch_embed["proj"](image).permute(0, 2, 3, 1))
        for stage in self.layers:
            x = stage(x)
        latent: Tensor = self.norm(x).mean((1, 2))
        return latent


class _Stage(nn.Module):
    """Blocks over patches in a square, then one patch of every four."""

    def __init__(self, units: int, side: int, heads: int, depth: int, *, last: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            _Block(units, side, heads, shifted=number % 2 == 1 and side > _WINDOW)
            for number in range(depth)
        )
        self.downsample = None if last else _Merging(units)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x if self.downsample is None else self.downsample(x)


class _Merging(nn.Module):
    def __init__(self, units: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * units)
        self.reduction = nn.Linear(4 * units, 2 * units, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        four = [x[:, row::2, column::2] for column in (0, 1) for row in (0, 1)]
        merged: Tensor = self.reduction(self.norm(torch.cat(four, -1)))
        return merged


class _Block(nn.Module):
    """Patches of a window attend to each other; in a shifted block the windows lie between."""

    def __init__(self, units: int, side: int, heads: int, *, shifted: bool) -> None:
        super().__init__()
        self.shift = _WINDOW // 2 if shifted else 0
        # Keeps apart in a window what the shift brought together from the image's two edges.
        windows = (side // _WINDOW) ** 2
        self.register_buffer(
            "attn_mask", torch.empty(windows, _TOGETHER, _TOGETHER) if shifted else None
        )
        self.attn_mask: Tensor | None
        self.norm1 = nn.LayerNorm(units)
        self.attn = _Attention(units, heads)
        self.norm2 = nn.LayerNorm(units)
        self.mlp = nn.ModuleDict(
            {"fc1": nn.Linear(units, 4 * units), "fc2": nn.Linear(4 * units, units)}
        )

    def forward(self, x: Tensor) -> Tensor:
        """From a square of patches (n, side, side, units) to the same."""
        count, side, _, units = x.shape
        across = side // _WINDOW
        shifted = torch.roll(self.norm1(x), (-self.shift, -self.shift), (1, 2))
        tiles = shifted.reshape(count, across, _WINDOW, across, _WINDOW, units).transpose(2, 3)
        seen = self.attn(tiles.reshape(-1, _TOGETHER, units), self.attn_mask)
        tiles = seen.reshape(count, across, across, _WINDOW, _WINDOW, units).transpose(2, 3)
        x = x + torch.roll(tiles.reshape(x.shape), (self.shift, self.shift), (1, 2))
        wide = functional.gelu(self.mlp["fc1"](self.norm2(x)))
        answer: Tensor = x + self.mlp["fc2"](wide)
        return answer


class _Attention(nn.Module):
    def __init__(self, units: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.relative_position_bias_table = nn.Parameter(torch.empty((2 * _WINDOW - 1) ** 2, heads))
        self.register_buffer(
            "relative_position_index", torch.empty(_TOGETHER, _TOGETHER, dtype=torch.int64)
        )
        self.relative_position_index: Tensor
        self.qkv = nn.Linear(units, 3 * units)
        self.proj = nn.Linear(units, units)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """From the windows of all images, one image after the other, to the same."""
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        bias = self.relative_position_bias_table[self.relative_position_index].permute(2, 0, 1)
        if mask is not None:
            bias = (bias + mask[:, None]).repeat(len(x) // len(mask), 1, 1, 1)
        seen = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        answer: Tensor = self.proj(seen.transpose(1, 2).flatten(2))
        return answer
