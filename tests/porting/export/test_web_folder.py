"""Folders for a browser: what lies in them, and that the page there answers as the model does."""

import functools
import http.server
import json
import re
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import soundfile

from genrebench.audio.synthesis.render import synthesize
from genrebench.errors import ConfigError, ModelError
from genrebench.model.calibration import Calibration
from genrebench.model.model import Model
from genrebench.porting.export import onnx_file
from genrebench.porting.export.run import export_model
from genrebench.porting.export.web_folder import RUNTIME_FILES
from tests import jobs
from tests.conftest import SMALL
from tests.porting.export.models import make_model

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# Stands in for onnxruntime-web, which has fourteen megabytes: what serves the page runs the graph.
_RUNTIME = """
export const env = { wasm: {} };
export class Tensor {
  constructor(type, data, dims) {
    Object.assign(this, { type, data, dims });
  }
}
const run = (path) => async (feeds, wanted) => {
  const [[name, { data, dims }]] = Object.entries(feeds);
  const body = JSON.stringify({ path, name, data: [...data], dims, wanted });
  const found = await (await fetch("/run", { method: "POST", body })).json();
  const tensors = Object.entries(found).map(([each, values]) => [each, { data: Float32Array.from(values) }]);
  return Object.fromEntries(tensors);
};
export const InferenceSession = { create: async (address) => ({ run: run(new URL(address).pathname) }) };
"""


@pytest.fixture(autouse=True)
def job_runs_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare each test two interpreters."""
    monkeypatch.setattr(onnx_file, "run_job", jobs.run_here)


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the files of a runtime."""
    folder = tmp_path_factory.mktemp("dist")
    for name in RUNTIME_FILES:
        (folder / name).write_text(_RUNTIME if name == RUNTIME_FILES[0] else "", encoding="utf-8")
    return folder


def test_everything_is_in_the_folder(runtime: Path, tmp_path: Path) -> None:
    """Whatever a file of it names is there, nothing of it is elsewhere, and what is somebody's stays."""
    exported = export_model(make_model("track-band"), tmp_path / "site", format="web", runtime=runtime)
    assert [check.passed for check in exported.checks] == [True, True]
    (tmp_path / "site" / "CNAME").write_text("example.org")
    export_model(make_model(), tmp_path / "site", format="web", runtime=runtime, overwrite=True)
    assert (tmp_path / "site" / "CNAME").read_text() == "example.org"
    for path in (tmp_path / "site").rglob("*"):
        if path.suffix in (".html", ".css") or path.name in ("app.js", "source.js", "result.js", "listen.js"):
            text = path.read_text(encoding="utf-8")
            assert "//" not in re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE), path
            for name in re.findall(r'(?:href|src)="(?!data:)([^"]+)"|from "([^"]+)"', text):
                assert (path.parent / "".join(name)).is_file(), name
    page = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert "<!--" not in page
    (nonce,) = re.findall(r'name="csp-nonce" content="([^"]+)"', page)
    assert f"style-src &#x27;self&#x27; &#x27;nonce-{nonce}&#x27;" in page


def test_the_front_end_is_alone_in_its_file(runtime: Path, tmp_path: Path) -> None:
    """What turns audio into spectrograms holds nothing of the network, which has a file of its own."""
    model = make_model("track")
    export_model(model, tmp_path / "site", format="web", runtime=runtime)
    written = {name: onnx.load(tmp_path / "site" / f"{name}.onnx").graph for name in ("front_end", "network")}
    layers = {node.name for node in model.architecture.walk()}
    for name, has_layers in (("front_end", False), ("network", True)):
        constants = {each.name.partition("/")[0] for each in written[name].initializer}
        assert bool(layers & constants) == has_layers
    assert [each.name for each in written["front_end"].output] == ["spectrogram"]
    content = (tmp_path / "site" / "front_end.onnx").read_bytes()
    kernels = [value.tobytes() for value in model.weights.values() if value.size > 100]
    assert not any(kernel[:64] in content for kernel in kernels)
    assert len(content) < sum(map(len, kernels))


