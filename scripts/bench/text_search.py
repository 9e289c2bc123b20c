"""What does a search by words find on real music, judged by ear and eye?

    python scripts/bench/text_search.py DATA_DIR [WORDS ...]

DATA_DIR is a data folder into which the music of scripts/fetch_real_music.py was scanned. Prints
how each query was understood and its five best answers, with their scores and what explains them.
The queries were written down before any answer was seen. Words after the folder are asked instead.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from msa_desktop.app import App
from msa_desktop.base.model import TrackId, display_path
from msa_desktop.base.paths import DataPaths
from msa_desktop.store.tracks import TrackQuery

QUERIES: tuple[str | tuple[str, str], ...] = (
    "calm piano",
    "no vocals",
    "80s female singer",
    "heavy metal with loud guitars",
    "sad strings",
    "happy dance music",
    "dark ambient",
    "techno without drums",
    "slow violin solo",
    "choir",
    "acoustic guitar -drums",
    "orchestral battle music",
    "flute folk",
    "chill electronic",
    "male vocals rock",
    "robert van herk",
    "wesnoth battle",
    "weird experimental sounds",
    "genre:techno fast",
    ("quiet", "battle-epic.ogg"),  # like this file, but quiet
)
_HITS = 5


def main() -> None:
    """Asks every query."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("words", nargs="*")
    chosen = parser.parse_args()
    with App(DataPaths(chosen.data_dir)) as app:
        for query in (" ".join(chosen.words),) if chosen.words else QUERIES:
            words, name = (query, "") if isinstance(query, str) else query
            started = time.process_time()
            found = app.text_search.search(words, _HITS, like=named(app, name))
            spent = 1000 * (time.process_time() - started)
            print(f"\n{words}{f'  [like {name}]' if name else ''}   ({spent:.0f} ms)")
            print(f"    {found.understood}")
            for hit in found.hits:
                folder, file = os.path.split(display_path(hit.track.path))
                shown = f"{os.path.basename(folder)}/{file}"
                print(f"  {hit.score:.2f}  {shown:58}  {', '.join((*hit.labels, *hit.encoders))}")


def named(app: App, name: str) -> list[TrackId]:
    """The tracks whose file has a name; none for ""."""
    tracks = app.tracks.get_many(app.tracks.ids(TrackQuery())) if name else []
    return [track.id for track in tracks if os.path.basename(track.path) == name]


if __name__ == "__main__":
    main()
