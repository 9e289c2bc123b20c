"""TTMR++ against what the authors' own code answers, with weights made by a rule.

tests/data/ttmr holds those answers (music-text-representation-pp at 4bc7aa7, torch 2.13) for both
widths the authors use, and librosa 0.11's mel filters. The tolerances are a few times what other
kernels change; the smallest mistake that was tried changes more.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

from msa_desktop.base.errors import UserError
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.model import FloatArray
from msa_desktop.base.settings import Device
from msa_desktop.encoders import ttmrpp
from msa_desktop.weights import pickles
from tests.encoders import recipe

if TYPE_CHECKING:
    from torch import Tensor

    from msa_desktop.encoders._roberta import Reader

pytestmark = [
    pytest.mark.skipif(
        not all(map(importlib.util.find_spec, ("torch", "safetensors", "tokenizers"))),
        reason="torch, safetensors or tokenizers are not installed",
    ),
    pytest.mark.xdist_group("ttmr"),  # the weights are made once
]

DATA = recipe.DATA / "ttmr"
SOUND, TEXT = 1e-5, 2e-5  # tolerances
SETTINGS = """\
framework: pretrain
train_data: all
cos: true
n_fft: 1024
hop_size: 0.01
sr: 22050
duration: 10
max_length: 8
audio_arch: resnet
text_arch: roberta-base
n_heads: 8
width: 64
n_mels: 128
lr: 0.0001
gpu: null
"""


class Heard(NamedTuple):
    encoder: ttmrpp.TtmrppEncoder
    golden: Mapping[str, FloatArray]


def log_mel(windows: FloatArray) -> FloatArray:
    from msa_desktop.encoders._ttmr_net import log_mel  # needs torch

    return log_mel(windows)


def waves() -> FloatArray:
    """A, B and C of the goldens."""
    rate, samples = ttmrpp.SPEC.sample_rate, ttmrpp.SPEC.samples
    sounds = (
        recipe.tones(samples, rate),
        recipe.chirp(samples, rate, 50, 10_000),
        recipe.noise(samples),
    )
    return np.stack(sounds)


def long() -> FloatArray:
    """25 s, lopsided."""
    tones, chirp, noise = waves()
    sound = np.concatenate([tones, chirp, 0.5 * noise[: len(noise) // 2]])
    return np.where(sound > 0, np.float32(0.6) * sound, sound)


def filled(keys: Mapping[str, recipe.Key], *halves: str) -> dict[str, Tensor]:
    """The weights of those names, and what the file holds besides."""
    import torch

    tensors = {}
    for key in keys.values():
        if "logit_scale" in key.name:
            made = np.array([np.log(1 / 0.07)])
        elif not key.name.startswith(halves):
            continue
        elif key.kept:
            made = np.zeros(key.shape, np.int64)
        else:
            made = recipe.weight(key.name, key.shape)
        assert recipe.digest(made) == key.digest, key.name
        tensors[key.name] = torch.from_numpy(made)
    return tensors


def keys(dimension: int) -> dict[str, recipe.Key]:
    """All tensors of the authors' model; the file of 512 holds what differs."""
    rows = recipe.keys(DATA / "keys_768.json")
    if dimension != 768:
        rows += recipe.keys(DATA / f"keys_{dimension}.json")
    return {key.name: key for key in rows}


def settle(folder: Path, settings: str = SETTINGS) -> Path:
    (folder / "ttmrpp_resnet_roberta.yaml").write_text(settings, "utf-8")
    return folder


def save(folder: Path, tensors: dict[str, Tensor]) -> Path:
    from safetensors.torch import save_file

    save_file(tensors, folder / "model.safetensors")
    return settle(folder)


@pytest.fixture(scope="module")
def mel_text() -> Mapping[str, FloatArray]:
    return dict(np.load(DATA / "mel_text.npz"))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Path]]:
    """A model folder for each width, without the weights for words."""
    made = {}
    weights: dict[str, Tensor] = {}
    for dimension in (768, 512):
        wanted = keys(dimension)
        new = {
            name: key
            for name, key in wanted.items()
            if name not in weights or weights[name].shape != key.shape
        }
        weights |= filled(new, "audio_")
        made[dimension] = save(tmp_path_factory.mktemp("ttmr"), weights)
    yield made
    for folder in made.values():
        (folder / "model.safetensors").unlink()  # or pytest keeps them for three runs


