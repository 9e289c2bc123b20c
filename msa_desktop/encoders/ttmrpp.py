"""TTMR++: hears and reads music in one space, so that words find sounds.

Its weights are converted from the authors' file (`weights.pickles`); `_ttmr_net` holds the networks
and names the source. A track's vector is the plain mean of its windows', as the authors' code
has it.

Their code cuts the whole track into windows; here six are chosen, or as many as the person wants,
spread over it, so that a long mix costs no more than a song. The sound is then scaled by the
extremes of these windows alone, and what is too soft to be heard is told by the loudest of them
alone. On 18 tracks, with weights drawn at random, the vector lay from theirs by 6 % of the distance
between two tracks (medians; 26 % at worst), and ten windows were no nearer. `scaled`,
`_ttmr_net.log_mel` and `TtmrppEncoder.place`, given the whole track, answer as their code does.

Where that code divides by zero this does not: a track shorter than a window comes repeated (see
`audio.decode`), and silence stays silence.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import Embedding, FloatArray, WindowSpec, display_path
from msa_desktop.base.settings import Device
from msa_desktop.encoders._torch import extra, fit, in_batches, means, read_tensors, torch_device

if TYPE_CHECKING:
    import torch

    from msa_desktop.encoders._roberta import Reader
    from msa_desktop.encoders._ttmr_net import AudioTower, TextTower

_REVISION = 1  # counts up when the same windows would give another vector

SPEC = WindowSpec(22_050, 10.0, 6)
ID = "ttmrpp"
VERSION = f"{_REVISION}"
DIMENSION = 128
MEMORY = 480
LABEL_SOURCES = ()
MODELS = ("ttmr-pp",)
TOKENIZER = "roberta-base"

_WEIGHTS = "model.safetensors"
_SETTINGS = "ttmrpp_resnet_roberta.yaml"
_AGAIN = "Remove the model and install it again."

_SOUND = ("audio_encoder.", "audio_projector.")
_TEXT = ("text_encoder.", "text_projector.")
# Of no use after training: how sharply the two were told apart (stored twice), and a table of
# 0, 1, 2... that older versions of transformers kept.
_LEFT_OUT = {"logit_scale", "loss_fct.logit_scale", "text_encoder.embeddings.position_ids"}

# The settings' file is a list of "name: number" lines, among others that say nothing of the model.
# Nothing else of YAML is read, so nothing else of YAML can do harm.
_SETTING = re.compile(r"^(\w+): *(\d{1,9}(?:\.\d{1,9})?)[ \r]*$", re.MULTILINE)
_LARGEST = 64 * 1024  # bytes of settings
_LENGTHS = range(3, 513)  # tokens that RoBERTa can read: begin, something, end
_FRONT_END = {"sr": 22_050, "n_fft": 1024, "hop_size": 0.01, "n_mels": 128, "duration": 10}

_LOUDEST = 32_767.0  # of 16 bits
_BATCH = 32  # windows


class TtmrppEncoder:
    """The half that listens.

    Args:
        tower: With its weights.
        device: Where it is to run.
    """

    def __init__(self, tower: AudioTower, device: torch.device) -> None:
        self._tower = tower.to(device)
        self._device = device
        # On the processor a batch is no quicker, and its memory grows with it.
        self._most = 1 if device.type == "cpu" else _BATCH
        self.together = max(1, self._most // SPEC.count)

    def embed(self, tracks: Sequence[FloatArray]) -> list[Embedding]:
        """See `encoders._base.Encoder`."""
        # Late, like all that loads PyTorch; here it is there already.
        from msa_desktop.encoders._ttmr_net import log_mel  # noqa: PLC0415

        mels = [log_mel(scaled(windows)) for windows in tracks]
        return [Embedding(ID, VERSION, vector) for vector in means(self.place, mels)]

    def place(self, mels: FloatArray) -> FloatArray:
        """Where windows lie.

        Args:
            mels: Shape (n, 128, frames), from `_ttmr_net.log_mel`; of any tracks.

        Returns:
            Shape (n, 128), not normalised.
        """
        return in_batches(self._tower, mels, self._device, self._most)


def scaled(sound: FloatArray) -> FloatArray:
    """The sound as the model was trained to hear it: from -1 to 1, in steps of 16 bits.

    The lowest sample becomes -1 and the highest 1: the zero line of a lopsided sound moves.

    Args:
        sound: Of any shape; all of one track.

    Returns:
        The same shape; zeros where the sound is one constant, as silence is.
    """
    low, high = sound.min(), sound.max()
    if low == high:
        return np.zeros_like(sound)
    steps = (((sound - low) / (high - low)) * 2 - 1) * _LOUDEST
    whole: FloatArray = (steps.astype(np.int16) / _LOUDEST).astype(np.float32)
    return whole


def create(folder: Path, device: Device) -> TtmrppEncoder:
    """See `encoders._base.EncoderModule`."""
    with extra("ttmr", "TTMR++"):
        where = torch_device(device)
        tower = _audio_tower(folder)
    return TtmrppEncoder(tower, where)


def create_text(folder: Path, tokenizer: Path, device: Device) -> Reader:
    """See `encoders._base.EncoderModule`."""
    with extra("ttmr", "TTMR++"):
        from msa_desktop.encoders._roberta import Reader, Words  # noqa: PLC0415 - start-up cost

        where = torch_device(device)
        words = Words(tokenizer, _longest_text(folder))
        tower = _text_tower(folder)
    return Reader(tower.to(where), words, where)


def check(folder: Path) -> None:
    """See `encoders._base.EncoderModule`."""
    with extra("ttmr", "TTMR++"):
        _audio_tower(folder)
        _longest_text(folder)
        _text_tower(folder)


def _audio_tower(folder: Path) -> AudioTower:
    import torch  # noqa: PLC0415 - start-up cost

    from msa_desktop.encoders import _ttmr_net as net  # noqa: PLC0415

    heads = _setting(folder, "n_heads", net.POSSIBLE_HEADS)
    tensors = _tensors(folder, but=_TEXT)
    units = tensors.get("audio_projector.0.weight")
    with torch.device("meta"):
        tower = net.AudioTower(heads, 1 if units is None else units.numel())
    fit(tower, tensors, folder / _WEIGHTS)
    return tower


def _text_tower(folder: Path) -> TextTower:
    import torch  # noqa: PLC0415 - start-up cost

    from msa_desktop.encoders import _ttmr_net as net  # noqa: PLC0415

    with torch.device("meta"):
        tower = net.TextTower()
    fit(tower, _tensors(folder, but=_SOUND), folder / _WEIGHTS)
    return tower


def _longest_text(folder: Path) -> int:
    return _setting(folder, "max_length", _LENGTHS)


def _tensors(folder: Path, *, but: tuple[str, ...]) -> dict[str, torch.Tensor]:
    """One half's weights, and whatever is in the file that should not be: `fit` will name it."""
    return {
        name: tensor
        for name, tensor in read_tensors(folder / _WEIGHTS).items()
        if name not in _LEFT_OUT and not name.startswith(but)
    }


def _setting(folder: Path, name: str, allowed: Collection[int]) -> int:
    """A setting that the weights' shapes do not tell.

    Raises:
        UserError: The settings cannot be read, or are of a model that this module cannot run.
    """
    path = folder / _SETTINGS
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST).decode(errors="replace")
    except OSError as error:
        raise UserError(
            f"The model's settings {display_path(str(path))} cannot be read ({error.strerror}). "
            f"{_AGAIN}"
        ) from error
    found = {key: float(value) for key, value in _SETTING.findall(text)}
    wrong = [key for key, value in _FRONT_END.items() if found.get(key) != value]
    if found.get(name) not in allowed:
        wrong.append(name)
    if wrong:
        said = ", ".join(f"{key} {found[key]:g}" if key in found else f"no {key}" for key in wrong)
        raise UserError(
            f"{display_path(str(path))} is not of a model that can be run here: it says {said}. "
            f"{_AGAIN}"
        )
    return int(found[name])
