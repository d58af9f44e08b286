"""What the commands share: types of options, and the shape of their help."""

import math
import os
import re
import shlex
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from genrebench.cli.completion import complete_backends, complete_devices, complete_models
from genrebench.errors import ConfigError, escaped, shown

if TYPE_CHECKING:
    from genrebench.system.remote import RemotePath

# What stands in a path, and in no name.
_SEPARATORS = (os.sep, os.altsep or os.sep)


class _Path(click.Path):
    """A path, in which a leading ``~`` stands for the home folder: a shell expands ``--model ~/x`` only."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Expand the path; an empty one, such as an unset variable of the shell, would be the working folder."""
        if not os.fspath(value):
            self.fail("expected a path, received ''", param, ctx)
        return super().convert(os.path.expanduser(value), param, ctx)  # noqa: PTH111 - takes what it cannot expand


class _Run(_Path):
    """A folder of a run or a model, or the name of a run in ``results/``, or in the folder that ``--results`` names.

    An option ``--results`` beside it must be eager: it is read first then, wherever it stands.
    """

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Find the folder: a name is looked up, and what is spelled as a path is one."""
        path: Path = super().convert(value, param, ctx)
        from genrebench.model.description import BUILTIN

        text = os.path.expanduser(value)  # noqa: PTH111 - as above
        if text in (os.curdir, os.pardir) or any(each in text for each in _SEPARATORS):
            return path.absolute() if path == Path(BUILTIN) else path  # ./builtin, whose dot pathlib forgets
        from genrebench.training.runs import find_run

        results = ctx.params.get("results") if ctx is not None else None
        return find_run(path, results if isinstance(results, Path) else Path("results"))

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Complete names of runs, and folders."""
        return complete_models(ctx, param, incomplete)


PATH = _Path(path_type=Path)
RUN = _Run(path_type=Path)


class _Place(_Path):
    """A path, or a URL."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Make a path of either."""
        if isinstance(value, str) and "://" in value:
            from genrebench.system.remote import as_path

            return as_path(value)
        return super().convert(value, param, ctx)


PLACE = _Place(path_type=Path)
# Whatever is counted, no library can count further than this.
LARGEST = 2**31 - 1
_MOST = 1e9


class Count(click.IntRange):
    """A whole number within bounds; where no highest is named, it is `LARGEST`, which help texts leave out."""

    name = "integer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read the number."""
        number = super().convert(value, param, ctx)
        if number > LARGEST:
            self.fail(f"expected a number of at most {LARGEST}, received {shown(value)}", param, ctx)
        return number


COUNT = Count(1)


class Amount(click.FloatRange):
    """A number within bounds; NaN, which no bound excludes, and infinity are none, and nothing is beyond a billion."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read the number."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"expected a finite number, received {value!r}", param, ctx)
        if number > _MOST:
            self.fail(f"expected a number of at most {_MOST:.0f}, received {value!r}", param, ctx)
        return number


def check_output(path: Path, *, option: str = "--output", is_file: bool = False) -> None:
    """Refuse a place that could not be written to, before anything is computed for it.

    Parameters
    ----------
    path : Path
        A folder, which need not be there, or a file.
    option : str
        By which it was named.
    is_file : bool
        Whether it is a file; what it lies in is looked at then.

    Raises
    ------
    ConfigError
        If the folder, or what it would lie in, is no folder or takes no files.
    """
    from genrebench.system.remote import RemotePath
    from genrebench.system.temporary import takes_files

    if isinstance(path, RemotePath):
        _check_store(path, option)
        return
    folder = path.absolute().parent if is_file else path
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not there.is_dir() or not takes_files(there):
        received = "one that cannot be written to" if there.is_dir() else f"{there.name}, a file"
        raise ConfigError(
            f"{option} {escaped(path)}: expected a folder to write to, received {escaped(received)}; choose another"
        )


def _check_store(path: "RemotePath", option: str) -> None:
    """Refuse a URL that takes no files, by putting an empty one beside it for a moment."""
    trial = path.with_name(f".{path.name}.{os.getpid()}.trial")
    try:
        trial.write_bytes(b"")
    except OSError as error:
        raise ConfigError(
            f"{option} {escaped(path)}: expected a place to write to, received one that cannot be written to "
            f"({error.strerror}); choose another"
        ) from error
    with suppress(OSError):
        trial.unlink(missing_ok=True)


def worker_limits(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command that starts workers the options for what these may take: ``timeout`` and ``max_reply``."""
    from genrebench.system.process import MAX_REPLY, TIMEOUT

    for option, default, text in (
        ("--max-reply", MAX_REPLY, "MiB of arrays that a worker may answer with."),
        ("--timeout", TIMEOUT, "Seconds after which a worker is ended."),
    ):
        command = click.option(option, type=Amount(1), default=round(default), show_default=True, help=text)(command)
    return command


