from __future__ import annotations

import os
import stat
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import mutagen
import numpy as np
import pytest
from mutagen.flac import FLAC
from mutagen.id3 import ID3, TPE1

from msa_desktop.audio.encode import FORMS, write
from msa_desktop.base.errors import UserError
from msa_desktop.base.fields import Field
from msa_desktop.base.history import Change
from msa_desktop.tagio import _copy, safe_write
from msa_desktop.tagio._base import Keep, Piece, Source, TagError
from msa_desktop.tagio._delta import Changed, reverse
from msa_desktop.tagio._pieces import length_of
from tests.support_tags import JAZZ, Maker, digest, jazz, make_in

LONG_AGO = 1_234_567_890_123_456_789


@pytest.fixture
def make(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    return make_in(tmp_path_factory.mktemp("masters"))


@pytest.fixture
def song(make: Maker, tmp_path: Path) -> Path:
    return make(tmp_path / "song.mp3")


def written(change: Change, *, keep_time: bool = True, merge: bool = False) -> safe_write.Planned:
    planned = safe_write.plan(change, merge=merge)
    safe_write.compose(planned, keep_time=keep_time)
    safe_write.replace(planned)
    safe_write.flush_folders([planned.folder])
    return planned


def undone(planned: safe_write.Planned) -> None:
    laid = safe_write.plan_restore(
        planned.path, planned.delta, planned.sha256, planned.found.st_mtime_ns
    )
    safe_write.compose(laid)
    safe_write.replace(laid)


@pytest.mark.parametrize("extension", [".mp3", ".flac", ".ogg", ".opus", ".m4a", ".wav"])
def test_loudness_is_written_and_nothing_else(make: Maker, tmp_path: Path, extension: str) -> None:
    path = make(tmp_path / f"song{extension}")
    before, said = path.read_bytes(), safe_write.look(str(path))[1]
    gain = {Field.TRACK_GAIN: ("-7.52 dB",)}
    planned = written(Change(str(path), gain, expected={Field.TRACK_GAIN: ()}))
    assert safe_write.look(str(path))[1] == {**said, **gain}
    with pytest.raises(UserError, match=r'Track gain says "-7\.52 dB" by now'):
        safe_write.plan(
            Change(str(path), {Field.TRACK_GAIN: ("1.00 dB",)}, expected={Field.TRACK_GAIN: ()})
        )
    undone(planned)
    assert path.read_bytes() == before


@pytest.mark.parametrize("extension", [".mp3", ".flac", ".ogg", ".opus", ".m4a", ".wav"])
def test_write_and_undo(make: Maker, tmp_path: Path, extension: str) -> None:
    path = make(tmp_path / f"song{extension}")
    before = path.read_bytes()
    planned = written(jazz(path))
    assert path.read_bytes() != before
    stamp, tags = safe_write.look(str(path))
    assert {field: tags[field] for field in JAZZ} == JAZZ
    assert stamp.size == path.stat().st_size
    assert mutagen.File(path) is not None
    assert safe_write.is_written(str(path), planned.delta, planned.sha256)
    undone(planned)
    assert path.read_bytes() == before
    assert safe_write.is_original(str(path), planned.sha256)
    assert os.listdir(tmp_path) == [path.name]


def test_only_what_was_asked_changes(song: Path) -> None:
    before = ID3(song)
    planned = written(jazz(song))
    after = ID3(song)
    assert {frame.frame for frame in planned.frames} == {"TCON", "TMOO", "TBPM"}
    for name in ("TIT2", "POPM:someone", "APIC:cover"):
        assert repr(after[name]) == repr(before[name])
    assert planned.before == {Field.GENRE: ("Rock",), Field.MOOD: (), Field.BPM: ()}
    assert planned.after == JAZZ


def test_nothing_to_write(song: Path) -> None:
    written(jazz(song))
    assert safe_write.plan(jazz(song)).frames == ()
    # Also where somebody else wrote the very same meanwhile.
    expected = {Field.GENRE: ("Rock",)}
    assert safe_write.plan(replace(jazz(song), expected=expected)).frames == ()


@pytest.mark.parametrize("keep_time", [True, False])
def test_the_modification_time(song: Path, keep_time: bool) -> None:
    os.utime(song, ns=(LONG_AGO, LONG_AGO))
    planned = written(jazz(song), keep_time=keep_time)
    assert (song.stat().st_mtime_ns == LONG_AGO) is keep_time
    undone(planned)
    assert song.stat().st_mtime_ns == LONG_AGO


def test_permissions_owner_and_attributes_stay(song: Path) -> None:
    song.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(song, 1234, 2345)
    try:
        os.setxattr(song, "user.mood", b"calm")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    before = song.stat()
    planned = written(jazz(song))
    for restored in (False, True):
        if restored:
            undone(planned)
        after = song.stat()
        assert stat.S_IMODE(after.st_mode) == 0o640
        assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
        assert os.getxattr(song, "user.mood") == b"calm"


ENTRIES = b"".join(
    tag.to_bytes(2, "little") + rights.to_bytes(2, "little") + owner.to_bytes(4, "little")
    for tag, rights, owner in (
        (0x01, 6, 2**32 - 1),  # the owner
        (0x02, 4, 4321),  # one more user
        (0x04, 4, 2**32 - 1),  # the group
        (0x10, 4, 2**32 - 1),  # the mask
        (0x20, 0, 2**32 - 1),  # everybody else
    )
)
ACCESS_LIST = b"\x02\0\0\0" + ENTRIES


def test_the_access_list_stays(song: Path) -> None:
    try:
        os.setxattr(song, "system.posix_acl_access", ACCESS_LIST)
    except (OSError, AttributeError):
        pytest.skip("this file system has no access lists")
    written(jazz(song))
    assert os.getxattr(song, "system.posix_acl_access") == ACCESS_LIST


def test_the_folder_gives_the_copy_no_access_list(song: Path) -> None:
    try:
        os.setxattr(song.parent, "system.posix_acl_default", ACCESS_LIST)
    except (OSError, AttributeError):
        pytest.skip("this file system has no access lists")
    written(jazz(song))
    assert "system.posix_acl_access" not in os.listxattr(song)


# -- what the file says by now --------------------------------------------------------------------


def proposed(song: Path, *genres: str) -> Change:
    return Change(str(song), {Field.GENRE: genres}, expected={Field.GENRE: ("Rock",)})


def says(song: Path) -> tuple[str, ...]:
    return safe_write.look(str(song))[1][Field.GENRE]


def test_a_file_that_says_something_else_by_now(song: Path) -> None:
    written(Change(str(song), {Field.GENRE: ("Rock", "Blues")}))
    before = digest(song)
    with pytest.raises(UserError, match='"Rock, Blues" by now, and said "Rock"'):
        safe_write.plan(proposed(song, "Rock", "Jazz"))
    assert digest(song) == before


def test_merging_keeps_what_somebody_added(song: Path) -> None:
    written(Change(str(song), {Field.GENRE: ("Rock", "Blues")}))
    written(proposed(song, "Jazz"), merge=True)
    assert says(song) == ("Blues", "Jazz")


def test_merging_adds_and_takes_away_what_the_change_does(song: Path) -> None:
    """What somebody took away meanwhile does not come back."""
    written(Change(str(song), {Field.GENRE: ("Baroque", "Pop")}))
    change = Change(
        str(song),
        {Field.GENRE: ("Rock", "Jazz")},
        expected={Field.GENRE: ("Rock", "Pop")},
    )
    written(change, merge=True)
    assert says(song) == ("Baroque", "Jazz")


def test_merging_changes_nothing_where_nobody_did(song: Path) -> None:
    written(proposed(song, "Jazz"), merge=True)
    assert says(song) == ("Jazz",)


def test_merging_keeps_a_single_value(song: Path) -> None:
    written(Change(str(song), {Field.BPM: ("90",)}))
    fields = {Field.BPM: ("120",), Field.MOOD: ("calm",)}
    change = Change(str(song), fields, expected={Field.BPM: (), Field.MOOD: ()})
    planned = written(change, merge=True)
    assert safe_write.look(str(song))[1][Field.BPM] == ("90",)
    assert planned.after == {Field.MOOD: ("calm",)}
    assert safe_write.plan(replace(change, fields={Field.BPM: ("120",)}), merge=True).frames == ()


@pytest.mark.parametrize(
    ("field", "raw", "known"),
    [
        ("genre", ["Foo;Bar"], ("Foo", "Bar")),
        ("genre", ["Foo", "Foo "], ("Foo",)),
        ("description", ["line one\nline two"], ("line one line two",)),
        ("description", ["one", "two"], ("one two",)),
    ],
)
def test_what_the_library_tidied_is_no_change(
    make: Maker, tmp_path: Path, field: str, raw: list[str], known: tuple[str, ...]
) -> None:
    path = make(tmp_path / "song.flac")
    tags = FLAC(path)
    tags[field] = raw
    tags.save()
    about = Field.GENRE if field == "genre" else Field.SUMMARY
    change = Change(str(path), {about: ("New",)}, expected={about: known})
    assert safe_write.plan(change).frames


def test_preview_says_what_plan_does(song: Path) -> None:
    before = digest(song)
    assert safe_write.preview(jazz(song)).frames == safe_write.plan(jazz(song)).frames
    assert (
        'said "Pop"'
        in safe_write.preview(Change(str(song), JAZZ, expected={Field.GENRE: ("Pop",)})).reason
    )
    assert "not there" in safe_write.preview(jazz(song.with_name("gone.mp3"))).reason
    assert digest(song) == before


# -- the proof ------------------------------------------------------------------------------------


def laid_otherwise(planned: safe_write.Planned, pieces: tuple[Piece, ...]) -> safe_write.Planned:
    with open(planned.real, "rb") as file:
        delta = reverse(Source(file.fileno()), pieces)
    return replace(planned, pieces=pieces, delta=delta)


def flipped(planned: safe_write.Planned, place: int) -> tuple[Piece, ...]:
    """The planned file with one bit wrong at a place of it, from its end where negative."""
    content = bytearray()
    original = Path(planned.real).read_bytes()
    for piece in planned.pieces:
        content += original[piece.offset : piece.end] if isinstance(piece, Keep) else piece
    content[place] ^= 1
    return (bytes(content),)


def place_of(planned: safe_write.Planned, words: bytes) -> int:
    (content,) = flipped(planned, 0)
    assert isinstance(content, bytes)
    return content.index(words) + len(words) - 1


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (b"", "sound would not be the same"),
        (b"POPM\0\0\0\x0d\0\0someone\0\xc8", "other tags would not"),
        (b"Cool", "read back"),
        (b"Titl", "tags that were not to change|other tags"),
    ],
)
def test_a_copy_that_is_wrong_never_takes_the_place(song: Path, words: bytes, reason: str) -> None:
    before = digest(song)
    planned = safe_write.plan(jazz(song))
    place = place_of(planned, words) if words else -500
    with pytest.raises(TagError, match=reason):
        safe_write.compose(laid_otherwise(planned, flipped(planned, place)))
    assert digest(song) == before
    assert os.listdir(song.parent) == [song.name]


