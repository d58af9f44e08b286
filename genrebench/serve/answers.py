"""What the server answers: the types of the JSON, and how a recording becomes one."""

from pathlib import Path
from typing import Annotated

from fastapi import HTTPException
from pydantic import BaseModel, Field

from genrebench import __version__
from genrebench.audio.decode import decode
from genrebench.errors import AudioError, GenrebenchError, escaped
from genrebench.model.model import Model
from genrebench.serve.limits import Limits

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
        With status 413 or 422: it is too long, or holds nothing that can be classified; with 500 if the model fails.
    """
    try:
        seconds = _length(model, path, limits)
        prediction = model.predict(path, timeline=True)
    except AudioError as error:
        raise HTTPException(422, _without_path(error, path, name)) from error
    except GenrebenchError as error:
        raise HTTPException(500, _without_path(error, path, name)) from error
    return Answer(
        file=name,
        genre=prediction.genre,
        probability=prediction.probability,
        uncertain=prediction.uncertain,
        probabilities=prediction.probabilities,
        seconds=round(seconds, 3),
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


def _length(model: Model, path: Path, limits: Limits) -> float:
    """Measure a recording by decoding it, and no further than it may go.

    What is classified is decoded once more: that costs little beside its spectrograms, and nothing that is too long
    is looked at.
    """
    rate = model.mel.sample_rate if model.mel else 22050
    samples = 0
    for block in decode(path, rate):
        samples += len(block)
        if samples > limits.max_seconds * rate:
            longest = f"{limits.max_seconds:g} s"
            raise HTTPException(413, f"expected a recording of at most {longest}, received a longer one; cut it")
    return samples / rate


def _without_path(error: GenrebenchError, path: Path, name: str) -> str:
    """Name the recording as its sender does; where it lies is nobody's business."""
    return str(error).replace(escaped(path), name)
