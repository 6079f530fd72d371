"""cohere_core with the path file in its environment, and a sequence that names none of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from support.experiments import crystal

GIVEN = {
    "algorithm_sequence": "3*ER+9*HIO+2*RAAR+2*ER",
    "shrink_wrap_trigger": [1, 1],
    "shrink_wrap_type": "GAUSS",
    "shrink_wrap_threshold": 0.1,
    "shrink_wrap_gauss_sigma": 1.0,
}
# cohere seeds its random start by the clock and the process: here by a number that is given
RUN = """
import ast, hashlib, sys
import numpy as np
import cohere_core.controller.phasing as p

loaded = [m for m in sys.modules if m.partition(".")[0] in ("torch", "safetensors")]
given, data, number = sys.argv[1:]
seed = np.random.seed
np.random.seed = lambda *clock: seed(int(number))
rec = p.create_rec(ast.literal_eval(given), data, "np", -1, debug=True)
assert rec.iterate() == 0
found = [np.asarray(a).tobytes() for a in (rec.ds_image, rec.support, rec.errs)]
print(loaded, hashlib.sha256(b"".join(found)).hexdigest(), "CNN" in p.of.algs)
"""


@pytest.mark.parametrize("continued", [True, False], ids=["continued", "random"])
def test_stock_results_are_the_same_to_the_bit(tmp_path: Path, continued: bool) -> None:
    pytest.importorskip("cohere_core", reason="cohere_core is not installed")
    obj = crystal()
    moduli = np.abs(np.fft.fftshift(np.fft.fftn(obj, norm="ortho"))).astype(np.float32)
    tifffile.imwrite(tmp_path / "data.tif", moduli)
    given = dict(GIVEN)
    if continued:
        inside = np.abs(obj) > 0
        np.save(tmp_path / "image.npy", ((obj + 60) * inside).T / np.sqrt(obj.size))
        np.save(tmp_path / "support.npy", inside.T.astype(int))
        given |= {"init_guess": "continue", "continue_dir": str(tmp_path)}

    def run(switch: str, seed: int = 3) -> list[str]:
        """Modules that came with cohere, hash of object, support and errors, whether CNN is known."""
        words = [repr(given), str(tmp_path / "data.tif"), str(seed)]
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", RUN, *words], capture_output=True, text=True,
            env={**os.environ, "CDI_ML_PLUGIN_AUTOLOAD": switch}, check=True,
        )  # fmt: skip
        return done.stdout.splitlines()[-1].split()

    without, with_us = run("0"), run("1")
    assert without[2] == "False"
    assert with_us[2] == "True"
    assert without[:2] == with_us[:2]
    assert without[0] == "[]"  # torch is imported by neither
    assert (run("1", seed=4)[1] == with_us[1]) == continued  # another start has another hash
