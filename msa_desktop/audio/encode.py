"""Sound -> file, through PyAV."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from msa_desktop.base.model import FloatArray

_CHUNK = 1 << 16  # samples handed to the encoder at once


@dataclass(frozen=True, slots=True)
class Form:
    """How a sound is written.

    Attributes:
        container: FFmpeg's name of the file format.
        codec: FFmpeg's name of the encoder.
        sample_format: FFmpeg's name of the sample format; empty for the encoder's first.
        bit_rate: Bits a second; None for lossless or the encoder's own.
        options: The encoder's further options.
    """

    container: str
    codec: str
    sample_format: str = ""
    bit_rate: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)


FORMS: Mapping[str, Form] = {
    ".mp3": Form("mp3", "libmp3lame", bit_rate=192_000, options={"compression_level": "7"}),
    ".flac": Form("flac", "flac", "s16"),
    # FFmpeg's own Vorbis encoder is called experimental; PyAV comes with no other.
    ".ogg": Form("ogg", "vorbis", bit_rate=192_000, options={"strict": "-2"}),
    ".opus": Form("opus", "libopus", "flt", bit_rate=128_000),
    ".m4a": Form("ipod", "aac", bit_rate=192_000, options={"aac_coder": "fast"}),
    ".wav": Form("wav", "pcm_s16le"),
}
"""File name extension to the way such a file is written."""


def write(
    path: Path, sound: FloatArray, rate: int, form: Form, tags: Mapping[str, str] | None = None
) -> None:
    """Writes one audio file.

    Args:
        path: The file; an existing one is overwritten. Its name need not have an extension.
        sound: Shape (channels, samples), -1 to 1; one or two channels.
        rate: Hz. What the encoder does not know becomes the next higher one, or its highest.
        form: Container and codec.
        tags: By FFmpeg's names ("title", "artist", "album", "genre", "date", "track", ...).
    """
    pieces = (sound[:, at : at + _CHUNK] for at in range(0, sound.shape[1], _CHUNK))
    stream(path, pieces, len(sound), rate, form, tags)


def stream(
    path: Path,
    pieces: Iterable[FloatArray],
    channels: int,
    rate: int,
    form: Form,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Writes one audio file piece by piece, of any length in little memory.

    Args:
        path: The file; an existing one is overwritten.
        pieces: Shape (channels, samples) each, in order, -1 to 1.
        channels: One or two.
        rate: Hz; see `write`.
        form: Container and codec.
        tags: By FFmpeg's names, as for `write`.
    """
    # PyAV takes 0.1 s to load, and most commands write no sound.
    import av  # noqa: PLC0415
    from av.audio.frame import AudioFrame  # noqa: PLC0415
    from av.audio.stream import AudioStream  # noqa: PLC0415

    layout = "mono" if channels == 1 else "stereo"
    with av.open(f"file:{path}", "w", format=form.container) as container:
        container.metadata.update(tags or {})
        track = container.add_stream(
            form.codec, rate=_encoded(form.codec, rate), options=dict(form.options)
        )
        if not isinstance(track, AudioStream):
            raise TypeError(f"{form.codec} is no audio codec")
        track.codec_context.layout = layout
        if form.sample_format:
            track.codec_context.format = form.sample_format
        if form.bit_rate:
            track.codec_context.bit_rate = form.bit_rate
        at = 0
        for piece in pieces:
            frame = AudioFrame.from_ndarray(piece.copy(), format="fltp", layout=layout)
            frame.sample_rate = rate
            frame.pts = at
            at += piece.shape[1]
            container.mux(track.encode(frame))
        container.mux(track.encode(None))


def _encoded(codec: str, rate: int) -> int:
    """The rate that a sound is encoded at: its own where the encoder knows it."""
    import av  # noqa: PLC0415 - loaded already

    known = av.Codec(codec, "w").audio_rates
    if not known or rate in known:
        return rate
    return min((one for one in known if one > rate), default=max(known))
