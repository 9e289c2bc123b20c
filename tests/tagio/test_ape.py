from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import mutagen
import pytest
from mutagen.apev2 import APEv2
from mutagen.id3 import ID3, TPE1

from msa_desktop.audio.encode import Form, write
from msa_desktop.base.fields import Field
from msa_desktop.tagio import ape
from msa_desktop.tagio._base import Edit, Keep, Source, TagError, opened
from tests.tagio.corpus import RICH, SAYS, tone

Corpus = Callable[[str], Path]

NAMES = ("ape", "ape-none", "ape-v1", "wavpack", "musepack")
CHANGES: dict[Field, tuple[str, ...]] = {
    Field.GENRE: ("Jazz", "Dub — 曲"),
    Field.KEY: ("Am",),
    Field.SUMMARY: ("words" * 100,),
    Field.TITLE: (),
}


def pcm(path: Path) -> bytes:
    """The decoded sound."""
    with av.open(str(path)) as file:
        return b"".join(frame.to_ndarray().tobytes() for frame in file.decode(audio=0))


def change(path: Path, changes: dict[Field, tuple[str, ...]]) -> Edit:
    """Lays out and writes the changed file."""
    with opened(str(path)) as source:
        edit = ape.edit(source, changes)
    raw = path.read_bytes()
    path.write_bytes(
        b"".join(raw[p.offset : p.end] if isinstance(p, Keep) else p for p in edit.pieces)
    )
    return edit


def look(path: Path, what: Callable[[Source], Any]) -> Any:
    with opened(str(path)) as source:
        return what(source)


def sound(path: Path) -> bytes:
    with opened(str(path)) as source:
        return b"".join(source.read(*extent) for extent in ape.sound(source))


def others(path: Path) -> dict[str, bytes]:
    with opened(str(path)) as source:
        return dict(ape.others(source, CHANGES))


@pytest.mark.parametrize("name", NAMES)
def test_files_of_other_programs(corpus: Corpus, tmp_path: Path, name: str) -> None:
    path = corpus(name)
    original = Path(shutil.copy(path, tmp_path / f"original{path.suffix}"))
    assert look(path, ape.knows)
    assert look(path, ape.read) == SAYS[name]

    edit = change(path, CHANGES)

    assert look(path, ape.read) == {
        field: values for field, values in {**SAYS[name], **CHANGES}.items() if values
    }
    assert sound(path) == sound(original)
    assert others(path) == others(original)
    assert pcm(path) == pcm(original)
    # Nothing large is written again.
    assert sum(len(piece) for piece in edit.pieces if isinstance(piece, bytes)) < 1500

    before: Any = APEv2(original) if SAYS[name] else {}
    after: Any = APEv2(path)
    asked = {"Genre", "KEY", "Description", "Title"}
    assert {key: after[key] for key in after if key not in asked} == {
        key: before[key] for key in before if key not in asked
    }
    assert list(after["Genre"]) == ["Jazz", "Dub — 曲"]
    assert after["KEY"] == "Am"
    assert after["Description"] == "words" * 100
    assert "Title" not in after
    seen = mutagen.File(path)
    assert seen.info.length == mutagen.File(original).info.length


@pytest.mark.parametrize("name", NAMES)
def test_what_the_file_says_is_not_written(corpus: Corpus, name: str) -> None:
    path = corpus(name)
    edit = look(path, lambda source: ape.edit(source, SAYS[name]))
    if name == "ape-v1":  # its version 1 has another title
        assert [frame.frame for frame in edit.frames] == ["ID3v1 title"]
    else:
        assert edit == Edit((Keep(0, path.stat().st_size),), ())


def test_removing_everything(corpus: Corpus) -> None:
    path = corpus("ape-v1")
    change(path, dict.fromkeys(RICH, ()))
    assert look(path, ape.read) == {}
    assert set(APEv2(path)) >= {"Comment", "Private"}


def test_what_ffmpeg_writes(tmp_path: Path) -> None:
    path = tmp_path / "sound.wv"
    tags = {"title": "T", "album_artist": "AA", "date": "1999-03-04", "track": "3/12", "genre": "R"}
    write(path, tone(), 44_100, Form("wv", "wavpack"), tags)
    heard = pcm(path)
    assert look(path, ape.read) == {
        Field.TITLE: ("T",),
        Field.ALBUM_ARTIST: ("AA",),
        Field.DATE: ("1999-03-04",),
        Field.TRACK: ("3/12",),
        Field.GENRE: ("R",),
    }
    change(path, {Field.ALBUM_ARTIST: ("BB",), Field.DATE: ("2001",), Field.GENRE: ("S",)})
    found = {key: str(value) for key, value in APEv2(path).items() if key != "encoder"}
    assert found == {
        "title": "T",
        "Album Artist": "BB",
        "Year": "2001",
        "track": "3/12",
        "genre": "S",
    }
    assert pcm(path) == heard


def test_id3_before_the_sound_stays(corpus: Corpus) -> None:
    path = corpus("musepack")
    tag = ID3()
    tag.add(TPE1(encoding=3, text=["Before"]))
    tag.save(path)
    raw = path.read_bytes()
    begin = raw.index(b"MPCK")
    assert look(path, ape.knows)
    assert look(path, ape.read) == SAYS["musepack"]
    change(path, CHANGES)
    new = path.read_bytes()
    assert new[:begin] == raw[:begin]
    assert sound(path) == raw[begin : raw.index(b"APETAGEX")]
    assert ID3(path)["TPE1"].text == ["Before"]


@pytest.mark.parametrize(
    ("head", "known"),
    [
        (b"OFR \x0c\0\0\0" + bytes(200), True),
        (b"MP+\x07" + bytes(200), True),
        (b"MPCK", True),
        (b"TTA1" + bytes(200), False),  # that is ID3's
        (b"ID3\3\0\0\0\0\0\x05helloMAC " + bytes(9), True),
        (b"ID3\4\0\x10\0\0\0\x05hello3DI\4\0\x10\0\0\0\x05MAC " + bytes(9), True),
        (b"ID3\3\0\0\0\0\x7f\x7fMAC ", False),  # longer than the file
        (b"ID3\3\0\0\0\0\0\xffMAC ", False),
        (b"RIFF" + bytes(200), False),
        (b"MAC", False),
        (b"", False),
    ],
)
def test_which_files_are_known(tmp_path: Path, head: bytes, known: bool) -> None:
    path = tmp_path / "sound"
    path.write_bytes(head)
    assert look(path, ape.knows) is known
    if known:
        change(path, {Field.TITLE: ("T",)})
        assert look(path, ape.read) == {Field.TITLE: ("T",)}
        assert path.read_bytes().startswith(head)


def test_a_damaged_tag_is_left_alone(corpus: Corpus) -> None:
    path = corpus("wavpack")
    raw = path.read_bytes()
    path.write_bytes(raw[:-20] + b"\xff\xff\xff\x7f" + raw[-16:])
    with pytest.raises(TagError, match="size"):
        look(path, lambda source: ape.edit(source, CHANGES))


def test_a_file_cut_in_its_sound_can_be_tagged(corpus: Corpus) -> None:
    path = corpus("wavpack")
    raw = path.read_bytes()[:9000]
    path.write_bytes(raw)
    change(path, CHANGES)
    assert sound(path) == raw
    assert list(APEv2(path)["Genre"]) == ["Jazz", "Dub — 曲"]
