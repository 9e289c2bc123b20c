"""The demo library's music: a dozen short pieces in clearly different styles, with known truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from msa_desktop.audio import instruments as play
from msa_desktop.audio.synth import Stage, chord, note
from msa_desktop.base.model import FloatArray

_ALBUM = "Music Without Musicians"


@dataclass(frozen=True, slots=True)
class DemoPiece:
    """One piece and what is true of it.

    Attributes:
        key: Its tonal centre and mode, such as "A minor".
        instruments: What plays in it.
        extension: The kind of file it is written as.
        beats: Its length; at `bpm` beats a minute.
        compose: Plays it on a stage.
        room: Seconds of reverberation.
        loose: Seconds by which its players miss the beat; machines do not.
    """

    title: str
    artist: str
    album: str
    genre: str
    year: int
    bpm: int
    key: str
    instruments: tuple[str, ...]
    extension: str
    beats: int
    compose: Callable[[Stage], None]
    room: float = 1.2
    loose: float = 0.0

    def sound(self) -> FloatArray:
        """The piece, shape (2, samples), -1 to 1, at `synth.RATE`; the same each time."""
        stage = Stage(self.beats, self.bpm, self.loose)
        self.compose(stage)
        return stage.finish(self.room)


def _tune(
    stage: Stage,
    instrument: Callable[..., FloatArray],
    melody: str,
    start: float,
    gain: float,
    pan: float = 0.0,
    hall: float = 0.3,
    overlap: float = 1.0,
) -> None:
    """Plays a melody written as "E4:1.5 D4:.5 -:1": notes and rests, each with its beats."""
    at = start
    for word in melody.split():
        name, _, beats = word.partition(":")
        if name != "-":
            sound = stage.note(instrument, note(name), float(beats) * stage.beat * overlap)
            stage.play(sound, at, gain, pan, hall)
        at += float(beats)


def _techno(stage: Stage) -> None:
    line = (0, 0, 12, 0, 3, 0, 0, 10, 0, 0, 12, 0, 7, 0, 3, 15)
    step = stage.beat / 4
    for beat in range(stage.beats):
        stage.play(stage.note(play.kick, 2.0), beat, 0.95, hall=0.02)
        stage.play(stage.note(play.hat, 0.05), beat + 0.5, 0.8, 0.2, 0.05)
        if beat % 2:
            stage.play(stage.note(play.clap), beat, 0.6, -0.1, 0.25)
        for k in range(4):
            stage.play(stage.note(play.hat, 0.012), beat + k / 4, 0.35, -0.3, 0.05)
            place = 4 * beat + k
            # The filter opens over the first half and closes again.
            peak = 700 + 2_600 * np.sin(np.pi * (beat // 4) / (stage.beats / 4)) ** 2
            bass = stage.note(
                play.acid, note("A1") + line[place % 16], step, round(float(peak), -2)
            )
            stage.play(bass, beat + k / 4, 0.55, 0.0, 0.08)
    for bar in range(2, stage.beats // 4):
        for at in (0.75, 2.5):
            for k, number in enumerate(chord("Am7" if bar % 4 < 2 else "Fmaj7", 3)):
                stab = stage.note(play.stab, number, 0.25)
                stage.play(stab, 4 * bar + at, 0.4, 0.5 * (k % 2) - 0.25, 0.8)


def _ballad(stage: Stage) -> None:
    bars = ("C", "G", "Am", "F", "C", "G", "F", "C")
    for bar, name in enumerate(bars):
        low = chord(name, 2)
        stage.play(stage.note(play.piano, low[0], 3.0), 4 * bar, 0.8, -0.2)
        up = [*chord(name, 3), chord(name, 4)[0]]
        for k, place in enumerate((0, 2, 3, 2, 1, 2, 3, 2)):
            touch = 0.38 + 0.05 * (k % 4 == 0)
            stage.play(stage.note(play.piano, up[place], 1.2), 4 * bar + k / 2, touch, -0.1)
    melody = (
        "E5:1.5 D5:.5 C5:1 G4:1 B4:1.5 A4:.5 G4:2 C5:1.5 B4:.5 A4:1 E5:1 F5:1 E5:.5 D5:.5 C5:2 "
        "E5:1.5 G5:.5 A5:1 G5:1 D5:1.5 E5:.5 D5:2 C5:1 A4:1 C5:2 C5:4"
    )
    _tune(stage, play.piano, melody, 0, 0.85, 0.2, overlap=1.3)


def _adagio(stage: Stage) -> None:
    bars = ("Dm", "Gm", "C", "F", "Bb", "Gm", "A", "Dm")
    for bar, name in enumerate(bars):
        for k, number in enumerate(chord(name, 3)):
            length = 3 * stage.beat
            stage.play(stage.note(play.strings, number, length), 3 * bar, 0.8, k * 0.4 - 0.4, 0.5)
        root = chord(name, 2)[0]
        stage.play(stage.note(play.strings, root, 3 * stage.beat), 3 * bar, 1.0, 0.5, 0.4)
        stage.play(stage.note(play.strings, root - 12, 3 * stage.beat), 3 * bar, 0.7, 0.6, 0.3)
    melody = (
        "A4:2 F4:1 D5:2 Bb4:1 G4:2 E5:1 C5:2 A4:1 D5:1 F5:1.5 E5:.5 D5:2 Bb4:1 C#5:1 E5:1 A4:1 D5:3"
    )
    _tune(stage, play.strings, melody, 0, 1.5, -0.4, 0.6)


def _metal(stage: Stage) -> None:
    # Eighths of each bar, in semitones above the low E; those marked below are let ring.
    home = (0, 0, 3, 0, 5, 3, 0, -2)
    riff = (home, home, (-4, -4, -2, -4, 0, -2, -4, -5), (-2, -2, 0, -2, 2, 0, -2, -4))
    ringing = (0, 2, 4, 5, 7)
    for bar in range(stage.beats // 4):
        for k, step in enumerate(riff[bar % 4]):
            at = 4 * bar + k / 2
            length = stage.beat * (0.95 if k in ringing else 0.5)
            for side, late in ((-0.8, 0.0), (0.8, 0.03)):  # played twice, once on each side
                guitar = stage.note(
                    play.distorted_guitar, note("E2") + step, length, k not in ringing
                )
                stage.play(guitar, at + late, 1.0, side, 0.15)
            bass = stage.note(play.plucked, note("E1") + step, length, 1_800, 0.99)
            stage.play(bass, at, 0.9, 0.0, 0.02)
        for at in (0, 0.5, 1.5, 2, 2.5, 3.5):
            stage.play(stage.note(play.kick, 0.8), 4 * bar + at, 0.5, 0.0, 0.1)
        for k in range(4):
            stage.play(stage.note(play.hat, 0.2), 4 * bar + k, 0.5, 0.3, 0.15)
            if k % 2:
                stage.play(stage.note(play.snare, 1.2, 0.14), 4 * bar + k, 0.9, 0.0, 0.3)
        if bar % 2 == 0:
            stage.play(stage.note(play.crash), 4 * bar, 1.2, -0.3, 0.3)
    lead = "E5:.5 G5:.5 A5:1 B5:1 A5:.5 G5:.5 E5:2 D5:1 B4:1 "
    _tune(stage, play.lead_guitar, lead * 4, 32, 0.8, 0.1, 0.4)


def _drone(stage: Stage) -> None:
    for k, name in enumerate(("D2", "A2", "D3", "F#3", "A3", "E4")):
        length = (stage.beats - 2 * k) * stage.beat
        cloud = stage.note(play.pad, note(name), length, 0.05 + 0.013 * k)
        stage.play(cloud, 2 * k, 0.7 / (1 + k * 0.12), (-1) ** k * 0.15 * k, 0.9)
    for k, name in enumerate(("A5", "E5", "F#5", "D5", "B5")):
        drop = stage.note(play.glass, note(name), 3.0)
        stage.play(drop, 3 + 4.3 * k, 0.22, (-1) ** k * 0.6, 1.6)


def _bossa(stage: Stage) -> None:
    verse = ("Fmaj7", "Fmaj7", "G7", "G7", "Gm7", "C7", "Fmaj7", "C7")
    for bar, name in enumerate((*verse, "Fmaj7", "Fmaj7", "G7", "C7", "Fmaj7")):
        tones = chord(name, 3)
        for at in (0, 1.5, 2.5) if bar % 2 == 0 else (0.5, 1.5, 3):  # the clave of two bars
            for k, number in enumerate(tones):
                guitar = stage.note(play.plucked, number, 0.55, 1_800, 0.992)
                stage.play(guitar, 4 * bar + at + 0.02 * k, 0.5, -0.4, 0.2)
        low = chord(name, 2)[0]
        for at, number in ((0, low), (1.5, low - 5), (2, low - 5), (3.5, low)):
            bass = stage.note(play.double_bass, number - 12 * (number > 43), 0.7)
            stage.play(bass, 4 * bar + at, 0.8, 0.1, 0.1)
        for k in range(8):
            stage.play(stage.note(play.hat, 0.035), 4 * bar + k / 2, 0.28 + 0.1 * (k % 2), 0.4, 0.1)
        for at in (0, 1.5, 3) if bar % 2 == 0 else (1, 2.5):
            stage.play(stage.note(play.rim), 4 * bar + at, 0.6, 0.3, 0.2)
    melody = (
        "-:4 A4:1.5 C5:.5 E5:1 D5:1 B4:2.5 A4:.5 G4:1 F4:1 A4:3 -:2 Bb4:1 D5:1 F5:1.5 E5:2.5 "
        "D5:1 C5:3.5 -:1.5 G4:1 Bb4:1 A4:2 -:2 C5:1.5 A4:.5 E5:3 D5:1 B4:1 D5:1 Bb4:2 G4:2 A4:4"
    )
    _tune(stage, play.piano, melody, 0, 0.75, 0.3)


def _reggae(stage: Stage) -> None:
    bars = ("Am", "Dm", "Am", "G", "Am", "Dm", "Em", "Am")
    bass = ((0, 0), (1, 0), (1.5, 7), (2, 12), (3, 7), (3.5, 12))
    for bar, name in enumerate(bars):
        root = chord(name, 2)[0] - 12 * (chord(name, 2)[0] > 43)
        for at, step in bass:
            sound = stage.note(play.sub_bass, root + step, stage.beat * 0.45)
            stage.play(sound, 4 * bar + at, 0.9, 0.0, 0.03)
        for k in range(4):
            for number in chord(name, 4):  # the chop, on every off-beat
                guitar = stage.note(play.plucked, number, 0.12, 3_000, 0.95)
                stage.play(guitar, 4 * bar + k + 0.5, 0.6, -0.4, 0.35)
                bubble = stage.note(play.organ, number - 12, 0.1)
                stage.play(bubble, 4 * bar + k + 0.5, 0.5, 0.4, 0.2)
                stage.play(bubble, 4 * bar + k + 0.75, 0.3, 0.4, 0.2)
            for half in (0, 0.5):
                loud = 0.45 if half else 0.3
                stage.play(stage.note(play.hat, 0.025), 4 * bar + k + half, loud, 0.2, 0.1)
        stage.play(stage.note(play.kick), 4 * bar + 2, 1.0, 0.0, 0.05)  # the one drop
        stage.play(stage.note(play.rim), 4 * bar + 2, 1.0, 0.0, 0.5)
    _tune(
        stage,
        play.electric_piano,
        "-:8 E5:1 D5:.5 C5:.5 A4:2 B4:1 D5:1 G4:2 A4:.5 C5:.5 E5:1 D5:2 F5:1 E5:.5 D5:.5 A4:2 "
        "G4:1 B4:1 E5:2 A4:4",
        0,
        0.6,
        0.2,
        0.5,
    )


def _chiptune(stage: Stage) -> None:
    bars = (*("C", "G", "Am", "F") * 3, "F", "G", "C")
    step = stage.beat / 4
    for bar, name in enumerate(bars):
        tones = [*chord(name, 4), chord(name, 5)[0]]
        for k in range(16):  # chords as fast arpeggios: the machine has few voices
            arpeggio = stage.note(play.pulse, tones[k % 4], step, 0.125)
            stage.play(arpeggio, 4 * bar + k / 4, 0.4, 0.3, 0.0)
        for k in range(8):
            number = chord(name, 2)[0] + 12 * (k % 2)
            stage.play(stage.note(play.triangle, number, step * 1.8), 4 * bar + k / 2, 0.8, 0, 0)
        for k in range(4):
            tick = stage.note(play.chip_noise, 0.02 if k % 2 == 0 else 0.09)
            stage.play(tick, 4 * bar + k, 0.5, 0.0, 0.0)
            stage.play(stage.note(play.chip_noise, 0.02), 4 * bar + k + 0.5, 0.3, 0.0, 0.0)
    melody = (
        "E5:.5 G5:.5 C6:1 B5:.5 G5:.5 E5:1 D5:.5 G5:.5 B5:1 A5:.5 G5:.5 D5:1 "
        "C5:.5 E5:.5 A5:1 G5:.5 E5:.5 C5:1 F5:.5 A5:.5 C6:1 A5:1 G5:1 "
    )
    ending = "A5:1 C6:1 F5:2 B5:1 D6:1 G5:2 C6:4"
    square = partial(play.pulse, width=0.25)
    _tune(stage, square, melody * 3 + ending, 0, 0.55, -0.2, 0.0, 0.9)


def _march(stage: Stage) -> None:
    bars = ("Bb", "Bb", "F7", "Bb", "Eb", "Bb", "F7", "Bb", "Gm", "D7", "Eb", "Bb")
    for bar, name in enumerate(bars):
        tones = chord(name, 3)
        for k in range(4):
            low = tones[0] - 12 if k % 2 == 0 else tones[2] - 24
            stage.play(stage.note(play.brass, low, stage.beat * 0.5), 4 * bar + k, 0.9, 0.4, 0.3)
            for number in tones:
                horn = stage.note(play.brass, number, stage.beat * 0.3)
                stage.play(horn, 4 * bar + k + 0.5, 0.35, 0.3, 0.4)
                bow = stage.note(play.strings, number + 12, stage.beat * 0.5, 0.03)
                stage.play(bow, 4 * bar + k, 0.35, -0.5, 0.4)
            if k % 2 == 0:
                stage.play(stage.note(play.kick, 0.6), 4 * bar + k, 1.0, 0.0, 0.4)
        for at, loud in ((0, 1), (1, 0.7), (1.5, 0.6), (1.75, 0.6), (2, 1), (3, 0.7), (3.5, 0.6)):
            drum = stage.note(play.snare, 1.0, 0.06)
            stage.play(drum, 4 * bar + at, 0.6 * loud, 0.1, 0.35)
        if bar % 4 == 0:
            stage.play(stage.note(play.crash), 4 * bar, 0.8, 0.3, 0.4)
    melody = (
        "F4:1 Bb4:.75 Bb4:.25 D5:1 F5:1 D5:1.5 C5:.5 Bb4:2 C5:1 F4:.75 A4:.25 C5:1 Eb5:1 D5:3 -:1 "
        "Eb5:1 G5:.75 Eb5:.25 Bb4:1 Eb5:1 F5:1.5 D5:.5 Bb4:2 A4:1 C5:.75 Eb5:.25 A4:1 C5:1 Bb4:3 "
        "-:1 Bb4:1 D5:1 G5:2 F#5:1 D5:1 A4:2 G4:1 Bb4:1 Eb5:2 D5:4"
    )
    _tune(stage, play.brass, melody, 0, 1.3, -0.1, 0.4, 0.92)
    _tune(stage, lambda number, seconds: play.flute(number + 24, seconds), melody, 0, 0.5, -0.3)


def _drum_and_bass(stage: Stage) -> None:
    # Four times two bars: the chord, and the bass above it in semitones from F.
    course = (("Fm7", 0, 3), ("Fm7", 0, 3), ("Dbmaj7", -4, 0), ("Eb7", -2, 2))
    for bar in range(stage.beats // 4):
        for at in (0, 2.5):
            stage.play(stage.note(play.kick, 1.6), 4 * bar + at, 1.0, 0.0, 0.05)
        for at, loud in ((1, 1.0), (1.75, 0.25), (2.25, 0.3), (3, 1.0), (3.75, 0.3 * (bar % 2))):
            stage.play(stage.note(play.snare, 1.3, 0.07), 4 * bar + at, 1.2 * loud, 0.0, 0.15)
        for k in range(8):
            stage.play(stage.note(play.hat, 0.03), 4 * bar + k / 2, 0.6, 0.25, 0.08)
            stage.play(stage.note(play.hat, 0.012), 4 * bar + k / 2 + 0.25, 0.3, -0.25, 0.08)
        name, low, high = course[bar // 2 % 4]
        for step, at, beats, growl in (
            (low, 0, 1.4, 0.0),
            (low, 1.5, 0.9, 5.8),
            (high, 2.75, 1.2, 5.8),
        ):
            sound = stage.note(play.sub_bass, note("F1") + step, beats * stage.beat, growl)
            stage.play(sound, 4 * bar + at, 1.0, 0.0, 0.03)
        if bar % 2 == 0:
            for k, number in enumerate(chord(name, 4)):
                cloud = stage.note(play.pad, number, 8 * stage.beat, 0.4)
                stage.play(cloud, 4 * bar, 0.35, k * 0.4 - 0.6, 0.6)


def _folk(stage: Stage) -> None:
    bars = ("G", "C", "G", "D", "Em", "C", "D", "G", "C", "G")
    for bar, name in enumerate(bars):
        tones = [*chord(name, 3), chord(name, 4)[0], chord(name, 4)[1]]
        bass = chord(name, 2)[0]
        thumb = (bass, tones[0], bass + 7, tones[0])
        for k in range(4):  # the thumb walks, the fingers fall between
            low = stage.note(play.plucked, thumb[k], 1.6, 3_000, 0.9975)
            stage.play(low, 4 * bar + k, 0.8, -0.15, 0.15)
            for half, place in ((0.5, (3, 4, 2, 3)[k]), (0.0, (4, -1, 3, -1)[k])):
                if place >= 0:
                    high = stage.note(play.plucked, tones[place], 1.4, 6_500, 0.9975)
                    stage.play(high, 4 * bar + k + half, 0.6, 0.2, 0.2)
    melody = (
        "-:8 D5:1 B4:.5 A4:.5 G4:2 A4:1 B4:.5 A4:.5 F#4:2 G4:1 B4:1 E5:2 "
        "E5:.5 D5:.5 C5:1 E5:2 D5:1 A4:1 F#4:2 G4:4 E5:2 C5:2 B4:1 D5:1 G5:2"
    )
    bright = partial(play.plucked, brightness=7_000, damping=0.998)
    _tune(stage, bright, melody, 0, 0.9, 0.1, overlap=1.5)


def _choir(stage: Stage) -> None:
    for bar, name in enumerate(("F", "C", "Dm", "Bb", "F", "C", "F")):
        root, third, fifth = chord(name, 3)
        for k, number in enumerate((root - 12, fifth - 12, third, root + 12)):
            voice = stage.note(play.choir, number, 4 * stage.beat - 0.3)
            stage.play(voice, 4 * bar, 0.9, 0.3 * k - 0.45, 0.7)
    soprano = "A4:2 C5:2 G4:2 E4:2 F4:2 A4:2 Bb4:2 D5:2 C5:4 Bb4:2 G4:2 A4:4"
    _tune(stage, play.choir, soprano, 0, 1.1, 0.1, 0.8)


def _piece(
    title: str, artist: str, genre: str, year: int, bpm: int, key: str, instruments: str,
    extension: str, beats: int, compose: Callable[[Stage], None], room: float, loose: float,
) -> DemoPiece:  # fmt: skip
    names = tuple(instruments.split(", "))
    return DemoPiece(
        title, artist, _ALBUM, genre, year, bpm, key, names, extension, beats, compose, room, loose
    )


PIECES: tuple[DemoPiece, ...] = (
    _piece("Night Shift", "Kontur", "Techno", 2019, 128, "A minor",
           "drum machine, synthesizer", ".ogg", 48, _techno, 1.2, 0.0),
    _piece("The Letter I Kept", "Clara Wendt", "Ballad", 2014, 72, "C major",
           "piano", ".flac", 32, _ballad, 1.8, 0.008),
    _piece("Adagio in D Minor", "Linden Quartet", "Classical", 2008, 60, "D minor",
           "strings", ".flac", 24, _adagio, 2.6, 0.02),
    _piece("Iron Weather", "Grimholt", "Metal", 2011, 160, "E minor",
           "electric guitar, bass guitar, drums", ".mp3", 64, _metal, 1.2, 0.01),
    _piece("Slow Light", "Halo Field", "Ambient", 2021, 60, "D major",
           "synthesizer", ".opus", 26, _drone, 4.0, 0.0),
    _piece("Rua do Sol", "Trio Maré", "Bossa Nova", 1998, 132, "F major",
           "guitar, piano, double bass, drums", ".m4a", 52, _bossa, 1.2, 0.01),
    _piece("Easy River", "The Uplanders", "Reggae", 1979, 76, "A minor",
           "guitar, organ, electric piano, bass guitar, drums", ".ogg", 32, _reggae, 1.2, 0.01),
    _piece("Level Select", "Pixel Orchard", "Chiptune", 1989, 150, "C major",
           "synthesizer", ".wav", 60, _chiptune, 0.3, 0.0),
    _piece("Parade of the Tin Guards", "City Wind Orchestra", "March", 1962, 112, "Bb major",
           "brass, flute, strings, drums", ".mp3", 48, _march, 2.0, 0.012),
    _piece("Undertow", "Vektor 9", "Drum and Bass", 1997, 174, "F minor",
           "drum machine, synthesizer", ".opus", 68, _drum_and_bass, 1.2, 0.0),
    _piece("Hollow Road", "Maren Ashby", "Folk", 2016, 96, "G major",
           "acoustic guitar", ".m4a", 40, _folk, 1.2, 0.008),
    _piece("Evening Hymn", "Northgate Voices", "Choral", 2003, 66, "F major",
           "choir", ".wav", 28, _choir, 3.2, 0.02),
)  # fmt: skip
"""The demo library, in the order of its track numbers."""
