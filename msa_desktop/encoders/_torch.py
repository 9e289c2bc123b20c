"""What the encoders on PyTorch share: where they run, reading their weights, batches that fit.

PyTorch is loaded inside the functions: whoever only reads an encoder's facts does not pay for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from msa_desktop.base import extras
from msa_desktop.base.errors import UserError
from msa_desktop.base.model import FloatArray, display_path
from msa_desktop.base.settings import Device
from msa_desktop.base.text import printable

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_AGAIN = "Remove the model and install it again."
_NAMED = 3  # of the keys that do not fit
_LONGEST_NAME = 100
# What PyTorch says where no memory is left: CUDA and MPS, Linux, Windows.
_FULL = ("out of memory", "can't allocate memory", "not enough memory")


@contextmanager
def extra(name: str, title: str) -> Iterator[None]:
    """Around the imports that an extra of the package brings.

    Args:
        name: The extra.
        title: What needs it.

    Raises:
        UserError: One of them cannot be imported; says what installs it.
    """
    try:
        yield
    except ImportError as error:
        raise UserError(f"{title} needs more to run: {extras.command(name)} ({error})") from error


def torch_device(device: Device) -> torch.device:
    """The device that the setting means on this machine.

    Raises:
        UserError: The one that was asked for is not there.
    """
    import torch  # noqa: PLC0415 - start-up cost

    there: dict[Device, Callable[[], bool]] = {
        Device.CUDA: torch.cuda.is_available,
        Device.MPS: torch.backends.mps.is_available,
        Device.CPU: lambda: True,
    }
    if device is Device.AUTO:
        device = next(one for one, is_there in there.items() if is_there())
    elif not there[device]():
        raise UserError(
            f"PyTorch finds no {device.upper()} device on this machine. "
            "Let it choose: msa-desktop config device auto"
        )
    # CUDA would round what a convolution multiplies to 10 bits: vectors unlike the processor's.
    torch.backends.cudnn.allow_tf32 = False
    return torch.device(device.value)


def in_batches(
    run: Callable[[Tensor], Tensor],
    items: FloatArray | NDArray[np.int64],
    device: torch.device,
    most: int,
) -> FloatArray:
    """Runs a network over many items, in batches that its device has memory for.

    Where memory runs out the batch is halved, and it goes on from there.

    Args:
        run: Takes a batch on `device`, shape (b, ...), and gives one answer an item, (b, ...).
        items: Shape (n, ...), n at least 1.
        device: Where `run` works.
        most: Items in a batch, at most.

    Returns:
        Shape (n, ...), float32.

    Raises:
        UserError: There is not enough memory for a single item.
    """
    import torch  # noqa: PLC0415 - start-up cost

    answers: list[FloatArray] = []
    begin = 0
    with torch.inference_mode():
        while begin < len(items):
            batch = items[begin : begin + most]
            try:
                answer = run(torch.tensor(batch, device=device))
                answers.append(answer.to("cpu", torch.float32).numpy())
            except (RuntimeError, MemoryError) as error:
                if not is_full(error):
                    raise
                if len(batch) == 1:
                    raise UserError(
                        f"There is not enough memory for this model ({device.type}). Close other "
                        "programs, or let it run on the processor: msa-desktop config device cpu"
                    ) from error
                most = len(batch) // 2
            else:
                begin += len(batch)
                continue
            # Here, not above: as long as the error is handled, its trace holds the batch's memory.
            if device.type == "cuda":
                torch.cuda.empty_cache()
    return np.concatenate(answers)


def means(
    run: Callable[[FloatArray], FloatArray], tracks: Sequence[FloatArray]
) -> list[FloatArray]:
    """What a network says of each of some tracks: the mean over its windows.

    Args:
        run: Takes windows of any tracks, shape (n, ...), and gives (n, dimension).
        tracks: Windows of each.

    Returns:
        Shape (dimension,) each.
    """
    ends = np.cumsum([len(windows) for windows in tracks])[:-1]
    return [said.mean(axis=0) for said in np.split(run(np.concatenate(tracks)), ends)]


def is_full(error: RuntimeError | MemoryError) -> bool:
    """Whether an error of PyTorch's means that there is no memory left."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or any(words in said for words in _FULL)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, by name.

    They lie in the file until they are used, and several processes share that memory.

    Raises:
        UserError: The file is missing, cut short, damaged or no safetensors file.
    """
    from safetensors import SafetensorError  # noqa: PLC0415 - start-up cost
    from safetensors.torch import load_file  # noqa: PLC0415

    try:
        tensors: dict[str, Tensor] = load_file(path)
    except FileNotFoundError as error:
        raise UserError(f"The model file {display_path(str(path))} is missing. {_AGAIN}") from error
    except (OSError, SafetensorError) as error:
        raise UserError(
            f"The model file {display_path(str(path))} is cut short, damaged or not readable "
            f"({printable(str(error))}). {_AGAIN}"
        ) from error
    return tensors


def fit(module: torch.nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Gives a module its weights, without copying them, and makes it ready to listen.

    A module built on the "meta" device has no weights of its own before, so nothing is there twice.

    Args:
        module: Takes the tensors as its own.
        tensors: By the names of the module's state dict.
        path: The file they come from.

    Raises:
        UserError: Names are missing, unknown, or of another shape; says how many, and the first.
            Or there are weights that are no finite numbers.
    """
    expected = module.state_dict()
    shapes = {
        name: f"{name} {_shape(tensors[name])}, not {_shape(own)}"
        for name, own in expected.items()
        if name in tensors and tensors[name].shape != own.shape
    }
    wrong = [
        f"{len(names)} {what} ({_first(names)})"
        for what, names in (
            ("missing", sorted(expected.keys() - tensors.keys())),
            ("unknown", sorted(tensors.keys() - expected.keys())),
            ("of another shape", list(shapes.values())),
        )
        if names
    ]
    if wrong:
        raise UserError(
            f"{display_path(str(path))} does not hold this model's weights: {', '.join(wrong)}. "
            "It is another model's file, or one of another version."
        )
    own_types = {name: tensor.to(expected[name].dtype) for name, tensor in tensors.items()}
    # A sum tells it without a second copy; one that is too large for its type is looked into.
    damaged = [
        name
        for name, tensor in own_types.items()
        if tensor.is_floating_point()
        and not tensor.sum().isfinite()
        and not tensor.isfinite().all()
    ]
    if damaged:
        raise UserError(
            f"{display_path(str(path))} is damaged: {len(damaged)} of its tensors hold what is no "
            f"finite number ({_first(damaged)}). {_AGAIN}"
        )
    module.load_state_dict(own_types, assign=True)
    module.requires_grad_(False).eval()


def _shape(tensor: Any) -> str:
    return "x".join(map(str, tensor.shape)) or "a single number"


def _first(names: Sequence[str]) -> str:
    told = ", ".join(printable(name)[:_LONGEST_NAME] for name in names[:_NAMED])
    return f"{told}, ..." if len(names) > _NAMED else told
