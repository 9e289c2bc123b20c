"""Stems as files that other programs read."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import av
import mutagen
import numpy as np
import pytest

from msa_desktop.base.errors import Cancelled, UserError
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.model import FloatArray, Tags
from msa_desktop.stems.cache import Cache, StemSet
from msa_desktop.stems.export import Format, check_folder, export, file_name
from tests.stems.test_cache import NAMES, keep
from tests.support_stems import music

TAGS = Tags(title="So\udcff wie", artist="Björk", album="A", genre=("Pop", "Rock"), year=1999)


@pytest.fixture
def stems(tmp_path: Path) -> StemSet:
    return keep(Cache(tmp_path / "stems"), "a", 1, seconds=7)


def write(stems: StemSet, folder: Path, **options: Any) -> tuple[Path, ...]:
    given: dict[str, Any] = {
        "names": NAMES, "form": Format.FLAC, "name": "A - B", "tags": TAGS,
        "cancel": CancelToken(), "tell": lambda _: None,
    }  # fmt: skip
    given |= options
    return export(stems, given.pop("names"), folder, given.pop("form"), **given)


def decoded(path: Path) -> FloatArray:
    resampler = av.AudioResampler("fltp")
    with av.open(str(path)) as container:
        frames = [
            part.to_ndarray()
            for frame in container.decode(audio=0)
            for part in resampler.resample(frame)
        ]
    return np.concatenate(frames, axis=1)


@pytest.mark.parametrize("form", Format)
def test_every_format(stems: StemSet, tmp_path: Path, form: Format) -> None:
    told: list[float] = []
    paths = write(stems, tmp_path / "new" / "out", form=form, tell=told.append)
    assert [path.name for path in paths] == [f"A - B ({name}).{form}" for name in NAMES]
    assert told[-1] == pytest.approx(21)
    gain = 1 / max(level.peak for level in stems.record.levels.values())
    assert gain < 1  # they are louder than a file holds: all become quieter alike
    for path, name in zip(paths, NAMES, strict=True):
        sound, expected = decoded(path), gain * stems.sound(name).T
        if form is Format.MP3:
            assert abs(sound.shape[1] - expected.shape[1]) <= 1152
        else:
            np.testing.assert_allclose(sound, expected, atol=2e-7)
        with av.open(str(path)) as container:
            assert container.metadata["title"] == f"So\ufffd wie ({name})"
            assert container.metadata["artist"] == "Björk"
            assert container.metadata["genre"] == "Pop; Rock"
        assert mutagen.File(path).info.length == pytest.approx(7, abs=0.06)
    whole = sum(decoded(path) for path in paths)
    if form is not Format.MP3:  # drums 1, vocals 2, bass -3: nothing
        np.testing.assert_allclose(whole, 0, atol=1e-6)


@pytest.mark.parametrize("form", Format)
@pytest.mark.parametrize("rate", [8000, 20_000, 50_000, 96_000, 192_000])
def test_every_rate(stems: StemSet, tmp_path: Path, form: Format, rate: int) -> None:
    other = StemSet(stems.folder, stems.record.model_copy(update={"rate": rate}))
    (path,) = write(other, tmp_path, form=form, names=["drums"])
    seconds = other.record.samples / rate
    assert mutagen.File(path).info.length == pytest.approx(seconds, abs=0.15)


def test_a_folder_is_tried_before_the_work(tmp_path: Path) -> None:
    check_folder(tmp_path / "new" / "out")
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("a file")
    for folder in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(UserError, match="cannot be written to"):
            check_folder(folder)


def test_quiet_stems_stay_as_they_are(tmp_path: Path) -> None:
    made = keep(Cache(tmp_path / "stems"), "a", 1)
    levels = {
        name: level.model_copy(update={"peak": 0.2}) for name, level in made.record.levels.items()
    }
    stems = StemSet(made.folder, made.record.model_copy(update={"levels": levels}))
    (path,) = write(stems, tmp_path, names=["drums"])
    np.testing.assert_allclose(decoded(path), music(0.1), atol=2e-7)


def test_some_and_the_instrumental(stems: StemSet, tmp_path: Path) -> None:
    paths = write(stems, tmp_path / "out", names=["instrumental"], tags=Tags())
    assert [path.name for path in paths] == ["A - B (instrumental).flac"]
    gain = 1 / max(level.peak for level in stems.record.levels.values())
    np.testing.assert_allclose(decoded(paths[0]), -2 * gain * music(7), atol=1e-6)
    with av.open(str(paths[0])) as container:
        assert container.metadata["title"] == "Instrumental"


def test_nothing_is_overwritten(stems: StemSet, tmp_path: Path) -> None:
    (tmp_path / "A - B (drums).flac").write_text("precious")
    names = [write(stems, tmp_path, names=["drums"])[0].name for _ in range(2)]
    assert names == ["A - B (drums) 2.flac", "A - B (drums) 3.flac"]
    assert (tmp_path / "A - B (drums).flac").read_text() == "precious"


def test_cancelled(stems: StemSet, tmp_path: Path) -> None:
    cancel = CancelToken()
    with pytest.raises(Cancelled):
        write(stems, tmp_path / "out", cancel=cancel, tell=lambda _: cancel.cancel())
    assert not list((tmp_path / "out").iterdir())


def test_a_folder_that_cannot_be(stems: StemSet, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(UserError, match="cannot be written to"):
        write(stems, tmp_path / "out")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no file's size")
@pytest.mark.parametrize("form", Format)
def test_a_full_disk(stems: StemSet, tmp_path: Path, form: Format) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(UserError, match="cannot be written to"):
            write(stems, tmp_path / "out", form=form)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("AC/DC - Back", "AC_DC - Back"),
        ("../../etc", "_.._etc"),
        ("a\x00\nb\udc80", "a_b_"),
        ("con", "_con"),
        ("CON.x", "_CON.x"),
        ("Concert", "Concert"),
        ("...", "track"),
        ("", "track"),
        ("x" * 1000, "x" * 150),
        ("ö" * 100, "ö" * 75),
    ],
)
def test_names(text: str, expected: str) -> None:
    assert file_name(text) == expected
