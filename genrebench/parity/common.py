"""What every report says, whatever is compared: when, how long, on which machine; and what was found."""

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from genrebench.parity.report import SCHEMA_VERSION, Finding, Stage
from genrebench.system.environment import processor, versions

# Settings from outside that change what frameworks compute, and how fast.
_FLAGS = (
    *("OMP_", "MKL_", "OPENBLAS_", "ONEDNN_", "XLA_", "JAX_", "KERAS_", "TORCH_", "CUDA_", "GENREBENCH_", "MALLOC_"),
    # Terraform's variables begin with TF_, too.
    *("TF_CPP_", "TF_CUDNN_", "TF_DETERMINISTIC_", "TF_ENABLE_", "TF_FORCE_", "TF_GPU_", "TF_NUM_", "TF_XLA_"),
)


def common_fields(stages: Sequence[Stage], findings: Sequence[Finding], *, seconds: float) -> dict[str, Any]:
    """Make the fields of a report that do not depend on what it is about.

    Stages and findings lose the cases of their rows: the ledger needed them, and they hold the tensors of the run.
    """
    return {
        "schema": SCHEMA_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 2),
        "environment": {
            **versions(("genrebench", "numpy")),
            "processor": processor(),
            "cores": os.cpu_count(),
            "flags": {name: value for name, value in sorted(os.environ.items()) if name.startswith(_FLAGS)},
        },
        "stages": tuple(_without_cases(each) for each in stages),
        "findings": tuple(replace(each, row=each.row and replace(each.row, case=None)) for each in findings),
    }


def _without_cases(stage: Stage) -> Stage:
    """Drop the cases of all rows of a stage."""
    comparisons = (
        replace(each, rows=tuple(replace(row, case=None) for row in each.rows)) for each in stage.comparisons
    )
    return replace(stage, comparisons=tuple(comparisons))
