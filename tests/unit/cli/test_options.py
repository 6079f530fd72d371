"""Sequences, options and configurations: what is taken, and one clear line for what is wrong."""

from __future__ import annotations

import pytest

from support.commands import (
    CHAIN,
    assert_kept,
    assert_refused,
    assert_written,
    experiment,
    precious,
)

# As cohere's write_config writes it.
CONFIG_REC = """\
reconstructions = 2
processing = "auto"
device = [0]
algorithm_sequence = "2*(2*ER+3*HIO)+2*ER"
hio_beta = 0.8
initial_support_area = [0.5, 0.5, 0.5]
shrink_wrap_trigger = [1, 1]
shrink_wrap_type = "GAUSS"
shrink_wrap_threshold = 0.1
shrink_wrap_gauss_sigma = 1.0
twin_trigger = [2]
progress_trigger = [0, 20]
"""


# --- configurations -----------------------------------------------------------------------------
@pytest.mark.usefixtures("plain_picture")
def test_config_rec_as_cohere_writes_it(array, run, tmp_path):
    config = tmp_path / "config_rec"
    config.write_text(CONFIG_REC)
    out = tmp_path / "out"
    assert run("reconstruct", array, "--config", config, "--out", out)[0] == 0
    metrics = assert_written(out, runs=2)
    assert metrics["sequence"] == "2*(2*ER + 3*HIO(beta=0.8)) + 2*ER"
    assert metrics["parameters"]["shrink_wrap_trigger"] == [1, 1]
    # what stands on the command line comes first
    words = ("--set", "hio_beta=0.7", "--seeds", 1, "-a", "2*hio", "--force")
    assert run("reconstruct", array, "--config", config, "--out", out, *words)[0] == 0
    assert assert_written(out)["sequence"] == "2*HIO(beta=0.7)"


@pytest.mark.usefixtures("plain_picture")
def test_an_experiment_brings_its_own_config_rec(counts, run, tmp_path):
    folder = experiment(tmp_path, counts)
    (folder / "conf" / "config_rec").write_text(CONFIG_REC)
    assert run("reconstruct", folder, "--out", tmp_path / "out")[0] == 0
    assert assert_written(tmp_path / "out", runs=2)["parameters"]["hio_beta"] == 0.8


@pytest.mark.usefixtures("plain_picture")
def test_set_takes_lists_and_bare_words(array, run, tmp_path):
    words = ("--set", "shrink_wrap_trigger=[1, 2]", "--set", "shrink_wrap_type=GAUSS")
    assert run("reconstruct", array, "-a", CHAIN, "--out", tmp_path / "out", *words)[0] == 0
    parameters = assert_written(tmp_path / "out")["parameters"]
    assert parameters == {"shrink_wrap_trigger": [1, 2], "shrink_wrap_type": "GAUSS"}


@pytest.mark.parametrize("line", ['algorithm_sequence = "2*HOI"', "algorithm_sequence = 5"])
def test_bad_sequence_in_a_config_rec(line, array, run, tmp_path):
    (tmp_path / "config_rec").write_text(line)
    words = ("--config", tmp_path / "config_rec", "--out", tmp_path / "out")
    assert_refused(run("reconstruct", array, *words), "algorithm sequence")


def test_config_rec_that_is_no_such_file(array, run, tmp_path):
    (tmp_path / "config_rec").write_text("hio_beta: 0.9\n")
    words = ("--config", tmp_path / "config_rec", "--out", tmp_path / "out")
    assert_refused(run("reconstruct", array, *words), "line 1", "key = value")


