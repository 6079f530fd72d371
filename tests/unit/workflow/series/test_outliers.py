"""What stands out from a trend."""

from __future__ import annotations

import numpy as np

from cdi_ml_plugin.workflow.series.outliers import FROM, outliers


def test_a_jump_stands_out_of_a_trend_and_the_trend_does_not():
    rng = np.random.default_rng(0)
    line = np.linspace(1.0, 3.0, 40) + 0.01 * rng.standard_normal(40)
    line[17] += 0.2
    score = outliers(line)
    assert np.flatnonzero(abs(score) > FROM).tolist() == [17]
    assert score[17] > 10


def test_it_is_in_standard_deviations_of_the_noise():
    rng = np.random.default_rng(1)
    score = outliers(rng.standard_normal(4000))
    assert 0.9 < np.median(abs(score)) / 0.6745 < 1.1
    assert np.mean(abs(score) > FROM) < 0.02


def test_a_straight_line_has_none_and_few_values_say_nothing():
    assert abs(outliers(np.arange(30.0))).max() < FROM
    assert np.isnan(outliers([1.0, 2.0, 50.0, 4.0])).all()
    assert np.isnan(outliers([np.nan, *range(10)])[0])


def test_within_the_uncertainties_nothing_stands_out():
    line = [0.0, 1e-9, 0.0, 1e-9, 1e-6, 0.0, 1e-9, 0.0]
    assert abs(outliers(line)[4]) > FROM
    assert abs(outliers(line, 8 * [1e-6])[4]) < FROM
    assert abs(outliers(line, 8 * [1e-8])[4]) > FROM