def test_a_copy_that_could_not_be_undone_never_takes_the_place(song: Path) -> None:
    planned = safe_write.plan(jazz(song))
    other = laid_otherwise(planned, flipped(planned, -500))
    with pytest.raises(TagError):
        safe_write.compose(replace(planned, delta=other.delta))
    assert os.listdir(song.parent) == [song.name]


def test_the_proof_does_not_need_the_pieces_to_be_kept(song: Path) -> None:
    """Also sound that was laid out as new bytes is compared, byte for byte."""
    planned = safe_write.plan(jazz(song))
    (content,) = flipped(planned, 0)
    assert isinstance(content, bytes)
    whole = bytes([content[0] ^ 1]) + content[1:]
    assert length_of([whole]) == length_of(planned.pieces)
    safe_write.compose(laid_otherwise(planned, (whole,)))
    safe_write.replace(planned)
    assert says(song) == JAZZ[Field.GENRE]


def test_what_is_restored_has_the_original_digest(song: Path) -> None:
    planned = written(jazz(song))
    before = digest(song)
    laid = safe_write.plan_restore(str(song), planned.delta, bytes(32), LONG_AGO)
    with pytest.raises(Changed):
        safe_write.compose(laid)
    assert digest(song) == before
    assert os.listdir(song.parent) == [song.name]


