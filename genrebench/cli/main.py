"""The command line. A command's module is imported when it is called, so that ``--help`` answers at once."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click

from genrebench import __version__
from genrebench.cli.help_text import Context
from genrebench.cli.options import examples
from genrebench.errors import GenrebenchError, escaped, shortened
from genrebench.system.interrupts import MESSAGE, interrupted_status, interrupts_raised

# Each is a function of its name, in the module of its name.
COMMANDS = {
    "config": "Print an experiment file, resolved and checked.",
    "preprocess": "Turn recordings into spectrograms.",
    "pack": "Copy spectrograms into a few large files.",
    "train": "Train the network and save it.",
    "infer": "Print the genre of recordings.",
    "serve": "Open a page to try a model on, with a JSON API.",
    "evaluate": "Say what a model, or a protocol, is worth.",
    "runs": "List the runs in results/.",
    "report": "Make the report of a run again, as one page.",
    "compare": "Say whether one run is better than another.",
    "doctor": "Say what is wrong with a dataset.",
    "summary": "Print the network's layer table.",
    "backends": "List the installed backends.",
    "check": "Check that a backend builds what it should.",
    "parity": "Prove that backends build the same network.",
    "bench": "Measure how fast it is, beside plain ways of doing the same.",
    "inspect": "Print what is in somebody's Keras file, read without Keras.",
    "export": "Write a model for ONNX, Keras, PyTorch or a browser.",
    "port": "Write somebody's Keras file as PyTorch, and prove it.",
    "demo": "Go the whole way on synthetic audio.",
}
_ERROR = "Error: "
_STATUS_1_IS_A_FINDING = frozenset({"parity", "check", "doctor"})


class _CannotRun(click.ClickException):
    """An error in a command whose status 1 says what it found."""

    exit_code = 2


class Commands(click.Group):
    """A group of commands that turns every failure into one line and an exit status."""

    context_class = Context

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order in which one comes to use them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"genrebench.cli.{cmd_name}"), cmd_name)
        command.context_class = Context
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that was typed; if there is none, name the nearest."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            if near := get_close_matches(args[0], COMMANDS, 1):
                error.message = f"{error.message.rstrip('.')}; did you mean {near[0]}?"  # type: ignore[misc]
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Prepare the streams, and run."""
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if stream is None:  # closed, which not every library expects
                setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - for good
            if isinstance(stream, io.TextIOWrapper):
                # A file name must not end a run where the terminal lacks a letter.
                stream.reconfigure(errors="backslashreplace")
                if stream is getattr(sys, f"__{name}__") and os.name == "posix":
                    setattr(sys, name, _outlive_reader(stream))
        return super().main(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command.

        Raises
        ------
        ClickException
            For every error, unless ``--debug`` was given: then the error itself.
        """
        try:
            with interrupts_raised(), _all_printed():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo(MESSAGE, err=True)
            ctx.exit(interrupted_status())
        except click.ClickException as error:
            # click quotes what was typed in full
            error.message = _in_whole_words(shortened(escaped(error.message)))  # type: ignore[misc]
            raise
        except (click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            if ctx.params["debug"]:
                raise
            failure = _CannotRun if ctx.invoked_subcommand in _STATUS_1_IS_A_FINDING else click.ClickException
            raise failure(_in_whole_words(_one_line(error))) from error


class _Patient(io.FileIO):
    """A file descriptor that may be written to whatever becomes of its reader: a run is worth more than its lines."""

    lost: OSError | None = None

    def write(self, content: Any, /) -> int:
        """Write, as long as somebody reads; what a full disk or a terminal that is gone does not take is left out."""
        try:
            return super().write(content)
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
        except BlockingIOError:
            raise
        except OSError as error:
            self.lost = self.lost or error
        return len(content)


@contextmanager
def _all_printed() -> Iterator[None]:
    """Where a command ends well, raise what kept standard output from being written; that a reader left is no error."""
    end = None
    try:
        yield
    except click.exceptions.Exit as error:
        if error.exit_code:
            raise
        end = error
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.flush()
        raw = getattr(sys.stdout.buffer, "raw", None)
        if isinstance(raw, _Patient) and raw.lost is not None:
            raise OSError(raw.lost.errno, raw.lost.strerror, "standard output")
    if end is not None:
        raise end


def _in_whole_words(message: str) -> str:
    """Have a terminal end its rows between words in what click prints behind its own first word."""
    if not sys.stderr.isatty():
        return message
    from rich.console import Console

    from genrebench.cli.output import whole_words

    return whole_words(f"{_ERROR}{message}", Console(stderr=True).width).removeprefix(_ERROR)


def _outlive_reader(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    """Make a stream of which ``| head -1`` may read a part.

    The command goes on without its reader: what it saves, and its status, do not depend on who looks on.
    """
    buffer = io.BufferedWriter(_Patient(stream.fileno(), "w", closefd=False))
    lines = stream.line_buffering or stream.write_through  # unbuffered, as far as a text stream can be
    return io.TextIOWrapper(buffer, encoding=stream.encoding, errors=stream.errors, line_buffering=lines)


def _one_line(error: Exception) -> str:
    """Describe in one line what went wrong.

    Returns
    -------
    str
        For an error that genrebench foresees its message; for others what is known, and how to learn more.
    """
    if isinstance(error, GenrebenchError):
        message = str(error)
    elif isinstance(error, OSError) and error.strerror:
        message = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    elif isinstance(error, MemoryError):
        detail = f" ({error})" if str(error) else ""
        message = f"out of memory{detail}; use less data, or a smaller --batch-size"
    else:
        message = f"{type(error).__name__}: {error} (unforeseen; genrebench --debug COMMAND shows where)"
    return shortened(escaped(" ".join(message.split())), 1500)


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="Classify music by genre from Mel spectrograms, with one network that several frameworks build.",
    epilog=examples(
        "genrebench preprocess --dataset dataset",
        "genrebench train --backend torch --dataset dataset --name gtzan",
        "genrebench infer song.mp3 --model results/gtzan",
    ),
)
@click.version_option(__version__)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.option("-q", "--quiet", is_flag=True, help="Print results and errors only: no progress, no notes.")
@click.pass_context
def main(context: click.Context, debug: bool, quiet: bool) -> None:  # noqa: ARG001 - others read them
    """Run the command line; without a command, say what to do next.

    Parameters
    ----------
    debug : bool
        Whether errors keep their traceback; `Commands` reads it.
    quiet : bool
        Whether only results and errors are printed; `genrebench.cli.output.is_quiet` reads it.
    """
    if context.invoked_subcommand is None:
        from genrebench.cli.next_step import show_next_step

        show_next_step()
