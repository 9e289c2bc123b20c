from __future__ import annotations

import hashlib
import io
import os
import pickle
import tomllib
from pathlib import Path

import numpy as np
import pytest
import tomli_w

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import FloatArray
from msa_desktop.store import reference
from msa_desktop.store.reference import Origin, ReferenceIndex, ReferenceTrack

ORIGIN = Origin("Some music", "ear", "1", "a test", "CC0")
TRACKS = [
    ReferenceTrack("One", "Björk", "A", ("Jazz", "Calm")),
    ReferenceTrack("Two", "bjork", "A", ()),
    ReferenceTrack("Three", "", "", ("Rock",)),
    ReferenceTrack("Four", "Ana", "B", ("Rock",)),
]


@pytest.fixture
def vectors() -> FloatArray:
    return np.random.default_rng(1).standard_normal((len(TRACKS), 6)).astype(np.float32)


@pytest.fixture
def index(tmp_path: Path, vectors: FloatArray) -> ReferenceIndex:
    return reference.write(tmp_path / "home", "some", ORIGIN, vectors, TRACKS)


def test_what_was_written_is_read(index: ReferenceIndex, vectors: FloatArray) -> None:
    opened = ReferenceIndex(index.folder)
    assert (opened.name, opened.title) == ("some", "Some music")
    said = opened.manifest
    assert (said.encoder, said.version, said.dimension, said.count) == ("ear", "1", 6, 4)
    assert isinstance(opened.vectors, np.memmap)
    np.testing.assert_array_equal(opened.vectors, vectors)
    assert list(opened.tracks) == TRACKS
    assert opened.verify() == []
    assert opened.size == sum(
        path.stat().st_size for path in index.folder.iterdir() if path.suffix != ".toml"
    )


def test_an_artist_is_the_mean_of_their_tracks(index: ReferenceIndex, vectors: FloatArray) -> None:
    assert [(one.name.lower(), one.tracks) for one in index.artists] == [("bjork", 2), ("ana", 1)]
    np.testing.assert_allclose(index.artist_vectors[0], vectors[:2].mean(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(index.artist_vectors[1], vectors[3])


def test_a_new_index_takes_the_place_of_the_old(index: ReferenceIndex, vectors: FloatArray) -> None:
    home = index.folder.parent
    reference.write(home, "some", ORIGIN, vectors[:1], TRACKS[:1])
    assert ReferenceIndex(index.folder).manifest.count == 1
    assert os.listdir(home) == ["some"]
    assert reference.names(home) == ["some"]
    assert reference.names(home / "nowhere") == []


def test_text_of_strangers_is_made_safe(tmp_path: Path, vectors: FloatArray) -> None:
    rough = ReferenceTrack("a\x1b[2Jb\ud800", "x" * 5000, " B ", (" Jazz ", "Jazz", ""))
    index = reference.write(
        tmp_path, "rough", Origin("t\x1b\ud800", "ear", "1"), vectors[:1], [rough]
    )
    (track,) = index.tracks
    assert track == ReferenceTrack("a\ufffd[2Jb\ufffd", "x" * 300, "B", ("Jazz",))
    assert index.title == "t\ufffd\ufffd"


def test_what_does_not_go_together_is_not_written(tmp_path: Path, vectors: FloatArray) -> None:
    with pytest.raises(ValueError, match="4 vectors do not go with 3 tracks"):
        reference.write(tmp_path, "some", ORIGIN, vectors, TRACKS[:3])
    with pytest.raises(UserError, match="not one track"):
        reference.write(tmp_path, "some", ORIGIN, vectors[:0], [])
    assert os.listdir(tmp_path) == []


def test_too_large_an_index_is_refused(
    tmp_path: Path, vectors: FloatArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "MOST_BYTES", 1000)
    many = np.tile(vectors, (100, 1))
    with pytest.raises(UserError, match="fewer tracks"):
        reference.write(tmp_path, "some", ORIGIN, many, TRACKS * 100)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("vectors.npy", lambda data: data[:-1], "vectors.npy has .* bytes, not"),
        ("tracks.jsonl", lambda data: data + b"{}\n", "tracks.jsonl has .* bytes, not"),
        ("artists.npy", None, "artists.npy is missing"),
        ("manifest.toml", lambda _: b"\xff\x00", "manifest.toml cannot be read"),
        ("manifest.toml", lambda _: b"a=" + b"[" * 50_000, "manifest.toml cannot be read"),
        ("manifest.toml", lambda data: data.replace(b"count = 4", b"count = 0"), "cannot be read"),
        (
            "manifest.toml",
            lambda data: data.replace(b'"tracks.jsonl"', b'"../tracks.jsonl"'),
            "names other files",
        ),
        (
            "manifest.toml",
            lambda data: data.replace(b"size = 224", b"size = 99999999"),
            "larger than 100 MB",
        ),
    ],
)
def test_another_file_than_was_written_is_seen_at_once(
    index: ReferenceIndex, name: str, change: object, words: str
) -> None:
    path = index.folder / name
    if callable(change):
        changed = change(path.read_bytes())
        assert changed != path.read_bytes()
        path.write_bytes(changed)
    else:
        path.unlink()
    with pytest.raises(UserError, match=words):
        ReferenceIndex(index.folder)


