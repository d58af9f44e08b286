"""The formats: each is what other programs take it for."""

import csv
import io
import json
import re
from typing import Any

import pytest

from genrebench.cli.rows.choice import FORMATS, format_class
from genrebench.cli.rows.formats import Audacity, Csv, Format, Json, JsonLines, Layout, Text, column_width
from genrebench.model.rows import Row

GENRES = ("blues", "jazz", "rock")
MODEL = {"model": "small", "model_version": "0123456789abcdef"}
SEGMENTS = [
    {"start": 0.0, "end": 3.0, "genre": "rock", "probability": 0.5, "probabilities": {"rock": 0.5, "jazz": 0.3}},
    {"start": 3.0, "end": 4.5, "genre": "jazz", "probability": 1.0, "probabilities": {"jazz": 1.0, "rock": 0.0}},
]
GOOD: Row = {
    "path": "a.wav",
    "genre": "rock",
    "probability": 0.75,
    "uncertain": False,
    "probabilities": {"rock": 0.75, "jazz": 0.2, "blues": 0.05},
    "segments": 2,
    "timeline": SEGMENTS,
    **MODEL,
}
BAD: Row = {"path": "bad.wav", "error": "bad.wav: cannot be decoded", **MODEL}


def written(style: type[Format], *rows: Row, **options: Any) -> str:
    """Format rows from beginning to end."""
    made = style(Layout(genres=GENRES, **options))
    return b"".join([made.begin(), *map(made.row, rows), made.end()]).decode()


def table(*rows: Row, **options: Any) -> list[dict[str, str]]:
    """Read the lines of a CSV table."""
    return list(csv.DictReader(io.StringIO(written(Csv, *rows, **options))))


def test_text_is_for_people() -> None:
    """A line with as many genres as were asked for, aligned; an uncertain answer names its best guesses."""
    paths = ["a.wav", "long.wav"]
    assert written(Text, GOOD | {"timeline": []}, paths=paths) == "a.wav     rock 75.0 %\n"
    assert written(Text, GOOD | {"timeline": []}, top_k=2) == "a.wav  rock 75.0 %, jazz 20.0 %\n"
    uncertain = GOOD | {"uncertain": True, "timeline": []}
    assert written(Text, uncertain) == "a.wav  uncertain: rock 75.0 %, jazz 20.0 %, blues 5.0 %\n"


@pytest.mark.parametrize("width", [18, 40, 60])
def test_a_terminal_s_lines_are_folded_between_genres(width: int) -> None:
    """No genre and no figure is torn, and bars get shorter; a pipe has one line whatever its length."""
    row = GOOD | {"path": "ab/cd.wav", "timeline": []}
    lines = written(Text, row, top_k=3, width=width).splitlines()
    assert max(map(len, lines)) <= width
    parts = [part.strip() for line in lines for part in line.replace("cd.wav  ", "cd.wav,").strip(" ,").split(",")]
    assert parts == ["ab/cd.wav", "rock 75.0 %", "jazz 20.0 %", "blues 5.0 %"]
    assert len(lines) == {18: 4, 40: 2, 60: 1}[width]
    assert len(written(Text, row, top_k=3).splitlines()) == 1
    if width == 60:
        assert max(map(len, written(Text, GOOD, width=width - 8).splitlines())) <= width - 8


def test_text_tells_of_a_failure_where_standard_error_does_not() -> None:
    """In a file, and not in a terminal."""
    assert written(Text, BAD, failures=True) == "bad.wav  failed: bad.wav: cannot be decoded\n"
    assert written(Text, BAD) == ""


def test_text_shows_a_timeline_in_80_columns() -> None:
    """Start, end, genre, probability, and a bar as long as that; in ASCII where there is nothing else."""
    assert written(Text, GOOD).splitlines()[1:] == [
        "    0:00.0    0:03.0  rock   50.0 %  ━━━━━━━━━━",
        "    0:03.0    0:04.5  jazz  100.0 %  ━━━━━━━━━━━━━━━━━━━━",
    ]
    assert written(Text, GOOD, ascii=True).isascii()


def test_text_tells_what_was_done_and_what_would_be() -> None:
    """Behind the genre."""
    row = GOOD | {"timeline": [], "moved_to": "sorted/rock/a.wav", "tagged": "rock"}
    actions = ("moved_to", "tagged", "dry_run")
    assert written(Text, row, actions=actions).endswith("%  moved to sorted/rock/a.wav  tagged rock\n")
    dry = written(Text, row | {"dry_run": True}, actions=actions)
    assert dry.endswith("%  would be moved to sorted/rock/a.wav  would be tagged rock\n")


@pytest.mark.parametrize("rows", [(), (GOOD,), (GOOD, BAD)])
def test_json_is_one_array(rows: tuple[Row, ...]) -> None:
    """As Python would write it, whether it has rows or not."""
    expected = json.dumps(list(rows), indent=2) + "\n" if rows else "[]\n"
    assert written(Json, *rows) == expected


