"""LAION-CLAP against the official code's own answers (tests/data/clap), and wrong checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from msa_desktop.base.errors import UserError
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.model import FloatArray
from msa_desktop.base.settings import Device
from msa_desktop.encoders import clap
from msa_desktop.weights import pickles
from tests.encoders import recipe
from tests.encoders.clap_weights import DATA, weights

WHY = "not installed (the extra clap brings it)"
torch = pytest.importorskip("torch", reason=f"torch is {WHY}")
safetensors = pytest.importorskip("safetensors.torch", reason=f"safetensors is {WHY}")
tokenizers = pytest.importorskip("tokenizers", reason=f"tokenizers is {WHY}")

# The weights are large: made once, by one process.
pytestmark = pytest.mark.xdist_group("clap")

RATE = clap.SPEC.sample_rate
SAMPLES = clap.SPEC.samples
TINY = dict(np.load(DATA / "tiny.npz"))
BASE = dict(np.load(DATA / "base.npz"))
EMBED, INNER = 5e-6, 5e-5  # what vectors, and what leads to them, may differ by

LINES = ("462 8 1359", "100 200 300 400 500", "45")  # the words of the stored answers
VOCABULARY = {name: n for n, name in enumerate(("<s>", "<pad>", "</s>"))}
VOCABULARY |= {str(n): n for n in range(len(VOCABULARY), 50_265)}


@pytest.fixture(scope="module")
def clips() -> FloatArray:
    """A, B, C and D; of D two whole copies, then silence, as the official code fills up."""
    short = recipe.chirp(4 * RATE, RATE, 50, 12_000)
    return np.stack(
        [
            recipe.tones(SAMPLES, RATE),
            recipe.chirp(SAMPLES, RATE, 50, 12_000),
            recipe.noise(SAMPLES),
            np.resize(np.append(np.tile(short, 2), np.zeros(SAMPLES - 2 * len(short))), SAMPLES),
        ]
    ).astype(np.float32)


@pytest.fixture(scope="module")
def tiny() -> dict[str, torch.Tensor]:  # type: ignore[name-defined]
    """The tiny audio tower's tensors, and those of no use that come with them."""
    return weights("tiny", "audio_")


