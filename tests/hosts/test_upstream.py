"""The patches that are proposed to cohere and PyNX, on copies of the released programs, without this package's hook."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from support import ROOT
from support.pynx import PyNX

pytestmark = pytest.mark.slow
PATCHES = ROOT / "docs" / "upstream"
PLUGIN = """
def fade(rec):
    rec.ds_image = rec.ds_image * (0.001 + 0j)

def broken(rec):
    raise RuntimeError("imported where it is not named")
"""
COHERE = """
import json, sys
import numpy as np, tifffile
import cohere_core
from cohere_core.controller import op_flow, phasing
assert cohere_core.__file__.startswith(sys.argv[1])
rng = np.random.default_rng(0)
obj = np.zeros((16, 16, 16), complex)
obj[5:10, 6:11, 4:9] = rng.random((5, 5, 5)) + 1
tifffile.imwrite("data.tif", np.abs(np.fft.fftshift(np.fft.fftn(obj))).astype(np.float32))
found = {"own": op_flow.algs["ER"][-1], "names": sorted(n for n in op_flow.algs if n[:4] in ("CALF", "FADE"))}
for name, sequence in (("plain", "23*ER"), ("fade", "20*ER+1*FADE+2*ER")):
    np.random.seed(0)
    rec = phasing.create_rec({"algorithm_sequence": sequence}, "data.tif", "np", -1, debug=True)
    found[name + " loaded"] = "plugin_of_the_test" in sys.modules
    assert rec.iterate() == 0
    found[name] = [float(error) for error in rec.errs]
print(json.dumps(found))
"""
OPERATOR = """
import numpy as np
from pynx.cdi import OperatorCDI

class Half(OperatorCDI):
    def op(self, cdi):
        cdi.set_obj(cdi.get_obj() / 2)
        cdi.update_history(mode="algorithm", algorithm="Half", update_psf=False)
        cdi.cycle += 1
        return cdi

class Wrong(OperatorCDI):
    def __init__(self):
        raise RuntimeError("in the place of PyNX's own")
"""
RUNNER = """
import sys
sys.argv = ["pynx-cdi-id01", "--data", "data.npz", "--roi", "full", "--algorithm", "ER**3,Half,HIO**2"]
rng = np.random.default_rng(0)
obj = np.zeros((16, 16, 16), complex)
obj[5:10, 6:11, 4:9] = rng.random((5, 5, 5)) + 1
np.savez("data.npz", data=100 * np.abs(np.fft.fftshift(np.fft.fftn(obj, norm="ortho"))) ** 2)
import pynx
from pynx.cdi.runner.id01 import CDIRunnerID01, CDIRunnerScanID01
runner = CDIRunnerID01(sys.argv, None, CDIRunnerScanID01)
runner.process_scans()
history = runner.ws.cdi.history["algorithm"]
print(json.dumps([pynx.__file__, [history[cycle] for cycle in sorted(history)]]))
"""


def patched(package: Path, patch: str, folder: Path) -> Path:
    """A copy of a package with a patch applied."""
    if shutil.which("patch") is None:
        pytest.skip("the command patch is not installed")
    shutil.copytree(package, folder / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    with (PATCHES / patch).open() as stream:
        done = subprocess.run(
            ["patch", "-p1", "--fuzz=0"], cwd=folder, stdin=stream, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return folder


def install(folder: Path, source: str, group: str, **entries: str) -> None:
    """A package with entry points beside it, as pip leaves one."""
    (folder / "plugin_of_the_test.py").write_text(source)
    about = folder / "plugin_of_the_test-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: plugin-of-the-test\nVersion: 1.0\n"
    )
    lines = [f"{name} = plugin_of_the_test:{value}" for name, value in entries.items()]
    (about / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines, ""]))


def test_cohere_takes_algorithms_by_entry_point(tmp_path: Path) -> None:
    spec = find_spec("cohere_core")
    if spec is None or spec.origin is None:
        pytest.skip("cohere_core is not installed")
    folder = patched(Path(spec.origin).parent, "cohere_core-4.5.4.patch", tmp_path)
    entries = {"FADE": "fade", "ER": "broken", "CALF": "broken"}
    install(folder, PLUGIN, "cohere_core.algorithms", **entries)
    own = {"PYTHONPATH": str(folder), "CDI_ML_PLUGIN_AUTOLOAD": "0", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", COHERE, folder], cwd=tmp_path, env=os.environ | own,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["own"] == "er"  # a name of cohere's own is not replaced
    assert found["names"] == ["CALF", "CALFpc", "FADE", "FADEpc"]
    assert not found["plain loaded"]
    assert not found["fade loaded"]  # not before its turn
    assert len(found["fade"]) == len(found["plain"]) == 23  # an error in its iteration too
    assert found["fade"][19] < 0.5
    assert found["fade"][20] > 0.99  # next to nothing is left
    assert found["fade"][21] > 0.99  # its object is what goes on, not the projection of it
    assert found["fade"][22] < 0.5  # which ER puts right


def test_pynx_takes_operators_by_entry_point(pynx: PyNX, tmp_path: Path) -> None:
    folder = patched(pynx.packages / "pynx", "pynx-2025.1.patch", tmp_path / "copy")
    install(folder, OPERATOR, "pynx.cdi.operators", half="Half", er="Wrong", calf="Wrong")
    (tmp_path / "run").mkdir()
    place, acted = pynx.run(RUNNER, tmp_path / "run", folder, CDI_ML_PLUGIN_AUTOLOAD="0")
    assert Path(place).is_relative_to(folder)
    assert acted == ["HIO", "HIO", "Half", "ER", "ER", "ER"]
