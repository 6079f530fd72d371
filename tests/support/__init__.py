"""What several tests use: experiments, environments, results, pages and windows."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # of the checkout
_POINTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
BUILT_IN = sorted(_POINTS["cdi_ml_plugin.algorithms"])  # names of algorithms
