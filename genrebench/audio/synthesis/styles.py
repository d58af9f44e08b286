"""The rules of ten genres, as data for `genrebench.audio.synthesis.render`.

A genre is a `Style`: rows of data about tempo, harmony, rhythm and instruments.

A bar is written as 16 characters, one per sixteenth note. ``.`` leaves whatever sounds alone. In a drum pattern a digit
is how hard the stroke is. In a part a digit is a note of the current chord counted from its root, ``o`` the root an
octave up, ``c`` the whole chord, ``w`` a note of a walking bass, and ``m`` the next note of an improvised melody.
"""

from dataclasses import dataclass

# Sixteenths in a bar.
STEPS = 16
TONES = {"5": (0, 7, 12), "M": (0, 4, 7), "m": (0, 3, 7), "7": (0, 4, 7, 10), "M7": (0, 4, 7, 11), "m7": (0, 3, 7, 10)}
MAJOR, MINOR, BLUES = (0, 2, 4, 7, 9), (0, 2, 3, 5, 7, 8, 10), (0, 3, 5, 6, 7, 10)


@dataclass(frozen=True)
class Timbre:
    """The sound of one instrument.

    Attributes
    ----------
    rolloff, even : float
        The harmonic of number k has amplitude ``k ** -rolloff``, times `even` where k is even.
    attack, decay : float
        Seconds to full level, and time constant of the fall to `sustain`.
    sustain : float
        Share of the full level that a held note keeps.
    shine : float
        Time constant in seconds in which a note loses its brightness.
    spread : float
        Detuning between the two voices of a note, in cents.
    drive : float
        Gain in front of the overdrive; zero bypasses it.
    """

    rolloff: float
    even: float
    attack: float
    decay: float
    sustain: float
    shine: float
    spread: float = 4.0
    drive: float = 0.0


@dataclass(frozen=True)
class Drum:
    """The sound of one drum or cymbal: a falling tone and a noise.

    Attributes
    ----------
    high, low : float
        Frequency in Hz at which the tone starts and to which it falls.
    ring, hiss : float
        Time constants in seconds of tone and noise.
    noise : float
        Share of the noise, from 0 to 1.
    edge : int
        How many times the noise is differenced; the more, the thinner it is.
    """

    high: float
    low: float
    ring: float
    hiss: float
    noise: float
    edge: int


@dataclass(frozen=True)
class Part:
    """What one instrument plays.

    Attributes
    ----------
    timbres : str
        Names of timbres, one of which is chosen.
    lowest : int
        MIDI pitch from which the roots are counted.
    level : float
        Root mean square in the mix before the random deviation; the drums have 1.
    gate : float
        Share of the time up to the next note that a note sounds.
    patterns : str
        Bars, one of which is chosen as the usual one and any now and then as a variation.
    chance : float
        Probability that the part is played at all.
    """

    timbres: str
    lowest: int
    level: float
    gate: float
    patterns: str
    chance: float = 1.0


@dataclass(frozen=True)
class Style:
    """The rules of one genre.

    Attributes
    ----------
    tempo : tuple of float
        Slowest and fastest tempo in beats per minute.
    swing : tuple of float
        Least and greatest delay of the off-beat eighths in beats; a sixth makes triplets.
    scale : tuple of int
        Semitones above the key that melodies use.
    progressions : tuple of str
        Choices of harmony: one chord per bar, each as semitones above the key and the kind of chord.
    drums : tuple of str
        Choices of beat, each a row of ``drum=pattern``.
    parts : tuple of Part
        The other instruments.
    """

    tempo: tuple[float, float]
    swing: tuple[float, float]
    scale: tuple[int, ...]
    progressions: tuple[str, ...]
    drums: tuple[str, ...]
    parts: tuple[Part, ...]


