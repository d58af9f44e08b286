"""Recordings that are classified in other processes: their order, and one that ends its process."""

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genrebench.errors import AudioError
from genrebench.model.elsewhere import Numbered, in_order, predict_by
from genrebench.model.prediction import Prediction
from genrebench.system.executor import NOTHING, Needs


@dataclass
class Model:
    """A model that knows one genre."""

    backend: str = "numpy"
    network: object = None

    def predict_many(
        self, paths: Iterable[Path], *, timeline: bool = False
    ) -> Generator[Prediction | AudioError, None, None]:
        """Classify."""
        assert not hasattr(self, "network") or self.network is None, "it would have to be sent"
        for path in paths:
            yield Prediction(path, 1, {"rock": 1.0})


class Backwards:
    """An executor that begins with the last item, and loses the first."""

    needs = NOTHING

    def run(
        self,
        function: Callable[[Any], Any],
        items: Sequence[Any],
        *,
        prepare: Callable[[], object],
        lost: Callable[[Any], Any] | None = None,
        needs: Needs = NOTHING,
    ) -> Generator[Any, None, None]:
        """Run a function on items."""
        self.needs = needs
        for item in reversed(items[1:]):
            yield function(item)
        assert lost is not None
        yield lost(items[0])


def test_each_recording_has_its_answer_in_its_place(tmp_path: Path) -> None:
    """One that ends its process has an error; the model goes without its network."""
    paths = [tmp_path / f"{number}.wav" for number in range(4)]
    executor = Backwards()
    model = Model(network="large")
    numbered = list(predict_by(model, executor, paths))
    assert model.network == "large"
    assert [place for place, _ in numbered] == [3, 2, 1, 0]
    first, *others = in_order(each for each in numbered)
    assert [each.path for each in others] == paths[1:]
    assert isinstance(first, AudioError)
    assert str(first).startswith(f"{paths[0]}: ended the process that worked on it, twice")
    assert executor.needs.folders == (tmp_path,)
    assert {"librosa", "numpy", "genrebench"} <= set(executor.needs.libraries)


def test_what_is_early_waits_for_its_turn() -> None:
    """And is passed on as soon as that comes; the source is closed with the rest."""
    closed = []

    def numbered() -> Numbered:
        """Give four, the second one last but one."""
        try:
            for place in (0, 2, 1, 3):
                yield place, AudioError(str(place))
        finally:
            closed.append(True)

    ordered = in_order(numbered())
    assert [str(next(ordered)) for _ in range(3)] == ["0", "1", "2"]
    ordered.close()
    assert closed == [True]