@pytest.mark.parametrize("place", [30, -500])
def test_undo_of_a_file_changed_since(song: Path, place: int) -> None:
    """Whether in the tags that were written or in what was kept."""
    planned = written(jazz(song))
    content = bytearray(song.read_bytes())
    content[place] ^= 1
    song.write_bytes(content)
    with pytest.raises(Changed):
        undone(planned)
    assert song.read_bytes() == content
    assert not safe_write.is_written(str(song), planned.delta, planned.sha256)
    assert os.listdir(song.parent) == [song.name]


def test_a_frame_that_unpacks_to_more_than_the_memory(song: Path) -> None:
    """It is proved by a program that would unpack it without a bound."""
    packed = zlib.compress(bytes(2**26), 9)
    frame = b"PRIV" + (len(packed) + 4).to_bytes(4, "big") + b"\0\x80" + (2**26).to_bytes(4, "big")
    frame += packed
    sound = song.read_bytes()[ID3(song).size :]
    size = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
    song.write_bytes(b"ID3\3\0\0" + size + frame + sound)
    tracemalloc.start()
    try:
        written(jazz(song))
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()
    assert frame in song.read_bytes()


# -- former values --------------------------------------------------------------------------------


def test_former_values_are_written_as_they_were(make: Maker, tmp_path: Path) -> None:
    path = make(tmp_path / "song.flac")
    former = {
        "initialkey": ["8A"],
        "bpm": ["0"],
        "date": ["1999-03-04T00:00:00Z"],
        "tracknumber": ["A1"],
        "genre": ["Foo;Bar"],
        "description": ["line one\nline two"],
        "title": ["a", "b"],
    }
    tags = FLAC(path)
    for name, values in former.items():
        tags[name] = values
    tags.save()
    before = safe_write.look(str(path))[1]
    changes = {field: ("3",) if field is Field.TRACK else ("C",) for field in before}
    planned = written(Change(str(path), changes))
    tags = FLAC(path)
    tags["artist"] = "Somebody" * 500
    tags.save()
    written(safe_write.Former(str(path), planned.before, sound=planned.sound))
    after = safe_write.look(str(path))[1]
    assert {field: after[field] for field in before} == before


