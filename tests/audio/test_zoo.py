"""The zoo: each file is heard as far as it can be, or refused in a line; nothing reaches the terminal."""

import time
import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import pytest

from genrebench.audio.decode import cut_segments
from genrebench.errors import AudioError
from tests.audio.zoo import PARTS, RATE, Specimen, encoded, music, pcm

HALF = "half a segment", "short"


def faults(specimen: Specimen, folder: Path) -> list[str]:
    """Hear a file in segments of a second, and list what is not as expected."""
    path = folder / specimen.name
    path.write_bytes(specimen.content if isinstance(specimen.content, bytes) else specimen.content())
    notes: list[str] = []
    heard, refusal = 0, None
    samples = 3 * RATE if specimen.name.startswith(HALF) else RATE
    try:
        for _ in cut_segments(path, sample_rate=RATE, samples=samples, notes=notes):
            heard += 1
    except AudioError as error:
        refusal = str(error)
    path.unlink()
    found = []
    if specimen.heard is not None and specimen.heard != (refusal is None):
        found.append(f"{heard} s heard, {refusal}")
    if refusal is not None and ("\n" in refusal or specimen.name not in refusal):
        found.append(f"no line that names it: {refusal!r}")
    if refusal is None and specimen.seconds is not None and abs(heard - specimen.seconds) > 1.5:
        found.append(f"{heard} s instead of {specimen.seconds}")
    if refusal is None and specimen.noted and not notes:
        found.append("no note")
    return [f"{specimen.name}: {fault}" for fault in found]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_some_of_the_zoo_is_heard_or_refused_in_a_line(
    part: object, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Every seventh file, and every one of those whose headers lie or whose content deceives."""
    every = 1 if part.__name__ in {"lies", "streams", "contents"} else 7  # type: ignore[attr-defined]
    specimens: Iterable[Specimen] = list(part())[::every]  # type: ignore[operator]
    assert [fault for specimen in specimens for fault in faults(specimen, tmp_path)] == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.soak
def test_the_whole_zoo(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """All files, none of which takes five seconds."""
    count, slowest, found = 0, 0.0, []
    for part in PARTS:
        for specimen in part():
            began = time.perf_counter()
            found += faults(specimen, tmp_path)
            slowest = max(slowest, time.perf_counter() - began)
            count += 1
    assert capfd.readouterr() == ("", "")
    assert found == []
    assert count > 526
    assert slowest < 5
    with capfd.disabled():
        print(f"\n{count} files, the slowest in {slowest:.2f} s")


@pytest.mark.soak
@pytest.mark.parametrize("extension", ["wav", "mp3"])
def test_two_hours_take_no_more_memory_than_two_minutes(extension: str, tmp_path: Path) -> None:
    """A stream is never held as a whole."""
    minute = pcm(music(8000, seconds=60.0), 8000)
    header, samples = minute[:44], minute[44:]
    long = encoded("mp3", 8000, seconds=60.0, write_xing="0", id3v2_version="0") * 120
    if extension == "wav":  # its header says a minute; the file goes on
        long = header + samples * 120
    path = tmp_path / f"long.{extension}"
    path.write_bytes(long)
    tracemalloc.start()
    notes: list[str] = []
    count = sum(1 for _ in cut_segments(path, sample_rate=RATE, samples=3 * RATE, notes=notes))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert abs(count - 2400) < 12
    assert peak < 32 * 2**20
