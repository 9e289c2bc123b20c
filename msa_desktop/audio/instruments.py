"""Instruments made of arithmetic: each function gives one note, or one stroke, as mono samples."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from msa_desktop.audio.synth import (
    RATE,
    Samples,
    filtered,
    harmonics,
    hertz,
    noise,
    shaped,
    time_of,
)
from msa_desktop.base.model import FloatArray

# Struck and plucked


def piano(number: int, seconds: float) -> FloatArray:
    """A string struck by a hammer: stiff, so its overtones are a little sharp."""
    base = hertz(number)
    time = time_of(seconds + 0.35)
    sound = np.zeros_like(time)
    stiffness = 0.00035 * 2 ** ((number - 60) / 18)
    for k in range(1, 13):
        pitch = k * base * (1 + stiffness * k * k) ** 0.5
        if pitch > 9_000:
            break
        life = 2.6 * 2 ** ((60 - number) / 22) / (1 + 0.35 * (k - 1))
        strength = math.exp(-0.34 * (k - 1)) * (0.35 + 0.65 * abs(math.sin(math.pi * k / 8)))
        fall = strength * np.exp(-time / life)
        for detune in (0.9997, 1.0003):  # each note has several strings, never quite in tune
            sound += fall * np.sin(2 * np.pi * pitch * detune * time + k)
    knock = np.zeros_like(sound)
    hit = filtered(noise(0.03, number), 150, 1_800) * 0.5
    knock[: hit.size] = shaped(hit, 0.001, 0.02)
    return shaped((sound + knock) * 0.22, 0.003, 0.35)


def plucked(
    number: int, seconds: float, brightness: float = 4_000, damping: float = 0.996
) -> FloatArray:
    """A plucked string (Karplus & Strong 1983): noise that runs in a loop and loses its edge.

    Args:
        number: The note.
        seconds: Its length.
        brightness: Hz up to which the pluck has sound.
        damping: What is left of the string's swing after each round.
    """
    period = RATE / hertz(number)
    whole = int(period)
    line = filtered(noise(whole / RATE, number), 0, brightness)
    # The loop's filter works on the whole string at once: each of its overtones loses a part in
    # every round, the high ones most, and is turned by the fraction of a sample that the string
    # is longer than its line.
    angle = 2 * np.pi * np.arange(whole // 2 + 1) / whole
    loss = damping * (1 - 0.16 * (1 - np.cos(angle)))
    turn = (loss * np.exp(-1j * angle * (period - whole))).astype(np.complex64)
    rounds = np.tile(turn, (int(seconds * RATE / whole) + 1, 1))
    rounds[0] = np.fft.rfft(line)
    rounds[0, 0] = 0
    sound = np.fft.irfft(np.cumprod(rounds, axis=0), whole, axis=1).astype(np.float32)
    sound = sound.reshape(-1)[: round(seconds * RATE)]
    return shaped(sound * (0.4 / max(1e-3, float(np.abs(sound).max()))), 0.001, 0.05)


def double_bass(number: int, seconds: float) -> FloatArray:
    """A plucked bass with the thump of its body."""
    string = plucked(number, seconds, 900, 0.994)
    body = shaped(harmonics(number, seconds, (1.0, 0.35, 0.1)), 0.01, 0.08, 0.7)
    return string * 0.7 + body[: string.size] * 0.45


def distorted_guitar(number: int, seconds: float, muted: bool = False) -> FloatArray:
    """A power chord through an amplifier that cannot take it."""
    damping = 0.96 if muted else 0.9995
    strings = sum(
        (plucked(number + step, seconds, 5_000, damping) for step in (0, 7, 12)),
        start=np.zeros(round(seconds * RATE), np.float32),
    )
    driven = np.tanh(80 * filtered(strings, 90, 4_000))
    return shaped(filtered(driven, 80, 4_200, 3) * 0.5, 0.001, 0.03)


def lead_guitar(number: int, seconds: float) -> FloatArray:
    """A single string, overdriven until it sings."""
    driven = np.tanh(20 * filtered(plucked(number, seconds, 5_000, 0.9995), 200, 4_000))
    return shaped(filtered(driven, 250, 4_000, 3) * 0.35, 0.005, 0.06)


def electric_piano(number: int, seconds: float) -> FloatArray:
    """A tine and its bell, by frequency modulation (Chowning 1973)."""
    time = time_of(seconds + 0.2)
    angle = (2 * np.pi * hertz(number)) * time
    bell = 0.35 * np.exp(-time / 0.15) * np.sin(14 * angle)
    warmth = 1.1 * np.exp(-time / 0.9) * np.sin(angle)
    return shaped(np.sin(angle + warmth + bell) * 0.3, 0.004, 0.2, 1.2)


# Bowed, blown and sung


_VIOLIN = ((290, 60, 1.0), (480, 80, 1.0), (1_100, 200, 0.7), (2_600, 600, 1.5))
_AAH = ((730, 90, 1.0), (1_090, 110, 0.6), (2_440, 170, 0.25), (3_400, 250, 0.12))


def _resonance(pitches: Samples, body: Sequence[tuple[float, float, float]]) -> Samples:
    """How much a body answers to each pitch; its resonances as (Hz, width in Hz, gain)."""
    answer = np.zeros_like(pitches)
    for centre, width, gain in body:
        answer += gain / (1 + ((pitches - centre) / width) ** 2)
    return answer


def _section(
    number: int, seconds: float, amplitudes: Samples, vibrato: float, cents: Sequence[float]
) -> FloatArray:
    """Several players of one note, out of tune by so many cents each."""
    players = [harmonics(number, seconds, amplitudes, vibrato, each) for each in cents]
    together: FloatArray = np.sum(players, axis=0)
    return together


def strings(number: int, seconds: float, attack: float = 0.35) -> FloatArray:
    """A section: players who are never quite together."""
    order = np.arange(1.0, 40.0)
    pitches = order * hertz(number)
    amplitudes = np.exp(-pitches / 6_000) / order * (1 + _resonance(pitches, _VIOLIN))
    sound = _section(number, seconds + 0.5, amplitudes, 0.005, (-9, -4, 2, 8))
    return shaped(sound * 0.07, attack, 0.6)


def brass(number: int, seconds: float) -> FloatArray:
    """Horns and trumpets: the louder, the brighter."""
    dull = harmonics(number, seconds, [1 / k**1.6 for k in range(1, 20)], 0.002)
    bright = harmonics(number, seconds, [np.exp(-((k - 3) ** 2) / 18) for k in range(1, 24)], 0.002)
    swell = np.minimum(time_of(seconds) / 0.09, 1) * 0.55
    return shaped((dull * (1 - swell) + bright * swell) * 0.16, 0.03, 0.08)


def flute(number: int, seconds: float) -> FloatArray:
    """A tone of few overtones in a stream of breath."""
    tone = harmonics(number, seconds, (0.2, 0.07, 0.024, 0.006), 0.006)
    breath = filtered(noise(seconds, number), 1_500, 5_000)
    return shaped(tone + 0.02 * breath, 0.06, 0.1)


def choir(number: int, seconds: float) -> FloatArray:
    """Voices on "aah": the throat's harmonics, coloured by the mouth's resonances."""
    order = np.arange(1.0, 40.0)
    amplitudes = _resonance(order * hertz(number), _AAH) + 0.25 / order**2
    length = seconds + 0.8
    sound = _section(number, length, amplitudes, 0.006, (-11, -5, 0, 6, 12))
    breath = filtered(noise(length, number), 2_000, 6_000) * 0.02
    return shaped((sound + breath) * 0.07, 0.5, 0.9)


def organ(number: int, seconds: float) -> FloatArray:
    """Drawbars."""
    drawbars = (0.8, 1.0, 0.7, 0.5, 0, 0.3, 0, 0.25)
    return shaped(harmonics(number - 12, seconds, drawbars, 0.003) * 0.1, 0.008, 0.03)


# Electronic


def saw(number: int, seconds: float, brightness: float = 4_000, cents: float = 0.0) -> FloatArray:
    """The plain wave of a synthesizer through a gentle filter; no envelope."""
    order = np.arange(1, 60)
    amplitudes = 0.3 / order / np.sqrt(1 + (order * hertz(number) / brightness) ** 4)
    return harmonics(number, seconds, amplitudes, 0.0, cents)


def acid(number: int, seconds: float, peak: float) -> FloatArray:
    """A bass line's note: a resonant filter that closes as it sounds; `peak` is where, in Hz."""
    base = hertz(number)

    def at(cutoff: float) -> FloatArray:
        order = np.arange(1, 80)
        place = order * base / cutoff
        resonance = 2.5 * np.exp(-30 * (place - 1) ** 2)
        return harmonics(number, seconds, (1 / np.sqrt(1 + place**4) + resonance) / order)

    closing = np.exp(-time_of(seconds) / 0.07)
    sound = at(peak) * closing + at(peak / 5) * (1 - closing)
    return shaped(np.tanh(sound * 1.5) * 0.3, 0.002, 0.02)


