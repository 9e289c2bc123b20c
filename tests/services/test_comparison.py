from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from msa_desktop.base.model import FileStamp, TrackId, TrackState
from msa_desktop.services.comparison import Changes, compare, match_moves
from msa_desktop.store.tracks import StoredStamp
from msa_desktop.watch.scan import Problem

stamps = st.tuples(st.integers(1, 3), st.integers(1, 3))
trees = st.dictionaries(st.sampled_from([f"/m/{d}/{n}.mp3" for d in "ab" for n in "123"]), stamps)


def known_tree(tree: dict[str, tuple[int, int]]) -> dict[str, StoredStamp]:
    return {
        path: StoredStamp(TrackId(n), *stamp, TrackState.ANALYSED)
        for n, (path, stamp) in enumerate(sorted(tree.items()))
    }


def found_tree(tree: dict[str, tuple[int, int]]) -> list[FileStamp | Problem]:
    return [FileStamp(path, *stamp) for path, stamp in tree.items()]


@given(before=trees, after=trees)
def test_the_changes_turn_the_one_tree_into_the_other(
    before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]
) -> None:
    known = known_tree(before)
    changes = Changes()
    compare(1, found_tree(after), known, changes)
    path_of = {stamp.id: path for path, stamp in known.items()}
    match_moves(changes, path_of)

    result = dict(before)
    for track_id in changes.missing:
        del result[path_of[track_id]]
    for track_id, found in changes.moved:
        assert before[path_of[track_id]] == (found.stamp.size, found.stamp.mtime_ns)
        del result[path_of[track_id]]
    for _, found in changes.moved:
        result[found.stamp.path] = (found.stamp.size, found.stamp.mtime_ns)
    for track_id, stamp in changes.changed:
        result[path_of[track_id]] = (stamp.size, stamp.mtime_ns)
    for found in changes.new:
        result[found.stamp.path] = (found.stamp.size, found.stamp.mtime_ns)
    assert result == after
    touched = len(changes.missing) + len(changes.moved) + len(changes.changed)
    assert changes.unchanged == len(before) - touched


def test_a_rename_prefers_the_file_of_the_same_name() -> None:
    known = known_tree({"/m/a/1.mp3": (5, 5), "/m/a/2.mp3": (5, 5)})
    changes = Changes()
    compare(1, found_tree({"/m/b/2.mp3": (5, 5)}), known, changes)
    match_moves(changes, {stamp.id: path for path, stamp in known.items()})
    assert [track_id for track_id, _ in changes.moved] == [known["/m/a/2.mp3"].id]
    assert list(changes.missing) == [known["/m/a/1.mp3"].id]


def test_what_could_not_be_seen_is_not_gone() -> None:
    known = known_tree({"/m/a/1.mp3": (1, 1), "/m/ab/1.mp3": (1, 1)})
    changes = Changes()
    compare(1, [Problem("/m/a", "The folder cannot be opened.", unseen=True)], known, changes)
    assert list(changes.missing) == [known["/m/ab/1.mp3"].id]


def test_a_problem_is_told_once() -> None:
    pipe = Problem("/m/pipe.mp3", "This is a named pipe, not a file.")
    changes = Changes()
    compare(1, [pipe], {}, changes)
    assert changes.problems == [(1, pipe)]
    again = Changes()
    compare(1, [pipe], {pipe.path: StoredStamp(TrackId(1), 0, 0, TrackState.FAILED)}, again)
    assert (again.problems, again.unchanged, again.missing) == ([], 1, {})


def test_files_that_were_never_finished_are_taken_up_again() -> None:
    path = "/m/1.mp3"
    changes = Changes()
    known = {path: StoredStamp(TrackId(1), 1, 1, TrackState.QUEUED)}
    compare(1, [FileStamp(path, 1, 1)], known, changes)
    assert changes.unfinished == [(1, TrackState.QUEUED)]