# --- what is wrong ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("sequence", "words"),
    [
        ("20*ER + 10*HOI", ["unknown algorithm 'HOI'", "Did you mean HIO?", "character 12"]),
        ("2*(20*ER + 10*HIO", ["expected ')'", "character 3"]),
        ("20*ER)", ["expected '+' or the end", "character 6"]),
        ("0*ER", ["0 iterations", "character 1"]),
        ("20*", ["expected an algorithm"]),
        ("", ["is empty"]),
        ("2.5*ER", ["not a whole number"]),
        ("20*HIO(gamma=1)", ["expected a parameter of HIO", "beta"]),
        ("20*HIO(beta=9)", ["hio_beta = 9", "from 0 to 2"]),
        ("__import__('os')", ["unknown algorithm"]),
        ("CNN(weights='nothing') + 20*ER", ["nothing"]),
        ("2*ER + CNN(weights='nothing')", ["nothing"]),
    ],
)
def test_bad_sequences(sequence, words, array, run, tmp_path):
    out = precious(tmp_path / "out")
    call = ("reconstruct", array, "-a", sequence, "--out", out, "--force")
    assert_refused(run(*call), *words)
    assert_kept(out)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--seeds", 0], ["--seeds", "try 'cdi-ml reconstruct --help'"]),
        (["--seeds", "many"], ["--seeds", "many"]),
        (["--crop", 8, 8], ["--crop", "3"]),
        (["--crop", 0, 8, 8], ["--crop", "0"]),
        (["--binning", 9, 9, 9], ["binning"]),
        (["--threshold", 1e12], ["threshold"]),
        (["--held-out", 0.9], ["--held-out", "0.9"]),
        (["--device", "abacus"], ["device 'abacus'"]),
        (["--nonsense"], ["--nonsense"]),
        (["--spec", "some.spec"], ["spec", "which reader array reads: it takes dataset, mask"]),
        (["--set", "hio_beta"], ["key=value"]),
        (["--set", "hio_beta=high"], ["hio_beta", "number"]),
        (["--set", "hoi_beta=0.9"], ["unknown parameter 'hoi_beta'", "did you mean hio_beta?"]),
        (["--set", "reconstructions=0"], ["reconstructions"]),
        (["--config", "no_such_config"], ["no_such_config"]),
        (["--reader", "absent"], ["unknown reader 'absent'", "34idc, ", "id01, "]),
        (["--mask", "no_such_mask.npy"], ["no_such_mask.npy"]),
    ],
)
def test_bad_options(options, words, array, run, tmp_path):
    out = precious(tmp_path / "out")
    call = ("reconstruct", array, "-a", CHAIN, "--out", out, "--force", *options)
    assert_refused(run(*call), *words)
    assert_kept(out)


@pytest.mark.parametrize("words", [["nonsense"], ["reconstruct"], ["reconstruct", "x.npy"]])
def test_usage_errors_are_one_line(words, run):
    assert_refused(run(*words), "--help")


# --- checks before work -------------------------------------------------------------------------
def test_an_unknown_key_of_a_guess_is_refused(counts, run, tmp_path):
    folder = experiment(tmp_path, counts)
    code, _, error = run("cohere-guess", folder, "--set", "foo=1")
    assert code == 2
    assert "unknown parameter 'foo'" in error
    assert not (folder / "results_CNN").exists()


@pytest.mark.parametrize("words", [("--seed", -1), ("--phase-range", 1e300), ("--photons", "nan")])
def test_a_scan_with_impossible_numbers_is_not_simulated(words, run, tmp_path):
    code, _, error = run("simulate", tmp_path / "scan", *words)
    assert code == 2
    assert error.count("\n") == 1
    assert not (tmp_path / "scan").exists()


def test_a_demo_checks_its_chain_before_it_simulates(run, tmp_path):
    assert run("demo", "-o", tmp_path / "demo", "-a", "FOO")[0] == 2
    assert not (tmp_path / "demo").exists()


def test_no_line_of_an_error_is_long(array, run, tmp_path):
    (tmp_path / "config_rec").write_text(f"hio_beta = {'9' * 100_000}\n")
    code, _, error = run("reconstruct", array, "--config", tmp_path / "config_rec", "-a", "ER")
    assert code == 2
    assert len(error.strip()) <= 400