def test_a_changed_byte_is_found_when_all_is_read(index: ReferenceIndex) -> None:
    path = index.folder / "tracks.jsonl"
    path.write_bytes(path.read_bytes().replace(b"One", b"0ne"))
    assert ReferenceIndex(index.folder).verify() == [
        "tracks.jsonl is damaged (its SHA-256 differs)"
    ]


def test_vectors_and_tracks_that_do_not_agree_are_refused(index: ReferenceIndex) -> None:
    lines = index.folder / "tracks.jsonl"
    text = lines.read_bytes()
    lines.write_bytes(text.replace(b"\n", b" ", 1))
    with pytest.raises(UserError, match=r"tracks.jsonl cannot be read"):
        _ = ReferenceIndex(index.folder).tracks
    lines.write_bytes(text[: text.rindex(b"{")].ljust(len(text) - 1) + b"\n")
    with pytest.raises(UserError, match=r"tracks.jsonl cannot be read"):
        _ = ReferenceIndex(index.folder).tracks
    first, rest = text.split(b"\n", 1)
    longer = first[:-1] + b', "x": "' + b" " * (len(rest.split(b"\n", 1)[0]) - 8) + b'"}\n'
    lines.write_bytes((longer + rest.split(b"\n", 1)[1]).ljust(len(text), b"\n")[: len(text)])
    with pytest.raises(UserError, match=r"tracks.jsonl (has 3 lines|cannot be read)"):
        _ = ReferenceIndex(index.folder).tracks


def test_vectors_that_are_no_numbers_are_refused(index: ReferenceIndex) -> None:
    path = index.folder / "vectors.npy"
    rows = np.load(path)
    rows[2, 3] = np.nan
    np.save(path, rows)
    with pytest.raises(UserError, match="no number"):
        _ = ReferenceIndex(index.folder).vectors
    np.save(path, rows.reshape(6, 4))
    with pytest.raises(UserError, match="another shape"):
        _ = ReferenceIndex(index.folder).vectors


def test_a_damaged_table_of_vectors_is_refused(index: ReferenceIndex) -> None:
    for size, data in _DAMAGED:
        _replace(index, "vectors.npy", data.ljust(size))
        with pytest.raises(UserError, match=r"vectors.npy (cannot be read|holds a table)"):
            _ = ReferenceIndex(index.folder).vectors
        assert "vectors.npy" in ReferenceIndex(index.folder).verify()[-1]


def test_a_file_that_cannot_be_read_is_told(index: ReferenceIndex) -> None:
    opened = ReferenceIndex(index.folder)
    (index.folder / "tracks.jsonl").unlink()
    assert "No such file" in opened.verify()[-1]


def test_no_pickle_is_ever_opened(index: ReferenceIndex, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(tmp_path / "sprung"),)

    path = index.folder / "vectors.npy"
    size = path.stat().st_size
    for payload in (pickle.dumps(Trap()), _object_array(tmp_path)):
        path.write_bytes(payload.ljust(size, b"\0")[:size])
        with pytest.raises(UserError, match="cannot be read"):
            _ = ReferenceIndex(index.folder).vectors
        assert not (tmp_path / "sprung").exists()


def _header(text: bytes) -> bytes:
    return b"\x93NUMPY\x01\x00\x76\x00" + text.ljust(0x75) + b"\n"


def _archive() -> bytes:
    file = io.BytesIO()
    np.savez(file, vectors=np.ones((4, 6), np.float32))
    return file.getvalue()


_HEAD = b"{'descr': '<f4', 'fortran_order': False, 'shape': "
_DAMAGED = [
    (0, b""),
    (0, _archive()),
    (99, b"PK\x03\x04"),
    (0, _header(_HEAD + b"(" * 40)),
    (0, _header(_HEAD + b"(99999999999999999999, 6), }")),
    (0, _header(_HEAD + b"(4, 6), }")),
]  # what numpy answers to with as many kinds of exceptions


def _replace(index: ReferenceIndex, name: str, data: bytes) -> None:
    """Puts another file in, and its size and hash into the manifest."""
    (index.folder / name).write_bytes(data)
    manifest = index.folder / "manifest.toml"
    told = tomllib.loads(manifest.read_text("utf-8"))
    for file in told["files"]:
        if file["name"] == name:
            file.update(size=len(data), sha256=hashlib.sha256(data).hexdigest())
    manifest.write_text(tomli_w.dumps(told), "utf-8")


def _object_array(folder: Path) -> bytes:
    np.save(folder / "objects.npy", np.array([None], dtype=object), allow_pickle=True)
    return (folder / "objects.npy").read_bytes()