def test_what_a_format_cannot_hold_any_more_is_left_out(make: Maker, tmp_path: Path) -> None:
    path = make(tmp_path / "song.m4a")
    sound = written(jazz(path)).sound
    fields = {Field.TRACK: ("A1",), Field.GENRE: ("Rock",), Field.MOOD: ()}
    planned = written(safe_write.Former(str(path), fields, sound=sound))
    assert planned.left_out == (Field.TRACK,)
    assert planned.after == {Field.GENRE: ("Rock",), Field.MOOD: ()}
    assert says(path) == ("Rock",)


def test_a_former_gain_of_another_spelling_counts_in_opus_as_steps(
    make: Maker, tmp_path: Path
) -> None:
    path = make(tmp_path / "song.opus")
    sound = written(jazz(path)).sound
    fields = {Field.TRACK_GAIN: ("+2.5 dB",), Field.TRACK_PEAK: ("0.9",)}
    planned = written(safe_write.Former(str(path), fields, sound=sound))
    assert planned.left_out == (Field.TRACK_PEAK,)
    assert mutagen.File(path)["r128_track_gain"] == ["-640"]  # (2.5 - 5) * 256
    assert safe_write.look(str(path))[1][Field.TRACK_GAIN] == ("2.50 dB",)
    with pytest.raises(TagError, match="no place for a track peak"):
        safe_write.plan(Change(str(path), {Field.TRACK_PEAK: ("0.988553",)}))


@pytest.mark.parametrize("extension", [".mp3", ".flac", ".ogg", ".m4a", ".wav"])
def test_former_values_go_into_the_file_that_had_them(
    make: Maker, tmp_path: Path, extension: str
) -> None:
    path = make(tmp_path / f"song{extension}")
    planned = written(jazz(path))
    other = tmp_path / f"other{extension}"
    write(other, np.zeros((2, 22_050), np.float32), 44_100, FORMS[extension])
    before = digest(other)
    with pytest.raises(UserError, match="another sound"):
        safe_write.plan(safe_write.Former(str(other), planned.before, sound=planned.sound))
    assert digest(other) == before
    assert safe_write.has_sound(str(path), planned.sound)
    tags = mutagen.File(path)
    if extension in (".mp3", ".wav"):
        tags.tags.add(TPE1(encoding=3, text="Somebody" * 500))
    else:
        tags["\xa9ART" if extension == ".m4a" else "artist"] = "Somebody" * 500
    tags.save()
    assert safe_write.plan(safe_write.Former(str(path), planned.before, sound=planned.sound)).frames


# -- other programs -------------------------------------------------------------------------------


def test_changed_between_plan_and_write(song: Path) -> None:
    planned = safe_write.plan(jazz(song))
    song.write_bytes(song.read_bytes() + b"more")
    changed = digest(song)
    with pytest.raises(UserError, match="changed the file just now"):
        safe_write.compose(planned)
    assert digest(song) == changed
    assert os.listdir(song.parent) == [song.name]


