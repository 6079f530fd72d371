#!/usr/bin/env bash
# cohere_beamlines 4.5.6: at APS 20-ID-E the distance of the detector is counted twice.
#
# Expected: DetZ, the only position along the beam, is the distance: a pixel of 55 µm at DetZ = 2.5 m is
#   k·55 µm / 2.5 m wide in q at the direct beam; and a detector at DetX = 0.25 m is at 2θ = atan(0.25 / 2.5).
# Seen: DetZ is both `distance` and the detector axis tz, so that the detector stands at 5 m: steps of q
#   along the detector are half as long (voxels of the object twice as large), and 2θ is atan(0.25 / 5).
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
configs = {"config": {"scan": "12"}, "config_instr": {"data_dir": ".", "detector": "ASI", "scan_step": 0.01}}
found = instrument.create_instr(configs)
steps, _, transfer, _, _ = found.get_geometry([256, 256, 4], 12, configs)
k = 2 * np.pi / (1.2398420 / 52)
pixel = np.linalg.norm(steps[:, 1])  # along rows, across the plane of 2θ
for name in ("cohere_beamlines", "xrayutilities"):
    print(name, version(name))
away = np.hypot(2.5, 0.25), np.hypot(5.0, 0.25)
wanted, twice = (k * 55e-6 / each for each in away)
angle, other = (np.degrees(np.arctan(0.25 / each)) for each in (2.5, 5.0))
two_theta = 2 * np.degrees(np.arcsin(10 * np.linalg.norm(transfer) / 2 / k))
print(f"expected: a pixel is {wanted:.6f} 1/nm wide, 2θ is {angle:.3f}°")
print(f"seen: a pixel is {pixel:.6f} 1/nm wide, 2θ is {two_theta:.3f}° (at 5 m: {twice:.6f} 1/nm, {other:.3f}°)")
sys.exit(0 if abs(pixel / twice - 1) < 1e-3 and abs(two_theta / other - 1) < 1e-3 else 1)
P
