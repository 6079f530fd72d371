"""The reconstruction parameters: cohere's ``config_rec`` keys, checked once, here."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from numbers import Integral, Real
from typing import Any

from ..errors import ParameterError
from ..operators.base import OPEN, Operator
from ..operators.classical import DM, HIO, RAAR
from ..operators.support import ASW, AUTO, SW
from ..utils.values import LARGEST, instance

Check = Callable[[Any], bool]
MOST = 10**9  # of anything that is counted


def _number(value: Any) -> bool:
    real = isinstance(value, Real) and not isinstance(value, bool)
    return real and -LARGEST <= value <= LARGEST


def _whole(value: Any) -> bool:
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    return whole and -MOST <= value <= MOST


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _list(check: Check, *lengths: int) -> Check:
    return lambda v: isinstance(v, list | tuple) and len(v) in lengths and all(map(check, v))


def _or_list(check: Check) -> Check:
    """One value, or one for each sub-trigger."""
    return lambda v: check(v) or (isinstance(v, list | tuple) and len(v) > 0 and all(map(check, v)))


_trigger = _list(_whole, 0, 1, 2, 3)
_positive: Check = lambda v: _number(v) and v > 0  # noqa: E731

DEFAULT_SEQUENCE = "CNN + 500*SEARCH + 30*ER"
NOISE_TOLERANCE = 2.0  # standard deviations; 0 where the support is updated in cohere's way

# Algorithms whose keys are honoured in every chain: cohere's, which a `config_rec` holds whether they are
# used or not, and the steps that a bare sequence gets.
ALGORITHMS: tuple[type[Operator], ...] = (HIO, RAAR, DM, SW, ASW, AUTO)
OF_ALGORITHMS = {key: algorithm for algorithm in ALGORITHMS for key in algorithm.keys.values()}
# Every other key that is honoured: what it must be, in words and as a check.
OTHERS: dict[str, tuple[str, Check]] = {
    "algorithm_sequence": ("text", _text),
    "reconstructions": ("a whole number from 1", lambda v: _whole(v) and v >= 1),
    "noise_tolerance": ("a number from 0 to 10", lambda v: _number(v) and 0 <= v <= 10),
    "initial_support_area": (
        "three shares of the axes (x, y, z), above 0 and up to 1",
        _list(lambda v: _positive(v) and v <= 1, 3),
    ),
    "shrink_wrap_trigger": ("[start, step, stop], or one for each sub-trigger", _or_list(_trigger)),
    "shrink_wrap_type": ('"GAUSS"', _or_list(lambda v: v == "GAUSS")),
    "twin_trigger": ("[iteration]", _trigger),
    "twin_halves": ("two of 0 and 1", _list(lambda v: v in (0, 1), 2)),
    "phc_trigger": ("[start, step, stop], or one for each sub-trigger", _or_list(_trigger)),
    "phc_phase_min": ("a number (rad)", _or_list(_number)),
    "phc_phase_max": ("a number (rad)", _or_list(_number)),
    "lowpass_filter_trigger": ("[start, step, stop]", _list(_whole, 3)),
    "lowpass_filter_range": ("one or two positive numbers", _list(_positive, 1, 2)),
    "average_trigger": ("[start, step, stop]", _trigger),
    "pc_type": (
        '"AUTO", "GAUSS", "LUCY" or "NONE"',
        lambda v: v in ("AUTO", "GAUSS", "LUCY", "NONE"),
    ),
    "pc_interval": ("a whole number from 1", lambda v: _whole(v) and v >= 1),
    "pc_LUCY_iterations": ("a whole number from 1", lambda v: _whole(v) and v >= 1),
    "pc_LUCY_kernel": (
        "three whole numbers from 1 (x, y, z)",
        _list(lambda v: _whole(v) and v >= 1, 3),
    ),
    "init_guess": ('"random" or "continue"', lambda v: v in ("random", "continue", "AI_guess")),
    "continue_dir": ("a folder that holds image.npy and support.npy", _text),
}
HONOURED = {*OTHERS, *OF_ALGORITHMS}
# cohere's own affairs: where to save, what to run on, what to show.
SILENT = {
    "data_dir", "save_dir", "processing", "device", "progress_trigger", "live_trigger", "debug",
    "cdi_ml_device", "cdi_ml_zeros", "pc_normalize",
}  # fmt: skip
GLOBAL_MIN = (
    "global_min_trigger, and GM0 in a sequence, is not done: the last object is kept, as by cohere "
    "4.5.4 itself"
)
# What cohere would do and this engine does not; it is said, once, when such a key is given.
ABSENT = {
    "global_min_trigger": GLOBAL_MIN,
    "ga_": "no genetic algorithm: the runs are independent starts, of which the best is chosen",
    "AI_": 'init_guess = "AI_guess" is not used: begin the sequence with CNN instead',
    "phm_": "phm_… of cohere 3 to 4.1 is not done, as in cohere 4.5: give phc_… to limit the phase",
    "lowpass_filter_sw_threshold": "lowpass_filter_sw_threshold is not done, as in cohere 4.5",
}


def check(given: Mapping[str, Any], extra: Iterable[str] = ()) -> tuple[dict[str, Any], list[str]]:
    """Validate parameters; the mapping given is left as it is.

    Parameters
    ----------
    given : mapping
        Keys as in cohere's ``config_rec``.
    extra : iterable of str
        Further keys that are valid: those of the algorithms in the sequence.

    Returns
    -------
    parameters : dict
        The keys that are honoured.
    notes : list of str
        What was given and is not done.

    Raises
    ------
    ParameterError
        An unknown key (the nearest valid one is named), or a value of the wrong kind or out of range.
    """
    instance("parameters", given, Mapping, "a mapping of keys as in config_rec")
    valid = set(extra)
    parameters: dict[str, Any] = {}
    notes: list[str] = []
    for key, value in given.items():
        instance("a key of parameters", key, str, "the name of a parameter")
        if key in HONOURED:
            _check_value(key, value)
            parameters[key] = value
        elif key in valid:
            parameters[key] = value
        elif absent := [note for start, note in ABSENT.items() if key.startswith(start)]:
            notes += absent
        elif key not in SILENT:
            known = sorted(valid | HONOURED)
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"valid are {', '.join(known)}"
            raise ParameterError(f"unknown parameter {key!r}: {hint}")
    if parameters.get("init_guess") == "AI_guess":
        notes.append(ABSENT["AI_"])
    return parameters, list(dict.fromkeys(notes))


def _check_value(key: str, value: Any) -> None:
    if key in OTHERS:
        wanted, test = OTHERS[key]
        if not test(value):
            raise ParameterError(f"{key} = {value!r}: it takes {wanted}")
        return
    algorithm = OF_ALGORITHMS[key]
    several = algorithm is SW and isinstance(value, list | tuple) and value  # one a sub-trigger
    for one in value if several else [value]:
        if one is OPEN:
            raise ParameterError(f"{key} = {value!r}: give a value, or leave the key out")
        algorithm().bind({key: one})  # it knows its range


def as_cohere(config: Mapping[str, Any]) -> dict[str, Any]:
    """Fill a ``config_rec`` with what cohere does where the file is silent.

    Without these keys cohere starts from a box of half the array and never updates the support; this
    package would choose for itself.
    """
    return {"initial_support_area": [0.5, 0.5, 0.5], "shrink_wrap_trigger": [], **config}