@pytest.mark.parametrize("count", [1, 2])
def test_json_has_a_row_as_soon_as_it_is_there(count: int) -> None:
    """Whatever was written, closing the array makes it valid."""
    style = Json(Layout(genres=GENRES))
    content = style.begin()
    for number in range(count):
        content += style.row(GOOD)
        assert len(json.loads(content + b"]")) == number + 1


def test_a_line_of_json_is_one_line() -> None:
    """What would move a cursor, end a line or is no UTF-8 is spelled in ASCII, and read back as it was."""
    path = "Björk\n\x1b[2J\u2028\x9b\udcff🎵.wav"
    (line,) = written(JsonLines, GOOD | {"path": path}).split("\n")[:-1]
    assert json.loads(line)["path"] == path
    assert "Björk" in line
    assert "🎵" in line
    assert line.isprintable()
    assert written(JsonLines, GOOD | {"path": path}, ascii=True).isascii()


def test_csv_has_the_promised_columns() -> None:
    """The same ones whatever the rows are; what is unknown is empty."""
    good, bad = table(GOOD | {"notes": ["cut short", "muffled"]}, BAD)
    assert (
        list(good)
        == (
            "path genre probability uncertain segments notes error model model_version "
            "probability.blues probability.jazz probability.rock"
        ).split()
    )
    assert list(good.values())[:6] == ["a.wav", "rock", "0.75", "false", "2", "cut short; muffled"]
    assert list(good.values())[6:] == ["", "small", "0123456789abcdef", "0.05", "0.2", "0.75"]
    assert {key: value for key, value in bad.items() if value} == BAD


def test_csv_with_a_timeline_has_a_line_for_each_segment() -> None:
    """With its own genre and probabilities, one for a failure; of genres that were not asked for nothing is told."""
    first, second, failed = table(GOOD, BAD, timeline=True, actions=["copied_to"])
    assert (
        list(first)
        == (
            "path start end genre probability notes error copied_to model model_version "
            "probability.blues probability.jazz probability.rock"
        ).split()
    )
    assert (first["start"], first["end"], first["genre"], first["probability"]) == ("0.0", "3.0", "rock", "0.5")
    assert (second["probability.rock"], second["probability.blues"]) == ("0.0", "")
    assert (failed["start"], failed["error"]) == ("", BAD["error"])


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "'"])
def test_no_cell_is_a_formula(start: str) -> None:
    """Text that a spreadsheet would run begins with an apostrophe, which can be taken off again; numbers do not."""
    path = f'{start}cmd|"/c calc"!A1.wav'
    (row,) = table(GOOD | {"path": path, "probability": -1e-5})
    assert row["path"] == "'" + path
    assert row["probability"] == "-1e-05"


def test_csv_takes_any_name() -> None:
    """Commas, quotes, line ends; what is no UTF-8 is escaped."""
    (row,) = table(GOOD | {"path": 'a,"b"\nc\udcff.wav'})
    assert row["path"] == 'a,"b"\nc\\udcff.wav'


def test_audacity_gets_a_label_track() -> None:
    """Start, end and label between tabs, a line each; what failed has none."""
    lines = written(Audacity, GOOD, timeline=True).splitlines()
    assert lines == ["0.000000\t3.000000\trock 50 %", "3.000000\t4.500000\tjazz 100 %"]
    odd = GOOD | {"timeline": [SEGMENTS[0] | {"genre": "drum\tand\nbass"}]}
    assert all(re.fullmatch(r"[\d.]+\t[\d.]+\t[^\t]+", line) for line in written(Audacity, odd).splitlines())
    assert written(Audacity, BAD) == ""


def test_a_label_track_is_read_as_audacity_reads_it() -> None:
    """By its manual: UTF-8, fields between tabs, seconds with a dot, no second line, which a backslash begins."""
    names = ["drum\tand\nbass", "música", "\\", "1.5", "rock\r", "\u2028"]
    row = GOOD | {"timeline": [SEGMENTS[0] | {"genre": name, "start": 0.1 * place} for place, name in enumerate(names)]}
    lines = written(Audacity, row).splitlines()
    assert len(lines) == len(names)
    for place, line in enumerate(lines):
        start, end, label = line.split("\t")
        assert float(start) == pytest.approx(0.1 * place)
        assert float(end) == 3.0
        assert label.endswith(" 50 %")
        assert line[0] != "\\"
    assert lines[1].endswith("música 50 %")


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_says_what_its_files_are(name: str) -> None:
    """By a suffix."""
    if name == "parquet":
        pytest.importorskip("pyarrow")
    assert re.fullmatch(r"\.[a-z]+", format_class(name).suffix)


@pytest.mark.parametrize(
    ("lengths", "width"), [([], 0), ([7], 7), ([10, 12, 11], 12), ([10, 12, 200], 12), ([200, 190, 205], 205)]
)
def test_one_long_name_does_not_pad_every_line(lengths: list[int], width: int) -> None:
    """Where names have about one length they are aligned; one far longer than most stands out of the column."""
    assert column_width(lengths) == width
