#!/usr/bin/env bash
# cohere_core 4.5.4: zero_phase, which the genetic algorithm applies to both parents, changes amplitudes.
#
# Expected: its docstring says that the relative phase stays intact and moves towards zero: the result
#   is the array times one phase factor, so its modulus is that of the array, and it overlaps it fully.
# Seen: shift_phase returns a complex array, which is taken for a phase: exp(i·complex) is no phase
#   factor, and a crystal whose phase varies comes back with other amplitudes. So does the best of a
#   generation, which is "not bred", and a child of two equal parents.
# Exits with 1 where this has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip --disable-pip-version-check install --quiet \
  'cohere_core==4.5.4' 'numpy==2.4.6' 'scipy==1.17.1'
"$folder/venv/bin/python" - <<'P'
import sys
from importlib.metadata import version

import numpy as np
from cohere_core.utilities import dvc_utils

dvc_utils.set_lib_from_pkg("np")
x, y, z = np.indices((32, 32, 32)) - 16
crystal = ((abs(x) < 7) & (abs(y) < 6) & (abs(z) < 8)) * np.exp(1j * (0.6 + 0.1 * x + 0.02 * y * z))


def overlap(one, other):
    return abs(np.vdot(one, other)) / np.linalg.norm(one) / np.linalg.norm(other)


found = dvc_utils.zero_phase(crystal)
same = overlap(found, crystal)
change = np.abs(np.abs(found) - np.abs(crystal)).max()
best = overlap(dvc_utils.breed("sqrt_ab", crystal, crystal.copy()), crystal)
print(f"cohere_core {version('cohere_core')}")
print("expected: overlap 1, modulus unchanged; the best of a generation unchanged: overlap 1")
print(f"seen: overlap {same:.3f}, modulus off by up to {change:.2f} of 1; the best: overlap {best:.3f}")
sys.exit(0 if same < 0.95 and best < 0.95 and change > 0.2 else 1)
P
