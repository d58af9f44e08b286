"""What the documentation's blocks of commands and Python need to run: a folder with made-up audio, and short runs."""

import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile
from click.testing import CliRunner

from genrebench.audio.synthesis.render import synthesize
from genrebench.cli.main import main
from genrebench.porting.export.web_folder import RUNTIME, RUNTIME_FILES
from tests.cli.commands import run
from tests.reading.files import dense_h5, layer, sequential, write_keras

ROOT = Path(__file__).parent.parent
GENRES = ("classical", "disco", "metal")
TRACKS = 7
_RATE = 22050
_MUSIC = ("brahms_hungarian_dance_5.ogg", "karissa_hobbs_lets_go_fishin.ogg", "kevin_macleod_vibe_ace.ogg")
_MARK = r"(?:<!-- (slow|not run: [^\n]+) -->\n)?"
_BLOCK = re.compile(rf"^{_MARK}```(console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Shells quote with these alone here, and between them a bar is no pipe.
_PIPE = re.compile(r"\s\|\s(?=(?:[^']*'[^']*')*[^']*$)")
# What training for long shows is not what these tests are about.
_EPOCHS = re.compile(r"epochs=\d+")
# These say with their status what they found.
_FINDING = re.compile(r"genrebench doctor|genrebench parity .*--against")
# A port by hand, which adds what the file has not.
_MINE = """
import torch


class Autoencoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.narrow = torch.nn.Linear(5, 3)
        self.wide = torch.nn.Linear(3, 5)

    def forward(self, x):
        return self.wide(torch.relu(self.narrow(x)))
"""


class Block(NamedTuple):
    """A block of a page.

    Attributes
    ----------
    line : int
        Where it begins.
    language : str
        ``console`` or ``python``.
    text : str
        What stands in it.
    mark : str
        ``slow``, ``not run: REASON``, or nothing.
    """

    line: int
    language: str
    text: str
    mark: str

    @property
    def commands(self) -> list[str]:
        """Pick the lines that are typed."""
        return re.findall(r"^\$ (.*)$", self.text, flags=re.MULTILINE)


def blocks(page: Path) -> list[Block]:
    """Read the blocks of a page, with the comment that stands before one."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(text[: found.start(2)].count("\n") + 1, found[2], found[3], found[1] or "")
        for found in _BLOCK.finditer(text)
    ]


def make_folder(folder: Path) -> None:
    """Make everything that the pages take for granted: recordings, a dataset, and two runs on it."""
    folder.mkdir()
    music = [synthesize(genre, seed=1, duration=6.0, sample_rate=_RATE) for genre in GENRES]
    for name, samples in zip(_MUSIC, music, strict=True):
        for place in ("music", "."):
            _write(folder / place / name, samples)
    for name in ("song.mp3", "song.wav", "a.wav", "b.flac", "media/new.mp3"):
        _write(folder / name, music[1])
    for place in ("albums/one", "collection/two", "inbox", "new"):
        _write(folder / place / "track.mp3", music[0])
    (folder / "notes.txt").write_text("What I want to hear.\n")
    _make_dataset(folder)
    shutil.copytree(ROOT / "results" / "gtzan_mini", folder / "results" / "gtzan_mini")
    shutil.copytree(ROOT / "experiments", folder / "experiments", ignore=shutil.ignore_patterns("__pycache__"))
    _make_lists(folder)
    _make_keras_files(folder)


def _write(path: Path, samples: Any) -> None:
    """Write a recording."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, _RATE)


def _make_dataset(folder: Path) -> None:
    """Make recordings in genre folders, twice, and the spectrograms of one."""
    for genre in GENRES:
        for number in range(TRACKS):
            track = f"{genre}/{genre}.{number:05d}.wav"
            _write(folder / "dataset/genres_original" / track, synthesize(genre, seed=number, duration=3.0))
            if number >= TRACKS - 2:
                _write(folder / "recordings" / track, synthesize(genre, seed=number, duration=3.0))


def _make_lists(folder: Path) -> None:
    """Make lists of tracks, a table of artists, and FMA's table of tracks."""
    for part, numbers in {"train": range(4), "valid": range(4, 5), "test": range(5, TRACKS)}.items():
        lines = [f"{genre}/{genre}.{number:05d}.wav" for genre in GENRES for number in numbers]
        for name in (f"{part}_filtered.txt", f"{part}.txt"):
            (folder / name).write_text("\n".join(lines) + "\n")
    rows = [f"{genre}/{genre}.{number:05d},{genre} {number}" for genre in GENRES for number in range(TRACKS)]
    (folder / "artists.csv").write_text("\n".join(["track,artist", *rows]) + "\n")
    (folder / "fma_metadata").mkdir()
    table = [["", "track"], ["", "genre_top"], ["track_id", ""], ["2", "Hip-Hop"], ["3", ""]]
    (folder / "fma_metadata/tracks.csv").write_text("".join(f"{','.join(row)}\n" for row in table))
    for number in (2, 3):
        _write(folder / f"fma_small/000/00000{number}.mp3", synthesize("disco", seed=number, duration=3.0))


def _make_keras_files(folder: Path) -> None:
    """Make files such as Keras saves."""
    dense_h5(folder / "model.h5")
    layers = [layer("Dense", name, units=units, use_bias=True) for name, units in (("narrow", 3), ("wide", 5))]
    weights = {
        f"layers/{name}/vars/{place}": np.random.default_rng(place).normal(size=shape).astype(np.float32)
        for name, kernel in (("dense", (5, 3)), ("dense_1", (3, 5)))
        for place, shape in enumerate((kernel, kernel[1:]))
    }
    write_keras(folder / "autoencoder.keras", sequential(*layers, shape=(5,)), weights)
    (folder / "mine.py").write_text(_MINE)


def make_runs(folder: Path) -> None:
    """Preprocess and train; the runs are those that the pages name."""
    for words in ("preprocess --jobs 1", "train --name longer --epochs 2", "train --name gtzan --epochs 1"):
        done = run(*words.split(), "--dataset", folder / "dataset", *_results(words, folder))
        assert done.exit_code == 0, done.output
    shutil.copytree(folder / "dataset/genres_mel_npz", folder / "dataset/gtzan_mini/genres_mel_npz")


def _results(words: str, folder: Path) -> list[str]:
    """Say where a run goes."""
    return ["--results", str(folder / "results")] if words.startswith("train") else []


class Reader:
    """Somebody who types what a page says, in the current folder.

    Attributes
    ----------
    names : dict
        What Python blocks have defined.
    """

    def __init__(self) -> None:
        """Begin a page."""
        self.names: dict[str, Any] = {}
        self._server: tuple[subprocess.Popen[str], str] | None = None

    def read(self, block: Block) -> None:
        """Do what a block says."""
        if block.language == "python":
            shutil.rmtree("results/gtzan" if "gb.train(" in block.text else "nonesuch", ignore_errors=True)
            code = compile(_EPOCHS.sub("epochs=1", block.text), f"line {block.line}", "exec")
            sys.path.insert(0, str(Path.cwd()))
            try:
                with redirect_stdout(io.StringIO()):
                    exec(code, self.names)
            finally:
                sys.path.pop(0)
        for command in block.commands if block.language == "console" else ():
            self._type(command)

    def _type(self, line: str) -> None:
        """Run a line of the shell, each part in its way."""
        content = b""
        for part in _PIPE.split(re.sub(r"\s+#.*", "", line)):
            words = shlex.split(part)
            how = getattr(self, f"_run_{words[0].replace('-', '_')}", self._run_other)
            content = how(words, part, content)

    def _run_genrebench(self, words: list[str], part: str, content: bytes) -> bytes:
        """Run a command in this process."""
        words, target = (words[: words.index(">")], words[-1]) if ">" in words else (words, None)
        words = [
            each for word in words[1:] for each in (sorted(map(str, Path().glob(word))) if "*" in word else [word])
        ]
        if words[0] == "serve":
            self._serve(words)
            return b""
        done = CliRunner().invoke(main, _shortened(words), input=content)
        assert done.exit_code in ({0, 1} if _FINDING.match(part) else {0}), f"{part}\n{done.output}"
        if target:
            Path(target).write_bytes(done.stdout_bytes)
        return done.stdout_bytes

    def _serve(self, words: list[str]) -> None:
        """Start a server and wait for the line that says where it is."""
        self.close()
        command = [sys.executable, "-m", "genrebench", *words, "--port", "0"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout is not None
        line = process.stdout.readline()
        self._server = process, line.partition(" ")[0]
        assert line.startswith("http://127.0.0.1:"), line

    def _run_curl(self, words: list[str], part: str, content: bytes) -> bytes:
        """Ask the server of this page."""
        assert self._server is not None, part
        words = [word.replace("http://127.0.0.1:8000", self._server[1]) for word in words]
        answer = subprocess.run([words[0], "--silent", "--show-error", *words[1:]], capture_output=True, check=True)
        assert json.loads(answer.stdout).keys() & {"genre", "error"}
        return answer.stdout

    def _run_pip(self, words: list[str], part: str, content: bytes) -> bytes:
        """See that the extras exist; tests/test_wheel.py installs."""
        known = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
        extras = re.findall(r"\[([\w,]+)\]", part)
        assert words[1] == "install"
        assert {each for found in extras for each in found.split(",")} <= known.keys(), part
        return b""

    def _run_npm(self, words: list[str], part: str, content: bytes) -> bytes:
        """Put there what npm would, but for its content; tests/porting/export/test_web_folder.py runs the page."""
        assert words[1:] == ["install", "onnxruntime-web"], part
        RUNTIME.mkdir(parents=True)
        for name in RUNTIME_FILES:
            (RUNTIME / name).touch()
        return b""

    def _run_python(self, words: list[str], part: str, content: bytes) -> bytes:
        """See that a folder is there that Python is to give out."""
        assert words[1:4] == ["-m", "http.server", "--directory"], part
        assert Path(words[4], "index.html").is_file()
        return b""

    def _run_docker(self, words: list[str], part: str, content: bytes) -> bytes:
        """See that what the image runs is a command; an image needs a daemon."""
        assert 'ENTRYPOINT ["genrebench"]' in (ROOT / "Dockerfile").read_text(encoding="utf-8")
        inside = words[words.index("genrebench") + 1 :]
        if words[1] == "run" and inside:
            done = CliRunner().invoke(main, [each.replace("/music", "music") for each in inside])
            assert done.exit_code == 0, done.output
        return b""

    def _run_other(self, words: list[str], part: str, content: bytes) -> bytes:
        """Run another program in a shell, among the files that are here."""
        assert words[0] in {"find", "jq", "cut"}, part
        if shutil.which(words[0]) is None:
            return content
        part = part.replace("/media", "media")
        return subprocess.run(part, shell=True, input=content, capture_output=True, check=True).stdout

    def close(self) -> None:
        """End the server."""
        if self._server:
            process, _ = self._server
            process.terminate()
            process.communicate(timeout=60)
            self._server = None


def _shortened(words: list[str]) -> list[str]:
    """Have a command that trains do so for a moment, and into a place where nothing is."""
    trains = words[0] == "train" or (words[0] == "evaluate" and "--protocol" in words)
    if not trains:
        return words
    name = words[words.index("--name") + 1] if "--name" in words else ""
    if name and "--resume" not in words:
        shutil.rmtree(Path("results", name), ignore_errors=True)
    return [*words, "--epochs", "2" if "--resume" in words else "1"]


@contextmanager
def reading(folder: Path, place: Path) -> Iterator[Reader]:
    """Work in a copy of the folder, as a reader of a page."""
    shutil.copytree(folder, place, symlinks=True)
    later = time.time() + 1000
    os.utime(place / "media/new.mp3", (later, later))
    before = Path.cwd()
    os.chdir(place)
    reader = Reader()
    try:
        yield reader
    finally:
        reader.close()
        os.chdir(before)
