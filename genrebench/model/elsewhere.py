"""What a model makes of recordings in other processes or on other machines, each recording on its own."""

import copy
import functools
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

from genrebench.audio.drift import LIBRARIES
from genrebench.backend.registry import list_backends
from genrebench.errors import AudioError
from genrebench.model.prediction import Prediction
from genrebench.system.executor import ENDS_ITS_PROCESS, Executor, Needs
from genrebench.system.memory import keep_freed_memory

Numbered = Generator[tuple[int, Prediction | AudioError], None, None]


class Predictor(Protocol):
    """A model, as far as it is needed here; it can be pickled."""

    @property
    def backend(self) -> str:
        """Name the backend that runs it."""
        ...

    def predict_many(
        self, paths: Iterable[Path], *, timeline: bool = False
    ) -> Generator[Prediction | AudioError, None, None]:
        """See `Model.predict_many`."""
        ...


def predict_by(model: Predictor, executor: Executor, paths: Sequence[Path], *, timeline: bool = False) -> Numbered:
    """Classify recordings.

    Parameters
    ----------
    executor : Executor
        Where.
    timeline : bool
        As of `Model.predict_many`.

    Returns
    -------
    generator of tuple
        Place of a recording, from 0, and what became of it, in the order in which they are done.
    """
    model = copy.copy(model)
    vars(model).pop("network", None)  # each process builds its own
    backends = [entry.info for entry in list_backends() if entry.name == model.backend]
    frameworks = [name for info in backends if info for name in (info.framework, *info.requires)]
    return executor.run(
        functools.partial(_predict_one, model, timeline),
        list(enumerate(paths)),
        prepare=keep_freed_memory,
        lost=_lost,
        needs=Needs.to_read(paths, (*LIBRARIES, *frameworks)),
    )


def _predict_one(model: Predictor, timeline: bool, numbered: tuple[int, Path]) -> tuple[int, Prediction | AudioError]:
    """Classify one recording, and say which."""
    place, path = numbered
    return place, next(model.predict_many([path], timeline=timeline))


def _lost(numbered: tuple[int, Path]) -> tuple[int, Prediction | AudioError]:
    """Give up a recording that ends whatever works on it."""
    place, path = numbered
    return place, AudioError(ENDS_ITS_PROCESS, path=path)


def in_order(numbered: Numbered) -> Generator[Prediction | AudioError, None, None]:
    """Put in their order what comes as it is done, and keep what comes before its turn."""
    early: dict[int, Prediction | AudioError] = {}
    turn = 0
    with closing(numbered):
        for place, outcome in numbered:
            early[place] = outcome
            while turn in early:
                yield early.pop(turn)
                turn += 1
