"""A ``config_rec`` of an older cohere, in the words of today's.

Source: cohere_ui 4.5.5, ``cohere_ui/api/convertconfig.py``, which converts such files in place.
"""

from __future__ import annotations

from typing import Any

from ..errors import ReadError

# Keys of cohere 1 and 2 → today's.
RENAMED = {
    "samples": "reconstructions",
    "beta": "hio_beta",
    "amp_support_trigger": "shrink_wrap_trigger",
    "support_type": "shrink_wrap_type",
    "support_sigma": "shrink_wrap_gauss_sigma",
    "support_area": "initial_support_area",
    "pcdi_trigger": "pc_interval",
    "pc_trigger": "pc_interval",
    "partial_coherence_type": "pc_type",
    "partial_coherence_iteration_num": "pc_LUCY_iterations",
    "partial_coherence_normalize": "pc_normalize",
    "partial_coherence_roi": "pc_LUCY_kernel",
    "phase_min": "phc_phase_min",
    "phase_max": "phc_phase_max",
    "phase_support_trigger": "phc_trigger",
    "resolution_trigger": "lowpass_filter_trigger",
    "iter_res_det_range": "lowpass_filter_range",
    "generations": "ga_generations",
}
# Means something else today: it is the old key only beside another old one.
AMBIGUOUS = {"support_threshold": "shrink_wrap_threshold"}


def modern(config: dict[str, Any]) -> dict[str, Any]:
    """Rename the keys of an older cohere, and write its nested sequence as text; others stay.

    Raises
    ------
    ReadError
        An old key beside the new one of another value, or a sequence that is no list of steps.
    """
    sequence = config.get("algorithm_sequence")
    nested = isinstance(sequence, list | tuple)
    old = nested or any(key in config for key in RENAMED)
    names = RENAMED | AMBIGUOUS if old else {}
    result: dict[str, Any] = {}
    for key, value in config.items():
        name = names.get(key, key)
        if name in result and result[name] != value:
            raise ReadError(
                f"{key} = {value!r} is an older name of {name}, which is {result[name]!r}: keep one"
            )
        result[name] = value
    if nested:
        result["algorithm_sequence"] = _text(sequence)
    interval = result.get("pc_interval")
    if isinstance(interval, list | tuple) and len(interval) > 1:  # it was [start, step]
        result["pc_interval"] = interval[1]
    return result


def _text(sequence: Any) -> str:
    """``[[3, ["ER", 2], ["HIO", 8]], [1, ["ER", 2]]]`` as ``3*(2*ER + 8*HIO) + 1*(2*ER)``."""
    terms = []
    for term in sequence:
        try:
            times, *steps = term
            inner = " + ".join(f"{int(count)}*{name}" for name, count in steps)
            terms.append(f"{int(times)}*({inner})")
        except (TypeError, ValueError) as error:
            raise ReadError(
                f"algorithm_sequence: {term!r} is no step such as [3, ['ER', 20], ['HIO', 180]]; write it "
                'as text, "3*(20*ER + 180*HIO)"'
            ) from error
    return " + ".join(terms)
