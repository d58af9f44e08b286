"""Jobs done in this process: spares a test an interpreter where it is about what a job computes, not who does it."""

import json
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from genrebench.backend.worker import JobResult, plain


def run_here(
    function: str, *, arrays: Mapping[str, Any] | None = None, options: Mapping[str, Any] | None = None, **others: Any
) -> JobResult:
    """Do a job as `run_job` would; options and value go through JSON.

    Parameters
    ----------
    function : str
        ``module:function``.

    Returns
    -------
    JobResult
        What it gave back; the report has the seconds alone, which are none.
    """
    place, _, name = function.partition(":")
    answer = getattr(import_module(place), name)(dict(arrays or {}), json.loads(json.dumps(dict(options or {}))))
    return JobResult(answer[0], json.loads(json.dumps(plain(answer[1]))), {"seconds": 0.0})
