"""Demucs: the network built from what its weights' file says of it, and from nothing else.

The file is a safetensors one as Demucs publishes them: numbers, and the network's class and
arguments as JSON. Demucs would import whatever class is named there; here it must be HTDemucs by
name, its arguments must be plain values within bounds, and its shapes those of the numbers.
PyTorch and Demucs are loaded inside the functions: only a child process pays for them.
"""

from __future__ import annotations

import inspect
import json
import math
import re
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import FloatArray, display_path
from msa_desktop.base.settings import Device
from msa_desktop.encoders._torch import extra, fit, is_full, read_tensors, torch_device
from msa_desktop.stems.record import NAME

NO_MEMORY = (
    "There is not enough memory for this model. Close other programs, or let it run on the "
    "processor: msa-desktop config device cpu"
)

_CLASS = "demucs.htdemucs.HTDemucs"
_LARGEST = 200_000  # of any number among the arguments
_LONGEST = 64  # of any list or text among them
_SHORTEST_SEGMENT = 2.0  # seconds, where there is little memory


class Demucs:
    """A network that is ready to hear segments.

    Args:
        path: The safetensors file.
        device: Where it runs.

    Attributes:
        sources: The stems it gives.
        rate: Hz of what it hears.
        channels: Of what it hears, and of each stem.
        segment: Samples that it hears at once.

    Raises:
        UserError: The file is missing, damaged or another model's; Demucs is not installed; or the
            device is not there.
    """

    def __init__(self, path: Path, device: Device) -> None:
        with extra("stems", "Separating stems"):
            import torch  # noqa: PLC0415 - start-up cost
            from demucs.htdemucs import HTDemucs  # noqa: PLC0415
            from safetensors import safe_open  # noqa: PLC0415

        self._device = torch_device(device)
        tensors = read_tensors(path)
        with safe_open(path, framework="pt") as file:
            arguments = _arguments(file.metadata() or {}, HTDemucs, path)
        try:
            # On "meta" nothing is allocated: a file cannot ask for more memory than it fills.
            with torch.device("meta"):
                module = HTDemucs(**arguments)
        except Exception as error:
            raise _unknown(path, f"its network cannot be built ({error})") from error
        fit(module, tensors, path)
        try:
            self._module = module.to(self._device)
        except RuntimeError as error:
            if not is_full(error):
                raise
            raise UserError(NO_MEMORY) from error
        self.sources = tuple(arguments["sources"])
        self.rate = int(module.samplerate)
        self.channels = int(module.audio_channels)
        self.segment = int(module.segment * module.samplerate)

    def __call__(self, sound: FloatArray) -> FloatArray:
        """Takes one segment apart: (channels, n) to (sources, channels, n)."""
        import torch  # noqa: PLC0415 - loaded already

        with torch.inference_mode():
            heard = self._module(torch.from_numpy(sound)[None].to(self._device))
            stems: FloatArray = heard[0].to("cpu", torch.float32).numpy()
        return stems

    def shorten(self) -> bool:
        """Has it hear half as much at once, for want of memory; False where that is too little."""
        import torch  # noqa: PLC0415 - loaded already

        half = self.segment // 2
        if half < _SHORTEST_SEGMENT * self.rate:
            return False
        self.segment = half
        self._module.use_train_segment = False  # or it would fill up what it is given
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        return True


def _arguments(metadata: Mapping[str, str], network: type, path: Path) -> dict[str, Any]:
    """What the network is built with; names it does not have are passed over, as Demucs does.

    Raises:
        UserError: Something is not as it can be.
    """
    if metadata.get("klass") != _CLASS:
        raise _unknown(path, "it does not say that it is HTDemucs")
    try:
        given = json.loads(metadata["kwargs"])
        if json.loads(metadata.get("args", "[]")) or not isinstance(given, dict):
            raise ValueError("its arguments have no names")
        known = inspect.signature(network).parameters
        found = {name: _value(value) for name, value in given.items() if name in known}
        _check(found)
    except (ValueError, TypeError, KeyError, ArithmeticError, RecursionError) as error:
        raise _unknown(path, f"what it says of itself cannot be ({error})") from error
    return found


def _check(found: Mapping[str, Any]) -> None:
    sources = found.get("sources")
    if (
        not isinstance(sources, list)
        or not sources
        or len(set(sources)) != len(sources)
        or not all(isinstance(name, str) and re.fullmatch(NAME, name) for name in sources)
    ):
        raise ValueError("sources")
    bounds = {"audio_channels": (2, 2), "samplerate": (8000, 192_000), "segment": (0.2, 60)}
    for name, (least, most) in bounds.items():
        if name in found and not least <= found[name] <= most:
            raise ValueError(name)


def _value(value: Any) -> Any:
    """An argument as Demucs writes it in JSON: a plain value, a short list, or a fraction."""
    if isinstance(value, dict) and value.get("_type") == "fraction":
        return Fraction(_value(value["numerator"]), _value(value["denominator"]))
    if isinstance(value, list) and len(value) <= _LONGEST:
        return [_value(item) for item in value]
    if isinstance(value, int | float):
        if math.isfinite(value) and abs(value) <= _LARGEST:
            return value
    elif value is None or (isinstance(value, str) and len(value) <= _LONGEST):
        return value
    raise ValueError(str(value)[:_LONGEST])


def _unknown(path: Path, why: str) -> UserError:
    return UserError(
        f"{display_path(str(path))} cannot take music apart: {why}. Remove the model and install "
        "it again."
    )
