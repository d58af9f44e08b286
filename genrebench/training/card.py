"""The model card of a run, in the layout of the Hugging Face Hub: what it is, what it is worth, what it cannot do."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from genrebench.errors import ModelError
from genrebench.evaluation.pages import genre_rows, part_rows
from genrebench.report.document import Block, Code, Document, Heading, Item, Items, Table, Text
from genrebench.report.markdown import markdown
from genrebench.system.files import escaped, read_file, write_atomically
from genrebench.training.commands import train_command
from genrebench.training.folder import CARD_FILE
from genrebench.training.runs import Run, damaged

# By this line a card is known as one that may be written again.
_MARK = "<!-- Made by genrebench, which writes it again; without this line it is yours, and stays. -->"
_LARGEST = 2**20


def write_card(run: Run) -> Path | None:
    """Write a run's card into its folder, unless somebody wrote another; then None.

    Raises
    ------
    ModelError
        If the run's figures are damaged.
    """
    path = run.folder / CARD_FILE
    if path.exists() and _MARK not in _text(path):
        return None
    write_atomically(path, model_card(run).encode())
    return path


def model_card(run: Run) -> str:
    """Describe a run as a model card: YAML front matter, then Markdown.

    Raises
    ------
    ModelError
        If the run's figures are damaged.
    """
    try:
        blocks = [*_what(run), *_data(run), *_numbers(run), *_limits(run)]
        body = markdown(Document(run.name, blocks))
        return f"---\n{_yaml(_metadata(run))}---\n\n{body}\n{_MARK}\n"
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise damaged(run, error) from error


def _text(path: Path) -> str:
    """Read a card that is there; one that is no text is somebody's."""
    try:
        return read_file(path, expected="a card", error=ModelError, max_bytes=_LARGEST).decode(errors="replace")
    except ModelError:
        return ""


def _metadata(run: Run) -> dict[str, Any]:
    """Describe a run for the Hub's search."""
    found: dict[str, Any] = {
        "library_name": "genrebench",
        "pipeline_tag": "audio-classification",
        "tags": ["audio-classification", "music", "music-genre-classification", "mel-spectrogram"],
        "metrics": ["accuracy", "f1"],
    }
    if run.parts:
        found["model-index"] = [{"name": run.name, "results": [_result(run, part) for part in run.parts]}]
    return found


def _result(run: Run, part: str) -> dict[str, Any]:
    """Describe the figures of a part."""
    scores = run.parts[part]
    low, high = scores["track_interval"]
    name = run.data or "recordings"
    return {
        "task": {"type": "audio-classification", "name": "Music genre classification"},
        "dataset": {"type": name, "name": name, "split": part},
        "metrics": [
            {
                "type": "accuracy",
                "name": f"Accuracy of {scores['tracks']} tracks",
                "value": round(float(scores["track_accuracy"]), 4),
                "args": {"confidence": 0.95, "low": round(float(low), 4), "high": round(float(high), 4)},
            },
            {"type": "f1", "name": "Macro-F1 of tracks", "value": round(float(scores["track_macro_f1"]), 4)},
        ],
    }


def _yaml(value: Mapping[str, Any], indent: str = "") -> str:
    """Write mappings, lists, texts and numbers as YAML; texts are quoted as JSON does, which YAML reads."""
    lines = []
    for key, each in value.items():
        if isinstance(each, Mapping):
            lines.append(f"{indent}{key}:\n{_yaml(each, indent + '  ')}")
        elif isinstance(each, list):
            lines.append(f"{indent}{key}:\n")
            for item in each:
                text = _yaml(item, indent + "  ") if isinstance(item, Mapping) else f"{indent}  {_quoted(item)}\n"
                lines.append(f"{indent}- {text[len(indent) + 2 :]}")
        else:
            lines.append(f"{indent}{key}: {_quoted(each)}\n")
    return "".join(lines)


def _quoted(value: Any) -> str:
    """Write a text or a number as JSON does, without what YAML does not know."""
    return json.dumps(escaped(value) if isinstance(value, str) else value, ensure_ascii=False)


def _what(run: Run) -> Iterator[Block]:
    """Say what the model is, and how it is used."""
    genres = ", ".join(run.document.genres)
    yield Text(f"Names the genre of music from Mel spectrograms, as one of {len(run.document.genres)}: {genres}.")
    yield Heading("Use")
    yield Code(f"$ genrebench infer song.mp3 --model results/{run.name}", "console")
    yield Code(
        f'import genrebench as gb\n\nprint(gb.load({json.dumps(f"results/{run.name}")}).predict("song.mp3").genre)',
        "python",
    )
    yield Text(
        "The folder is the model: weights.safetensors holds the weights, model.json everything else (architecture, Mel "
        "settings, standardization, genres, figures). Nothing in it is unpickled."
    )


def _data(run: Run) -> Iterator[Block]:
    """Say what it was trained on, and how."""
    document = run.document
    yield Heading("Data")
    segments = ", ".join(f"{count} {part}" for part, count in document.data.segments.items())
    yield Text(
        f"{document.data.tracks} tracks in {len(document.genres)} genres{f', {run.data}' if run.data else ''}; "
        f"segments: {segments or 'not known'}."
    )
    if document.mel:
        settings = ", ".join(f"{key} {value:g}" for key, value in document.mel.items())
        yield Text(f"Each segment is a power Mel spectrogram in dB below its maximum: {settings}.")
    yield Heading("Protocol")
    proof = document.data.proof
    if proof:
        verdict = "something stands on two sides of it" if proof["leaky"] else "nothing stands on two sides of it"
        yield Text(f"Split by {proof['protocol']}; as far as was looked, {verdict}.")
    yield Text(
        f"{document.epochs_done} epochs by {document.backend}; the model is that of epoch {document.weights.epoch}."
    )
    if run.experiment:
        yield Code(f"$ {train_command(run.experiment)}", "console")
    rows = list(document.versions.items())
    yield Table(("with", "version"), rows)


def _numbers(run: Run) -> Iterator[Block]:
    """Tabulate the figures."""
    yield Heading("Numbers")
    if not run.parts:
        yield Text("None: the run was not measured by this version.")
        return
    yield part_rows(run.parts)
    part = next(iter(run.parts))
    yield Text(f"By genre, tracks of the {part} part:")
    yield genre_rows(run.parts[part])


def _limits(run: Run) -> Iterator[Block]:
    """Say what the model cannot do, and what is not known of it."""
    yield Heading("Limits")
    found = [
        "It knows these genres only: any other music is taken for one of them, and so is speech or noise.",
        "Genres are matters of opinion; a model learns those of whoever sorted the recordings.",
    ]
    for part, scores in run.parts.items():
        low, high = scores["track_interval"]
        found.append(
            f"{scores['tracks']} tracks of the {part} part stand for an accuracy between {100 * low:.0f} and "
            f"{100 * high:.0f} % on music like it (95 %, Wilson); other music may give less."
        )
    if "validation" in run.parts:
        found.append("The validation part chose the epoch and fitted the calibration: its figures are too good.")
    if run.parts and "test" not in run.parts:
        found.append("There was no test part.")
    proof = run.document.data.proof
    if proof and proof["leaky"]:
        found.append("Something stands on two sides of the split, which inflates the figures.")
    if proof and proof["artists"] is None:
        found.append("Whether artists stand on two sides of the split was not looked at; if so, part of what is "
                     "recognized is the artist.")  # fmt: skip
    found.append("Under which license it may be passed on depends on the recordings; none is stated here.")
    yield Items([Item(each) for each in found])
