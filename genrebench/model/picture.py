"""The timeline of a recording as a picture: its spectrogram, and below it the genre of each segment."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genrebench.audio.decode import Span, cut_segments
from genrebench.audio.mel import FLOOR_DB, MelConfig, mel_power, to_decibels
from genrebench.model.prediction import Prediction, Segment
from genrebench.model.rows import clock
from genrebench.report.figures import label, png
from genrebench.system.files import escaped

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Columns of pixels that a picture has for the spectrogram; of a longer recording each shows several frames.
_COLUMNS = 1600
_INCHES, _DPI = (10.0, 4.4), 150
# Share of the picture's width that a letter of a genre's name needs.
_LETTER = 0.0065
_TICKS = (500, 1000, 2000, 4000, 8000, 16000)
# Seconds between two times at the axis; a recording may have a day.
_STEPS = (0.1, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 86_400)
_HATCHES = ("", "///", "...", "xxx")
_COLORS = 10


def timeline_picture(prediction: Prediction, mel: MelConfig) -> bytes:
    """Draw a recording with what a model makes of each segment; the recording is decoded once more.

    Parameters
    ----------
    prediction : Prediction
        With its timeline.
    mel : MelConfig
        The model's.

    Returns
    -------
    bytes
        A PNG.

    Raises
    ------
    AudioError
        If the recording is there no more.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    figure = Figure(figsize=_INCHES, dpi=_DPI, layout="constrained")
    above, below = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    duration = prediction.timeline[-1].end
    _draw_spectrogram(above, _spectrogram(prediction, mel), mel, duration)
    _draw_genres(below, prediction, duration)
    below.set_xlim(0, duration)
    step = next((step for step in _STEPS if duration <= 10 * step), duration)
    below.xaxis.set_major_locator(MultipleLocator(step))
    below.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: clock(seconds).removesuffix(".0")))
    below.set_xlabel("time (minutes:seconds)")
    name = escaped(prediction.path.name)
    shown = name if len(name) <= 70 else f"{name[:45]} ... {name[-20:]}"
    verdict = "uncertain, perhaps " if prediction.uncertain else ""
    figure.suptitle(label(f"{shown}: {verdict}{prediction.genre} {100 * prediction.probability:.1f} %"))
    return png(figure)


def _spectrogram(prediction: Prediction, mel: MelConfig) -> NDArray[np.float32]:
    """Make the spectrogram of a recording as a whole, in dB below its maximum.

    Returns
    -------
    ndarray of float32 [shape=(n_mels, columns)]
        Of frames that share a column, the loudest counts; silence is the floor.
    """
    frames = int(np.ceil(prediction.timeline[-1].end * mel.sample_rate / mel.hop_length))
    columns = max(1, min(frames, _COLUMNS))
    power = np.zeros((columns, mel.n_mels), np.float32)
    spans: list[Span] = []
    for samples in cut_segments(prediction.path, sample_rate=mel.sample_rate, samples=mel.segment_samples, spans=spans):
        found = mel_power(samples, mel).T
        first = spans[-1][0] * mel.sample_rate / mel.hop_length
        places = ((first + np.arange(len(found))) * columns / frames).astype(int)
        inside = places < columns
        np.maximum.at(power, places[inside], found[inside])
    return to_decibels(power.T)


def _draw_spectrogram(axes: "Axes", decibels: NDArray[np.float32], mel: MelConfig, duration: float) -> None:
    """Draw the spectrogram with frequencies at its side."""
    import librosa

    extent = (0.0, duration, 0.0, float(mel.n_mels))
    axes.imshow(decibels, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=FLOOR_DB, vmax=0)
    ticks = [tick for tick in _TICKS if tick < mel.sample_rate / 2]
    bands = librosa.hz_to_mel(np.array(ticks)) / librosa.hz_to_mel(mel.sample_rate / 2) * (mel.n_mels + 1) - 0.5
    axes.set_yticks(bands, [f"{tick // 1000} k" if tick >= 1000 else str(tick) for tick in ticks])
    axes.set_ylabel("frequency (Hz)")


def _draw_genres(axes: "Axes", prediction: Prediction, duration: float) -> None:
    """Draw a bar for each segment, as high as its genre is probable, and name runs of a genre that have room."""
    from matplotlib import colormaps

    genres = sorted(prediction.probabilities)
    colors: Any = colormaps["tab10"]
    shown: dict[str, Any] = {}
    for start, end, segment in _bars(prediction.timeline):
        number = genres.index(segment.genre)
        shown[segment.genre] = axes.bar(
            start,
            segment.probability,
            end - start,
            align="edge",
            color=colors(number % _COLORS),
            hatch=_HATCHES[number // _COLORS % len(_HATCHES)],
            edgecolor="white",
            linewidth=0.5 if len(prediction.timeline) < _COLUMNS / 10 else 0,
        )
    for start, end, genre in _runs(prediction.timeline):
        if (end - start) / duration > _LETTER * (len(genre) + 1):
            place = ((start + end) / 2, 0.08)
            axes.annotate(label(genre), place, ha="center", va="bottom", color="black", fontsize="small",
                          bbox={"boxstyle": "round,pad=0.15", "color": "white", "alpha": 0.8})  # fmt: skip
    axes.set_ylim(0, 1)
    axes.set_ylabel("probability")
    names = sorted(shown)
    axes.legend(
        [shown[name] for name in names],
        [label(name) for name in names],
        loc="upper center",
        bbox_to_anchor=(0.5, -0.5),
        ncols=min(len(names), 8),
        frameon=False,
    )


def _bars(timeline: tuple[Segment, ...]) -> Iterator[tuple[float, float, Segment]]:
    """Place segments, of which one that overlaps the next ends where that begins."""
    ends = [*(segment.start for segment in timeline[1:]), np.inf]
    for segment, following in zip(timeline, ends, strict=True):
        yield segment.start, min(segment.end, following), segment


def _runs(timeline: tuple[Segment, ...]) -> Iterator[tuple[float, float, str]]:
    """Join neighbors of one genre."""
    begun: tuple[float, float, str] | None = None
    for start, end, segment in _bars(timeline):
        if begun is not None and begun[2] == segment.genre and start <= begun[1]:
            begun = (begun[0], end, segment.genre)
            continue
        if begun is not None:
            yield begun
        begun = (start, end, segment.genre)
    if begun is not None:
        yield begun
