"""A config_rec of cohere 1 to 4.1 is read as cohere's own converter would have it."""

from __future__ import annotations

import os

import pytest

from cdi_ml_plugin.engine.plan import Plan
from cdi_ml_plugin.errors import LONGEST, CdiMlError, ParameterError, ReadError
from cdi_ml_plugin.io.cohere import read_config
from cdi_ml_plugin.io.config_older import modern

FIRST = """\
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
phase_support_trigger = (0, 1, 20)
phase_min = -1.5
phase_max = 1.5
"""


def test_the_first_words_are_renamed(tmp_path):
    (tmp_path / "config_rec").write_text(FIRST)
    config = modern(read_config(tmp_path / "config_rec"))
    assert config == {
        "reconstructions": 3,
        "device": [0, 1],
        "algorithm_sequence": "3*(2*ER + 8*HIO) + 1*(2*ER)",
        "hio_beta": 0.9,
        "shrink_wrap_trigger": [10, 1],
        "shrink_wrap_type": "GAUSS",
        "shrink_wrap_threshold": 0.1,
        "shrink_wrap_gauss_sigma": 1.5,
        "initial_support_area": [0.5, 0.5, 0.5],
        "pc_interval": 50,
        "phc_trigger": [0, 1, 20],
        "phc_phase_min": -1.5,
        "phc_phase_max": 1.5,
    }
    assert Plan.of(None, config).step.iterations == 32


def test_coheres_own_converter_says_the_same(tmp_path):
    converter = pytest.importorskip("cohere_ui.api.convertconfig")
    (tmp_path / "config_rec").write_text(FIRST)
    given = read_config(tmp_path / "config_rec")
    theirs = converter.replace_keys(dict(given), "config_rec")
    theirs = converter.convert_dict({"config_rec": theirs})["config_rec"]
    ours = modern(given)
    steps = [Plan.of(one["algorithm_sequence"], {}).step for one in (ours, theirs)]
    assert [
        [(str(block.operator), block.times) for block in step.blocks()] for step in steps
    ].count([("ER", 2), ("HIO(beta=0.9)", 8)] * 3 + [("ER", 2)]) == 2
    for key in ours.keys() - {"algorithm_sequence", "pc_interval"}:
        assert theirs[key] == ours[key], key
    assert int(theirs["pc_interval"]) == ours["pc_interval"]


def test_todays_words_stay():
    """support_threshold is the adaptive support's, unless the file is an old one."""
    today = {"algorithm_sequence": "2*ER", "support_threshold": 0.3, "hio_beta": 0.8}
    assert modern(today) == today


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"beta": 0.8, "hio_beta": 0.9}, "older name of hio_beta|hio_beta"),
        ({"algorithm_sequence": [[3, "ER"]]}, "is no step"),
        ({"algorithm_sequence": [3, ["ER", 2]]}, "is no step"),
    ],
)
def test_what_cannot_be_meant_is_refused(config, words):
    with pytest.raises(ReadError, match=words):
        modern(config)


def test_what_is_not_done_is_noted():
    given = {
        "phm_trigger": [0, 1, 10], "phm_phase_min": -1.57, "lowpass_filter_sw_threshold": 0.1
    }  # fmt: skip
    notes = " ".join(Plan.of("2*ER", given).notes)
    assert "phm_… of cohere 3 to 4.1" in notes
    assert "lowpass_filter_sw_threshold is not done" in notes


def test_a_share_is_no_number_of_voxels():
    with pytest.raises(ParameterError, match="up to 1"):
        Plan.of("2*ER", {"initial_support_area": [0.5, 64, 0.5]})


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "config_rec")
    with pytest.raises(ReadError, match="named pipe"):
        read_config(tmp_path / "config_rec")


@pytest.mark.parametrize("length", [10, 379, 380, 381, 100_000])
def test_a_message_is_never_long(length):
    text = "begin" + "x" * (length - 8) + "end"
    message = str(CdiMlError(text))
    assert len(message) <= LONGEST
    assert message.startswith("begin")
    assert message.endswith("end")
    assert (message == text) == (length <= LONGEST)
