"""TTMR++'s networks in PyTorch. Modules and weights carry the names they have in the authors' file.

Sound: log-mel frames, a ResNet-50 as CLIP modifies it (a stem of three convolutions, averages
instead of strides, attention in place of the last average), a linear map. Words: RoBERTa's first
token, a linear map. Imported by the functions of `ttmrpp` that load a model, because torch is
slow to import.

Source: Doh, Lee, Jeong & Nam, "Enriching Music Descriptions with a Finetuned-LLM and Metadata for
Text-to-Music Retrieval", ICASSP 2024; https://github.com/seungheondoh/music-text-representation-pp.
Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional

from msa_desktop.base.model import FloatArray
from msa_desktop.encoders import _mel
from msa_desktop.encoders._roberta import UNITS, Roberta

SAMPLE_RATE = 22_050
FFT = 1024
HOP = 220
BANDS = 128

_EMBEDDING = 128  # units of the space that sounds and words share

_BLOCKS = (3, 4, 6, 3)  # ResNet-50
_WIDTH = 64
_GROWTH = 4  # from a block's inner width to its outer
_FEATURES = _WIDTH * 2 ** (len(_BLOCKS) - 1) * _GROWTH
POSSIBLE_HEADS = [heads for heads in range(1, _FEATURES + 1) if _FEATURES % heads == 0]

_LEAST = 1e-10  # of the mel power
_RANGE = 8.0  # decades below the loudest that are heard


def log_mel(windows: FloatArray) -> FloatArray:
    """What the audio tower is fed; made on the processor, where it is a fiftieth of the work.

    Args:
        windows: Shape (n, samples), 22,050 Hz. All of one track and of no other: what is 80 dB
            below the loudest place of them all is as good as silent.

    Returns:
        Shape (n, 128, samples // 220).
    """
    hann = torch.hann_window(FFT)
    filters = torch.from_numpy(mel_filters())
    # One at a time: the spectra of a whole track would be large.
    mels = [
        filters @ torch.stft(wave, FFT, HOP, window=hann, return_complex=True)[:, :-1].abs() ** 2
        for wave in torch.from_numpy(windows)
    ]
    logs = torch.stack(mels).clamp_(min=_LEAST).log10_()
    floored: FloatArray = logs.clamp_(min=float(logs.max()) - _RANGE).add_(4).div_(4).numpy()
    return floored


@cache
def mel_filters() -> FloatArray:
    """Shape (128, 513); librosa's, bit for bit."""
    return _mel.mel_filters(SAMPLE_RATE, FFT, BANDS, 0, SAMPLE_RATE / 2)


class _Block(nn.Module):
    """A bottleneck: narrow, look around, widen; added to what came in."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = width * _GROWTH
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.pool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        self.downsample = nn.Sequential()
        if inputs != outputs:
            self.downsample.append(nn.Conv2d(inputs, outputs, 1, bias=False))
            self.downsample.append(nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu_(self.bn1(self.conv1(x)))
        y = functional.relu_(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(self.pool(y)))
        return functional.relu_(y.add_(self.downsample(self.pool(x))))


class _AttentionPool(nn.Module):
    """The average of all places asks every place, itself too, what it has to say."""

    def __init__(self, heads: int, outputs: int) -> None:
        super().__init__()
        self.heads = heads
        # One position for all places: the authors' code makes it so.
        self.positional_embedding = nn.Parameter(torch.empty(1, _FEATURES))
        self.q_proj = nn.Linear(_FEATURES, _FEATURES)
        self.k_proj = nn.Linear(_FEATURES, _FEATURES)
        self.v_proj = nn.Linear(_FEATURES, _FEATURES)
        self.c_proj = nn.Linear(_FEATURES, outputs)

    def forward(self, x: Tensor) -> Tensor:
        places = x.flatten(2).transpose(1, 2)
        places = torch.cat([places.mean(1, keepdim=True), places], 1) + self.positional_embedding
        q, k, v = (
            projected.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for projected in (
                self.q_proj(places[:, :1]),
                self.k_proj(places),
                self.v_proj(places),
            )
        )
        answer = functional.scaled_dot_product_attention(q, k, v)
        pooled: Tensor = self.c_proj(answer.transpose(1, 2).flatten(1))
        return pooled


class _ResNet(nn.Module):
    def __init__(self, heads: int, outputs: int) -> None:
        super().__init__()
        half = _WIDTH // 2
        self.conv1 = nn.Conv2d(1, half, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(half)
        self.conv2 = nn.Conv2d(half, half, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(half)
        self.conv3 = nn.Conv2d(half, _WIDTH, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(_WIDTH)
        self.avgpool = nn.AvgPool2d(2)
        inputs = _WIDTH
        for number, blocks in enumerate(_BLOCKS):
            width = _WIDTH * 2**number
            layer = nn.Sequential(_Block(inputs, width, stride=2 if number else 1))
            inputs = width * _GROWTH
            layer.extend(_Block(inputs, width, stride=1) for _ in range(1, blocks))
            self.add_module(f"layer{number + 1}", layer)
        self.attn_pool = _AttentionPool(heads, outputs)

    def forward(self, x: Tensor) -> Tensor:
        for number in (1, 2, 3):
            x = self.get_submodule(f"conv{number}")(x)
            x = functional.relu_(self.get_submodule(f"bn{number}")(x))
        x = self.avgpool(x)
        for number in range(1, len(_BLOCKS) + 1):
            x = self.get_submodule(f"layer{number}")(x)
        pooled: Tensor = self.attn_pool(x)
        return pooled


def _projector(inputs: int) -> nn.Sequential:
    return nn.Sequential(nn.LayerNorm(inputs), nn.Linear(inputs, _EMBEDDING, bias=False))


class AudioTower(nn.Module):
    """From log-mel frames to where a sound lies.

    Args:
        heads: Of the attention.
        outputs: Units between the attention and the projection.
    """

    def __init__(self, heads: int, outputs: int) -> None:
        super().__init__()
        self.audio_encoder = _ResNet(heads, outputs)
        self.audio_projector = _projector(outputs)

    def forward(self, mels: Tensor) -> Tensor:
        """From `log_mel`'s (n, 128, frames) to (n, 128)."""
        placed: Tensor = self.audio_projector(self.audio_encoder(mels[:, None]))
        return placed


class TextTower(nn.Module):
    """From tokens to where the sound that they describe lies."""

    def __init__(self) -> None:
        super().__init__()
        self.text_encoder = Roberta(pooler=False)
        self.text_projector = _projector(UNITS)

    def forward(self, ids: Tensor) -> Tensor:
        """From `_roberta.Words`' tokens (n, length) to (n, 128)."""
        placed: Tensor = self.text_projector(self.text_encoder(ids))
        return placed
