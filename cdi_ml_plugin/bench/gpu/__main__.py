"""``python -m cdi_ml_plugin.bench.gpu``: `cdi-ml bench gpu` where click is not installed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ...errors import CdiMlError
from ...utils.interrupt import termination
from .script import PARTS, Options, run


def parser() -> argparse.ArgumentParser:
    """The options, those of ``cdi-ml bench gpu``."""
    found = argparse.ArgumentParser(prog="python -m cdi_ml_plugin.bench.gpu", description=__doc__)
    default = Options(Path())
    found.add_argument("--out", "-o", type=Path, required=True)
    found.add_argument("--minutes", type=float, default=default.minutes)
    found.add_argument("--device")
    found.add_argument("--quick", action="store_true")
    found.add_argument("--only", action="append", choices=PARTS, default=[])
    found.add_argument("--checkpoint", type=Path)
    found.add_argument("--batch", type=int)
    found.add_argument("--steps", type=int)
    return found


def main(words: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code."""
    given = vars(parser().parse_args(words))
    try:
        with termination():
            for line in run(Options(**{**given, "only": tuple(given["only"])})):
                sys.stdout.write(f"{line}\n")
                sys.stdout.flush()
    except CdiMlError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write(f"interrupted: what is done is in {given['out']}\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
