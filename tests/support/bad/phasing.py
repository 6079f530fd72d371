"""Bad inputs of what phases: chains, parameters, seeds, starts, and comparisons of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

import numpy as np

from cdi_ml_plugin import ER, HIO, Measurement, compare, reconstruct
from cdi_ml_plugin.engine.parameters import HONOURED
from cdi_ml_plugin.operators import registry
from cdi_ml_plugin.operators.sequence import parse

from .room import SHAPE, counts
from .values import NOT_PATHS, not_arrays, not_objects

Input = tuple[str, Callable[[], Any]]
# fmt: off
CHAINS = (
    '', ' ', '+', '*', '20', '20*', '*ER', 'ER*20', '20 ER', '20ER*', 'ER ER', 'ER + ', '+ ER',
    'ER ++ ER', 'ER - ER', '-2*ER', '0*ER', '2.5*ER', '1e3*ER', '1e400*ER', 'nan*ER',
    '100000000000000000000000000000*ER', "9" * 400 + "*ER", '2**3*ER', '(ER', 'ER)', '()', '2*()',
    '((((ER)))', "(" * 200 + "ER" + ")" * 200, '[ER]', '{ER}', '2*(ER + (HIO)', 'HOI', '20*HOI',
    'ER.', 'ER.SW', 'ER.0', 'HIO.XX0', 'HIO.SW0.', '.SW0', 'HIO.SW-1', 'ER()ER', 'HIO(', 'HIO(beta',
    'HIO(beta=)', 'HIO(beta=high)', "HIO(beta='high')", 'HIO(beta=9)', 'HIO(beta=-1)',
    'HIO(beta=nan)', 'HIO(beta=1e400)', 'HIO(beta=0.9,)', 'HIO(beta=0.9, beta=0.8)', 'HIO(gamma=1)',
    'HIO(0.9)', 'HIO(beta==0.9)', 'HIO(beta=[1])', 'ER(beta=0.9)', "CNN(weights='nothing')",
    "CNN(weights='')", 'CNN(weights=fast)', "CNN(weights='../..')", 'import os', "__import__('os')",
    'ER; HIO', 'ER\nHIO', 'ER & HIO', 'ER, HIO', 'ÉR', 'ER + π', 'ＥＲ', '20×ER', '½*ER', "'ER'", '"',
    "'", '\\', '\x00', '\x1b[31mER', '😀', "ER" * 500, 'None', '20*TWIN(x=5)', '2*SW(threshold=2)',
    '100000000*ER', '10000*(10000*(10000*ER))',
    'ER + ER + ER + ER + ER + ER + ER + ER + ER + ER + FOO', '2*(3*(4*(FOO)))', '%s', '{}', '$HOME',
)
# fmt: on
NO_CHAINS: dict[str, Any] = {
    "number": 5,
    "list": [ER()],
    "bytes": b"ER",
    "class": ER,
    "dict": {},
    "object": object(),
    "True": True,
    "array": np.ones(3),
}
ODD: dict[str, Any] = {
    "text": "odd",
    "list": [1, 2, 3, 4, 5],
    "nan": float("nan"),
    "inf": float("inf"),
    "complex": 1j,
    "object": object(),
    "huge": 10**400,
    "negative": -1e9,
    "dict": {"a": 1},
    "bytes": b"x",
    "nested": [[[]]],
}

# what is a value of its key all the same: a name of a folder; a sequence that another one overrides; one number
# for each sub-trigger; phases below 0
RIGHT = {
    ("continue_dir", "text"),
    ("algorithm_sequence", "text"),
    ("shrink_wrap_gauss_sigma", "list"),
    ("phc_phase_max", "list"),
    ("phc_phase_min", "list"),
    ("phc_phase_max", "negative"),
    ("phc_phase_min", "negative"),
}


def inputs() -> Iterator[Input]:
    """A name and a call for each."""
    good = Measurement(counts())

    def phase(**given: Any) -> Any:
        return reconstruct(**{"measurement": good, "sequence": "2*ER", **given})

    for text in CHAINS:
        yield f"chain {text[:30]!r}", lambda t=text: phase(sequence=t)
    yield "SW alone", lambda: phase(sequence=5 * HIO(beta=7))
    for name, chain in NO_CHAINS.items():
        yield f"sequence {name}", lambda c=chain: phase(sequence=c)
        yield f"parse {name}", lambda c=chain: parse(c)
    for name, times in {
        "0": 0,
        "-1": -1,
        "1.5": 1.5,
        "True": True,
        "None": None,
        "text": "2",
        "nan": float("nan"),
        "huge": 10**30,
    }.items():
        yield f"{name} * ER", lambda t=times: phase(sequence=t * ER())
    for names in ((), ("SW",), (5,), ("SW0", ""), (None,)):
        yield f"HIO.on{names}", lambda n=names: HIO().on(*n)
    yield from operators()
    for name, what in {**not_arrays(), "result": np.zeros(3)}.items():
        yield f"reconstruct {name}", lambda w=what: phase(measurement=w)
    for name, seeds in {
        "0": 0,
        "-1": -1,
        "1.5": 1.5,
        "True": True,
        "False": False,
        "huge": 10**20,
        "text": "3",
        "nan": float("nan"),
        "empty": [],
        "negative one": [-1],
        "part": [0.5],
        "bools": [True, False],
        "texts": ["1"],
        "None in it": [None],
        "huge one": [10**20],
        "twice": [1, 1],
        "2-D": np.ones((2, 2), int),
        "object": object(),
        "dict": {"a": 1},
        "array": np.ones(2),
    }.items():
        yield f"seeds {name}", lambda s=seeds: phase(seeds=s)
    for name, share in {
        **ODD,
        "1": 1.0,
        "0.9": 0.9,
        "-0.1": -0.1,
        "None": None,
        "True": True,
        "0.5 as text": "0.5",
    }.items():
        yield f"held_out {name}", lambda v=share: phase(held_out=v)
    for name, device in {
        "abacus": "abacus",
        "empty": "",
        "number": 5,
        "cuda:99": "cuda:99",
        "meta": "meta",
        "object": object(),
        "list": ["cpu"],
        "cpu:x": "cpu:x",
        "bytes": b"cpu",
        "-1": -1,
    }.items():
        yield f"device {name}", lambda d=device: phase(device=d)
    for name, precision in {
        "half": "half",
        "empty": "",
        "None": None,
        "number": 32,
        "list": ["single"],
        "dict": {},
    }.items():
        yield f"precision {name}", lambda p=precision: phase(precision=p)
    for name, array in not_objects().items():
        if name != "None":
            yield f"start {name}", lambda a=array: phase(start=a)
    for name, array in {
        **not_objects(),
        "complex": np.full(SHAPE, 1j),
        "twos": np.full(SHAPE, 2.0),
        "negative": np.full(SHAPE, -1.0),
    }.items():
        if name != "None":
            yield f"support {name}", lambda a=array: phase(support=a)
    for name, watch in {"number": 5, "text": "watch", "list": []}.items():
        yield f"watch {name}", lambda w=watch: phase(watch=w)
    for name, keep in NOT_PATHS.items():
        if name not in ("None", "file below a file"):  # the last is a note: what was computed stays
            yield f"keep {name}", lambda k=keep: phase(keep=k, seeds=2)
    yield from parameters(phase)
    yield from comparisons(good)


def operators() -> Iterator[Input]:
    """Each field of each algorithm."""
    for entry in sorted(registry.find()):
        algorithm = registry.load(entry)
        for field in fields(algorithm):
            for name, value in ODD.items():
                yield (
                    f"{entry}({field.name}={name})",
                    lambda a=algorithm, f=field.name, v=value: a(**{f: v}).check(),
                )
    for name, value in {
        "number": 5,
        "None": None,
        "empty": "",
        "text": "HOI",
        "list": ["ER"],
        "object": object(),
    }.items():
        yield f"registry {name}", lambda v=value: registry.load(v)


def parameters(phase: Callable[..., Any]) -> Iterator[Input]:
    """Each key with values of no kind that it takes."""
    for key in sorted(HONOURED):
        for name, value in ODD.items():
            if (key, name) in RIGHT:
                continue
            yield f"{key} = {name}", lambda k=key, v=value: phase(parameters={k: v})
    for name, given in {
        "number": 5,
        "text": "hio_beta=1",
        "list": ["hio_beta"],
        "pairs": [("hio_beta", 0.9)],
        "unknown": {"colour": 1},
        "close": {"hoi_beta": 0.9},
        "key number": {5: 1},
        "key None": {None: 1},
        "empty key": {"": 1},
        "nothing there": {"init_guess": "continue", "continue_dir": "missing"},
        "file": {"init_guess": "continue", "continue_dir": "counts.npy"},
        "empty folder": {"init_guess": "continue", "continue_dir": "folder"},
    }.items():
        yield f"parameters {name}", lambda g=given: phase(parameters=g)


def comparisons(good: Measurement) -> Iterator[Input]:
    def against(**given: Any) -> Any:
        words = {
            "measurement": good,
            "chains": {"a": "2*ER", "b": "3*ER"},
            "out": "out",
            "seeds": 2,
            **given,
        }
        return compare(**words)

    for name, chains in {
        "None": None,
        "one": {"a": "ER"},
        "none": {},
        "list": ["ER", "HIO"],
        "text": "ER",
        "same": {"a": "ER", "b": "ER"},
        "bad": {"a": "ER", "b": "HOI"},
        "numbers": {"a": 1, "b": 2},
        "names": {1: "ER", 2: "HIO"},
        "None in it": {"a": "ER", "b": None},
        "class": {"a": ER, "b": HIO},
        "long": {"a" * 5000: "ER", "b": "FOO"},
    }.items():
        yield f"compare chains {name}", lambda c=chains: against(chains=c)
    for name, seeds in {
        "1": 1,
        "0": 0,
        "-1": -1,
        "True": True,
        "1.5": 1.5,
        "text": "2",
        "list": [1, 2],
        "None": None,
        "huge": 10**20,
        "nan": float("nan"),
    }.items():
        yield f"compare seeds {name}", lambda s=seeds: against(seeds=s)
    for name, path in NOT_PATHS.items():
        yield f"compare out {name}", lambda p=path: against(out=p)
    for name, basis in {
        "text": "abc",
        "2": np.eye(2),
        "zeros": np.zeros((3, 3)),
        "nan": np.full((3, 3), np.nan),
        "ragged": [[1], [1, 2]],
        "number": 5,
        "complex": np.eye(3) * 1j,
        "object": object(),
        "flat": np.ones((3, 3)),
    }.items():
        yield f"compare basis {name}", lambda b=basis: against(basis=b)
    for name, given in {
        "parameters number": {"parameters": 5},
        "parameters unknown": {"parameters": {"colour": 1}},
        "own of none": {"chain_parameters": {"c": {}}},
        "own number": {"chain_parameters": {"a": 5}},
        "own list": {"chain_parameters": [1]},
        "own unknown": {"chain_parameters": {"a": {"colour": 1}}},
        "held_out": {"held_out": 2},
        "device": {"device": "abacus"},
        "precision": {"precision": "half"},
        "command": {"command": 5},
        "measurement": {"measurement": counts()},
        "nothing": {"measurement": None},
    }.items():
        yield f"compare {name}", lambda g=given: against(**g)