@pytest.fixture(scope="module")
def ears(tiny: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> clap.ClapEncoder:
    """The tiny model from a file as LAION publishes them, through the converter."""
    folder = tmp_path_factory.mktemp("clap")
    table = tiny | {
        "logit_scale_a": torch.tensor(2.6),
        "logit_scale_t": torch.tensor(2.6),
        "audio_branch.logmel_extractor.melW": torch.ones(513, 64),
        "text_branch.embeddings.position_ids": torch.arange(514)[None],
        "text_projection.2.bias": torch.ones(512),
    }
    held = {
        "epoch": 15,
        "name": "a run",
        "state_dict": {f"module.{name}": tensor for name, tensor in table.items()},
        "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 0.1}]},
        "scaler": {"scale": 65_536.0, "best": np.float64(0.9)},
    }
    torch.save(held, folder / "laion.pt")
    pickles.convert(folder / "laion.pt", folder / "model.safetensors", CancelToken())
    (folder / "laion.pt").unlink()
    return clap.create(folder, Device.AUTO if not torch.cuda.is_available() else Device.CPU)


def make_tokenizer(folder: Path, vocabulary: dict[str, int] = VOCABULARY) -> Path:
    """RoBERTa's tokenizer in form; each word is the number of its token."""
    cutter = tokenizers.Tokenizer(
        tokenizers.models.WordLevel(vocabulary, unk_token="3")  # noqa: S106
    )
    cutter.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    cutter.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    cutter.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[clap.ClapTextEncoder]:
    folder = tmp_path_factory.mktemp("words")
    path = folder / "model.safetensors"
    safetensors.save_file(weights("base", "text_branch", "text_projection"), path)
    yield clap.create_text(folder, make_tokenizer(folder), Device.CPU)
    path.unlink()  # half a gigabyte


def heard_in(tower: Any, *names: str) -> dict[str, FloatArray]:
    """What parts of a network answer, each time it runs."""
    inner: dict[str, FloatArray] = {}
    for name in names:
        tower.get_submodule(name).register_forward_hook(
            lambda _module, _given, answer, name=name: inner.update({name: answer.numpy()})
        )
    return inner


def test_the_mel_filters_are_librosas() -> None:
    from msa_desktop.encoders import _clap_net

    keys = recipe.keys(DATA / "base_keys.json")
    official = next(key for key in keys if key.name == "audio_branch.logmel_extractor.melW")
    assert recipe.digest(_clap_net.mel_filters()) == official.digest


def test_the_log_mel_frames(clips: FloatArray) -> None:
    from msa_desktop.encoders._clap_net import log_mel

    ours = log_mel(torch.from_numpy(clips)).numpy()
    assert ours.shape == (4, 1001, 64)
    assert ours.dtype == np.float32
    for got, golden in (
        (ours[0], np.load(DATA / "logmel_A.npz")["logmel"]),
        (ours[2, 500:505], BASE["logmel_C_mid5"]),
        (ours[3, -5:], BASE["logmel_D_last5"]),
    ):
        off = np.abs(got - golden)
        assert off[golden > -60].max(initial=0) < 0.01
        assert off.max() < 0.3
    assert np.abs(ours.mean(1) - BASE["logmel_bin_mean"]).max() < 0.01
    assert np.abs(ours.std(1) - BASE["logmel_bin_std"]).max() < 0.01


@pytest.mark.parametrize("size", ["tiny", "base"])
def test_sounds_lie_where_the_official_code_puts_them(
    size: str, clips: FloatArray, request: pytest.FixtureRequest
) -> None:
    golden = BASE if size == "base" else TINY
    held = weights(size, "audio_") if size == "base" else request.getfixturevalue("tiny")
    tower = clap.audio_tower(held, Path())
    inner = heard_in(tower, "audio_branch", "audio_projection")
    with torch.inference_mode():
        batch = tower(torch.from_numpy(clips)).numpy()
    assert np.abs(batch - golden["audio_embed"]).max() < EMBED
    assert np.abs(inner["audio_branch"] - golden["audio_latent"]).max() < INNER
    assert np.abs(inner["audio_projection"] - golden["audio_proj_unnormalised"]).max() < INNER


def test_a_published_file_answers_as_the_official_code(
    ears: clap.ClapEncoder, clips: FloatArray
) -> None:
    alone = ears.windows(clips)
    assert np.abs(alone - TINY["audio_embed_single"]).max() < EMBED
    heard = ears.embed([clips[:3]])[0]
    assert (heard.encoder, heard.version, heard.labels) == (clap.ID, clap.VERSION, {})
    assert heard.vector.shape == (clap.DIMENSION,)
    assert heard.vector.dtype == np.float32
    assert np.allclose(heard.vector, alone[:3].mean(axis=0), atol=1e-6)


def test_windows_of_several_tracks_make_one_batch(tiny: dict[str, Any], clips: FloatArray) -> None:
    ears = clap.ClapEncoder(clap.audio_tower(tiny, Path()), torch.device("cpu"))
    tracks = [clips[:1], clips[1:4], clips[2:4]]
    alone = [ears.embed([windows])[0].vector for windows in tracks]
    sizes = []
    ears._most = 4  # as on a graphics card, where it is more
    ears._tower.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    together = ears.embed(tracks)
    assert sizes == [4, 2]
    for heard, vector in zip(together, alone, strict=True):
        np.testing.assert_allclose(heard.vector, vector, rtol=0, atol=1e-5)


def test_sound_without_music(ears: clap.ClapEncoder, clips: FloatArray) -> None:
    strange = np.stack([0 * clips[0], 1e30 * clips[1], np.ones_like(clips[0])])
    assert np.isfinite(ears.windows(strange)).all()


def test_words_lie_where_the_official_code_puts_them(reader: clap.ClapTextEncoder) -> None:
    inner = heard_in(reader._tower, "text_branch", "text_branch.encoder.layer.11")
    placed = reader.embed(LINES)
    assert np.abs(placed - BASE["text_embed"]).max() < EMBED
    assert np.abs(placed - BASE["text_embed_pad_longest"]).max() < EMBED
    assert np.abs(inner["text_branch"] - BASE["text_pooler"]).max() < INNER
    first = inner["text_branch.encoder.layer.11"][:, 0]
    assert np.abs(first - BASE["text_cls"]).max() < INNER
    with torch.inference_mode():  # filled up to 77 tokens, as the official code does
        filled = reader._tower(torch.from_numpy(BASE["input_ids"])).numpy()
    assert np.abs(filled - BASE["text_embed"]).max() < EMBED


def test_strange_texts(reader: clap.ClapTextEncoder) -> None:
    texts = ["", "45 " * 500, "caf\udce9\x00\n", "<pad>", "\U0001f3b9"]
    ids = reader._words.tokens(texts)
    assert ids.shape == (5, clap.LONGEST_TEXT)
    assert (ids[0, :3].tolist(), ids[1, -1]) == ([0, 2, 1], 2)
    placed = reader.embed(texts)
    assert np.allclose(np.linalg.norm(placed, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "is missing"),
        ("text", "cut short, damaged"),
        ("half", "cut short, damaged"),
        ("pickle", "cut short, damaged"),
        ("other", r"does not hold .*\d+ missing \(.*1 unknown \(audio_encoder\.conv1\.weight\)"),
        ("fusion", r"fusion checkpoint.*not supported.*music_audioset_epoch_15_esc_90\.14"),
    ],
)
def test_wrong_files_are_refused(tmp_path: Path, content: str | None, told: str) -> None:
    path = tmp_path / "model.safetensors"
    whole = safetensors.save({"audio_branch.bn0.weight": torch.ones(64)})
    fusion = {"module.audio_branch.patch_embed.fusion_model.local_att.0.bias": torch.ones(2)}
    if content == "pickle":
        torch.save({"state_dict": {}}, path)
    elif content is not None:
        path.write_bytes(
            {
                "text": b"no model at all",
                "half": whole[: len(whole) // 2],
                "other": safetensors.save({"audio_encoder.conv1.weight": torch.ones(3)}),
                "fusion": safetensors.save(fusion),
            }[content]
        )
    make_tokenizer(tmp_path)
    with pytest.raises(UserError, match=told):
        clap.create(tmp_path, Device.CPU)
    with pytest.raises(UserError, match=told):
        clap.create_text(tmp_path, tmp_path, Device.CPU)


def test_keys_that_do_not_fit_are_named(tiny: dict[str, Any]) -> None:
    own = dict(tiny)
    norm = own.pop("audio_branch.norm.weight")
    own |= {
        "audio_branch.new.weight": norm,
        "audio_branch.norm.bias": norm[:5],
        "text_branch.x": norm,
    }
    with pytest.raises(
        UserError,
        match=r"1 missing \(audio_branch\.norm\.weight\), 1 unknown \(audio_branch\.new\.weight\), "
        r"1 of another shape \(audio_branch\.norm\.bias 5, not 768\)",
    ):
        clap.audio_tower(own, Path("model.safetensors"))


@pytest.mark.parametrize("shape", [(), (7, 1, 4, 4)])
def test_a_size_that_is_not_known(tiny: dict[str, Any], shape: tuple[int, ...]) -> None:
    own = tiny | {"audio_branch.patch_embed.proj.weight": torch.ones(shape)}
    with pytest.raises(UserError, match="of another shape"):
        clap.audio_tower(own, Path("model.safetensors"))


def test_a_file_without_the_text_tower(tmp_path: Path, tiny: dict[str, Any]) -> None:
    safetensors.save_file(tiny, tmp_path / "model.safetensors")
    with pytest.raises(UserError, match=r"missing \(text_branch\."):
        clap.create_text(tmp_path, make_tokenizer(tmp_path), Device.CPU)


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "is missing"), ("{", "is damaged"), ("\xff", "is damaged"), ("other", "not RoBERTa's")],
)
def test_no_tokenizer(tmp_path: Path, content: str | None, told: str) -> None:
    path = tmp_path / "tokenizer.json"
    if content == "other":
        make_tokenizer(tmp_path, {"<s>": 0, "<pad>": 1, "</s>": 2, "3": 3})
    elif content is not None:
        path.write_bytes(content.encode("latin-1"))
    with pytest.raises(UserError, match=f"{told}.*msa-desktop models install roberta-base"):
        clap.create_text(tmp_path, tmp_path, Device.CPU)
