"""Writes the two MusiCNN models as ONNX files, from the weights in the PyPI package `musicnn`.

Run once, by a maintainer; the result lives in resources/models/musicnn. TensorFlow reads the
checkpoints and `onnx` writes the graphs. The program needs neither, so the script has an
environment of its own:

    python3 -m venv export-env
    export-env/bin/pip install tensorflow-cpu onnx
    export-env/bin/python scripts/export_musicnn.py [--wheel musicnn-0.1.0-py3-none-any.whl]

Without `--wheel`, pip downloads it. The wheel's SHA-256 is checked, and the same version of onnx
gives the same bytes again.

The architecture (Pons & Serra, "musicnn: Pre-trained convolutional neural networks for music audio
tagging", 2019; original code https://github.com/jordipons/musicnn): convolutions over 96 mel
bands, each pooled over all frequencies (two of timbre, 7 frames long and 38 or 67 bands high; three
of rhythm, 128, 64 and 32 frames long); three convolutions over time, two of them residual; the
maximum and the mean over time; a dense layer of 200 ("penultimate") and one of 50 labels.

Three rewritings make the graph quick on ONNX Runtime; none changes what it computes.

- What follows a front-end convolution (ReLU, then batch normalisation, at inference a factor and
  an offset) is monotone, so it moves behind the pooling over frequency, where 30 to 96 times fewer
  values are left. Where the factor is negative the smallest value wins, so those channels get
  their kernel's sign turned before the pooling and turned back after it.
- The front end's channels (204, 204, 51, 51, 51) are filled up with zeros to multiples of 16, and
  factors and offsets are BatchNormalization nodes, so that the whole network stays in the runtime's
  blocked layout. That saves a fifth of the time: almost all the rest is multiply-adds at the
  processor's rate.
- The normalisation before the first dense layer goes into that layer's weights.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, checker, helper, numpy_helper

VERSION = "0.1.0"
WHEEL_SHA256 = "f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa"
MODELS = {"msd": "MSD_musicnn", "mtt": "MTT_musicnn"}
DESTINATION = Path(__file__).resolve().parent.parent / "resources" / "models" / "musicnn"

BANDS = 96
BLOCK = 16  # channels the runtime keeps together on the widest processors
NORM_EPSILON = 1e-3  # what the original's batch normalisation adds to the variance

Array = NDArray[np.float64]


class Checkpoint:
    """One model's variables, in float64 so that folding costs no precision.

    Args:
        package: The opened wheel.
        model: The model's folder in it.
    """

    def __init__(self, package: zipfile.ZipFile, model: str) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        import tensorflow as tf  # noqa: PLC0415 - takes seconds: after the arguments are understood

        with tempfile.TemporaryDirectory() as folder:
            # TensorFlow does not find the nameless prefix the package uses, so it gets a name.
            for suffix in (".index", ".data-00000-of-00001"):
                data = package.read(f"musicnn/{model}/{suffix}")
                Path(folder, "weights" + suffix).write_bytes(data)
            reader = tf.train.load_checkpoint(str(Path(folder, "weights")))
            self._values: dict[str, Array] = {
                name: np.asarray(reader.get_tensor(name), np.float64)
                for name in reader.get_variable_to_shape_map()
            }

    def __getitem__(self, name: str) -> Array:
        return self._values[name]

    def norm(self, number: int) -> tuple[Array, Array]:
        """Batch normalisation layer `number` at inference: factor and offset per channel."""
        layer = f"batch_normalization_{number}" if number else "batch_normalization"
        factor = self[f"{layer}/gamma"] / np.sqrt(self[f"{layer}/moving_variance"] + NORM_EPSILON)
        return factor, self[f"{layer}/beta"] - factor * self[f"{layer}/moving_mean"]


class Builder:
    """Collects a graph's nodes and constants; its methods return the name of what they add."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, kind: str, name: str, *inputs: str, **attributes: Any) -> str:
        """A node with one output, named as the node is."""
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def constant(self, name: str, value: NDArray[Any]) -> str:
        """A tensor; floating point becomes float32."""
        kind = np.int64 if np.issubdtype(value.dtype, np.integer) else np.float32
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value, kind), name))
        return name

    def norm(self, name: str, x: str, factor: Array, offset: Array) -> str:
        """`x` (n, channels, frames, bands) times a factor plus an offset per channel."""
        values = {
            "factor": factor,
            "offset": offset,
            "mean": 0 * factor,
            "variance": 0 * factor + 1,
        }
        constants = [self.constant(f"{name}.{key}", value) for key, value in values.items()]
        return self.add("BatchNormalization", name, x, *constants, epsilon=0.0)

    def convolution(
        self, name: str, x: str, kernel: Array, bias: Array, pads: tuple[int, int]
    ) -> str:
        """`x` (n, in, frames, bands) with `kernel` (out, in, frames, bands), padded in time."""
        weights = self.constant(f"{name}.kernel", kernel)
        offset = self.constant(f"{name}.bias", bias)
        return self.add(
            "Conv",
            name,
            x,
            weights,
            offset,
            kernel_shape=kernel.shape[2:],
            pads=(pads[0], 0, pads[1], 0),
        )