def test_what_cannot_be_is_refused_in_a_line(runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No runtime, one for another format, a model of spectrograms; nothing is written."""
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "site"
    with pytest.raises(ConfigError, match=r"node_modules/onnxruntime-web/dist has no ort.wasm.min.mjs; npm install "):
        export_model(make_model(), place, format="web")
    with pytest.raises(ConfigError, match="--runtime: expected --format web, received torch"):
        export_model(make_model(), place, format="torch", runtime=runtime)
    with pytest.raises(ModelError, match="--format web: expected a model that knows its Mel settings"):
        export_model(make_model(mel=None), place, format="web", runtime=runtime)
    assert not list(tmp_path.iterdir())


class _Host(http.server.SimpleHTTPRequestHandler):
    """Gives out a folder, and runs its graphs."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        """Run a graph."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        session = onnxruntime.InferenceSession(self.translate_path(urlsplit(asked["path"]).path))
        values = np.array(asked["data"], np.float32).reshape(asked["dims"])
        names = asked.get("wanted") or [each.name for each in session.get_outputs()]
        found = session.run(names, {asked["name"]: values})
        body = json.dumps({name: each.ravel().tolist() for name, each in zip(names, found, strict=True)}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Start Chromium."""
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def _answers(browser: Any, site: Path, recordings: list[Path]) -> list[dict[str, Any]]:
    """Have the page in a folder classify recordings; nothing may be complained about or come from elsewhere."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Host, directory=str(site)))
    threading.Thread(target=server.serve_forever).start()
    address = f"http://127.0.0.1:{server.server_address[1]}/"
    page = browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request",
        lambda each: None if each.url.startswith((address, "blob:", "data:")) else complaints.append(each.url),
    )
    try:
        page.goto(address)
        page.wait_for_function("() => document.getElementById('model').textContent.includes('Model site knows')")
        page.set_input_files("#files", list(map(str, recordings)))
        for row in range(len(recordings)):
            page.locator("article").nth(row).locator(".verdict:not(:empty), .failed").first.wait_for()
        sources = [{"name": path.name, "data": list(path.read_bytes())} for path in recordings]
        answers: list[dict[str, Any]] = page.evaluate(_CLASSIFY, sources)
    finally:
        page.close()
        server.shutdown()
        server.server_close()
    assert complaints == []
    return answers


_CLASSIFY = """async (sources) => {
  const { classify } = await import("/static/source.js");
  const one = async ({ name, data }) => {
    try {
      return await classify(new File([Uint8Array.from(data)], name), () => {});
    } catch (error) {
      return { error: error.message };
    }
  };
  return Promise.all(sources.map(one));
}"""


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Write music of more than a block with a pause, in stereo and cut short, and what is not to be heard."""
    folder = tmp_path_factory.mktemp("songs")
    rate, size = SMALL.sample_rate, SMALL.segment_samples
    long = synthesize("rock", seed=1, duration=(SMALL.segments + 3.7) * size / rate, sample_rate=rate)
    long[2 * size : 3 * size] = 0
    short = synthesize("jazz", seed=2, duration=1.6 * size / rate, sample_rate=rate)
    sounds = {
        "long": long,
        "stereo": np.stack([short, 0.5 * short], axis=1),
        "opposite": np.stack([short, -short], axis=1),
        "silent": np.zeros(2 * size),
        "brief": short[: size // 3],
    }
    for name, samples in sounds.items():
        soundfile.write(folder / f"{name}.wav", samples, rate, subtype="FLOAT")
    (folder / "text.wav").write_text("no music")
    return [folder / f"{name}.wav" for name in (*sounds, "text")]


@pytest.mark.parametrize(("kind", "overlap"), [("track-band", 0.75), ("track", 0.5), ("band", 0.0), ("global", 0.3)])
def test_the_page_answers_as_the_model_does(
    browser: Any, runtime: Path, recordings: list[Path], tmp_path: Path, kind: str, overlap: float
) -> None:
    """Probabilities, calibration, windows and where they lie; what cannot be classified is named."""
    # At such a temperature a thousandth of a logit is seen in the probabilities.
    sharp = Calibration(track_temperature=0.1, segment_temperature=0.1, uncertain_below=0.4)
    model: Model = replace(make_model(kind), backend="numpy", overlap=overlap, calibration=sharp)
    export_model(model, tmp_path / "site", format="web", runtime=runtime)
    *heard, silent, brief, text = _answers(browser, tmp_path / "site", recordings)
    for path, answer in zip(recordings, heard, strict=False):
        expected = model.predict(path, timeline=True)
        assert answer["genre"] == expected.genre
        assert answer["probabilities"] == pytest.approx(expected.probabilities, abs=1e-5)
        assert (answer["uncertain"], answer["segments"]) == (expected.uncertain, expected.segments)
        spans = [(each["start"], each["end"]) for each in answer["timeline"]]
        assert np.ravel(spans) == pytest.approx(np.ravel([(each.start, each.end) for each in expected.timeline]))
        for each, segment in zip(answer["timeline"], expected.timeline, strict=True):
            assert each["probabilities"] == pytest.approx(segment.probabilities, abs=1e-4)
    assert silent["error"] == "expected music, received silence"
    assert brief["error"].startswith("expected at least ")
    assert text["error"] == "cannot be decoded by this browser; try wav, mp3 or ogg"