TIMBRES = {
    "bass": Timbre(1.6, 0.8, 0.005, 0.5, 0.3, 0.15),
    "upright": Timbre(2.2, 0.7, 0.01, 0.35, 0.1, 0.08),
    "sub": Timbre(3.0, 0.4, 0.01, 0.9, 0.6, 0.1),
    "synthbass": Timbre(1.1, 1.0, 0.004, 0.2, 0.4, 0.12, spread=9.0),
    "piano": Timbre(1.7, 0.8, 0.004, 0.6, 0.05, 0.2),
    "keys": Timbre(2.4, 0.5, 0.006, 0.8, 0.2, 0.25, spread=6.0),
    "organ": Timbre(1.4, 0.6, 0.01, 1.0, 0.9, 4.0, spread=7.0),
    "steel": Timbre(1.1, 0.9, 0.003, 0.3, 0.05, 0.12),
    "banjo": Timbre(0.8, 1.0, 0.002, 0.12, 0.03, 0.07, spread=2.0),
    "clean": Timbre(1.4, 0.9, 0.003, 0.25, 0.1, 0.1),
    "lead": Timbre(1.2, 0.9, 0.008, 0.8, 0.5, 0.6, drive=2.0),
    "crunch": Timbre(1.2, 0.9, 0.004, 0.7, 0.5, 0.5, spread=6.0, drive=2.5),
    "fuzz": Timbre(0.9, 1.0, 0.003, 0.8, 0.7, 0.8, spread=9.0, drive=9.0),
    "strings": Timbre(1.3, 0.9, 0.12, 2.0, 0.9, 3.0, spread=11.0),
    "flute": Timbre(2.6, 0.5, 0.06, 1.0, 0.9, 1.0),
    "reed": Timbre(1.3, 0.4, 0.03, 0.6, 0.7, 0.9, spread=5.0),
    "synth": Timbre(0.8, 1.0, 0.006, 0.5, 0.6, 0.8, spread=14.0),
}

DRUMS = {
    "kick": Drum(160, 52, 0.12, 0.004, 0.15, 0),
    "deep": Drum(120, 42, 0.32, 0.004, 0.08, 0),
    "click": Drum(210, 62, 0.07, 0.012, 0.35, 1),
    "snare": Drum(260, 185, 0.07, 0.09, 0.65, 1),
    "brush": Drum(240, 200, 0.03, 0.06, 0.85, 2),
    "clap": Drum(900, 900, 0.02, 0.08, 0.9, 1),
    "rim": Drum(1700, 1650, 0.02, 0.01, 0.3, 1),
    "hat": Drum(6000, 6000, 0.02, 0.025, 0.9, 3),
    "open": Drum(6000, 6000, 0.1, 0.13, 0.9, 3),
    "ride": Drum(3400, 3300, 0.3, 0.15, 0.7, 3),
    "crash": Drum(2900, 2900, 0.1, 0.45, 0.9, 2),
}

