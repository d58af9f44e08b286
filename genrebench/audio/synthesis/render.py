"""Synthetic music in ten genres, made from a seed, for the demonstration and for tests.

`genrebench.audio.synthesis.styles` says what a genre is. One renderer turns any style into a recording and takes
all the rest (key, tempo, progression, pattern variations, tuning, mix, noise, gain) from the seed.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from genrebench.audio.synthesis.styles import DRUMS, STEPS, STYLES, TIMBRES, TONES, Drum, Part, Timbre
from genrebench.errors import ConfigError
from genrebench.system.files import StrPath

Samples = NDArray[np.float32]

# Samples in one period of a waveform, and how many harmonics it has.
_PERIOD, _HARMONICS = 2048, 32

GENRES: tuple[str, ...] = tuple(STYLES)


@dataclass(frozen=True)
class _Take:
    """What is chosen at random once for a recording and shared by all its instruments.

    Times are in seconds: of a sixteenth note (`step`), of the first bar that precede the recording (`skipped`), by
    which a note is off (`jitter`). A note is `omitted` with that probability. Chords are the root above the key and the
    kind of chord, one pair per bar, repeated.
    """

    rng: np.random.Generator
    sample_rate: int
    samples: int
    step: float
    skipped: float
    swing: float
    omitted: float
    jitter: float
    key: int
    chords: tuple[tuple[int, str], ...]

    def events(self, patterns: list[str]) -> Iterator[tuple[int, str, int, int]]:
        """Go through the notes or strokes of one instrument.

        Each is the number of the bar, the token of the pattern, the first sample, and the sixteenths to the next one.
        """
        usual = patterns[self.rng.integers(len(patterns))]
        for bar in range(math.ceil((self.samples / self.sample_rate + self.skipped) / (self.step * STEPS))):
            pattern = usual if self.rng.random() < 0.75 else patterns[self.rng.integers(len(patterns))]
            places = [place for place, token in enumerate(pattern) if token != "."]
            for place, following in zip(places, [*places[1:], STEPS], strict=True):
                if self.rng.random() < self.omitted:
                    continue
                phase = place / 4 % 1
                steps = bar * STEPS + place + self.swing * 8 * min(phase, 1 - phase)
                seconds = steps * self.step - self.skipped + self.rng.normal(0, self.jitter)
                yield bar, pattern[place], round(seconds * self.sample_rate), following - place


def _tone(timbre: Timbre, pitch: int, samples: int, sample_rate: int) -> Samples:
    """Render one note."""
    frequency = 440 * 2 ** ((pitch - 69) / 12)
    numbers = np.arange(1, _HARMONICS + 1)
    # Harmonics beyond the Nyquist frequency would come back as wrong notes.
    weights = np.where(numbers % 2, 1.0, timbre.even) * (numbers * frequency < 0.45 * sample_rate)
    spectra = np.zeros((2, _PERIOD // 2 + 1), np.complex128)
    spectra[:, 1 : _HARMONICS + 1] = weights * numbers**-timbre.rolloff * np.stack([numbers**0.0, 1 / numbers])
    bright, dark = np.fft.irfft(spectra * (-0.5j * _PERIOD)).astype(np.float32)
    time = np.arange(samples) / sample_rate
    shine = np.exp(-time / timbre.shine)
    wave = np.zeros(samples)
    for cents in (-timbre.spread / 2, timbre.spread / 2):
        index = (time * (frequency * 2 ** (cents / 1200) * _PERIOD)).astype(np.int64) % _PERIOD
        wave += dark[index] + shine * (bright - dark)[index]
    wave *= timbre.sustain + (1 - timbre.sustain) * np.exp(-time / timbre.decay)
    wave *= np.minimum(time / timbre.attack, 1) * np.minimum(time[::-1] / 0.02, 1)
    return wave.astype(np.float32)


def _stroke(drum: Drum, take: _Take) -> Samples:
    """Render one stroke, tuned and damped a little differently in each recording."""
    tuning, length = take.rng.uniform(0.87, 1.15), take.rng.uniform(0.75, 1.3)
    ring, hiss = drum.ring * length, drum.hiss * length
    time = np.arange(1, 2 + round(5 * max(ring, hiss) * take.sample_rate)) / take.sample_rate
    fall = (drum.high - drum.low) * 0.02 * (1 - np.exp(-time / 0.02))
    tone = np.sin(2 * np.pi * tuning * (drum.low * time + fall)) * np.exp(-time / ring)
    noise = np.diff(take.rng.standard_normal(len(time) + drum.edge), drum.edge) * np.exp(-time / hiss)
    noise /= math.sqrt(math.comb(2 * drum.edge, drum.edge))
    return np.asarray((1 - drum.noise) * tone + drum.noise * noise, np.float32)


def _add(bus: Samples, sound: Samples, start: int, gain: float) -> None:
    """Mix a sound into a bus from a sample on, which may be negative; what sticks out at either end is cut off."""
    begin, end = max(start, 0), min(start + len(sound), len(bus))
    if begin < end:
        bus[begin:end] += np.float32(gain) * sound[begin - start : end - start]


def _play_drums(beat: str, take: _Take) -> Samples:
    """Play the drums."""
    bus = np.zeros(take.samples, np.float32)
    for name, pattern in (voice.split("=") for voice in beat.split()):
        stroke = _stroke(DRUMS[name], take) * np.float32(take.rng.uniform(0.75, 1.3))
        for _, token, start, _ in take.events([pattern]):
            _add(bus, stroke, start, int(token) / 9 * take.rng.uniform(0.75, 1))
    return bus


def _play_part(part: Part, scale: tuple[int, ...], take: _Take) -> Samples:
    """Play one instrument other than the drums."""
    rng = take.rng
    usual = TIMBRES[str(rng.choice(part.timbres.split()))]
    timbre = Timbre(**{name: value * rng.uniform(0.85, 1.2) for name, value in vars(usual).items()})
    bus = np.zeros(take.samples, np.float32)
    notes: dict[tuple[int, int], Samples] = {}
    degree = int(rng.integers(len(scale)))
    for bar, token, start, steps in take.events(part.patterns.split()):
        offset, kind = take.chords[bar % len(take.chords)]
        tones = TONES[kind]
        root = part.lowest + (take.key + offset - part.lowest) % 12
        if token == "m":
            degree = int(np.clip(degree + rng.integers(-2, 3), 0, 2 * len(scale) - 1))
            octave, place = divmod(degree, len(scale))
            pitches = [part.lowest + (take.key - part.lowest) % 12 + 12 * octave + scale[place]]
        elif token == "w":
            pitches = [root + int(rng.choice(tones)) + int(rng.integers(-1, 2))]
        elif token.isdigit():
            octave, place = divmod(int(token), len(tones))
            pitches = [root + 12 * octave + tones[place]]
        else:
            pitches = [root + 12] if token == "o" else [root + tone for tone in tones]
        samples = max(1, round(steps * take.step * part.gate * take.sample_rate))
        gain = rng.uniform(0.7, 1)
        for pitch in pitches:
            if (pitch, samples) not in notes:
                notes[pitch, samples] = _tone(timbre, pitch, samples, take.sample_rate)
            _add(bus, notes[pitch, samples], start, gain)
    # Overdriven as a whole: the notes of a distorted chord disturb each other.
    return np.tanh(bus * np.float32(timbre.drive / (bus.std() + 1e-6))) if timbre.drive else bus


def _master(mix: Samples, take: _Take) -> Samples:
    """Put the mix into a room and through a channel: echoes, tone control, noise and gain."""
    rng = take.rng
    wet = mix.copy()
    room, tilt, hiss = rng.uniform(0, 0.35), rng.uniform(-0.3, 0.3), 10 ** (rng.uniform(-55, -28) / 20)
    for delay in rng.uniform(0.01, 0.12, 4):
        _add(wet, mix, round(delay * take.sample_rate), room * math.exp(-delay / 0.08))
    _add(wet, wet.copy(), 1, tilt)
    noise = rng.standard_normal(take.samples).astype(np.float32)
    _add(wet, noise, 0, hiss * (wet.std() + 1e-3))
    return wet * np.float32(rng.uniform(0.2, 0.85) / np.abs(wet).max())


def _check(seed: int, **positive: float) -> None:
    """Refuse a negative seed, and other numbers that are not positive and finite."""
    if seed < 0:
        raise ConfigError(f"synthetic music: expected seed to be at least 0, received {seed!r}")
    for name, value in positive.items():
        if not 0 < value < math.inf:
            raise ConfigError(f"synthetic music: expected {name} to be positive, received {value!r}")


def synthesize(genre: str, *, seed: int, duration: float, sample_rate: int = 22050) -> Samples:
    """Make one recording of synthetic music: mono, with a peak of at most 0.85.

    The same arguments give the same recording, another seed another one.

    Examples
    --------
    >>> y = synthesize("blues", seed=0, duration=2.0)
    >>> y.shape, y.dtype
    ((44100,), dtype('float32'))
    """
    if genre not in STYLES:
        raise ConfigError(f"synthetic music: expected the genre to be one of {', '.join(GENRES)}, received {genre!r}")
    _check(seed, duration=duration, sample_rate=sample_rate)
    style = STYLES[genre]
    rng = np.random.default_rng([GENRES.index(genre), seed])
    step = 15 / rng.uniform(*style.tempo)
    progression = [chord.split(":") for chord in str(rng.choice(style.progressions)).split()]
    first = int(rng.integers(len(progression)))
    take = _Take(
        rng=rng,
        sample_rate=sample_rate,
        samples=max(1, round(duration * sample_rate)),
        step=step,
        skipped=rng.uniform(0, step * STEPS),
        swing=rng.uniform(*style.swing),
        omitted=rng.uniform(0, 0.1),
        jitter=rng.uniform(0, 0.008),
        key=int(rng.integers(12)),
        chords=tuple((int(offset), kind) for offset, kind in progression[first:] + progression[:first]),
    )
    buses = [(1.0, _play_drums(str(rng.choice(style.drums)), take))]
    buses += [(part.level, _play_part(part, style.scale, take)) for part in style.parts if rng.random() < part.chance]
    mix = np.zeros(take.samples, np.float32)
    for level, bus in buses:
        _add(mix, bus, 0, level * 10 ** (rng.uniform(-3.5, 3.5) / 20) / (bus.std() + 1e-6))
    return _master(mix, take)


def write_recordings(
    folder: StrPath, *, tracks_per_genre: int, duration: float, seed: int, sample_rate: int = 22050
) -> list[Path]:
    """Write a data set laid out and named as GTZAN is: 16-bit PCM such as ``blues/blues.00000.wav``, genre by genre.

    Another seed gives other recordings throughout.
    """
    _check(seed, tracks_per_genre=tracks_per_genre, duration=duration, sample_rate=sample_rate)
    paths = []
    for genre in GENRES:
        (Path(folder) / genre).mkdir(parents=True, exist_ok=True)
        for track in range(tracks_per_genre):
            # Hashed together, so that neighboring seeds share no recording.
            track_seed = int(np.random.SeedSequence([seed, track]).generate_state(1, np.uint64)[0])
            samples = synthesize(genre, seed=track_seed, duration=duration, sample_rate=sample_rate)
            paths.append(Path(folder) / genre / f"{genre}.{track:05d}.wav")
            soundfile.write(paths[-1], samples, sample_rate, subtype="PCM_16")
    return paths
