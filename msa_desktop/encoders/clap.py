"""LAION-CLAP: one space for sounds and the words that describe them.

Runs LAION's own checkpoints without feature fusion, on HTSAT base (the published music models) or
tiny. The networks are in `_clap_net`; to import the Hugging Face library, which has them too, takes
longer than all the rest of the loading, and 110 MB in every worker process.

A track's vector is the mean of its windows' unit vectors: a window counts by where it points. Six
windows of 10 s, the length the models were trained on, are a minute of the track, whatever its
length: about 2.7 s of one processor core. The person may want another number, but a vector is not
to depend on the machine that made it, so there are no more of them on a graphics card.

All is float32, on every device; sounds in 16 bit, decibels and patches are made as in training.

Source: Wu et al., "Large-scale Contrastive Language-Audio Pretraining with Feature Fusion and
Keyword-to-Caption Augmentation", ICASSP 2023; https://github.com/LAION-AI/CLAP (laion_clap 1.1.7).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import Embedding, FloatArray, WindowSpec, display_path
from msa_desktop.base.settings import Device
from msa_desktop.encoders._torch import extra, fit, in_batches, means, read_tensors, torch_device

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from msa_desktop.encoders._clap_net import AudioTower, TextTower
    from msa_desktop.encoders._roberta import Words

_REVISION = 1  # counts up when the same windows would give another vector

SPEC = WindowSpec(48_000, 10.0, 6)
ID = "clap"
VERSION = f"1.1.7-{_REVISION}"
MEMORY = 610
LABEL_SOURCES = ()
MODELS = ("clap-music", "clap-music-speech")
TOKENIZER = "roberta-base"
DIMENSION = 512

LONGEST_TEXT = 77  # tokens

_EXTRA = "clap"
_TITLE = "LAION-CLAP"
_WEIGHTS = "model.safetensors"
_SIZES = {96: (2, 2, 6, 2), 128: (2, 2, 12, 2)}  # HTSAT tiny and base: blocks of a stage, by width
_BASE = 128
_PREFIX = "module."  # of every name, as PyTorch's parallel training leaves them

# What the files hold that no vector needs: the front end's fixed tables, heads of other tasks.
_UNUSED = re.compile(
    r"logit_scale_[at]$|(audio|text)_transform\.|text_branch\.embeddings\.(position|token_type)_ids$|"
    r"audio_branch\.(spectrogram_extractor|logmel_extractor|tscam_conv|head)\."
)
_FUSION = re.compile(r"\.(fusion_model|mel_conv[12]d)\.")
_TOWER = re.compile(r"(audio|text)_(branch|projection)\.")

_BATCH = 32  # windows, or texts, at once


class ClapEncoder:
    """The audio tower.

    Args:
        tower: Ready on its device.
        device: Where that is.
    """

    def __init__(self, tower: AudioTower, device: torch.device) -> None:
        self._tower = tower
        self._device = device
        # On the processor a batch is no quicker, and its memory grows with it.
        self._most = 1 if device.type == "cpu" else _BATCH
        self.together = max(1, self._most // SPEC.count)

    def windows(self, windows: FloatArray) -> FloatArray:
        """Every window's own vector.

        Args:
            windows: Shape (n, 480000), n at least 1, float32 mono, 48 kHz; of any tracks.

        Returns:
            Shape (n, 512), float32, each of unit length.
        """
        return in_batches(self._tower, windows, self._device, self._most)

    def embed(self, tracks: Sequence[FloatArray]) -> list[Embedding]:
        """See `encoders._base.Encoder`; names nothing."""
        return [Embedding(ID, VERSION, vector) for vector in means(self.windows, tracks)]


class ClapTextEncoder:
    """The text tower.

    Args:
        tower: Ready on its device.
        words: Cuts texts into tokens.
        device: Where the tower is.
    """

    def __init__(self, tower: TextTower, words: Words, device: torch.device) -> None:
        self._tower = tower
        self._words = words
        self._device = device

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """See `encoders._base.TextEncoder`.

        Texts are filled up to the longest of them, not to 77 tokens as in training: the same
        within 2e-7, and a few words are read six times as fast.
        """
        return in_batches(self._tower, self._words.tokens(texts), self._device, _BATCH)


def create(folder: Path, device: Device) -> ClapEncoder:
    """See `encoders._base.EncoderModule`."""
    with extra(_EXTRA, _TITLE):
        where = torch_device(device)
        path = folder / _WEIGHTS
        tower = audio_tower(read_tensors(path), path)
    return ClapEncoder(tower.to(where), where)


def create_text(folder: Path, tokenizer: Path, device: Device) -> ClapTextEncoder:
    """See `encoders._base.EncoderModule`."""
    with extra(_EXTRA, _TITLE):
        from msa_desktop.encoders._roberta import Words  # noqa: PLC0415 - start-up cost

        where = torch_device(device)
        words = Words(tokenizer, LONGEST_TEXT)
        path = folder / _WEIGHTS
        tower = text_tower(read_tensors(path), path)
    return ClapTextEncoder(tower.to(where), words, where)


def check(folder: Path) -> None:
    """See `encoders._base.EncoderModule`."""
    with extra(_EXTRA, _TITLE):
        path = folder / _WEIGHTS
        tensors = read_tensors(path)
        audio_tower(tensors, path)
        text_tower(tensors, path)


def audio_tower(tensors: Mapping[str, Tensor], path: Path) -> AudioTower:
    """What listens, of the size that its weights are of.

    Args:
        tensors: By the names of LAION's files; those of the other tower may be among them.
        path: The file they come from.

    Raises:
        UserError: They are not such a model's.
    """
    import torch  # noqa: PLC0415 - start-up cost

    from msa_desktop.encoders._clap_net import AudioTower  # noqa: PLC0415 - needs torch

    own = _own(tensors, "audio", path)
    patches = own.get("audio_branch.patch_embed.proj.weight")
    width = patches.shape[0] if patches is not None and patches.ndim else _BASE
    width = width if width in _SIZES else _BASE
    with torch.device("meta"):
        tower = AudioTower(width, _SIZES[width])
    fit(tower, own, path)
    return tower


def text_tower(tensors: Mapping[str, Tensor], path: Path) -> TextTower:
    """What reads; see `audio_tower`."""
    import torch  # noqa: PLC0415 - start-up cost

    from msa_desktop.encoders._clap_net import TextTower  # noqa: PLC0415 - needs torch

    with torch.device("meta"):
        tower = TextTower()
    fit(tower, _own(tensors, "text", path), path)
    return tower


def _own(tensors: Mapping[str, Tensor], tower: str, path: Path) -> dict[str, Tensor]:
    """The tensors of one tower, and those that belong to neither, for `fit` to name them."""
    if any(_FUSION.search(name) for name in tensors):
        raise UserError(
            f"{display_path(str(path))} is a LAION-CLAP fusion checkpoint, and these are not "
            "supported. Choose one without fusion, such as music_audioset_epoch_15_esc_90.14.pt."
        )
    own = {}
    for whole, tensor in tensors.items():
        name = whole.removeprefix(_PREFIX)
        of = _TOWER.match(name)
        if not _UNUSED.match(name) and (of is None or of[1] == tower):
            own[name] = tensor
    return own
