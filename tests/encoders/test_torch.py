"""What the encoders on PyTorch share: devices, batches, weights and what may be wrong with them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from msa_desktop.base import extras
from msa_desktop.base.errors import UserError
from msa_desktop.base.settings import Device
from msa_desktop.encoders._torch import extra, fit, in_batches, read_tensors, torch_device

WHY = "PyTorch is not installed (the extras clap and ttmr bring it)"
torch = pytest.importorskip("torch", reason=WHY)
safetensors = pytest.importorskip("safetensors.torch", reason=WHY)

CPU = torch.device("cpu")


def test_a_missing_library_says_what_installs_it() -> None:
    told = f"Ears needs more to run: {re.escape(extras.command('ears'))} .*nowhere"
    with pytest.raises(UserError, match=told), extra("ears", "Ears"):
        import nowhere  # type: ignore[import-not-found] # noqa: F401


@pytest.mark.parametrize(
    ("there", "chosen"),
    [((), "cpu"), (("mps",), "mps"), (("cuda",), "cuda"), (("cuda", "mps"), "cuda")],
)
def test_auto_takes_the_best_there_is(
    monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], chosen: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in there)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in there)
    assert torch_device(Device.AUTO).type == chosen
    assert torch_device(Device.CPU).type == "cpu"


@pytest.mark.parametrize("device", [Device.CUDA, Device.MPS])
def test_a_device_that_is_not_there(monkeypatch: pytest.MonkeyPatch, device: Device) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(UserError, match=f"no {device.upper()} device.*config device auto"):
        torch_device(device)


class Network:
    """Doubles; has memory for so many items at once and no more."""

    def __init__(self, room: int, error: Exception) -> None:
        self.sizes: list[int] = []
        self._room = room
        self._error = error

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:  # type: ignore[name-defined]
        self.sizes.append(len(batch))
        if len(batch) > self._room:
            raise self._error
        return 2 * batch


FULL = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
    RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
    MemoryError(),
]


@pytest.mark.parametrize("error", FULL, ids=lambda error: type(error).__name__)
def test_a_full_memory_halves_the_batch_and_goes_on(error: Exception) -> None:
    items = np.arange(22, dtype=np.float32).reshape(11, 2)
    network = Network(3, error)
    answer = in_batches(network, items, CPU, 8)
    assert np.array_equal(answer, 2 * items)
    assert answer.dtype == np.float32
    assert network.sizes == [8, 4, 2, 2, 2, 2, 2, 1]


def test_whole_batches_where_there_is_room() -> None:
    network = Network(99, MemoryError())
    ids = np.arange(5)
    assert np.array_equal(in_batches(network, ids, CPU, 2), 2 * ids)
    assert network.sizes == [2, 2, 1]


def test_no_room_for_a_single_item() -> None:
    with pytest.raises(UserError, match="not enough memory"):
        in_batches(lambda _: torch.empty(10**15), np.zeros((4, 2), np.float32), CPU, 4)


def test_another_failure_is_not_taken_for_a_full_memory() -> None:
    with pytest.raises(RuntimeError, match="shapes"):
        in_batches(Network(0, RuntimeError("shapes differ")), np.zeros(2, np.float32), CPU, 2)


def test_weights_are_read(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    held = {"a": torch.arange(6.0).reshape(2, 3), "b.c": torch.tensor(4)}
    safetensors.save_file(held, path)
    read = read_tensors(path)
    assert read.keys() == held.keys()
    assert all(torch.equal(read[name], tensor) for name, tensor in held.items())


def test_missing_weights(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"model\.safetensors is missing"):
        read_tensors(tmp_path / "model.safetensors")


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    whole = safetensors.save({"a": torch.ones(9), "b": torch.ones(3)})
    path = tmp_path / "model.safetensors"
    bent = whole.replace(b'"F32"', b'"F99"')
    cut = [whole[:length] for length in range(len(whole))]
    for data in (*cut, bent, b"\xff" * 64, b"\x80\x02}q\x00." + bytes(60)):
        path.write_bytes(data)
        with pytest.raises(UserError, match=r"model\.safetensors is cut short, damaged"):
            read_tensors(path)


def network(build: str = "meta") -> torch.nn.Sequential:  # type: ignore[name-defined]
    with torch.device(build):
        return torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))


def weights() -> dict[str, torch.Tensor]:  # type: ignore[name-defined]
    return {name: tensor + 1 for name, tensor in network("cpu").state_dict().items()}


def test_weights_become_the_modules_own(tmp_path: Path) -> None:
    module, own = network(), weights()
    fit(module, own, tmp_path)
    assert module[0].weight.data_ptr() == own["0.weight"].data_ptr()
    assert not module.training
    assert not any(parameter.requires_grad for parameter in module.parameters())
    assert not torch.is_grad_enabled() or not module(torch.ones(1, 2)).requires_grad


def test_weights_of_half_precision_are_widened(tmp_path: Path) -> None:
    module = network()
    fit(module, {name: tensor.half() for name, tensor in weights().items()}, tmp_path)
    kinds = [tensor.dtype for tensor in module.state_dict().values()]
    assert kinds == [tensor.dtype for tensor in weights().values()]


Change = Callable[[dict[str, "torch.Tensor"]], object]  # type: ignore[name-defined]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda own: own.pop("0.bias"), r"weights: 1 missing \(0\.bias\)\. "),
        (lambda own: own.update(extra=own["0.bias"]), r"weights: 1 unknown \(extra\)\. "),
        (
            lambda own: own.update({"0.bias": torch.ones(4, 2)}),
            r"weights: 1 of another shape \(0\.bias 4x2, not 3\)\. ",
        ),
        (lambda own: own.clear(), r"weights: 7 missing \(0\.bias, 0\.weight, 1\.bias, \.\.\.\)"),
        (
            lambda own: own.update({"new\x1bline": own.pop("0.bias")}),
            "weights: 1 missing .*, 1 unknown \\(new\ufffdline\\)",
        ),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, change: Change, told: str) -> None:
    own = weights()
    change(own)
    with pytest.raises(UserError, match=told) as refused:
        fit(network(), own, tmp_path / "ears.safetensors")
    assert "ears.safetensors does not hold" in str(refused.value)
