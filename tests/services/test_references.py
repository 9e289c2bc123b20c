from __future__ import annotations

import base64
import csv
import json
import os
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
import pytest

from msa_desktop.analysis.pool import Pool
from msa_desktop.analysis.worker import Outcome
from msa_desktop.audio import decode
from msa_desktop.base.errors import Cancelled, UserError
from msa_desktop.base.events import Event, EventBus, ReferenceProgress
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.paths import resources
from msa_desktop.base.settings import Device
from msa_desktop.encoders import _base, musicnn
from msa_desktop.encoders._base import EncoderFacts
from msa_desktop.services.reference_pairs import Align
from msa_desktop.services.references import PairError, References, ReferenceState
from msa_desktop.store import reference
from msa_desktop.store.reference import Origin, ReferenceTrack
from tests.support import write_wav

EAR = EncoderFacts("ear", "2", 16)
MODELS = resources() / "models"


@pytest.fixture
def events() -> EventBus:
    return EventBus()


@pytest.fixture
def make(tmp_path: Path, events: EventBus) -> Callable[..., References]:
    """References over folders of this test; `make(EAR)`."""

    def pool(on_outcome: Callable[[Outcome], None], on_error: Callable[[str], None]) -> Pool:
        return Pool(2, 60, on_outcome, on_error=on_error, device=Device.CPU)

    def made(*encoders: EncoderFacts) -> References:
        return References(tmp_path / "own", tmp_path / "shipped", lambda: encoders, pool, events)

    return made


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A pair as it is published: the rows of an earlier run stand before those of the vectors."""
    chance = np.random.default_rng(5)
    artists = np.repeat(chance.integers(0, 90, 900), chance.integers(1, 6, 900))[:900]
    voices = chance.standard_normal((90, 16))
    vectors = 1.5 * voices[artists] + chance.standard_normal((900, 16))
    index = faiss.IndexFlatL2(16)
    index.add(vectors[400:].astype(np.float32))
    faiss.write_index(index, str(tmp_path / "ttmr.faiss"))
    rows = [
        {"track_id": str(i), "title": f"T {i}", "artist": f"A {a}", "caption": "", "tags": ["jazz"]}
        for i, a in enumerate(artists)
    ]
    (tmp_path / "ttmr.json").write_text(json.dumps(rows), "utf-8")
    return tmp_path / "ttmr.faiss", tmp_path / "ttmr.json"


def an_index(home: Path, name: str, encoder: EncoderFacts) -> None:
    vectors = np.eye(3, encoder.dimension, dtype=np.float32)
    tracks = [ReferenceTrack(f"T {i}", f"A {i}") for i in range(3)]
    reference.write(home, name, Origin(name, encoder.id, encoder.version), vectors, tracks)


def test_a_pair_of_different_counts_is_refused_with_both_counts(
    make: Callable[..., References], pair: tuple[Path, Path]
) -> None:
    references = make(EAR)
    with pytest.raises(PairError) as refused:
        references.import_pair("ttmr", *pair, "ear")
    words = str(refused.value)
    assert "has 500 vectors" in words
    assert "900 rows" in words
    assert words.endswith("The tail fits: add --align tail.")
    check = refused.value.check
    assert (check.vectors, check.rows) == (500, 900)
    assert check.best is Align.TAIL
    assert check.ends[Align.TAIL].share > 4 * check.ends[Align.HEAD].share
    with pytest.raises(PairError, match="The tail fits, the head does not"):
        references.import_pair("ttmr", *pair, "ear", align=Align.HEAD)
    assert references.list() == ()


def test_the_end_that_was_chosen_is_taken(
    make: Callable[..., References], pair: tuple[Path, Path]
) -> None:
    references = make(EAR)
    index, _ = references.import_pair("ttmr", *pair, "ear", align=Align.TAIL, title="Theirs")
    assert [track.title for track in index.tracks] == [f"T {i}" for i in range(400, 900)]
    np.testing.assert_array_equal(
        index.vectors, faiss.read_index(str(pair[0])).reconstruct_n(0, 500)
    )
    assert index.manifest.source.endswith("(500 vectors, 900 rows, aligned at the tail)")
    (status,) = references.list()
    assert (status.name, status.state, status.own) == ("ttmr", ReferenceState.READY, True)
    assert references.open("ttmr").title == "Theirs"
    assert references.usable("ear", "2")[0].manifest == index.manifest
    assert references.verify("ttmr") == ()
    with pytest.raises(UserError, match="already"):
        references.import_pair("ttmr", *pair, "ear", align=Align.TAIL)
    references.remove("ttmr")
    assert references.list() == ()


def test_equal_counts_that_do_not_fit_are_refused(
    make: Callable[..., References], pair: tuple[Path, Path]
) -> None:
    vectors, metadata = pair
    rows = json.loads(metadata.read_text("utf-8"))
    metadata.write_text(json.dumps(rows[:500]), "utf-8")
    with pytest.raises(PairError, match="do not belong together"):
        make(EAR).import_pair("ttmr", vectors, metadata, "ear")
    metadata.write_text(json.dumps(rows[400:]), "utf-8")
    index, check = make(EAR).import_pair("ttmr", vectors, metadata, "ear")
    assert index.manifest.count == check.rows == 500


def test_vectors_of_another_encoder_are_refused(
    make: Callable[..., References], pair: tuple[Path, Path]
) -> None:
    other = EncoderFacts("other", "1", 32)
    with pytest.raises(UserError, match="vectors of 16 numbers; those of other have 32"):
        make(EAR, other).import_pair("ttmr", *pair, "other")
    with pytest.raises(UserError, match='no encoder "clap" here'):
        make(EAR).import_pair("ttmr", *pair, "clap")
    with pytest.raises(UserError, match="cannot be called"):
        make(EAR).import_pair("../ttmr", *pair, "ear")


def test_an_index_of_another_version_is_refused(
    make: Callable[..., References], tmp_path: Path
) -> None:
    an_index(tmp_path / "own", "old", EncoderFacts("ear", "1", 16))
    an_index(tmp_path / "own", "strange", EncoderFacts("clap", "1", 16))
    references = make(EAR)
    states = {status.name: status.state for status in references.list()}
    assert states == {"old": ReferenceState.OTHER_VERSION, "strange": ReferenceState.NO_ENCODER}
    with pytest.raises(UserError, match=r"of ear 1; this program has 2\. Their vectors"):
        references.open("old")
    with pytest.raises(UserError, match="encoder clap, which is not installed"):
        references.open("strange")
    with pytest.raises(UserError, match="no reference index"):
        references.open("nowhere")
    assert references.usable("ear", "2") == ()


def test_ones_own_hides_a_shipped_one_and_the_shipped_stays(
    make: Callable[..., References], tmp_path: Path
) -> None:
    an_index(tmp_path / "shipped", "fma", EAR)
    references = make(EAR)
    with pytest.raises(UserError, match="comes with the program"):
        references.remove("fma")
    an_index(tmp_path / "own", "fma", EAR)
    assert [(status.name, status.own) for status in references.list()] == [("fma", True)]
    references.remove("fma")
    assert [(status.name, status.own) for status in references.list()] == [("fma", False)]


def test_a_damaged_index_harms_no_other(make: Callable[..., References], tmp_path: Path) -> None:
    an_index(tmp_path / "own", "bad", EAR)
    an_index(tmp_path / "own", "good", EAR)
    (tmp_path / "own" / "bad" / "vectors.npy").write_bytes(b"")
    references = make(EAR)
    assert [status.state for status in references.list()] == ["damaged", "ready"]
    assert [index.name for index in references.usable("ear", "2")] == ["good"]
    assert "0 bytes" in references.verify("bad")[0]
    (tmp_path / "own" / "bad" / "manifest.toml").write_bytes(b"a=" + b"{b=" * 20_000)
    assert [status.state for status in references.list()] == ["damaged", "ready"]
    assert "manifest.toml" in references.verify("bad")[0]
    references.remove("bad")
    assert [status.name for status in references.list()] == ["good"]


def test_artists_that_sound_alike(make: Callable[..., References], tmp_path: Path) -> None:
    for name in ("one", "two"):
        an_index(tmp_path / "own", name, EAR)
    query = np.zeros(16, np.float32)
    query[1] = 0.8
    found = make(EAR).artists_near(query, "ear", "2", 2)
    assert found[0][0].name == "A 1", "once, though two indexes know them"
    assert len(found) == 2
    assert found[0][1] > 0.9 > found[1][1]
    assert make(EAR).artists_near(query, "ear", "1", 2) == ()
    with pytest.raises(UserError, match="of the encoder ear, not of other"):
        make(EAR).artists_near(query, "other", "1", 2, "one")


@pytest.fixture
def music(tmp_path: Path) -> tuple[Path, Path]:
    """Five files, of which one is broken, and a table that names a sixth."""
    folder = tmp_path / "music"
    (folder / "a").mkdir(parents=True)
    rows = [["path", "title", "artist", "genre"]]
    for i in range(4):
        write_wav(folder / "a" / f"{i}.wav", 1.0, pitch=200 + 90 * i)
        rows.append([f"a/{i}.wav", f"T {i}", "Ana" if i < 2 else "Bo", "Jazz"])
    (folder / "bad.wav").write_bytes(b"RIFF, but no sound")
    rows += [["bad.wav", "Bad", "Bo", ""], ["gone.wav", "Gone", "Bo", ""]]
    with (tmp_path / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder, tmp_path / "table.csv"


def the_ear() -> EncoderFacts:
    found = _base.facts(musicnn, MODELS, lambda _: None)
    assert found is not None
    return found


def test_a_folder_is_built_and_bad_files_are_named(
    make: Callable[..., References], music: tuple[Path, Path], tmp_path: Path, events: EventBus
) -> None:
    told: list[Event] = []
    events.subscribe(told.append)
    built = make(the_ear()).build("mine", *music, "musicnn", title="Mine", licence="CC0")
    index = built.index
    assert [track.title for track in index.tracks] == ["T 0", "T 1", "T 2", "T 3"]
    assert index.tracks[0] == ReferenceTrack("T 0", "Ana", "", ("Jazz",))
    assert (index.manifest.encoder, index.manifest.version) == ("musicnn", musicnn.VERSION)
    encoder = musicnn.create(MODELS / "musicnn", Device.CPU)
    for row, vector in enumerate(index.vectors):
        windows = decode.windows(str(music[0] / "a" / f"{row}.wav"), musicnn.SPEC)
        np.testing.assert_allclose(vector, encoder.embed([windows])[0].vector, atol=1e-4)
    np.testing.assert_allclose(
        index.artist_vectors, [index.vectors[:2].mean(axis=0), index.vectors[2:].mean(axis=0)],
        rtol=1e-5,
    )  # fmt: skip
    assert dict(built.failed).keys() == {"bad.wav", "gone.wav"}
    assert dict(built.failed)["gone.wav"] == "The file is not there."
    assert built.known == 0
    assert os.listdir(tmp_path / "own") == ["mine"], "nothing is left of the work"
    last = [event for event in told if isinstance(event, ReferenceProgress)][-1]
    assert (last.name, last.done, last.total, last.running) == ("mine", 5, 5, False)


def test_a_build_that_was_ended_goes_on(
    make: Callable[..., References], music: tuple[Path, Path], tmp_path: Path, events: EventBus
) -> None:
    references = make(the_ear())
    cancel = CancelToken()

    def stop(event: Event) -> None:
        if isinstance(event, ReferenceProgress) and event.done >= 2:
            cancel.cancel()

    end = events.subscribe(stop)
    with pytest.raises(Cancelled):
        references.build("mine", *music, "musicnn", cancel=cancel)
    end()
    assert references.list() == ()
    kept = tmp_path / "own" / ".mine.heard"
    whole = kept.read_bytes()
    heard = whole.count(b"\n") - 1
    assert 1 <= heard < 4
    kept.write_bytes(whole + b'["a line that a kill cut sh')
    again = references.build("mine", *music, "musicnn")
    assert again.known == heard
    assert again.index.manifest.count == 4


def test_what_another_version_or_file_left_is_not_used(
    make: Callable[..., References], music: tuple[Path, Path], tmp_path: Path
) -> None:
    ear = the_ear()
    kept = tmp_path / "own" / ".mine.heard"
    kept.parent.mkdir()
    kept.write_text(json.dumps(["musicnn", "an older one", ear.dimension]) + "\n")
    assert make(ear).build("mine", *music, "musicnn").known == 0
    stale = base64.b64encode(bytes(4 * ear.dimension)).decode()
    lines = [[ear.id, ear.version, ear.dimension], [f"{music[0] / 'a' / '0.wav'} 1 1", stale]]
    kept.write_text("".join(json.dumps(line) + "\n" for line in lines))
    built = make(ear).build("mine", *music, "musicnn")
    assert built.known == 0
    assert built.index.vectors[0].any()


def test_what_would_be_too_large_is_told_before_anything_is_heard(
    make: Callable[..., References],
    music: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    index = make(the_ear()).build("mine", *music, "musicnn").index
    headers = 2 * 128 + sum(
        path.stat().st_size for path in index.folder.glob("artists.jsonl")
    )  # all that is not looked at beforehand
    monkeypatch.setattr(reference, "MOST_BYTES", index.size - headers - 1)
    with pytest.raises(UserError, match=r"would take .* Make it of fewer tracks"):
        make(the_ear()).build("again", *music, "musicnn")
    assert not list((tmp_path / "own").glob(".again*"))


def test_a_name_that_can_be_no_file_is_not_there(
    make: Callable[..., References], music: tuple[Path, Path]
) -> None:
    with music[1].open("a", newline="") as file:
        file.write("a/\0.wav,T,Ana,\n")
    built = make(the_ear()).build("mine", *music, "musicnn")
    assert (str(Path("a/\0.wav")), "The file is not there.") in built.failed


def test_nothing_to_hear_is_said(
    make: Callable[..., References], music: tuple[Path, Path], tmp_path: Path
) -> None:
    with pytest.raises(
        UserError, match=r"Not one file .* could be heard. a/0.wav: The file is not"
    ):
        make(the_ear()).build("mine", tmp_path, music[1], "musicnn")
    broken = EncoderFacts("musicnn", "1", 400, musicnn.__name__, str(tmp_path / "no models"))
    with pytest.raises(UserError, match="cannot be read"):
        make(broken).build("mine", *music, "musicnn")