@pytest.fixture(scope="module", params=[768, 512])
def heard(request: pytest.FixtureRequest, folders: dict[int, Path]) -> Heard:
    encoder = ttmrpp.create(folders[request.param], Device.CPU)
    return Heard(encoder, dict(np.load(DATA / f"audio_{request.param}.npz")))


@pytest.fixture(scope="module")
def encoder(folders: dict[int, Path]) -> ttmrpp.TtmrppEncoder:
    return ttmrpp.create(folders[512], Device.CPU)


def test_the_filters_are_librosas(mel_text: Mapping[str, FloatArray]) -> None:
    from msa_desktop.encoders._ttmr_net import mel_filters

    filters, golden = mel_filters(), mel_text["librosa_filters"]
    assert filters.dtype == np.float32
    assert np.array_equal(filters > 0, golden > 0)
    # Bit for bit where the golden was made; other processors' exp and log may round otherwise.
    np.testing.assert_allclose(filters, golden, rtol=1e-6)


def test_the_mel(mel_text: Mapping[str, FloatArray]) -> None:
    alone = np.concatenate([log_mel(wave[None]) for wave in waves()]).swapaxes(1, 2)
    assert alone.shape == (3, 1002, 128)
    middle = slice(500, 505)
    for name, frames in {
        "mel_A_first5": alone[0, :5],
        "mel_A_mid5": alone[0, middle],
        "mel_A_last3": alone[0, -3:],
        "mel_C_mid5": alone[2, middle],
        "mel_bin_mean_single": alone.mean(axis=1),
        "mel_bin_mean_batch": log_mel(waves()).mean(axis=2),
    }.items():
        np.testing.assert_allclose(frames, mel_text[name], rtol=0, atol=1e-6, err_msg=name)


def test_windows_of_one_track(heard: Heard) -> None:
    latent: list[Any] = []
    hook = heard.encoder._tower.audio_encoder.register_forward_hook(
        lambda _module, _given, answer: latent.append(answer.numpy())
    )
    places = heard.encoder.place(log_mel(waves()))
    hook.remove()
    np.testing.assert_allclose(
        np.concatenate(latent), heard.golden["audio_latent_batch"], rtol=0, atol=SOUND
    )
    np.testing.assert_allclose(places, heard.golden["audio_z_batch"], rtol=0, atol=SOUND)


def test_a_window_alone(heard: Heard) -> None:
    """The softest of the three: beside the others, more of it is too soft to be heard."""
    alone = heard.encoder.place(log_mel(waves()[:1]))
    np.testing.assert_allclose(alone, heard.golden["audio_z_single"][:1], rtol=0, atol=SOUND)


def test_the_scaling(mel_text: Mapping[str, FloatArray]) -> None:
    sound = long()
    scaled = ttmrpp.scaled(sound)
    low, high, least, most, mean, samples, windows = mel_text["long_q_stats"]
    assert (sound.min(), sound.max(), len(sound)) == (low, high, samples)
    assert (scaled.min(), scaled.max()) == (least, most)
    assert scaled.mean(dtype=np.float64) == pytest.approx(mean, abs=1e-7)
    assert len(scaled) // ttmrpp.SPEC.samples == windows
    assert np.array_equal(scaled[:64], mel_text["long_q_first64"])


def test_a_whole_track_as_the_authors_hear_it(heard: Heard) -> None:
    """Scaled as a whole, cut, the rest dropped, heard together, averaged."""
    windows = ttmrpp.scaled(long())[: 2 * ttmrpp.SPEC.samples].reshape(2, -1)
    places = heard.encoder.place(log_mel(windows))
    np.testing.assert_allclose(places, heard.golden["long_z_windows"], rtol=0, atol=SOUND)
    np.testing.assert_allclose(places.mean(axis=0), heard.golden["long_z_mean"], rtol=0, atol=SOUND)


def test_the_embedding_is_the_mean_of_the_scaled_windows(encoder: ttmrpp.TtmrppEncoder) -> None:
    windows = 0.3 * waves()[1:]
    heard = encoder.embed([windows])[0]
    assert (heard.encoder, heard.version, heard.labels) == ("ttmrpp", ttmrpp.VERSION, {})
    assert heard.vector.shape == (ttmrpp.DIMENSION,)
    assert heard.vector.dtype == np.float32
    assert np.array_equal(heard.vector, encoder.place(log_mel(ttmrpp.scaled(windows))).mean(axis=0))


