"""msa-desktop measure: tempo, key and loudness of audio files."""

from __future__ import annotations

import os
from typing import Any

import click

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import display_path
from msa_desktop.base.music import Loudness
from msa_desktop.cli._base import FAILED, say, show, standard_options, table


@click.command("measure")
@click.argument("paths", nargs=-1, required=True, type=click.Path(), metavar="PATH...")
@click.option("--beats", is_flag=True, help="With --json: also where the beats fall, in seconds.")
@standard_options
def command(paths: tuple[str, ...], *, beats: bool) -> None:
    """Measures files: tempo, key, loudness, silence at both ends.

    Any audio files, in the library or not; nothing is written. A track without a beat has no tempo.
    Loudness is EBU R128's, in LUFS; gain is ReplayGain 2's, which brings it to -18.
    """
    documents, failed = [], []
    for path in paths:
        try:
            documents.append(_measured(os.path.abspath(path), beats=beats))
        except (UserError, OSError) as error:
            reason = str(error) if isinstance(error, UserError) else error.strerror or str(error)
            failed.append({"path": path, "reason": reason})
            say(f"{display_path(path)}: {reason}", err=True)
    head = ["tempo", "key", "LUFS", "gain", "file"]
    rows = [
        [
            f"{one['tempo']['bpm']:.0f}" if one["tempo"] else "none",
            f"{one['key']['name']} ({one['key']['camelot']})" if one["key"] else "none",
            _loudness(one),
            "" if one["gain"] is None else f"{one['gain']:+.1f}",
            display_path(one["path"]),
        ]
        for one in documents
    ]
    show({"tracks": documents, "failed": failed}, table(head, rows, [6, 10, 6, 6, 100]))
    if failed:
        raise SystemExit(FAILED)


def _loudness(found: dict[str, Any]) -> str:
    if found["loudness"] is not None:
        return f"{found['loudness']:.1f}"
    return "silent" if found["peak"] == 0 else ""  # else too short or quiet for a number


def _measured(path: str, *, beats: bool) -> dict[str, Any]:
    # FFmpeg: only this command and worker processes pay for it.
    from msa_desktop.audio import hearing  # noqa: PLC0415

    heard = hearing.measure(path)
    tempo, key = heard.tempo, heard.key
    found: dict[str, Any] = {
        "path": path,
        "tempo": tempo
        and {
            "bpm": round(tempo.bpm, 2),
            "confidence": round(tempo.confidence, 3),
            "alternatives": [
                {"bpm": round(bpm, 2), "confidence": round(sure, 3)}
                for bpm, sure in tempo.alternatives
            ],
        },
        "key": key
        and {
            "name": key.name,
            "camelot": key.camelot,
            "confidence": round(key.confidence, 3),
            "chroma": [round(one, 4) for one in key.chroma],
        },
        **_level(heard.loudness),
    }
    if beats:
        fall = hearing.beats(path, tempo.bpm) if tempo else ()
        found["beats"] = [round(float(moment), 3) for moment in fall]
    return found


def _level(level: Loudness | None) -> dict[str, float | None]:
    if level is None:
        return dict.fromkeys(("loudness", "gain", "peak", "silence_start", "silence_end"))
    return {
        "loudness": level.integrated and round(level.integrated, 2),
        "gain": level.gain and round(level.gain, 2),
        "peak": round(level.peak, 5),
        "silence_start": round(level.silence_start, 3),
        "silence_end": round(level.silence_end, 3),
    }