def pulse(number: int, seconds: float, width: float = 0.5) -> FloatArray:
    """A games console's square wave, with its hard edges."""
    phase = (hertz(number) * np.arange(round(seconds * RATE)) / RATE) % 1
    wave = np.where(phase < width, 0.4 - 0.4 * width, -0.4 * width)  # of mean zero
    return shaped(wave, 0.001, 0.005)


def triangle(number: int, seconds: float) -> FloatArray:
    """A games console's bass, in its sixteen steps."""
    phase = (hertz(number) * np.arange(round(seconds * RATE)) / RATE) % 1
    steps = np.round(15 * np.abs(2 * phase - 1)) / 15
    return shaped((steps - 0.5) * 0.7, 0.001, 0.005)


def sub_bass(number: int, seconds: float, growl: float = 0.0) -> FloatArray:
    """A deep sine, with overtones that come and go where it growls."""
    deep = harmonics(number, seconds, (1.0, 0.2))
    if growl:
        wobble = np.sin(2 * np.pi * growl * time_of(seconds)) ** 2
        deep = deep + harmonics(number, seconds, [0.5 / k**0.7 for k in range(2, 24)]) * wobble
    return shaped(np.tanh(deep) * 0.35, 0.008, 0.04)


def stab(number: int, seconds: float) -> FloatArray:
    """A short chord's note, of two saws beside each other."""
    pair = saw(number, seconds, 3_000, -7) + saw(number, seconds, 3_000, 7)
    return shaped(pair * 0.5, 0.003, 0.08, 0.2)