def test_windows_of_several_tracks_make_one_batch(encoder: ttmrpp.TtmrppEncoder) -> None:
    """A loud track does not make what is soft in another one silent."""
    tracks = [waves()[:1], 0.001 * waves()[1:]]
    alone = [encoder.embed([windows])[0].vector for windows in tracks]
    most, encoder._most = encoder._most, 4  # as on a graphics card, where it is more
    together = encoder.embed(tracks)
    encoder._most = most
    for heard, vector in zip(together, alone, strict=True):
        np.testing.assert_allclose(heard.vector, vector, rtol=0, atol=1e-5)


def test_silence_is_listened_to(encoder: ttmrpp.TtmrppEncoder) -> None:
    silence = np.zeros((1, ttmrpp.SPEC.samples), np.float32)
    assert not ttmrpp.scaled(silence).any()
    assert not ttmrpp.scaled(silence + np.float32(0.25)).any()
    assert np.isfinite(encoder.embed([silence])[0].vector).all()


def test_the_authors_file_end_to_end(folders: dict[int, Path], tmp_path: Path) -> None:
    """As training left it, with notes beside the weights: converted, loaded, heard with."""
    import torch
    from safetensors.torch import load_file

    source, target = tmp_path / "ttmrpp_resnet_roberta.pth", tmp_path / "model.safetensors"
    weights = load_file(folders[512] / "model.safetensors")
    weights["text_encoder.embeddings.position_ids"] = torch.arange(514)[None]
    torch.save({"epoch": 7, "state_dict": weights, "optimizer": {"state": {}}}, source)
    pickles.convert(source, target, CancelToken())
    source.unlink()
    alone = ttmrpp.create(settle(tmp_path), Device.CPU).place(log_mel(waves()[:1]))
    golden = np.load(DATA / "audio_512.npz")["audio_z_single"][:1]
    np.testing.assert_allclose(alone, golden, rtol=0, atol=SOUND)
    target.unlink()


def test_missing_and_unknown_weights_are_named(folders: dict[int, Path], tmp_path: Path) -> None:
    whole = (folders[512] / "model.safetensors").read_bytes()
    path = settle(tmp_path) / "model.safetensors"
    path.write_bytes(whole.replace(b'"audio_projector.0.bias"', b'"audio_projector.9.bias"', 1))
    with pytest.raises(UserError, match=r"audio_projector\.0\.bias.*audio_projector\.9\.bias"):
        ttmrpp.create(tmp_path, Device.CPU)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="cut short"):
        ttmrpp.create(tmp_path, Device.CPU)
    path.unlink()
    with pytest.raises(UserError, match="missing"):
        ttmrpp.create(tmp_path, Device.CPU)


def test_another_models_weights_are_refused(tmp_path: Path) -> None:
    import torch

    save(tmp_path, {"audio_branch.bn0.weight": torch.ones(64)})
    with pytest.raises(UserError, match=r"model\.safetensors .*audio_branch\.bn0\.weight"):
        ttmrpp.create(tmp_path, Device.CPU)
    with pytest.raises(UserError, match=r"model\.safetensors .*audio_branch\.bn0\.weight"):
        ttmrpp.create_text(tmp_path, tokenizer(tmp_path), Device.CPU)