# The rows stay whole, so that bars stand below bars.
# fmt: off
STYLES = {
    "blues": Style((66, 100), (0.13, 0.18), BLUES, (
        "0:7 0:7 0:7 0:7 5:7 5:7 0:7 0:7 7:7 5:7 0:7 7:7", "0:7 5:7 0:7 0:7 5:7 5:7 0:7 0:7 7:7 5:7 0:7 7:7"), (
        "kick=8.......8....... snare=....8.......8... hat=7.4.7.4.7.4.7.4.",
        "kick=8.....5.8....... snare=....7.......7... hat=6.5.6.5.6.5.6.5.",
    ), (
        Part("bass upright", 33, 0.8, 0.8, "0.0.1.1.2.2.3.2. 0...1...2...3... 0...2...3...2..."),
        Part("crunch organ", 45, 0.6, 0.6, "c.c.c.c.c.c.c.c. c...c...c...c... ..c...c...c...c."),
        Part("lead", 60, 0.6, 0.9, "m.m...m......... ....m.m.m...m... ..m.m.m.....m.m.", 0.8),
    )),
    "classical": Style((58, 112), (0, 0), (0, 2, 4, 5, 7, 9, 11), (
        "0:M 5:M 7:M 0:M", "0:M 9:m 2:m 7:M", "0:m 8:M 5:m 7:M", "0:M 7:M 9:m 4:m 5:M 0:M 5:M 7:M"), ("",), (
        Part("strings", 48, 0.8, 1.0, "c............... c.......c......."),
        Part("piano clean", 60, 0.6, 1.3, "0.1.2.1.3.1.2.1. 0.2.1.2.0.2.1.2. 0...1...2...1...", 0.8),
        Part("flute strings reed", 67, 0.6, 1.0, "m.......m...m... m...m.m.m....... m...........m...", 0.8),
        Part("strings upright", 36, 0.5, 1.0, "0............... 0.......2.......", 0.7),
    )),
    "country": Style((92, 132), (0, 0.05), MAJOR, (
        "0:M 0:M 5:M 0:M 0:M 7:M 7:M 0:M", "0:M 5:M 0:M 7:M", "0:M 9:m 5:M 7:M"), (
        "kick=6.......6....... brush=4.4.8.4.4.4.8.4.",
        "kick=6.......6....... brush=3.348.343.348.34",
    ), (
        Part("bass upright", 33, 0.8, 0.5, "0.......2....... 0.......2.....2."),
        Part("steel", 55, 0.8, 0.5, "....c.......c... ....c.c.....c.c. ....c.cc....c.cc"),
        Part("banjo steel", 64, 0.8, 1.2, "0.2.1.3.0.2.1.3. 0123.123.12301.2 m.m.m...m.m.m.m.", 0.9),
    )),
    "disco": Style((112, 130), (0, 0), MINOR, (
        "0:m7 5:m7 0:m7 7:m7", "0:m7 10:M 8:M7 7:m7", "0:M7 9:m7 2:m7 7:7"), (
        "kick=9...9...9...9... snare=....7.......7... open=..7...7...7...7.",
        "kick=9...9...9...9... clap=....7.......7... open=..7...7...7...7. hat=5.5.5.5.5.5.5.5.",
        "kick=9...9...9...9... snare=....7.......7... open=..6...6...6...6. hat=54.454.454.454.4",
    ), (
        Part("bass synthbass", 33, 0.8, 0.7, "0.o.0.o.0.o.0.o. 0.o.0.o.2.o.3.o. 0..oo..o0..oo..o"),
        Part("clean", 57, 0.45, 0.5, "..cc..c...cc..c. .cc..cc..cc..cc."),
        Part("strings", 62, 0.6, 0.9, "c............... m.......m...m.m. c.....c.........", 0.9),
    )),
    "hiphop": Style((80, 104), (0, 0.08), MINOR, (
        "0:m7 0:m7 8:M7 7:m7", "0:m7 5:m7", "0:m7 3:M7 0:m7 10:M"), (
        "deep=9.....7...7..... snare=....9.......9... hat=6.6.6.6.6.6.6.6.",
        "deep=9..7......97.... snare=....9.......9... hat=6.6.6.666.6.6.6.",
        "deep=9.........7..7.. clap=....9.......9... hat=6...6...6...6.66",
    ), (
        Part("sub", 28, 0.8, 0.8, "0.....0...0..... 0.........0..2.. 0..............."),
        Part("keys piano", 55, 0.4, 0.8, "c............... c.....c......... ......c.......c."),
        Part("flute keys", 67, 0.25, 0.6, "m..m..m......... ........m...m...", 0.5),
    )),
    "jazz": Style((104, 184), (0.1, 0.17), (0, 2, 3, 4, 5, 7, 9, 10, 11), (
        "2:m7 7:7 0:M7 0:M7", "0:M7 9:7 2:m7 7:7", "0:m7 5:7 10:M7 3:M7 9:m7 2:7 7:m7 7:m7"), (
        "ride=8...7.5.8...7.5. hat=....5.......5...",
        "ride=8...7.5.8...7.5. hat=....5.......5... brush=......4.....4...",
    ), (
        Part("upright", 33, 0.9, 0.9, "0...w...w...w... 0...1...2...w... w...w...w...w.w."),
        Part("piano keys", 52, 0.6, 0.7, "..c.......c..... c.....c......... ......c.....c..."),
        Part("reed flute", 60, 0.6, 0.9, "m.m.m.m...m.m... ..m.m.....m.m.m. m.....m.m.m.....", 0.8),
    )),
    "metal": Style((138, 196), (0, 0), (0, 1, 3, 5, 6, 7, 8, 10), (
        "0:5 0:5 1:5 3:5", "0:5 8:5 10:5 0:5", "0:5 6:5 5:5 1:5"), (
        "click=9999999999999999 snare=....9.......9... crash=6.......6.......",
        "click=9.999.999.999.99 snare=....9.......9... crash=6...6...6...6...",
        "click=9.9.9.9.9.9.9.9. snare=..9...9...9...9. hat=7.7.7.7.7.7.7.7.",
    ), (
        Part("fuzz", 40, 1.1, 0.8, "c.cccc.cc.cccc.c cccccccccccccccc c..c..c.c..c..c. c.......c.c.c.c."),
        Part("bass synthbass", 28, 0.6, 0.8, "0.0000.00.0000.0 0.0.0.0.0.0.0.0."),
        Part("lead fuzz", 64, 0.5, 0.9, "m.mmm.m.m.mmm.m. mmmmmmmm........ m.......m.......", 0.4),
    )),
    "pop": Style((96, 128), (0, 0), MAJOR, (
        "0:M 7:M 9:m 5:M", "9:m 5:M 0:M 7:M", "0:M 9:m 5:M 7:M"), (
        "kick=9.......9.9..... clap=....8.......8... hat=5.5.5.5.5.5.5.5.",
        "kick=9...9...9...9... clap=....8.......8... hat=..6...6...6...6.",
        "kick=9.....9.9....... clap=....8.......8... hat=5.555.555.555.55",
    ), (
        Part("synthbass", 36, 0.6, 0.8, "0.0.0.0.0.0.0.0. 0.....0.0.....0. 0...0...0...0..."),
        Part("synth", 60, 0.9, 0.8, "c..c..c...c..c.. c...c...c...c... c..............."),
        Part("synth flute", 72, 0.45, 0.8, "m.m.m...m.m..... ..m.m.m.....m... m...m...m.......", 0.7),
    )),
    "reggae": Style((66, 88), (0, 0.1), MINOR, ("0:m 5:m", "0:M 5:M 0:M 7:M", "0:m 10:M 8:M 10:M"), (
        "kick=....9.......9... rim=....8.......8... hat=4.3.4.3.4.3.4.3.",
        "kick=....9.......9... rim=......7.....7... hat=4...4...4...4.4.",
        "kick=9...9...9...9... rim=....8.......8... hat=4.3.4.3.4.3.4.3.",
    ), (
        Part("sub", 33, 1.2, 0.8, "0..0..1.2....... 0.....0.2.1.0... ....0.0.1.2....."),
        Part("clean", 62, 0.7, 0.35, "..c...c...c...c. ..cc..cc..cc..cc"),
        Part("organ", 57, 0.35, 0.5, "..c.c.c...c.c.c. .cc..cc..cc..cc.", 0.7),
        Part("reed flute", 67, 0.3, 0.8, "m.....m.m....... ........m.m...m.", 0.4),
    )),
    "rock": Style((108, 148), (0, 0), BLUES, (
        "0:5 10:5 5:5 0:5", "0:M 5:M 7:M 5:M", "0:5 3:5 5:5 0:5", "0:M 7:M 5:M 5:M"), (
        "kick=9.......9.9..... snare=....9.......9... hat=7.6.7.6.7.6.7.6.",
        "kick=9.....9...9..... snare=....9.......9... open=7...7...7...7...",
        "kick=9..9....9.9..... snare=....9.......9... crash=6...6...6...6...",
    ), (
        Part("crunch", 45, 0.9, 0.9, "c.c.c.c.c.c.c.c. c..c..c.c..c..c. c.......c.c.c.c."),
        Part("bass", 33, 0.7, 0.9, "0.0.0.0.0.0.0.0. 0.....0.0.0.0.0."),
        Part("lead", 64, 0.5, 0.9, "m...m.m.m....... m.m.m.m.m...m...", 0.5),
    )),
}
# fmt: on
