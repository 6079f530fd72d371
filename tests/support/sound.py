"""Small sound files of every kind that the package reads, as they are met."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tifffile
from lightning_fabric import Fabric
from openpyxl import Workbook

from cdi_ml_plugin.comparison.run import compare
from cdi_ml_plugin.data.measurement import Measurement
from cdi_ml_plugin.engine.run import reconstruct
from cdi_ml_plugin.io.cxi.writer import cxi_bytes
from cdi_ml_plugin.nn import weights
from cdi_ml_plugin.training import loop
from cdi_ml_plugin.training.checkpoint import NAME
from cdi_ml_plugin.training.recipe import Recipe
from cdi_ml_plugin.utils.claim import OWNER
from cdi_ml_plugin.utils.files import IN_PLACE, UNDO
from cdi_ml_plugin.utils.swap import JOURNAL
from cdi_ml_plugin.workflow.earlier import RESULT_FILES
from support.results import GEOMETRY
from support.spec import HEADER, POINTS, spec_text
from support.weights import card, trained

COUNTS = np.random.default_rng(0).poisson(5.0, (6, 8, 10)).astype(np.int32)
SUFFIXES = (".npy", ".npz", ".tif", ".h5", ".cxi")
NUMBERS = {**GEOMETRY.numbers(), "reference": (3, 4, 5), "binning": (1, 1, 1)}
RECIPE = Recipe(steps=2, batch=1)
CHAINS = {"one": "3*ER", "other": "2*HIO + 2*ER"}

CONFIG_REC = """\
# as cohere writes it
algorithm_sequence = "2*(2*ER + 8*HIO.SW0) + 3*ER"
reconstructions = 2
hio_beta = 0.9
init_guess = "random"
initial_support_area = [0.5, 0.5, 0.5]
shrink_wrap_trigger = [[1, 1], [2, 1]]
shrink_wrap_type = "GAUSS"
shrink_wrap_threshold = 0.1
shrink_wrap_gauss_sigma = 1.0
twin_trigger = [2]
twin_halves = [0, 0]
phc_trigger = [0, 1, 20]
phc_phase_min = -1.57
phc_phase_max = 1.57
lowpass_filter_trigger = [0, 1, 5]
lowpass_filter_range = [0.7, 1.0]
average_trigger = [-4, 1]
noise_tolerance = 0
"""
OLDER = """\
samples = 3
device = (0,1)
algorithm_sequence = ((3, ("ER",2), ("HIO", 8)), (1,("ER",2)))
beta = .9
amp_support_trigger = (10, 1)
support_type = "GAUSS"
support_threshold = 0.1
support_sigma = 1.5
support_area = (.5,.5,.5)
pcdi_trigger = (50, 50)
partial_coherence_type = "LUCY"
partial_coherence_iteration_num = 20
partial_coherence_roi = (4, 4, 4)
phase_support_trigger = (0, 1, 20)
phase_min = -1.5
phase_max = 1.5
resolution_trigger = (0, 1, 5)
iter_res_det_range = (.7, 1.0)
"""
CONFIG_INSTR = """\
diffractometer = "34idc"
specfile = "{spec}"
detector = "34idcTIM2"
energy = 9.0
delta = 32.174
gamma = 12.6346
theta = 0.2
chi = 90.0
phi = -5.0
detdist = 500.0
scanmot = "th"
scan_step = 0.01
det_roi = [20, 10, 30, 8]
beam_zero = [256, 256]
"""
CHAIN = "CNN(candidates=2) + 3*(20*ER + 180*HIO(beta=0.8).SW0.PHC1) + 2*RAARpc + REFINE(loss='chi2') + 20*ER"
TRIGGERS = {"shrink_wrap_trigger": [[1, 1]], "phc_trigger": [[1, 1], [1, 2]]}
TRIGGERS |= {"phc_phase_min": [-1.5, -1.5], "phc_phase_max": [1.5, 1.5]}
SETTINGS = """\
hio_beta=0.8
shrink_wrap_trigger=[1, 1]
initial_support_area=(0.5, 0.5, 0.5)
phc_phase_min=-1.5
init_guess='random'
noise_tolerance=2
pc_type=LUCY
one:hio_beta=0.7
reconstructions=2
"""


def sound(folder: Path, suffix: str) -> Path:
    """A file of arrays: compressed, chunked, page by page, with a mask."""
    path = folder / f"sound{suffix}"
    match suffix:
        case ".npy":
            np.save(path, COUNTS)
        case ".npz":
            np.savez_compressed(path, data=COUNTS, mask=COUNTS > 9)
        case ".tif":
            with tifffile.TiffWriter(path) as file:
                for frame in COUNTS:
                    file.write(frame, metadata=None, contiguous=False)
        case ".h5":
            with h5py.File(path, "w") as file:
                file.create_dataset(
                    "entry/data/data", data=COUNTS, chunks=(1, 8, 10), compression=1
                )
                file["entry/instrument/detector/pixel_mask"] = (COUNTS[0] > 9).astype("u4")
                file["entry"].attrs["NX_class"] = "NXentry"
                file["link"] = h5py.SoftLink("/entry/data/data")
        case _:
            with h5py.File(path, "w", libver="latest") as file:
                file["entry_1/data_1/data"] = COUNTS
                file["entry_1/data_1/mask"] = COUNTS > 9
                file.attrs["creator"] = "cdi_ml_plugin"
                file["entry_1/image_1/process_1/record"] = '{"measurement": {"provenance": {}}}'
    return path


def pattern() -> Measurement:
    """Counts that phase, with a mask and a geometry."""
    box = np.pad(np.ones((4, 4, 4)), 4)
    counts = abs(np.fft.fftshift(np.fft.fftn(box))) ** 2 / 12**3
    mask = np.zeros(counts.shape, bool)
    mask[:, 2] = True
    numbers = {**NUMBERS, "reference": (6, 6, 6)}
    noisy = np.random.default_rng(0).poisson(1e4 * counts)
    return Measurement(noisy, mask, {"geometry": numbers, "scan": 7, "notes": ("a note",)})


def detector(folder: Path) -> list[Path]:
    """A NeXus file: the default is the data of an NXdetector, with axes and a mask."""
    with h5py.File(folder / "nexus.nxs", "w") as file:
        file.attrs["default"] = "entry"
        for name, kind in (
            ("entry", "NXentry"),
            ("entry/instrument", "NXinstrument"),
            ("entry/instrument/detector", "NXdetector"),
            ("entry/measurement", "NXdata"),
        ):
            file.create_group(name).attrs["NX_class"] = kind
        file["entry"].attrs["default"] = "measurement"
        within = file["entry/instrument/detector"]
        within.create_dataset("data", data=COUNTS.astype("u2"), chunks=(2, 4, 5), shuffle=True)
        within["pixel_mask"] = (COUNTS[0] > 9).astype("u4")
        measurement = file["entry/measurement"]
        measurement["data"] = within["data"]
        measurement["eta"] = np.linspace(0, 1, 6)
        measurement.attrs.update(signal="data", axes=["eta", ".", "."])
    return [folder / "nexus.nxs"]


def eiger(folder: Path) -> list[Path]:
    """A master file, and the files that it links to."""
    names = [f"x_data_{number:06d}.h5" for number in (1, 2, 3)]
    for number, name in enumerate(names):
        with h5py.File(folder / name, "w") as file:
            part = COUNTS[2 * number : 2 * number + 2].astype("u4")
            file.create_dataset("entry/data/data", data=part, chunks=(1, 8, 10), compression=1)
    with h5py.File(folder / "x_master.h5", "w") as file:
        file.attrs["default"] = "entry"
        data = file.create_group("entry/data")
        data.attrs.update(NX_class="NXdata", signal="data_000001")
        file["entry"].attrs.update(NX_class="NXentry", default="data")
        for name in names:
            data[name[2:-3]] = h5py.ExternalLink(name, "/entry/data/data")
        specific = file.create_group("entry/instrument/detector/detectorSpecific")
        specific["nimages"], specific["ntrigger"] = 6, 1
        specific["pixel_mask"] = (COUNTS[0] > 9).astype("u4")
    return [folder / "x_master.h5", *(folder / name for name in names)]


def virtual(folder: Path) -> list[Path]:
    """A virtual dataset whose frames lie in two other files."""
    layout = h5py.VirtualLayout((7, 8, 10), "i4")
    for number in range(2):
        with h5py.File(folder / f"s{number}.h5", "w") as file:
            data = file.create_dataset("d", (3, 8, 10), "i4", chunks=(1, 8, 10))
            data[: 3 - number] = COUNTS[3 * number : 3 * number + 3 - number]
        source = h5py.VirtualSource(f"s{number}.h5", "d", (3, 8, 10))
        layout[3 * number : 3 * number + 3] = source
    with h5py.File(folder / "v.h5", "w") as file:
        file.create_virtual_dataset("entry/d", layout)
    return [folder / "v.h5", folder / "s0.h5", folder / "s1.h5"]


def pynx(folder: Path) -> list[Path]:
    """Counts and an object as PyNX lays them out."""
    with h5py.File(folder / "pynx.cxi", "w") as file:
        file["cxi_version"], file.attrs["creator"] = 150, "PyNX"
        counts = file.create_group("entry_1/instrument_1/detector_1")
        counts.create_dataset("data", data=COUNTS.astype("f4"), chunks=True, compression=1)
        counts["mask"] = (COUNTS > 9).astype("i1")
        counts["distance"], counts["x_pixel_size"] = 0.5, 55e-6
        image = file.create_group("entry_1/image_1")
        image["data"] = COUNTS.astype("c8")
        image["support"] = COUNTS > 5
        file["entry_1/data_1"] = h5py.SoftLink("/entry_1/instrument_1/detector_1")
    return [folder / "pynx.cxi"]


def frames(folder: Path) -> list[Path]:
    """A folder of frames, its SPEC file, dark and white field."""
    (folder / "data_S0007").mkdir()
    for number, frame in enumerate(COUNTS[:POINTS]):
        tifffile.imwrite(folder / f"data_S0007/data_S0007_{number:05}.tif", frame)
    (folder / "test.spec").write_text(spec_text())
    for name, value in (("dark", 0), ("white", 100)):
        field = np.full((64, 64), value, np.float32)
        field[33, 24] = 50
        tifffile.imwrite(folder / f"{name}.tif", field)
    return [
        *sorted((folder / "data_S0007").iterdir())[:2],
        folder / "dark.tif",
        folder / "white.tif",
    ]


def experiment(folder: Path) -> list[Path]:
    """An experiment of cohere, with the peak noted."""
    for name in ("conf", "phasing_data", "preprocessed_data"):
        (folder / name).mkdir()
    (folder / "test.spec").write_text(spec_text(7))
    tifffile.imwrite(folder / "phasing_data/data.tif", np.sqrt(COUNTS).astype("f4"))
    instrument = CONFIG_INSTR.format(spec=folder / "test.spec")
    (folder / "conf/config_instr").write_text(instrument)
    (folder / "conf/config").write_text('working_dir = "x"\nexperiment_id = "a"\nscan = "7"\n')
    (folder / "conf/config_data").write_text("binning = [1, 2, 1]\nintensity_threshold = 1.0\n")
    (folder / "conf/config_prep").write_text('data_dir = "x"\n')
    (folder / "conf/config_rec").write_text(CONFIG_REC)
    book = Workbook()
    book.active.append(["max ind (x)", "max ind (y)", "max ind frame"])
    book.active.append([4, 3, 2])
    book.save(folder / "preprocessed_data/preprocess.xlsx")
    names = ("config_instr", "config", "config_data", "config_prep", "config_rec")
    return [folder / "conf" / name for name in names]


def kept_start(folder: Path) -> list[Path]:
    """What cohere saves for ``init_guess = "continue"``."""
    obj = np.pad(np.ones((4, 4, 4), complex), 4)
    np.save(folder / "image.npy", obj)
    np.save(folder / "support.npy", (abs(obj) > 0).astype("i4"))
    return [folder / "image.npy", folder / "support.npy"]


def spec(folder: Path) -> list[Path]:
    """Two scans."""
    (folder / "a.spec").write_text(spec_text() + "\n" + spec_text(8)[len(HEADER) :])
    return [folder / "a.spec"]


def geometry(folder: Path) -> list[Path]:
    """What ``--geometry`` takes, beside the data."""
    sound(folder, ".npy")
    (folder / "geometry.json").write_text(json.dumps(NUMBERS))
    return [folder / "geometry.json"]


def text(content: str, name: str = "text") -> Any:
    """A maker of a text alone."""

    def make(folder: Path) -> list[Path]:
        (folder / name).write_text(content)
        return [folder / name]

    return make


def result(folder: Path) -> list[Path]:
    """A result of ours, with two runs and a geometry."""
    made = reconstruct(pattern(), "3*ER", seeds=2, device="cpu", progress=False)
    (folder / "result.cxi").write_bytes(cxi_bytes(made, "cdi-ml", None))
    return [folder / "result.cxi"]


def kept_seeds(folder: Path) -> list[Path]:
    """Runs that had ended when a reconstruction was killed."""
    reconstruct(pattern(), "3*ER", seeds=3, device="cpu", keep=folder / "kept")
    return sorted((folder / "kept").glob("*.npz"))


def comparison(folder: Path) -> list[Path]:
    """The runs of a comparison, with its marker."""
    compare(pattern(), CHAINS, folder / "out", seeds=2, device="cpu")
    return [folder / "out/runs/comparison.json", *sorted((folder / "out/runs").glob("*.npz"))]


def weights_file(folder: Path) -> list[Path]:
    """Weights of a network that has seen some numbers."""
    weights.save(folder / "weights.safetensors", trained("fast"), card())
    return [folder / "weights.safetensors"]


def training(folder: Path) -> loop._Run:
    """A training, as far as `train` has it before the first step: new, or from a checkpoint."""
    session = loop.Session(accelerator="cpu")
    before = loop._same_recipe(RECIPE, folder, session)
    return loop._Run(RECIPE, folder, session, Fabric(accelerator="cpu", devices=1), before)


def checkpoint(folder: Path) -> list[Path]:
    """A training that can go on."""
    run = training(folder)
    run._one()
    run._save()
    return [folder / NAME]


def journals(folder: Path) -> list[Path]:
    """A result, and what a process that was killed in the middle of replacing it has left."""
    out, own = folder / "a/out", folder / f"a/.out{IN_PLACE}dead"
    about = {"runs": [{"reason": "completed"}], "notes": [], "versions": {"cdi_ml_plugin": "0"}}
    for place in (out, own / "old", own / "new"):
        place.mkdir(parents=True)
        for name in RESULT_FILES:
            (place / name).write_text(json.dumps(about))
    (own / OWNER).write_text(json.dumps({"pid": 1, "host": "here", "began": 0.0}))
    (own / JOURNAL).write_text(json.dumps([*RESULT_FILES]))
    undo = {"names": [*RESULT_FILES], "existed": [*RESULT_FILES[:2]], "made": ["x"]}
    (own / UNDO).write_text(json.dumps(undo))
    return [out / "metrics.json", own / OWNER, own / JOURNAL, own / UNDO]
