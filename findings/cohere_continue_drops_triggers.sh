#!/usr/bin/env bash
# cohere_core 4.5.4: with init_guess = "continue", twin_trigger does nothing, and nothing is said.
#
# Expected: twin_trigger = [2] zeroes half of the object along two axes after iteration 2, as it does
#   from a random start; or, where it cannot act, an error or a line in the log.
# Seen: the run ends with the very object of a run without the trigger. Triggers of low pass and phase
#   constraint are dropped at the same place.
# Exits with 1 where this has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip --disable-pip-version-check install --quiet \
  'cohere_core==4.5.4' 'numpy==2.4.6' 'scipy==1.17.1' 'tifffile'
cd "$folder"
"$folder/venv/bin/python" - <<'P'
import contextlib
import io
import sys
from importlib.metadata import version

import numpy as np
import tifffile
from cohere_core.controller import phasing

x, y, z = np.indices((32, 32, 32)) - 16
crystal = ((abs(x) < 7) & (abs(y) < 6) & (abs(z) < 8)) * np.exp(0.05j * x * y)
modulus = np.abs(np.fft.fftshift(np.fft.fftn(np.fft.ifftshift(crystal))))
tifffile.imwrite("data.tif", modulus.T.astype(np.float32))
np.save("image.npy", crystal)
np.save("support.npy", (abs(crystal) > 0).astype(int))


def phased(**more):
    given = {"algorithm_sequence": "3*ER", **more}
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        rec = phasing.create_rec(given, "data.tif", "np", -1, debug=True)
        assert rec.iterate() == 0
    return np.asarray(rec.get_image()), said.getvalue()


go_on = {"init_guess": "continue", "continue_dir": "."}
plain, _ = phased(**go_on)
cut, said = phased(**go_on, twin_trigger=[2])
random, _ = phased(twin_trigger=[2])
acts = not random[16:].any()  # after the last iteration, so that the half is still empty
print(f"cohere_core {version('cohere_core')}")
print(f"expected: the trigger acts as from a random start, where half is empty ({acts}), or a line says that it does not")
same = np.array_equal(plain, cut)
print(f"seen: the same object with and without it: {same}; the word twin in the log: {'twin' in said}")
sys.exit(0 if acts and same and "twin" not in said else 1)
P
