"""What shells complete: commands, options, and the names and words that an option may be given."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from genrebench.cli.main import COMMANDS, main
from tests.training.made import run_in

_SCRIPTS = Path(sys.executable).parent
# The shell's own function, called as the shell would, on words that are typed so far.
_BASH = """eval "$(env _GENREBENCH_COMPLETE=bash_source genrebench)"
COMP_WORDS=({words}) COMP_CWORD={last}
compopt() {{ :; }}
_genrebench_completion genrebench
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def completed(*words: str) -> list[str]:
    """Complete the last of some words."""
    *before, incomplete = words
    found = ShellComplete(main, {}, "genrebench", "_GENREBENCH_COMPLETE").get_completions(before, incomplete)
    return [each.value for each in found if each.type == "plain"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with two runs."""
    for name in ("gtzan", "gtzan-long"):
        run_in(tmp_path / "results" / name)
    (tmp_path / "results" / "notes").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_commands_and_options_are_completed() -> None:
    """All commands, and each command's options."""
    assert completed("") == list(COMMANDS)
    assert completed("pre") == ["preprocess"]
    assert completed("infer", "--to") == ["--top-k"]
    assert {"--model", "--json"} <= set(completed("infer", "--"))
    assert completed("infer", "--format", "j") == ["json", "jsonl"]


@pytest.mark.parametrize(
    "words",
    ["infer --model", "serve --model", "evaluate --model", "parity --model", "doctor --model", "summary --model",
     "compare", "compare gtzan", "export", "report", "train --resume --name"],
)  # fmt: skip
def test_runs_are_completed_by_their_names(folder: Path, words: str) -> None:
    """Wherever a run is asked for; what is in results/ and no run is left out."""
    assert completed(*words.split(), "gtzan-") == ["gtzan-long"]
    assert completed(*words.split(), "gt") == ["gtzan", "gtzan-long"]
    assert completed(*words.split(), "n") == []


def test_runs_are_those_of_the_folder_that_was_named(folder: Path) -> None:
    """``--results`` before it counts; the built-in model is one of the models."""
    run_in(folder / "others" / "gtr")
    assert completed("export", "--results", "others", "gt") == ["gtr"]
    assert completed("infer", "--model", "bu") == ["builtin"]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("train --split a", ["artist"]),
        ("evaluate --protocol s", ["segment"]),
        ("train --precision b", ["bfloat16"]),
        ("train --logger m", ["mlflow"]),
        ("train --logger w", ["wandb"]),
        ("train --set training.lea", ["training.learning_rate=", "training.learning_rate=0.001"]),
        ("train --set split.artists", ["split.artists="]),
        ("train --device a", ["auto"]),
        ("infer --device cu", ["cuda"]),
        ("infer --backend num", ["numpy"]),
        ("train --backend num", ["numpy"]),
        ("parity --reference num", ["numpy"]),
        ("check num", ["numpy"]),
        ("compare --part v", ["validation"]),
        ("bench tr", ["training"]),
        ("train --epochs 3", []),
    ],
)
def test_values_that_are_known_are_completed(words: str, found: list[str]) -> None:
    """Those of the experiment file's settings, and what is installed."""
    assert completed(*words.split()) == found


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(shell: str) -> None:
    """By the variable that the documentation names."""
    script = _genrebench(f"{shell}_source")
    assert "_GENREBENCH_COMPLETE" in script
    assert f"{shell}_complete" in script


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("words", "found"),
    [("inf", ["infer"]), ("infer --model gtzan-", ["gtzan-long"]), ("infer --format par", ["parquet"])],
)
def test_bash_completes(folder: Path, words: str, found: list[str]) -> None:
    """The script runs in bash itself."""
    typed = ["genrebench", *words.split()]
    script = _BASH.format(words=" ".join(typed), last=len(typed) - 1)
    path = os.pathsep.join([str(_SCRIPTS), os.environ["PATH"]])
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env={**os.environ, "PATH": path})
    assert done.stderr == ""
    assert [line for line in done.stdout.splitlines() if line] == found


def _genrebench(instruction: str) -> str:
    """Run the command line as a shell does that wants to know."""
    environment = {**os.environ, "_GENREBENCH_COMPLETE": instruction}
    return subprocess.run([_SCRIPTS / "genrebench"], env=environment, capture_output=True, text=True, check=True).stdout