def model_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command that classifies the option for its ``model``."""
    default = "the newest in results/, or else builtin"
    text = f"Folder of a model, or its name in results/, or builtin.  [default: {default}]"
    return click.option("--model", type=RUN, help=text)(command)


def cluster_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command that works on many recordings the option for where: ``cluster``."""
    text = "Dask scheduler, such as tcp://host:8786, or its file, whose workers do the work."
    return click.option("--cluster", type=Name(), metavar="ADDRESS|FILE", help=f"{text}  [default: this machine]")(
        command
    )


def fetch_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command that takes URLs the option for how large a recording may be that is fetched.

    It reaches the processes that fetch by its variable of the environment, on a cluster, too.
    """
    from genrebench.system.remote import LIMIT, LIMIT_VARIABLE

    def note(_context: click.Context, _param: click.Parameter, value: int) -> None:
        """Have the processes know it."""
        if value != LIMIT or LIMIT_VARIABLE in os.environ:
            os.environ[LIMIT_VARIABLE] = str(value)

    return click.option(
        "--cache",
        type=COUNT,
        metavar="MIB",
        default=LIMIT,
        show_default=True,
        envvar=LIMIT_VARIABLE,
        show_envvar=True,
        expose_value=False,
        callback=note,
        help="MiB on disk that each process may take for the recording that it has fetched by URL.",
    )(command)


def runner_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command that classifies the options for who runs the network, and where: ``backend`` and ``device``."""
    from genrebench.model.model import Model

    text = "auto, or a device of the backend."
    device = click.option(
        "--device", type=Word(), default=Model.device, show_default=True, help=text, shell_complete=complete_devices
    )
    text = "Framework that runs the network."
    backend = click.option(
        "--backend", default=Model.backend, show_default=True, help=text, shell_complete=complete_backends
    )
    return backend(device(command))


def list_options(purpose: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command the options for lists of a split's parts: ``train_list``, ``validation_list``, ``test_list``.

    Parameters
    ----------
    purpose : str
        What the lists are for, for the help text.
    """

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        """Add the options, the last one first."""
        for option, text in (
            ("--test-list", "The same for the test."),
            ("--validation-list", "The same for validation."),
            ("--train-list", f"File with a training track per line, {purpose}."),
        ):
            command = click.option(option, type=PATH, help=text)(command)
        return command

    return add


def typed_command(context: click.Context, *, without: Collection[str]) -> str:
    """Write down a command as it was typed, for the report that it makes.

    Parameters
    ----------
    without : collection of str
        Parameters that say nothing of the result, such as ``output``.

    Returns
    -------
    str
        The command line. Of an absolute path, which is one machine's, only the last part is told.
    """
    words = ["genrebench", str(context.info_name)]
    for param in context.command.params:
        name = str(param.name)
        if context.get_parameter_source(name) is ParameterSource.DEFAULT or name in without:
            continue
        value = context.params[name]
        for each in value if param.multiple or param.nargs == -1 else (value,):
            words += [param.opts[0]] if isinstance(param, click.Option) else []
            words += [] if getattr(param, "is_flag", False) else [_typed(each)]
    return shlex.join(map(escaped, words))


def _typed(value: Any) -> str:
    """Format an option's value as it is typed."""
    if isinstance(value, Path) and value.is_absolute():
        return value.name or "."
    if isinstance(value, tuple):
        return ("=" if isinstance(value[0], str) else "x").join(map(str, value))
    return str(value)


def examples(*lines: str) -> str:
    """Format the examples at the end of a help text, so that click does not wrap them."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


class Word(click.ParamType):  # type: ignore[type-arg]
    """A word, in capitals or not."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Put the word in small letters."""
        return str(value).lower()


class Name(click.ParamType):  # type: ignore[type-arg]
    """A name or an address; an empty one, such as an unset variable of the shell, is none."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Take it as it is."""
        if not str(value).strip():
            self.fail(f"expected a name, received {shown(value)}", param, ctx)
        return str(value)


class Size(click.ParamType):  # type: ignore[type-arg]
    """Two positive whole numbers such as ``128x130``."""

    name = "NxN"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Read the size."""
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"0*([1-9][0-9]{0,8})x0*([1-9][0-9]{0,8})", str(value))
        if match is None:
            self.fail(f"expected n_mels x frames such as 128x130, received {shown(value)}", param, ctx)
        return int(match[1]), int(match[2])


class Replace(click.ParamType):  # type: ignore[type-arg]
    """A layer's name and what stands in its place, such as ``scale=x / 255``."""

    name = "NAME=WHAT"
    help = (
        "What a layer computes that is code in the file: a small expression such as scale='x / 255 - 0.5', or a .json "
        "file with layers of Keras that do the same. May be given more than once."
    )

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Take name and replacement apart."""
        if isinstance(value, tuple):
            return value
        name, mark, what = str(value).partition("=")
        if not name or not mark or not what.strip():
            self.fail(f"expected NAME=EXPRESSION or NAME=FILE.json, received {shown(value)}", param, ctx)
        return name, what.strip()


REPLACE = Replace()