def filled(values: Array) -> Array:
    """The first axis (channels) made a multiple of the block, with zeros."""
    return np.pad(values, [(0, -len(values) % BLOCK)] + [(0, 0)] * (values.ndim - 1))


def front_end(graph: Builder, weights: Checkpoint, x: str) -> tuple[str, NDArray[np.bool_]]:
    """Timbre and rhythm: (n, 1, frames, 96) to (n, 608, frames, 1).

    Also tells which of the channels are the original's 561 and no filling.
    """
    pooled, signs, factors, offsets, real = [], [], [], [], []
    for index in range(5):
        name = f"conv2d_{index}" if index else "conv2d"
        kernel = weights[f"{name}/kernel"].transpose(3, 2, 0, 1)
        factor, offset = weights.norm(index + 1)
        sign = np.where(factor < 0, -1.0, 1.0)
        length, height = kernel.shape[2:]
        before = (length - 1) // 2
        summed = graph.convolution(
            f"front{index}",
            x,
            filled(kernel * sign.reshape(-1, 1, 1, 1)),
            filled(weights[f"{name}/bias"] * sign),
            (before, length - 1 - before),
        )
        places = BANDS - height + 1
        pooled.append(graph.add("MaxPool", f"front{index}.max", summed, kernel_shape=[1, places]))
        signs.append(filled(sign))
        factors.append(filled(factor))
        offsets.append(filled(offset))
        real.append(filled(np.ones(len(sign))) > 0)
    joined = graph.add("Concat", "front.joined", *pooled, axis=1)
    sign, factor, offset = map(np.concatenate, (signs, factors, offsets))
    positive = graph.add("Relu", "front.relu", graph.norm("front.turned", joined, sign, 0 * sign))
    return graph.norm("front", positive, factor, offset), np.concatenate(real)


def middle(graph: Builder, weights: Checkpoint, x: str, real: NDArray[np.bool_]) -> list[str]:
    """Three convolutions over time, each (n, 64, frames, 1); from the second on, residual."""
    layers: list[str] = []
    for index in range(3):
        name = f"middle{index}"
        kernel = weights[f"conv2d_{index + 5}/kernel"].transpose(3, 1, 0, 2)
        if not layers:
            whole = np.zeros((len(kernel), len(real), *kernel.shape[2:]))
            whole[:, real] = kernel
            kernel = whole
        bias = weights[f"conv2d_{index + 5}/bias"]
        summed = graph.convolution(f"{name}.conv", x, kernel, bias, (3, 3))
        positive = graph.add("Relu", f"{name}.relu", summed)
        x = graph.norm(f"{name}.norm", positive, *weights.norm(index + 6))
        if layers:
            x = graph.add("Add", name, x, layers[-1])
        layers.append(x)
    return layers


def back_end(graph: Builder, weights: Checkpoint, x: str, real: NDArray[np.bool_]) -> None:
    """Pooling over time and the dense layers: (n, 800, frames, 1) to both outputs."""
    most = graph.add("GlobalMaxPool", "time.max", x)
    mean = graph.add("GlobalAveragePool", "time.mean", x)
    flat = graph.add("Flatten", "time.flat", graph.add("Concat", "time", most, mean, axis=1))
    # The original interleaves maximum and mean, channel by channel; here one follows the other.
    factor, offset = weights.norm(9)
    original = weights["dense/kernel"]
    kernel = np.zeros((2, len(real), original.shape[1]))
    kernel[:, real] = (factor[:, np.newaxis] * original).reshape(-1, 2, 200).transpose(1, 0, 2)
    dense = graph.add(
        "Gemm",
        "dense",
        flat,
        graph.constant("dense.kernel", kernel.reshape(-1, 200)),
        graph.constant("dense.bias", weights["dense/bias"] + offset @ original),
    )
    factor, offset = weights.norm(10)
    product = graph.add(
        "Mul",
        "penultimate.product",
        graph.add("Relu", "dense.relu", dense),
        graph.constant("penultimate.factor", factor),
    )
    penultimate = graph.add(
        "Add", "penultimate", product, graph.constant("penultimate.offset", offset)
    )
    logits = graph.add(
        "Gemm",
        "logits",
        penultimate,
        graph.constant("logits.kernel", weights["dense_1/kernel"]),
        graph.constant("logits.bias", weights["dense_1/bias"]),
    )
    graph.add("Sigmoid", "tags", logits)


