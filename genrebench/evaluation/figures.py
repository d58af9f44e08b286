"""What an evaluation looks like: figures of matplotlib, for a page or as pictures."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genrebench.audio.mel import MelConfig
from genrebench.report.figures import label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Of a full cell, on which light letters can be read; no color of the page's own, which changes in the dark.
_FULL, _LIGHT = "#2f6fb3", "#fefefe"
_LONGEST = 20
# More columns of a spectrogram than a page can show are averaged, and what nobody sees is not stored: decibels by twos.
_MOST_COLUMNS, _STEP = 320, 2


def confusion_figure(part: Mapping[str, Any], title: str) -> "Figure":
    """Draw the confusion matrix of a part's tracks."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    genres, counts = [label(_short(genre)) for genre in part["genres"]], part["track_confusion"]
    size = max(4.0, 0.36 * len(genres) + 1.4)
    figure = Figure(figsize=(size + 0.6, size), dpi=120, layout="constrained")
    axes = figure.subplots()
    for row, line in enumerate(counts):
        for column, count in enumerate(line):
            if count:
                share = count / sum(line)
                corner = column - 0.5, row - 0.5
                axes.add_patch(Rectangle(corner, 1, 1, facecolor=_FULL, alpha=share, linewidth=0))
                color = _LIGHT if share > 0.5 else "black"
                axes.text(column, row, str(count), ha="center", va="center", color=color)
    places, edges = range(len(genres)), (-0.5, len(genres) - 0.5)
    axes.set_xticks(places, genres, rotation=45, ha="right")
    axes.set_yticks(places, genres)
    axes.set_xticks([place - 0.5 for place in places], minor=True)
    axes.set_yticks([place - 0.5 for place in places], minor=True)
    axes.grid(which="minor", alpha=0.25)
    axes.tick_params(which="minor", length=0)
    axes.set(xlim=edges, ylim=edges[::-1], aspect="equal", xlabel="predicted", ylabel="true", title=label(title))
    return figure


def _short(name: str) -> str:
    """Shorten a name that would leave a figure no room."""
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 3]}..."


def reliability_figure(parts: Mapping[str, Mapping[str, Any]], title: str) -> "Figure":
    """Draw how often tracks are right against how sure the model is, for each part."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 4.8), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="gray", linestyle=":", label="as sure as right")
    for number, (name, part) in enumerate(parts.items()):
        bins = part["track_calibration"]["bins"]
        axes.plot(
            [each["confidence"] for each in bins],
            [each["accuracy"] for each in bins],
            marker="os^vDP"[number % 6],
            color=f"C{number}",
            label=label(f"{_short(name)}, ECE {part['track_calibration']['ece']:.3f}"),
        )
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="probability", ylabel="share of tracks that are right")
    axes.set_title(label(title))
    axes.grid(alpha=0.3)
    # Below the panel, where no line runs.
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return figure


def spectrogram_figure(spectrogram: NDArray[np.float32], mel: MelConfig | None) -> "Figure":
    """Draw the spectrogram of a track.

    Parameters
    ----------
    spectrogram : ndarray of float32 [shape=(n_mels, frames)]
        In dB; neighboring frames are averaged until they are as many as a page can show.
    mel : MelConfig, optional
        How it was made; without, time is counted in frames.
    """
    from matplotlib.figure import Figure

    bands, frames = spectrogram.shape
    step = -(-frames // _MOST_COLUMNS)
    starts = range(0, frames, step)
    shown = np.stack([spectrogram[:, start : start + step].mean(axis=1) for start in starts], axis=1)
    figure = Figure(figsize=(4.6, 1.9), dpi=120)
    axes = figure.subplots(gridspec_kw={"left": 0.12, "right": 0.98, "bottom": 0.25, "top": 0.97})
    # Segments that are padded are shorter in truth; the axis is that of the network's input.
    length = frames * mel.hop_length / mel.sample_rate if mel else frames
    axes.imshow(
        np.round(shown / _STEP),
        cmap="magma",
        origin="lower",
        aspect="auto",
        interpolation="none",
        extent=(0, length, 0, bands),
    )
    axes.set(xlabel="seconds" if mel else "frames", ylabel="Mel band")
    axes.tick_params(labelsize=8)
    return figure