def test_the_settings_as_windows_writes_them(tmp_path: Path) -> None:
    settle(tmp_path, SETTINGS.replace("\n", "\r\n"))
    with pytest.raises(UserError, match="safetensors is missing"):
        ttmrpp.create(tmp_path, Device.CPU)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("", "no sr"),
        ("\x00\x01\udcff", "no sr"),
        ("sr: 22050\n" * 100_000, "no n_fft"),
        ("a: &a [1, 1]\n" + "".join(f"b{k}: &b{k} [*a, *a]\n" for k in range(99)), "no sr"),
        ("[" * 60_000, "no sr"),
        (SETTINGS.replace("n_heads: 8\n", ""), "no n_heads"),
        (SETTINGS.replace("n_heads: 8", "n_heads: 7"), "n_heads 7"),
        (SETTINGS.replace("n_heads: 8", "n_heads: 0"), "n_heads 0"),
        (SETTINGS.replace("n_heads: 8", "n_heads: 8" + "0" * 9_000), "no n_heads"),
        (SETTINGS.replace("n_heads: 8", "n_heads: !!python/name:os.system"), "no n_heads"),
        (SETTINGS.replace("22050", "16000"), "sr 16000"),
        (SETTINGS.replace("hop_size: 0.01", "hop_size: 0.02"), r"hop_size 0\.02"),
    ],
)
def test_settings_of_no_such_model_are_refused(tmp_path: Path, settings: str, said: str) -> None:
    path = tmp_path / "ttmrpp_resnet_roberta.yaml"
    path.write_text(settings, "utf-8", "surrogateescape")
    with pytest.raises(UserError, match=rf"ttmrpp_resnet_roberta\.yaml .*{said}"):
        ttmrpp.create(tmp_path, Device.CPU)


def test_missing_settings_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"ttmrpp_resnet_roberta\.yaml"):
        ttmrpp.create(tmp_path, Device.CPU)
    with pytest.raises(UserError, match=r"ttmrpp_resnet_roberta\.yaml"):
        ttmrpp.create_text(tmp_path, tmp_path, Device.CPU)


def tokenizer(folder: Path) -> Path:
    """A tokenizer of RoBERTa's size and shape that knows no words but "word5" and the like."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    marks = ["<s>", "<pad>", "</s>", "<unk>"]
    words = marks + [f"word{number}" for number in range(len(marks), 50_265)]
    cutter = Tokenizer(models.WordLevel({word: k for k, word in enumerate(words)}, "<unk>"))
    cutter.add_special_tokens(marks)
    cutter.pre_tokenizer = pre_tokenizers.Whitespace()
    cutter.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    cutter.save(os.fspath(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """The half for words, of its true size, from a file without the weights for sound."""
    folder = save(tmp_path_factory.mktemp("ttmr_text"), filled(keys(768), "text_"))
    yield ttmrpp.create_text(folder, tokenizer(folder), Device.CPU)
    (folder / "model.safetensors").unlink()


def test_words_as_the_authors_read_them(reader: Reader, mel_text: Mapping[str, FloatArray]) -> None:
    ids = mel_text["input_ids"].astype(np.int64)
    first: list[Any] = []
    tower: Any = reader._run
    hook = tower.text_encoder.register_forward_hook(
        lambda _module, _given, answer: first.append(answer.numpy())
    )
    places = reader.place(ids)
    hook.remove()
    np.testing.assert_allclose(first[0], mel_text["text_cls"], rtol=0, atol=5e-5)
    np.testing.assert_allclose(places, mel_text["text_z"], rtol=0, atol=TEXT)
    padded = np.pad(ids, ((0, 0), (0, 128 - ids.shape[1])), constant_values=1)
    np.testing.assert_allclose(reader.place(padded), mel_text["text_z_pad128"], rtol=0, atol=TEXT)


def test_texts_become_unit_vectors_that_do_not_heed_each_other(
    reader: Reader, mel_text: Mapping[str, FloatArray]
) -> None:
    texts = ["word462 word8 word1359", "word100 word200 word300 word400 word500", "word45"]
    together = reader.embed(texts)
    assert together.dtype == np.float32
    golden = mel_text["text_z"]
    unit = golden / np.linalg.norm(golden, axis=1, keepdims=True)
    np.testing.assert_allclose(together, unit, rtol=0, atol=TEXT)
    np.testing.assert_allclose(reader.embed(texts[2:]), unit[2:], rtol=0, atol=TEXT)


def test_any_text_can_be_read_and_is_cut_where_the_settings_say(
    reader: Reader,
) -> None:
    words = [f"word{number}" for number in range(10, 900)]
    cut, whole, odd, empty = reader.embed(
        [" ".join(words[:6]), " ".join(words), "half \ud83d a\x00 character", ""]
    )
    np.testing.assert_allclose(cut, whole, rtol=0, atol=TEXT)
    assert np.isfinite([odd, empty]).all()


def test_missing_tokenizer_files_are_named(tmp_path: Path) -> None:
    settle(tmp_path)
    with pytest.raises(UserError, match=r"tokenizer\.json"):
        ttmrpp.create_text(tmp_path, tmp_path / "nowhere", Device.CPU)
