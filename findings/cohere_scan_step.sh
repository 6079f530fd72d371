#!/usr/bin/env bash
# cohere_beamlines 4.5.6: the step of a scan is too small at APS 20-ID-E and at PETRA III P10.
#
# Expected: N positions from first to last are N - 1 steps apart: 8 positions 0.01° apart have a step of 0.01°.
# Seen: `parse_metadata` divides by N (`len(positions - 1)`, where the 1 is taken from the positions; at P10
#   `len(positions)`), so that voxels of the object are longer along one axis by N / (N - 1), unless
#   config_instr has scan_step. Shown at 20-ID-E.
# Exits with 1 where this has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip --disable-pip-version-check install --quiet \
  'cohere_beamlines==4.5.6' 'cohere_core==4.5.4' 'xrayutilities==1.8.0' 'numpy==2.4.6' 'h5py==3.16.0' 'pandas==3.1.1'
cd "$folder"
"$folder/venv/bin/python" - <<'P'
import sys
from importlib.metadata import version

import h5py
import numpy as np
from cohere_beamlines.aps_20ide import instrument

with h5py.File("scan_012.ASI.h5", "w") as file:
    file["SMS/E/HR/samRy"] = 0.01 * np.arange(8)
    file["DMS/DetX"], file["DMS/DetY"], file["DMS/DetZ"] = [250.0], [0.0], [2500.0]
    file["HEM/Energy"] = [52.0]
configs = {"config": {"scan": "12"}, "config_instr": {"data_dir": ".", "detector": "ASI"}}
step = instrument.create_instr(configs).parse_metadata(12)["scan_step"]
print(f"cohere_beamlines {version('cohere_beamlines')}")
print("expected: a step of 0.01°")
print(f"seen: a step of {step:.6g}°, 7/8 of it")
sys.exit(0 if abs(step - 0.01 * 7 / 8) < 1e-9 else 1)
P
