"""Every kind of file and text that the package reads: how a sound one is made, and what is done with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cdi_ml_plugin import Geometry
from cdi_ml_plugin.cli.compare import by_chain, by_name
from cdi_ml_plugin.cli.options import read_parameters
from cdi_ml_plugin.comparison.chains import parameters_of
from cdi_ml_plugin.comparison.run import compare
from cdi_ml_plugin.crystal.account import account_of, shown, table
from cdi_ml_plugin.crystal.checks import checks
from cdi_ml_plugin.crystal.of_result import crystal_or_note
from cdi_ml_plugin.data.measurement import Measurement
from cdi_ml_plugin.engine.plan import Plan
from cdi_ml_plugin.engine.recipe import algorithms
from cdi_ml_plugin.engine.run import reconstruct
from cdi_ml_plugin.errors import CdiMlError, ParameterError
from cdi_ml_plugin.geometry.spec import read_scan
from cdi_ml_plugin.io.cxi.reader import read_result
from cdi_ml_plugin.io.cxi.writer import cxi_bytes
from cdi_ml_plugin.io.results import read_any_result
from cdi_ml_plugin.nn import kinds, weights
from cdi_ml_plugin.nn.predict import predict
from cdi_ml_plugin.workflow.earlier import check_result_folder
from cdi_ml_plugin.workflow.load import read_prepared
from support import aps, bliss, nanomax, others, p10, soleil, sound
from support.damage import BYTES, JSON, TEXT, Damage
from support.damage_structure import HDF5, NPZ, SAFETENSORS, ZIP, card_value

LARGE = 100_000  # voxels; more is only looked at, as phasing it takes longer


@dataclass(frozen=True)
class Kind:
    """A kind of input.

    Attributes
    ----------
    make : callable
        Makes sound files in a folder; returns those to be damaged.
    read : callable
        What the product does with them, given the folder.
    damages : tuple of callable
    writes : bool
        Whether reading changes the folder.
    slow : int
        How many of it take as long as one of the others.
    """

    make: Callable[[Path], Sequence[Path]]
    read: Callable[[Path], object]
    damages: tuple[Damage, ...]
    writes: bool = False
    slow: int = 1


def phased(measurement: Measurement) -> None:
    """What becomes of data that were read."""
    str(measurement)
    if measurement.intensity.size <= LARGE:
        looked_at(reconstruct(measurement, "2*ER", device="cpu"))


def looked_at(result: Any) -> None:
    """What every command does with a result, but for pictures."""
    crystal, result = crystal_or_note(result)
    str(result), [str(check) for check in checks(result)], algorithms(result)
    account = account_of(result, crystal)
    table(shown(account.entries)), json.dumps(account.content(), allow_nan=False).encode()
    cxi_bytes(result, "", crystal, account.crystal)


def data(name: str, **options: str) -> Callable[[Path], None]:
    """Read data and phase them; options that are names of files are those of the folder."""

    def read(folder: Path) -> None:
        given = {k: v if k == "scan" else folder / v for k, v in options.items()}
        phased(read_prepared(folder / name, **given))

    return read


def _array(suffix: str) -> Callable[[Path], list[Path]]:
    return lambda folder: [sound.sound(folder, suffix)]


def _result(folder: Path) -> None:
    looked_at(read_result(folder))


def _peers(folder: Path) -> None:
    """Every one of them is looked at: which is damaged, chance says."""
    faults = []
    for name in ("Run0001.cxi", "S7_pynx_reconstruction_mode.cxi", "exp/results_phasing"):
        try:
            looked_at(read_any_result(folder / name, sound.pattern()))
        except CdiMlError as error:
            faults.append(error)
    if faults:
        raise faults[0]


def _plan(folder: Path, text: str | None, parameters: dict[str, Any]) -> None:
    plan = Plan.of(text, parameters)
    str(plan.step)
    plan.on(sound.pattern(), 0.03, "cpu", "single")


def _config(folder: Path) -> None:
    _plan(folder, None, read_parameters(folder, folder / "config_rec", ()))


def _experiment(folder: Path) -> None:
    measurement = read_prepared(folder)
    _plan(folder, None, read_parameters(folder, None, ()))
    phased(measurement)


def _words(folder: Path) -> list[str]:
    """Lines of a text as a command gets them: it refuses what is not UTF-8 itself."""
    text = (folder / "text").read_bytes().decode("utf-8", "replace")
    return text.splitlines()


def _chain(folder: Path) -> None:
    text = " ".join(_words(folder))
    _plan(folder, text, sound.TRIGGERS)
    parameters_of(by_name(["one: 2*ER", text]), {}, {})


def _settings(folder: Path) -> None:
    chains = ("one", "other")
    for_all, own = by_chain(_words(folder), chains)
    parameters = read_parameters(folder, None, for_all)
    parameters_of(dict.fromkeys(chains, "2*ER + 2*HIO"), parameters, own)
    _plan(folder, "2*ER + 2*HIO", parameters)


def _spec(folder: Path) -> None:
    refused = []
    for scan in (7, 8):
        try:
            about = read_scan(folder / "a.spec", scan)
            geometry = Geometry.from_spec(folder / "a.spec", scan)
        except Exception as error:  # judged below; the other scan is read too
            refused.append(error)
            continue
        assert all(len(column) == about.points > 0 for column in about.counters.values())
        basis = geometry.direct_basis((32, 32, 32))
        assert np.isfinite(basis).all()
        assert np.isfinite(geometry.momentum_transfer()).all()
        assert geometry.d_spacing > 0
    for error in refused:
        raise error


def _start(folder: Path) -> None:
    given = {"init_guess": "continue", "continue_dir": str(folder)}
    looked_at(reconstruct(sound.pattern(), "2*ER", parameters=given, device="cpu"))


def _kept(folder: Path) -> None:
    looked_at(reconstruct(sound.pattern(), "3*ER", seeds=3, device="cpu", keep=folder / "kept"))


def _comparison(folder: Path) -> None:
    found = compare(sound.pattern(), sound.CHAINS, folder / "out", seeds=2, device="cpu")
    json.dumps(found.content(), allow_nan=False).encode()


def _weights(folder: Path) -> None:
    network, card = weights.load(folder / "weights.safetensors")
    str(card)
    preset = kinds.find(card.preset)
    field = torch.ones(2, preset.field, preset.field, preset.field)
    predict(preset, network, (field[0], field[1] > 0), 1, 0, torch.Generator().manual_seed(0))


def _folder(folder: Path) -> None:
    check_result_folder(folder / "a/out", force=True)
    if not (folder / "a/out").is_dir():
        raise ParameterError("the earlier folder is gone")


KINDS: dict[str, Kind] = {
    "npy": Kind(_array(".npy"), data("sound.npy"), BYTES),
    "npz": Kind(_array(".npz"), data("sound.npz"), NPZ),
    "tif": Kind(_array(".tif"), data("sound.tif"), BYTES),
    "h5": Kind(_array(".h5"), data("sound.h5"), HDF5),
    "cxi": Kind(_array(".cxi"), data("sound.cxi"), HDF5),
    "NXdetector": Kind(sound.detector, data("nexus.nxs"), HDF5),
    "Eiger": Kind(sound.eiger, data("x_master.h5"), HDF5),
    "virtual": Kind(sound.virtual, data("v.h5"), HDF5),
    "ID01": Kind(
        lambda folder: [bliss.write(folder / "sample.h5")], data("sample.h5", scan="12"), HDF5, slow=4
    ),
    "CHEX": Kind(
        aps.chex, data("virtual_S0001_00000.h5", spec="virtual.spec", scan="1"), HDF5, slow=4
    ),
    "CHEX's SPEC": Kind(
        aps.spec_of_chex, data("virtual_S0001_00000.h5", spec="virtual.spec", scan="1"), TEXT, slow=4
    ),
    "20-ID-E": Kind(aps.file_20ide, data("virtual_012.ASI.h5"), HDF5, slow=4),
    "SIXS": Kind(
        lambda folder: [soleil.sixs(folder / "sixs.nxs")], data("sixs.nxs"), HDF5, slow=4
    ),
    "CRISTAL": Kind(
        lambda folder: [soleil.cristal(folder / "S12.nxs")], data("S12.nxs", scan="12"), HDF5, slow=4
    ),
    "P10": Kind(
        lambda folder: sorted(p10.write(folder).rglob("*.h5")), data("S_00012", scan="12"), HDF5
    ),
    "P10's fio": Kind(
        lambda folder: [p10.write(folder) / "S_00012.fio"], data("S_00012", scan="12"), TEXT
    ),
    "NanoMAX": Kind(
        lambda folder: [nanomax.write(folder), *folder.glob("scan_*")], data("000012.h5"), HDF5
    ),
    "PyNX": Kind(sound.pynx, data("pynx.cxi"), HDF5),
    "frames": Kind(
        sound.frames,
        data("data_S0007", spec="test.spec", scan="7", dark="dark.tif", white="white.tif"),
        BYTES,
    ),
    "frames' SPEC": Kind(
        lambda folder: [sound.frames(folder)[0].parents[1] / "test.spec"],
        data("data_S0007", spec="test.spec", scan="7"),
        TEXT,
    ),
    "experiment": Kind(sound.experiment, _experiment, TEXT),
    "experiment's peak": Kind(
        lambda folder: [*sound.experiment(folder)[:0], folder / "preprocessed_data/preprocess.xlsx"],
        _experiment,
        ZIP,
    ),
    "config_rec": Kind(sound.text(sound.CONFIG_REC, "config_rec"), _config, TEXT),
    "older config_rec": Kind(sound.text(sound.OLDER, "config_rec"), _config, TEXT),
    "SPEC": Kind(sound.spec, _spec, TEXT),
    "geometry": Kind(sound.geometry, data("sound.npy", geometry="geometry.json"), JSON),
    "chain": Kind(sound.text(sound.CHAIN), _chain, TEXT),
    "parameters": Kind(sound.text(sound.SETTINGS), _settings, TEXT),
    "result": Kind(sound.result, _result, HDF5),
    "result as data": Kind(sound.result, data("result.cxi"), HDF5),
    "results of others": Kind(others.peers, _peers, (*HDF5, *BYTES)),
    "start of cohere": Kind(sound.kept_start, _start, BYTES),
    "kept seeds": Kind(sound.kept_seeds, _kept, NPZ, writes=True, slow=2),
    "comparison": Kind(
        sound.comparison, _comparison, (*NPZ, *JSON[:8]), writes=True, slow=4
    ),
    "earlier folder": Kind(sound.journals, _folder, JSON, writes=True),
    "weights": Kind(sound.weights_file, _weights, (*SAFETENSORS, *[card_value] * 4), slow=4),
    "checkpoint": Kind(sound.checkpoint, partial(sound.training), SAFETENSORS, slow=8),
}  # fmt: skip
