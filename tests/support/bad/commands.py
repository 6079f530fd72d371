"""Calls of every command that are right but for one option: found by asking the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator

import click

from cdi_ml_plugin.cli.app import COMMANDS, cli

Words = tuple[str, ...]

# A good call of each command, small; an option that is tried stands after it, and the last one counts.
GOOD: dict[str, Words] = {
    "algorithms": (),
    "bench cnn": ("--data", "counts.npy", "--seeds", "1"),
    "bench engine": ("--size", "16"),
    "bench gpu": ("--quick", "-o", "out"),
    "bench refine": ("--crystals", "1"),
    "bench series": ("--scans", "2", "--only", "overhead", "--idle", "2", "--tasks", "2"),
    "bench solve": ("--crystals", "1"),
    "bench uncertainty": ("--crystals", "1"),
    "bench weights": ("fast", "--patterns", "1"),
    "cdiutils-modes": ("result/result.cxi", "-o", "out/mode.h5"),
    "cdiutils-phase": ("pynx-cdi-inputs.txt", "-a", "2*ER"),
    "cohere-guess": ("exp_54", "-o", "out"),
    "compare": ("counts.npy", "-a", "2*ER", "-a", "3*ER", "--seeds", "2", "-o", "out"),
    "demo": ("-o", "out", "-a", "2*ER", "--seeds", "1"),
    "analyse": ("result", "--geometry", "geometry.json", "-o", "out"),
    "geometry": ("--diffractometer", "id01", "-o", "out"),
    "export": ("result", "out", "--to", "cdiutils"),
    "figure": ("result", "--kind", "slices", "-o", "out"),
    "fine-tune": ("counts.npy", "-o", "out", "--steps", "1", "--batch", "2"),
    "hosts": (),
    "readers": ("counts.npy",),
    "inspect": ("counts.npy", "-o", "out"),
    "reconstruct": ("counts.npy", "-a", "2*ER", "-o", "out"),
    "series": ("counts.npy", "-a", "2*ER", "-o", "out"),
    "simulate": ("out",),
    "train": ("out", "--steps", "1", "--batch", "1"),
    "view": ("counts.npy",),
    "weights": (),
}
# What is written; every other path is read.
WRITTEN = {("simulate", "folder"), ("train", "folder"), ("export", "folder")}
LONG = 300 * "n"
# Of any number; whether -1, 0 and what is huge are bad as well, its range says.
NO_NUMBERS = ("nan", "text", "", " ", "1 nm", "3,5", "0x10", "1e", "½", "None", "1\n2", "[1]")
NO_INTEGERS = ("1.5", "1e3", "inf", "-inf", "1e400")
NO_REALS = ("inf", "-inf", "1e400", "-1e400", "-1")
HUGE = str(10**30)
NO_FILES = (
    "missing",
    "",
    "folder",
    "empty",
    "noise",
    "pipe",
    "counts.npy/x",
    LONG,
    "a\nb",
    "text.txt",
)
NO_TARGETS = ("", "empty", "counts.npy/x", LONG, "/proc/nowhere/out", "/dev/null/out", "pipe")
NO_TEXTS = ("", " ", "no such thing", "a\nb", "π", LONG, "None", "'", '"', "../..", "-")


def commands() -> dict[str, click.Command]:
    """Every command that is no group of others, with its group's name before it."""
    found: dict[str, click.Command] = {}
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            found |= {f"{name} {each}": one for each, one in command.commands.items()}
        else:
            found[name] = command
    return found


def values(command: str, parameter: click.Parameter) -> Iterator[str]:
    """Bad values of a parameter, by its kind."""
    kind = parameter.type
    if isinstance(kind, click.types.IntParamType):
        yield from (*NO_NUMBERS, *NO_INTEGERS, HUGE, f"-{HUGE}")
        lowest = getattr(kind, "min", None)
        yield str(lowest - 1 if lowest is not None else -1)
    elif isinstance(kind, click.types.FloatParamType):
        yield from (*NO_NUMBERS, *NO_REALS)
    elif isinstance(kind, click.Choice):
        yield from ("", "nonsense", "π")
    elif isinstance(kind, click.Path):
        written = parameter.name == "out" or (command, parameter.name) in WRITTEN
        targets = [  # an empty file is a table without a row
            each for each in NO_TARGETS if each != "empty" or not command.startswith("bench")
        ]
        yield from targets if written else NO_FILES
    elif parameter.name not in ("quiet",):
        yield from NO_TEXTS


def spoilt() -> Iterator[tuple[str, Words]]:
    """Every command, with every option and argument spoilt in every way."""
    for name, command in commands().items():
        good = GOOD[name]
        place = 0
        for parameter in command.params:
            if isinstance(parameter, click.Argument):
                for value in values(name, parameter):
                    words = list(good)
                    words[place : place + 1] = ["--", value] if value[:1] == "-" else [value]
                    yield name, tuple(words)
                place += 1
                continue
            option = max(parameter.opts, key=len)
            if isinstance(parameter, click.Option) and parameter.is_flag:
                yield name, (*good, f"{option}=yes")
                continue
            yield name, (*good, option)  # without a value
            for value in values(name, parameter):
                if parameter.nargs == 1:
                    yield name, (*good, option, value)
                    continue
                for at in range(parameter.nargs):
                    many = ["8"] * parameter.nargs
                    many[at] = value
                    yield name, (*good, option, *many)
        yield name, (*good, "--nonsense")
        if all(parameter.nargs > 0 for parameter in command.params):
            yield name, (*good, "one", "too", "many")
