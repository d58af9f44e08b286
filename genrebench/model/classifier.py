"""Old names of what is in `genrebench.model.model`, until nobody uses them."""

import dataclasses

from genrebench.model.model import Model
from genrebench.model.prediction import Prediction

__all__ = ["GenreClassifier", "Prediction"]


class GenreClassifier:
    """A model, under its old name."""

    def __init__(self, model: Model, *, backend: str = "torch", device: str = "auto") -> None:
        """Choose the backend."""
        self._model = dataclasses.replace(model, backend=backend, device=device)
        self.predict = self._model.predict
        self.predict_all = self._model.predict_many
