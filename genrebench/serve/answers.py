"""What the server answers: the types of the JSON, and how a recording becomes one."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import numpy as np
from fastapi import HTTPException
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from genrebench import __version__
from genrebench.audio.blocks import window_spans
from genrebench.audio.mel import MelConfig
from genrebench.errors import AudioError, GenrebenchError, escaped
from genrebench.model.model import Model
from genrebench.model.prediction import Prediction
from genrebench.serve.decoding import Heard, hear, read_spectrograms
from genrebench.serve.limits import Limits
from genrebench.system.apart import call_apart

Probability = Annotated[float, Field(ge=0, le=1)]
Probabilities = Annotated[dict[str, Probability], Field(description="of every genre, the most probable first")]


class SegmentAnswer(BaseModel):
    """What the model makes of one segment."""

    start: float = Field(description="in the recording, in seconds")
    end: float
    genre: str
    probability: Probability
    probabilities: Probabilities


class Answer(BaseModel):
    """What the model makes of a recording."""

    file: str = Field(description="name that was sent, without folders")
    genre: str = Field(description="the most probable one")
    probability: Probability = Field(description="of that genre, calibrated if the model is")
    uncertain: bool = Field(description="whether it is so improbable that it is rather wrong than right")
    probabilities: Probabilities
    seconds: float = Field(description="length of the recording")
    segments: int = Field(description="segments that were classified; silent ones are not")
    timeline: list[SegmentAnswer]
    notes: list[str] = Field(description="what is wrong with the recording although it was heard")
    model: str = Field(description="its name")


class Problem(BaseModel):
    """Why there is no answer."""

    error: str = Field(description="one line: what was expected, what was received, what to do")


class Health(BaseModel):
    """That the server answers, and with what."""

    status: str = "ok"
    version: str = __version__
    model: str
    backend: str
    genres: list[str]
    max_megabytes: int
    max_seconds: float
    busy: int = Field(description="recordings that are here")
    places: int = Field(description="recordings that may be here")


def model_name(model: Model) -> str:
    """Name a model by its folder."""
    return escaped(model.folder.name) if model.folder else "in memory"


def classify_upload(model: Model, path: Path, name: str, limits: Limits) -> Answer:
    """Classify a recording that was sent.

    Parameters
    ----------
    path : Path
        Where it lies; answers do not tell.
    name : str
        What it is called in the answer.

    Raises
    ------
    HTTPException
        With status 413 or 422: it is too long, or holds nothing that can be classified; with 500 if the model fails;
        with 504 if decoding takes too long.
    """
    assert model.mel is not None
    spectrograms = path.with_suffix(".spectrograms")
    try:
        heard = _heard(model.mel, path, spectrograms, name, limits)
        prediction = _prediction(model, model.mel, path, heard, read_spectrograms(spectrograms, heard, model.mel))
    except AudioError as error:
        raise HTTPException(422, _without_path(error, path, name)) from error
    except GenrebenchError as error:
        raise HTTPException(500, _without_path(error, path, name)) from error
    finally:
        spectrograms.unlink(missing_ok=True)
    return Answer(
        file=name,
        genre=prediction.genre,
        probability=prediction.probability,
        uncertain=prediction.uncertain,
        probabilities=prediction.probabilities,
        seconds=round(heard.seconds, 3),
        segments=prediction.segments,
        timeline=[
            SegmentAnswer(
                start=round(each.start, 3),
                end=round(each.end, 3),
                genre=each.genre,
                probability=each.probability,
                probabilities=each.probabilities,
            )
            for each in prediction.timeline
        ],
        notes=list(prediction.notes),
        model=model_name(model),
    )


def _heard(mel: MelConfig, path: Path, spectrograms: Path, name: str, limits: Limits) -> Heard:
    """Decode a recording where it can do no harm, and say what came of it."""
    seconds = f"{limits.timeout:g} s"
    try:
        heard = call_apart(limits.timeout, hear, path, mel, limits.max_seconds, spectrograms)
    except TimeoutError as error:
        raise HTTPException(
            504, f"{name}: expected a recording that is decoded within {seconds}, gave it up; send a shorter one"
        ) from error
    except ChildProcessError as error:
        raise HTTPException(422, f"{name}: cannot be decoded; {error}") from error
    if heard is None:
        longest = f"{limits.max_seconds:g} s"
        raise HTTPException(413, f"expected a recording of at most {longest}, received a longer one; cut it")
    return heard


def _prediction(
    model: Model, mel: MelConfig, path: Path, heard: Heard, spectrograms: Iterable[NDArray[np.float32]]
) -> Prediction:
    """Classify what was decoded, as the model itself does with a recording."""
    found = np.concatenate([model.log_probabilities(inputs) for inputs in model.prepare(spectrograms)])
    spans = window_spans(heard.spans, frames=mel.shape[1], block=mel.segments, overlap=model.overlap)
    return Prediction.of_segments(path, found, model.genres, heard.notes, calibration=model.calibration, spans=spans)


def _without_path(error: GenrebenchError, path: Path, name: str) -> str:
    """Name the recording as its sender does; where it lies is nobody's business."""
    return str(error).replace(escaped(path), name)