def pad(number: int, seconds: float, swell: float) -> FloatArray:
    """A cloud of saws whose brightness comes and goes.

    Args:
        number: The note.
        seconds: Its length.
        swell: How often it comes and goes, in Hz.
    """
    dark = saw(number, seconds, 500, -6) + saw(number, seconds, 500, 5)
    light = saw(number, seconds, 1_800, -8) + saw(number, seconds, 1_800, 9)
    tide = 0.5 - np.cos(2 * np.pi * swell * time_of(seconds)) * 0.5
    fade = min(3.0, seconds / 4)
    return shaped((dark + (light - dark) * tide) * 0.25, fade, fade)


def glass(number: int, seconds: float) -> FloatArray:
    """A struck glass: overtones that fit no scale."""
    tones = (harmonics(number + step, seconds, (1.0,)) for step in (0, 17.4, 28.1))
    sound = np.zeros(round(seconds * RATE), np.float32)
    for k, tone in enumerate(tones, 1):
        sound += shaped(tone / k * k, 0.004, 0.3, 1.0 / k)
    return sound * 0.4


# Drums


def chip_noise(length: float) -> FloatArray:
    """A games console's drum: noise of a low sample rate."""
    coarse = np.repeat(np.sign(noise(length / 2 + 0.02, 7)), 4)[: round(4 * length * RATE)]
    return shaped(coarse * 0.2, 0.0005, 0.005, length)


def kick(punch: float = 1.0) -> FloatArray:
    """A bass drum; `punch` above 1 is an electronic one."""
    time = time_of(0.35)
    rounds = 48 * time + 3.85 * punch * (1 - np.exp(-time / 0.028))
    skin = shaped(0.9 * np.sin(2 * np.pi * rounds), 0.001, 0.1, 0.13)
    click = shaped(filtered(noise(0.35, 2), 800, 6_000), 0.0005, 0.05, 0.003)
    return skin + click * np.float32(0.15 * punch)


def snare(rattle: float = 1.0, length: float = 0.1) -> FloatArray:
    """A snare drum: a skin and its wires."""
    skin = shaped(harmonics(54, 0.3, (1.0, 0.5, 0.25)), 0.001, 0.1, 0.06)
    wires = shaped(filtered(noise(0.3, 3), 1_200, 9_000), 0.001, 0.1, length)
    return skin * 0.35 + wires * 0.28 * rattle


def hat(length: float = 0.03) -> FloatArray:
    """A hi-hat, or a ride cymbal or a shaker where it rings longer."""
    metal = filtered(noise(max(0.1, 5 * length), 4), 6_500, 15_000, 3)
    return shaped(0.3 * metal, 0.001, 0.03, length)


def crash() -> FloatArray:
    """A cymbal that rings on."""
    return shaped(filtered(noise(2.0, 5), 3_000, 13_000), 0.002, 0.5, 0.5) * 0.25


def clap() -> FloatArray:
    """Several hands, nearly together."""
    time = time_of(0.25)
    hands = 0.7 * np.exp(-np.maximum(time - 0.03, 0) / 0.05) * (time > 0.03)
    for at in (0.004, 0.015, 0.027):
        hands += np.exp(-np.abs(time - at) / 0.004)
    sound: FloatArray = filtered(noise(0.25, 6), 900, 4_000) * hands.astype(np.float32)
    return sound * 0.4


def rim() -> FloatArray:
    """A stick on the drum's edge."""
    return shaped(harmonics(91, 0.06, (1.0, 0.0, 0.6)), 0.0005, 0.02, 0.012) * 0.4
