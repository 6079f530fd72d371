#!/usr/bin/env bash
# cohere_ui 4.5.5 with cohere_core 4.5.4, the pair that the package index gives today: the notebook saves no configuration.
#
# Expected: `ConfigManager.save_config` writes conf/config_rec and returns no error.
# Seen: it asks for `cohere_core.utilities.verify`, which cohere_core 4.5.4 has no more: AttributeError, and no file. With
#   it "Save" and "Save and Run" of every tab end; *Safe mode* off runs the file as it is.
# Exits with 1 where this has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip --disable-pip-version-check install --quiet \
  'cohere_core==4.5.4' 'cohere_ui==4.5.5' 'ipywidgets==8.1.9' 'numpy==2.4.6'
mkdir -p "$folder/exp/conf"
cd "$folder"
"$folder/venv/bin/python" - <<'P'
import sys
from importlib.metadata import version
from pathlib import Path

from cohere_ui.jupyter_gui.config import ConfigManager

print(f"cohere_ui {version('cohere_ui')}, cohere_core {version('cohere_core')}")
print("expected: conf/config_rec is written")
wanted = {"algorithm_sequence": "3*(20*ER+180*HIO)+20*ER", "reconstructions": 1}
try:
    seen = f"saved: {ConfigManager('exp').save_config('config_rec', wanted)}"
except AttributeError as error:
    seen = f"AttributeError: {error}"
print(f"seen: {seen}; written: {Path('exp/conf/config_rec').exists()}")
sys.exit(0 if "verify" in seen and not Path("exp/conf/config_rec").exists() else 1)
P
