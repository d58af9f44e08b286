"""The kit in another process: results as they come, and a backend that only the other interpreter has."""

from pathlib import Path
from typing import Any

import pytest

from genrebench.backend.registry import list_backends
from genrebench.errors import WorkerError
from genrebench.testing import CheckResult
from genrebench.testing.job import run_check
from tests.plugins import use_plugins, write_plugin

ELSEWHERE = """
from genrebench.backend import BackendInfo
from genrebench.backend.numpy_reference import NumpyBackend

INFO = BackendInfo("elsewhere", "numpy", "the reference again", ("cpu",), False, "elsewhere:BACKEND", ("scipy",))

class Wrong(NumpyBackend):
    @staticmethod
    def build(architecture, weights, *, dtype, device):
        return NumpyBackend.build(architecture, {name: value * 1.5 for name, value in weights.items()}, dtype=dtype)

BACKEND = Wrong()
"""


def test_results_come_one_by_one_and_say_where_they_are_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """First the backend and its versions, then each result with its traceback; this process lacks the plugin."""
    use_plugins(
        monkeypatch, write_plugin(tmp_path, "elsewhere", {"elsewhere": "elsewhere:INFO"}, {"elsewhere": ELSEWHERE})
    )
    assert "elsewhere" not in {entry.name for entry in list_backends()}
    seen: list[Any] = []
    run = run_check(
        "elsewhere",
        only=["weights-round-trip", "info", "logits"],
        expected_failures={"logits": "weights are off"},
        on_start=lambda backend, versions: seen.append((backend["name"], backend["can_train"], set(versions))),
        on_result=seen.append,
    )
    assert seen[0] == ("elsewhere", False, {"python", "platform", "genrebench", "numpy", "scipy"})
    assert seen[1] == CheckResult("info", True, "passed")
    assert [each.status for each in seen[1:]] == ["passed", "failed", "expected"]
    assert run.results == tuple(seen[1:])
    assert "CheckFailure: conv2d/kernel" in seen[2].traceback
    assert run.backend["summary"] == "the reference again"
    assert run.report["seconds"] > 0
    assert "scipy" in run.report["versions"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "caffe"}, "expected one of the installed backends"),
        ({"backend": "numpy", "only": ["logit"]}, "expected one of the checks info, "),
        ({"backend": "numpy", "expected_failures": {"adam": ""}}, "adam: expected a failure with a reason"),
    ],
)
def test_what_cannot_be_checked_is_refused(options: dict[str, Any], message: str) -> None:
    """In one line, with the backend's name."""
    with pytest.raises(WorkerError, match=f"backend {options['backend']}: {message}"):
        run_check(**options)