def rewritten(song: Path) -> None:
    """In place, with its size and time as they were."""
    found, content = song.stat(), song.read_bytes()
    song.write_bytes(content.replace(b"someone\0\xc8", b"someone\0\x01"))
    os.utime(song, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert song.read_bytes() != content


def test_rewritten_between_plan_and_write(song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the original's digest, which an undo goes by, would be another's."""
    planned = safe_write.plan(jazz(song))
    rewritten(song)
    changed = digest(song)
    with pytest.raises(UserError, match="changed the file just now"):
        safe_write.compose(planned)
    # Also where the system does not note when a file was last changed.
    monkeypatch.setattr(_copy, "is_same", lambda _now, _then: True)
    with pytest.raises(UserError, match="changed the file just now"):
        safe_write.compose(planned)
    assert digest(song) == changed
    assert os.listdir(song.parent) == [song.name]


def replaced(song: Path) -> None:
    """As careful programs write: another file of the same size and time under the name."""
    other, found = song.with_suffix(".new"), song.stat()
    other.write_bytes(song.read_bytes())
    os.utime(other, ns=(found.st_atime_ns, found.st_mtime_ns))
    os.replace(other, song)


@pytest.mark.parametrize(
    "change", [Path.unlink, lambda song: song.write_bytes(b"new"), replaced, rewritten]
)
def test_changed_between_compose_and_replace(song: Path, change: Callable[[Path], object]) -> None:
    planned = safe_write.plan(jazz(song))
    safe_write.compose(planned)
    assert sorted(os.listdir(song.parent)) == sorted([os.path.basename(planned.copy), song.name])
    change(song)
    left = song.read_bytes() if song.exists() else None
    with pytest.raises(UserError, match=r"changed the file just now|not there"):
        safe_write.replace(planned)
    assert (song.read_bytes() if song.exists() else None) == left
    assert not os.path.exists(planned.copy)


def test_locked(song: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    with song.open("r+b") as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)
        with pytest.raises(UserError, match="locked"):
            safe_write.plan(jazz(song))
    safe_write.plan(jazz(song))


# -- links ----------------------------------------------------------------------------------------


def test_a_symbolic_link_stays_one(make: Maker, tmp_path: Path) -> None:
    target = make(tmp_path / "far" / "song.mp3")
    link = tmp_path / "near" / "link.mp3"
    link.parent.mkdir()
    link.symlink_to(target)
    planned = written(jazz(link))
    assert link.is_symlink()
    assert os.path.dirname(planned.copy) == str(target.parent)
    assert says(target) == JAZZ[Field.GENRE]
    assert planned.path == str(link)


def test_hard_links(song: Path) -> None:
    other = song.with_name("other.mp3")
    os.link(song, other)
    before = digest(song)
    with pytest.raises(UserError, match=r"2 names \(hard links\)"):
        safe_write.plan(jazz(song))
    planned = safe_write.plan(jazz(song), separate_hard_links=True)
    safe_write.compose(planned)
    safe_write.replace(planned)
    assert says(song) == JAZZ[Field.GENRE]
    assert digest(other) == before
    assert song.stat().st_nlink == other.stat().st_nlink == 1


# -- files to leave alone -------------------------------------------------------------------------


def folder(path: Path) -> None:
    path.mkdir()


def pipe(path: Path) -> None:
    os.mkfifo(path)


def circle(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (lambda _path: None, "not there"),
        (circle, "not there"),
        (folder, "folder"),
        (pipe, "no ordinary file"),
        (Path.touch, "empty"),
        (lambda path: path.write_text("A shopping list.\n" * 99), "no music file"),
    ],
)
def test_what_is_no_music(tmp_path: Path, prepare: Callable[[Path], object], reason: str) -> None:
    path = tmp_path / "song.mp3"
    prepare(path)
    there = os.listdir(tmp_path)
    with pytest.raises(UserError, match=reason) as told:
        safe_write.plan(jazz(path))
    assert str(told.value)[0].isupper()
    assert str(told.value).endswith(".")
    assert os.listdir(tmp_path) == there


def test_a_file_cut_off_in_its_tags(song: Path) -> None:
    song.write_bytes(song.read_bytes()[:700])
    before = digest(song)
    with pytest.raises(UserError):
        safe_write.plan(jazz(song))
    assert digest(song) == before


def test_read_only_even_for_root(song: Path) -> None:
    song.chmod(0o444)
    with pytest.raises(UserError, match="read-only"):
        safe_write.plan(jazz(song))
    song.chmod(0o644)
    song.parent.chmod(0o555)
    try:
        with pytest.raises(UserError, match="may not write in the folder"):
            safe_write.plan(jazz(song))
    finally:
        song.parent.chmod(0o755)


def test_a_copy_is_no_audio_file_and_is_removed_when_told(song: Path) -> None:
    planned = safe_write.plan(jazz(song))
    safe_write.compose(planned)
    assert planned.copy.endswith(safe_write.SUFFIX)
    assert os.path.basename(planned.copy).startswith(".")
    assert safe_write.remove_copy(planned.copy)
    assert not safe_write.remove_copy(planned.copy)
