from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from msa_desktop.audio.decode import read, windows
from msa_desktop.audio.pieces import PIECES
from msa_desktop.base.errors import Cancelled, UserError
from msa_desktop.base.model import WindowSpec
from msa_desktop.services.demo import file_name, make_demo


def test_every_piece_is_there_with_its_tags(demo_library: Path) -> None:
    files = [demo_library / file_name(piece, number) for number, piece in enumerate(PIECES, 1)]
    assert sorted(demo_library.iterdir()) == files
    for number, (path, piece) in enumerate(zip(files, PIECES, strict=True), 1):
        reading = read(str(path))
        tags = reading.tags
        assert (tags.title, tags.artist, tags.album) == (piece.title, piece.artist, piece.album)
        assert (tags.genre, tags.year, tags.track_number) == ((piece.genre,), piece.year, number)
        assert reading.info.duration == pytest.approx(piece.beats * 60 / piece.bpm, abs=0.2)
        heard = windows(str(path), WindowSpec(16_000, 3.0, 6))
        assert len(heard) == 6
        assert (np.sqrt((heard**2).mean(axis=1)) > 0.03).all()


def test_what_is_there_is_kept_and_what_is_missing_made(demo_library: Path, tmp_path: Path) -> None:
    for path in demo_library.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    kept, missing = sorted(tmp_path.iterdir())[:2]
    kept.write_bytes(b"the person's own now")
    content = missing.read_bytes()
    missing.unlink()
    seen: list[tuple[int, int]] = []
    files = make_demo(tmp_path, lambda done, of: seen.append((done, of)))
    assert files == sorted(tmp_path.iterdir())
    assert kept.read_bytes() == b"the person's own now"
    assert missing.read_bytes() == content  # the same bytes each time
    assert seen == [(done, 12) for done in range(13)]


def test_an_interrupted_run_leaves_whole_files_alone(tmp_path: Path) -> None:
    def stop(done: int, of: int) -> None:
        if done == 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        make_demo(tmp_path, stop)
    assert [path.name for path in tmp_path.iterdir()] == [file_name(PIECES[0], 1)]


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    folder = tmp_path / "file" / "demo"
    with pytest.raises(UserError, match=re.escape(f"cannot be written to {folder}")):
        make_demo(folder)
