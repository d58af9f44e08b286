"""The model that was trained last, where none is named."""

import contextlib
from pathlib import Path

from genrebench.errors import ModelError
from genrebench.model.model import Model
from genrebench.model.storage import MODEL_FILE, read_document
from genrebench.system.files import StrPath


def newest_model(results: StrPath) -> Path:
    """Find the newest run in a folder that can take recordings; broken ones do not count.

    Raises
    ------
    ModelError
        If there is none.
    """
    created = {}
    for path in Path(results).glob(f"*/{MODEL_FILE}"):
        with contextlib.suppress(ModelError):
            created[path.parent] = str(read_document(path.parent).get("created", ""))
    for folder in sorted(created, key=lambda folder: (created[folder], folder.name), reverse=True):
        with contextlib.suppress(ModelError):
            if Model.load(folder).mel is not None:
                return folder
    raise ModelError("expected a trained model, found none; run genrebench train, or give --model", path=results)