def build(weights: Checkpoint, name: str) -> bytes:
    """The serialised ONNX model.

    Input `mel` (n, frames, 96), made for 187 frames; outputs `tags` (n, 50), probabilities, and
    `penultimate` (n, 200).
    """
    graph = Builder()
    image = graph.add("Unsqueeze", "image", "mel", graph.constant("channel", np.array([1])))
    x = graph.norm("normalised", image, *weights.norm(0))
    front, real = front_end(graph, weights, x)
    layers = middle(graph, weights, front, real)
    features = graph.add("Concat", "features", front, *layers, axis=1)
    of_layers = np.ones(sum(len(weights.norm(i)[0]) for i in (6, 7, 8)), np.bool_)
    back_end(graph, weights, features, np.concatenate([real, of_layers]))

    def tensor(what: str, *shape: str | int) -> Any:
        return helper.make_tensor_value_info(what, TensorProto.FLOAT, shape)

    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            name,
            [tensor("mel", "n", "frames", BANDS)],
            [tensor("tags", "n", 50), tensor("penultimate", "n", 200)],
            graph.constants,
        ),
        # Old enough for every ONNX Runtime the program accepts.
        opset_imports=[helper.make_opsetid("", 13)],
        ir_version=8,
        producer_name="export_musicnn",
        producer_version=VERSION,
        doc_string="MusiCNN by Jordi Pons, Music Technology Group, Universitat Pompeu Fabra. ISC.",
    )
    checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def training_rates(weights: Checkpoint) -> Array:
    """Each label's expected probability (50,) over the music the model was trained on.

    The last normalisation's offset and factor are the mean and the deviation of every unit of the
    penultimate layer over the training music, so they give those of each label's log-odds. Real
    units rise and fall together, which widens the deviation: 1.4 times, as heard in soundtracks.
    """
    kernel = weights["dense_1/kernel"]
    layer = "batch_normalization_10"
    mean = weights[f"{layer}/beta"] @ kernel + weights["dense_1/bias"]
    deviation = 1.4 * np.sqrt(weights[f"{layer}/gamma"] ** 2 @ kernel**2)
    nodes, shares = np.polynomial.hermite_e.hermegauss(64)
    odds = np.exp(mean[:, np.newaxis] + deviation[:, np.newaxis] * nodes)
    rates: Array = (odds / (1 + odds)) @ (shares / shares.sum())
    return rates


def download(folder: str) -> Path:
    """Fetches the wheel with pip."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", folder]
    subprocess.run([*command, f"musicnn=={VERSION}"], check=True)
    return next(Path(folder).glob("*.whl"))


def export(wheel: Path, destination: Path) -> None:
    """Writes both models, the licence and the manifest.

    Raises:
        SystemExit: The wheel is not the one this script was written for.
    """
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest != WHEEL_SHA256:
        raise SystemExit(f"{wheel} is not musicnn {VERSION}: its SHA-256 is {digest}.")
    destination.mkdir(parents=True, exist_ok=True)
    manifest = [
        "# Written by scripts/export_musicnn.py. The program refuses files that differ.",
        "",
        f'version = "{VERSION}"',
        'licence = "ISC"',
        'author = "Jordi Pons, Music Technology Group, Universitat Pompeu Fabra"',
        f'source = "https://pypi.org/project/musicnn/{VERSION}/"',
        f'source_sha256 = "{digest}"',
    ]
    with zipfile.ZipFile(wheel) as package:
        licence = package.read(f"musicnn-{VERSION}.dist-info/LICENSE.md")
        (destination / "LICENSE").write_bytes(licence.strip() + b"\n")
        for key, model in MODELS.items():
            weights = Checkpoint(package, model)
            data = build(weights, model)
            rates = training_rates(weights).round(4)
            (destination / f"{model}.onnx").write_bytes(data)
            sha256 = hashlib.sha256(data).hexdigest()
            manifest += ["", f"[{key}]", f'file = "{model}.onnx"', f'sha256 = "{sha256}"']
            manifest += [f"training_rates = {rates.tolist()}"]
            print(f"{model}.onnx: {len(data):,} bytes, SHA-256 {sha256}")
    (destination / "manifest.toml").write_text("\n".join(manifest) + "\n", "utf-8")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="Export MusiCNN's weights to ONNX.")
    parser.add_argument("--wheel", type=Path, help="the package's wheel; default: pip fetches it")
    parser.add_argument("--destination", type=Path, default=DESTINATION)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        export(arguments.wheel or download(folder), arguments.destination)


if __name__ == "__main__":
    main()
