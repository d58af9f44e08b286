"""``genrebench inspect``."""

import json
from pathlib import Path

import pytest

from tests.cli.commands import refused, run
from tests.reading.files import dense_h5, functional, input_layer, layer, node, sequential, values, write_h5


def test_a_model_is_shown_with_its_traps(tmp_path: Path) -> None:
    """Layers, shapes, parameters, version, and each trap by the layer's name; the status is 0."""
    config = functional(
        input_layer("x", 8, 9, 1),
        node("Conv2D", "conv2d_4", ["x"], filters=2, kernel_size=[3, 3], strides=[2, 2], padding="same"),
        node("Flatten", "flatten", ["conv2d_4"]),
        inputs=["x"],
        outputs=["flatten"],
    )
    tensors = {"conv2d_4": {"conv2d_4/kernel:0": values(3, 3, 1, 2), "conv2d_4/bias:0": values(2)}}
    done = run("inspect", write_h5(tmp_path / "model.h5", config, tensors))
    assert done.exit_code == 0, done.output
    assert "model.h5: .h5 of Keras 2.4.0" in done.stdout
    assert "conv2d_4 (Conv2D)" in done.stdout
    assert "(None, 4, 5, 2)" in done.stdout
    assert "Parameters: 20, of which 20 are trained" in done.stdout
    assert "- same-padding: `same` with stride 2 in `conv2d_4`: one more row at the end" in done.stdout
    assert "- flatten-order: `flatten` flattens with the channels last" in done.stdout
    assert done.stdout.endswith("All of it is understood.\n")


def test_what_is_not_understood_is_named_and_the_status_is_1(tmp_path: Path) -> None:
    """Layer, reason and way out in a line each, below what is understood."""
    config = sequential(layer("Lambda", "scale", function=["4wE=", None, None]), layer("Mine", "own"), shape=(4,))
    done = run("inspect", write_h5(tmp_path / "model.h5", config, {}))
    assert done.exit_code == 1
    assert "- `scale`: a Lambda layer is Python code, which is never decoded or run; say what" in done.stdout
    assert "- `own`: 'Mine', a class of somebody's own" in done.stdout
    assert "4wE=" not in done.output
    assert done.stdout.endswith("Not understood: 2 things, see above.\n")


def test_json_says_the_same(tmp_path: Path) -> None:
    """For programs."""
    done = run("inspect", dense_h5(tmp_path / "model.h5"), "--json")
    found = json.loads(done.stdout)
    assert found["understood"] is True
    assert found["parameters"] == {"total": 10, "trainable": 10}
    dense = found["layers"][1]
    assert (dense["kind"], dense["settings"]["units"], dense["output_shapes"]) == ("Dense", 2, [[2]])
    assert dense["weights"] == {"kernel": [4, 2], "bias": [2]}
    assert [trap["id"] for trap in found["traps"]] == ["softmax-axis"]


def test_a_configuration_may_be_given(tmp_path: Path) -> None:
    """For weights that came without one."""
    weights = {"dense": {"dense/kernel:0": values(4, 2), "dense/bias:0": values(2)}}
    path = write_h5(tmp_path / "weights.h5", None, weights)
    assert "--config FILE.json" in run("inspect", path).stdout
    config = tmp_path / "model.json"
    config.write_text(json.dumps(sequential(layer("Dense", "dense", units=2), shape=(4,))))
    assert run("inspect", path, "--config", config).exit_code == 0
    config.write_text("{")
    refused(run("inspect", path, "--config", config), r"model.json: expected the model's config as JSON")
    refused(run("inspect", path, "--config", tmp_path / "absent"), "absent: expected a model's configuration")


def test_what_is_code_may_be_replaced(tmp_path: Path) -> None:
    """By an expression or by layers in a file; a wrong name, or what is neither, is refused in a line."""
    config = sequential(layer("Lambda", "scale", function=["4wE=", None, None]), layer("Mine", "own"), shape=(4,))
    path = write_h5(tmp_path / "model.h5", config, {})
    own = tmp_path / "own.json"
    own.write_text(json.dumps([layer("ReLU", "r")]))
    done = run("inspect", path, "--replace", "scale=x / 255 - 0.5", "--replace", f"own={own}")
    assert done.exit_code == 0, done.output
    assert "- `scale` is read as x / 255 - 0.5, as it was asked for" in done.stdout
    assert "- `own` is read as own.json, as it was asked for" in done.stdout
    refused(run("inspect", path, "--replace", "scal=x"), "did you mean scale")
    refused(run("inspect", path, "--replace", "scale=exec(x)"), "replacement of 'scale': expected an expression of")
    assert run("inspect", path, "--replace", "scale").exit_code == 2


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"])
def test_a_file_that_is_none_is_refused_in_a_line(content: bytes, tmp_path: Path) -> None:
    """The status is 1, too."""
    (tmp_path / "model.keras").write_bytes(content)
    refused(run("inspect", tmp_path / "model.keras"), "model.keras: expected a")


def test_control_characters_of_a_file_do_not_reach_the_terminal(tmp_path: Path) -> None:
    """Names are escaped wherever they are printed."""
    config = sequential(layer("Dense", "a\x1b[31m\nb", units=2), layer("Mine\x1b[2J", "c\x07"), shape=(4,))
    done = run("inspect", write_h5(tmp_path / "model.h5", config, {}))
    assert "\x1b" not in done.output
    assert "\x07" not in done.output
