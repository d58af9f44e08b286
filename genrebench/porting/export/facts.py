"""What is said of an exported model beside its weights, the same in every format."""

import dataclasses
from typing import Any

from genrebench.model.model import Model
from genrebench.system.environment import installed_version


def facts(model: Model) -> dict[str, Any]:
    """Describe in plain JSON types what a program needs that runs the model.

    Returns
    -------
    dict
        ``genres``, one per logit; ``mel``, the settings of spectrograms, None if they are another program's;
        ``standardizer`` as in ``model.json``, its kind named; ``segments_per_recording``, those that are standardized
        together; ``overlap``; ``calibration``; ``architecture``, that network's fingerprint; ``genrebench``.
    """
    standardizer = {"kind": model.standardizer.kind, **model.standardizer.to_json()}
    return {
        "genres": list(model.genres),
        "mel": dataclasses.asdict(model.mel) if model.mel else None,
        "standardizer": standardizer,
        "segments_per_recording": model.mel.segments if model.mel else None,
        "overlap": model.overlap,
        "calibration": model.calibration.to_json(),
        "architecture": model.architecture.fingerprint(),
        "genrebench": installed_version("genrebench"),
    }
