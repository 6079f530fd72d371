"""cohere's algorithms, and this package's beside them.

Six of cohere's modules are adapted, in memory and by additions alone: a reconstruction whose sequence
names none of these algorithms runs as without them. Nothing here imports torch; what a sequence needs
beyond that is in `bridge`, which is imported when a sequence asks for it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from functools import wraps
from importlib import import_module
from types import ModuleType
from typing import Any

from ...errors import CdiMlError
from ...operators import registry
from ...operators.sequence import plain
from ..log import log
from ..release import installed, too_old

OLDEST = (4, 2)
AFTER = ("to_reciprocal_space", "modulus", "to_direct_space")  # they record cohere's error
MARK = "cdi_ml"  # attribute that holds what is ours: a Rec's bridge, a form's keys; set in an adapted class


def installed_version() -> str | None:
    """Version of cohere_core, or None where it is not installed as a package."""
    return installed("cohere_core")


def unsupported() -> str:
    """One line about a cohere_core that is too old; nothing where it is not."""
    return too_old("cohere_core", installed_version(), OLDEST, "pip install --upgrade cohere_core")


def step_name(name: str) -> str:
    """Name of the method by which cohere runs an algorithm.

    cohere takes each step that holds ``pc`` for one of partial coherence.
    """
    return f"cdi_ml_{name.lower().replace('pc', 'p_c')}"


def offered(algorithms: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Step name → name of each algorithm that comes from here, given cohere's table of them."""
    steps = {step_name(name): name for name in registry.names()}
    return {s: n for s, n in steps.items() if algorithms.get(n, (s,))[0] == s}


def op_flow(module: ModuleType) -> None:
    reciprocal, modulus, direct = AFTER
    for step, name in offered(module.algs).items():
        for spelling in (name, name.lower()):
            module.algs.setdefault(spelling, (step, reciprocal, modulus, direct))
            coherent = (step, reciprocal, f"pc_{modulus}", direct)
            module.algs.setdefault(f"{spelling}pc", coherent)  # a GA appends it to every name


def phasing(module: ModuleType) -> None:
    rec = module.Rec
    if MARK in vars(rec):
        return
    steps = offered(module.of.algs)  # now: where that fails, nothing is changed
    first_init, first_loop = rec.__init__, rec.init_iter_loop

    @wraps(first_init)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        first_init(self, *args, **kwargs)
        place = [f.__name__ for f in self.iter_functions].index(AFTER[0])
        self.iter_functions[place:place] = [_step(self, name) for name in steps]

    @wraps(first_loop)
    def init_iter_loop(self: Any, dir: Any = None, gen: int | None = None) -> int:
        given = bool(dir) and os.path.isfile(os.path.join(dir, "image.npy"))
        random = self.ds_image is None and not given
        result: int = first_loop(self, dir, gen)
        if result < 0 or not any(f.__name__ in steps for f in self.flow):
            return result
        try:
            from .bridge import Bridge

            setattr(self, MARK, Bridge(self, module, steps, gen, random))
        except CdiMlError as error:  # the way cohere reports what it cannot run
            if getattr(self, "debug", False):
                raise
            log(str(error))
            return -1
        return result

    rec.__init__, rec.init_iter_loop = __init__, init_iter_loop
    setattr(rec, MARK, None)


def _step(rec: Any, name: str) -> Callable[[], None]:
    """Give what stands in ``Rec.iter_functions``, where cohere goes by ``__name__``."""

    def step() -> None:
        getattr(rec, MARK).iterate()

    step.__name__ = name
    return step


def config_verifier(module: ModuleType) -> None:
    verify = getattr(module, "verify_params", None)
    if verify is None or hasattr(verify, MARK):  # before 4.5.4 it is another one: checked when run
        return

    @wraps(verify)
    def verify_params(config_name: str, conf_map: dict[str, Any]) -> str:
        errors: str = verify(config_name, conf_map)
        named = re.findall(r"[A-Za-z]\w*", str(conf_map.get("algorithm_sequence", "")))
        algorithms = offered(import_module("cohere_core.controller.op_flow").algs).values()
        ours = {plain(name).upper() for name in named}.intersection(algorithms)
        if config_name == "config_rec" and ours:  # torch is not worth waiting for otherwise
            from .options import problem

            found = problem(conf_map, sorted(ours))
            errors += f"\n{found}" if found else ""
        return errors

    setattr(verify_params, MARK, True)
    vars(module)["verify_params"] = verify_params


def validation(module: ModuleType) -> None:
    known = tuple(module.KNOWN_ALGORITHMS)
    ours = [n for n in registry.names() if n not in known]
    more = [spelling + tail for n in ours for spelling in (n, n.lower()) for tail in ("", "pc")]
    vars(module)["KNOWN_ALGORITHMS"] = (*known, *more)


def _form(reader: str) -> Callable[[ModuleType], None]:
    """Give what makes a form keep our keys, which has no fields for them: `reader` is its method."""

    def form(module: ModuleType) -> None:
        tab = module.RecTab
        if MARK in vars(tab):
            return
        load, clear, read = tab.load_tab, tab.clear_conf, getattr(tab, reader)
        algorithms = offered(import_module("cohere_core.controller.op_flow").algs).values()
        # twin_trigger and twin_halves are cohere's own, which the form may want to drop
        ours = ("cdi_ml_", *(f"{name.lower()}_" for name in algorithms if name != "TWIN"))

        @wraps(load)
        def load_tab(self: Any, conf_map: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
            kept = {key: value for key, value in conf_map.items() if key.startswith(ours)}
            setattr(self, MARK, kept)
            return load(self, conf_map, *args, **kwargs)

        @wraps(clear)
        def clear_conf(self: Any) -> Any:
            setattr(self, MARK, {})
            return clear(self)

        @wraps(read)
        def read_form(self: Any) -> dict[str, Any]:
            found: dict[str, Any] = read(self)
            return found and {**found, **getattr(self, MARK)}  # nothing: a field is wrong

        tab.load_tab, tab.clear_conf = load_tab, clear_conf
        setattr(tab, reader, read_form)
        setattr(tab, MARK, {})

    return form


qt_form = _form("get_rec_config")
notebook_form = _form("get_config")
