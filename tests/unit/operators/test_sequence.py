"""The grammar: text and Python are one tree, cohere's parser is the oracle, errors point and name."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdi_ml_plugin import ASW, CNN, DM, ER, HIO, RAAR, REFINE, SF, SW, TWIN
from cdi_ml_plugin.errors import AlgorithmError, ParameterError, SequenceError
from cdi_ml_plugin.operators import registry
from cdi_ml_plugin.operators.base import Step
from cdi_ml_plugin.operators.sequence import MAX_ITERATIONS, _count, parse

BETAS = st.floats(0.1, 1, allow_subnormal=False) | st.just(1)
COUNTS = st.integers(1, 300)

OPERATORS = st.one_of(
    st.sampled_from([ER(), HIO(), RAAR(), SF(), DM(), SW(), ASW(), CNN(), REFINE(), TWIN(x=1)]),
    st.builds(HIO, beta=BETAS),
    st.builds(RAAR, beta=BETAS),
    st.builds(DM, beta=BETAS),
    st.builds(SW, threshold=st.floats(0, 1), sigma=st.floats(0.1, 20)),
)
TRIGGERS = st.lists(st.from_regex(r"\A(SW|PHC)[0-9]{1,2}\Z"), min_size=1, max_size=3)
LEAVES = OPERATORS | st.builds(lambda o, names: o.on(*names), OPERATORS, TRIGGERS)
TREES = st.recursive(
    LEAVES,
    lambda below: (
        st.builds(lambda n, step: n * step, COUNTS, below)
        | st.builds(lambda first, second: first + second, below, below)
    ),
    max_leaves=8,
)


TREES = TREES.filter(lambda tree: _count(tree) <= MAX_ITERATIONS)
relaxed = settings(deadline=None, derandomize=True)


@relaxed
@given(TREES)
def test_print_then_parse_is_identity(tree: Step) -> None:
    assert parse(str(tree)) == tree


@relaxed
@given(TREES)
def test_spaces_and_case_do_not_matter(tree: Step) -> None:
    text = str(tree)
    algorithm = re.compile(rf"\b({'|'.join(registry.names())})\b")
    small = algorithm.sub(lambda match: match.group().lower(), text)
    assert parse(small) == tree
    assert parse(small.replace("*", " * ").replace("(", "\n( ").replace(".SW", " . sw")) == tree


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        (
            "CNN + 3*(20*ER + 180*HIO) + 20*ER + 200*REFINE",
            CNN() + 3 * (20 * ER() + 180 * HIO()) + 20 * ER() + 200 * REFINE(),
        ),
        (
            "CNN + 3*(20*ER + 180*HIO(beta=0.9)) + 20*ER",
            CNN() + 3 * (20 * ER() + 180 * HIO(beta=0.9)) + 20 * ER(),
        ),
        ("CNN + 20*ER", CNN() + 20 * ER()),
        ("20*ER.SW0.PHC1", 20 * ER().on("SW0", "PHC1")),
        ("2*(3*(ER + HIO))", 2 * (3 * (ER() + HIO()))),
        ("2*(3*ER)", 2 * (3 * ER())),
        ("1*ER", 1 * ER()),
        ("HIO(beta=1)", HIO(beta=1)),
        ("TWIN(x=1, y=1)", TWIN(x=1, y=1)),
    ],
)
def test_text_and_python_spell_the_same(text: str, tree: Step) -> None:
    assert parse(text) == tree
    assert str(tree) == text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("ERpc", "ER"),
        ("20*erPC+3*HIOpc", "20*ER + 3*HIO"),
        ("cnn+Hio(beta=.5)", "CNN + HIO(beta=0.5)"),
        ("  20 * ER\n + 5*hio ", "20*ER + 5*HIO"),
        ("(ER)", "ER"),
        ("(ER+HIO)+SF", "ER + HIO + SF"),
        ("ER+(HIO+SF)", "ER + HIO + SF"),
        ("HIO()", "HIO"),
        ("5*HIO.sw0", "5*HIO.SW0"),
    ],
)
def test_other_spellings(text: str, plain: str) -> None:
    assert str(parse(text)) == plain


def test_numbers_of_numpy_print_as_numbers() -> None:
    # sweeps are written with np.linspace, and Result.sequence has to parse back
    for beta in np.linspace(0.5, 1, 3):
        assert parse(str(HIO(beta=beta))) == HIO(beta=float(beta))
    assert str(np.int64(3) * ER()) == "3*ER"


def test_sums_do_not_change_their_terms() -> None:
    first = ER() + HIO()
    _ = first + SF()
    assert str(first) == "ER + HIO"


# --- cohere's own parser as oracle ---------------------------------------------------------------
NAMES = ["ER", "HIO", "SF", "RAAR", "ERpc", "HIOpc"]
TERMS = st.builds(
    lambda n, name, sub: f"{n}*{name}{sub}",
    st.integers(1, 30),
    st.sampled_from(NAMES),
    st.sampled_from(["", "", ".SW0", ".SW1.PHC0"]),
)
# cohere knows one level of brackets, with at least two terms inside
GROUPS = st.builds(
    lambda n, terms: f"{n}*({'+'.join(terms)})",
    st.integers(1, 5),
    st.lists(TERMS, min_size=2, max_size=4),
)
COHERES = st.lists(TERMS | GROUPS, min_size=1, max_size=5).map("+".join)


@relaxed
@given(COHERES)
def test_unrolls_as_cohere_does(text: str) -> None:
    flow = pytest.importorskip("cohere_core.controller.op_flow", reason="cohere_core is missing")
    rows, subs, iterations, _ = flow.get_alg_rows(text, None)
    ours: list[str] = []
    triggers: dict[str, list[tuple[int, int, str]]] = {}
    for block in parse(text).blocks():
        for sub in block.triggers:
            name = {"SW": "shrink_wrap_trigger", "PHC": "phc_trigger"}[sub[:-1]]
            span = (len(ours), len(ours) + block.times, sub[-1])
            triggers.setdefault(name, []).append(span)
        ours += [block.operator.name.lower()] * block.times
    theirs = [
        next(name for name in ("er", "hio", "sf", "raar") if rows[name][i])
        for i in range(iterations)
    ]
    assert ours == theirs
    assert triggers == subs
    assert parse(text).iterations == iterations


# --- errors ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "at", "says"),
    [
        ("3*(20*ER + 180*HIO", 19, "expected ')' for the '(' at character 3"),
        ("20*ER)", 6, "expected '+' or the end"),
        ("20*ER + 0*ER", 9, "0 iterations"),
        ("20*ERR", 4, "unknown algorithm 'ERR'. Did you mean ER?"),
        ("20*", 4, "expected an algorithm"),
        ("20*ER +", 8, "expected an algorithm"),
        ("2*3*ER", 3, "expected an algorithm or '('"),
        ("1.5*ER", 1, "not a whole number"),
        ("1e3*ER", 1, "not a whole number"),
        ("20 ER", 4, "expected '*'"),
        ("-3*ER", 1, "expected an algorithm"),
        ("ER ER", 4, "expected '+' or the end"),
        ("HIO(gamma=1)", 5, "expected a parameter of HIO, each once: beta"),
        ("HIO(beta=0.9, beta=1)", 15, "each once"),
        ("ER(beta=1)", 4, "it has none"),
        ("HIO(beta 1)", 10, "expected '='"),
        ("HIO(beta=)", 10, "expected a number"),
        ("HIO(beta=True)", 1, "a number from 0 to 2"),
        ("HIO(beta='a')", 1, "a number from 0 to 2"),
        ("HIO(beta=3)", 1, "a number from 0 to 2"),
        ("HIO(beta=1e999)", 1, "a number from 0 to 2"),
        ("HIO(beta=0.9", 13, "expected ',' or ')'"),
        ("HIO(", 5, "expected a parameter"),
        ("ER.", 4, "expected a sub-trigger"),
        ("ER.0", 3, "expected"),
        ("20*ER & HIO", 7, "'&' has no meaning here"),
        ("20*ER; import os", 6, "';' has no meaning here"),
        ("٣*ER", 1, "no meaning here"),
        ("20*ER\n+ 5*XX", 11, "unknown algorithm"),
        ("9" * 5000 + "*ER", 1, "5000 digits is too long"),
        ("(" * 5000 + "ER" + ")" * 5000, 52, "nested deeper"),
    ],
)
def test_errors_point_at_the_character(text: str, at: int, says: str) -> None:
    with pytest.raises(SequenceError) as caught:
        parse(text)
    message = str(caught.value)
    assert f"character {at}:" in message
    assert says in message
    assert len(message.splitlines()) == 1
    assert len(message) < 600


@pytest.mark.parametrize("text", ["20*XX", "20*", "", " \n"])
def test_errors_list_the_valid_names(text: str) -> None:
    with pytest.raises(SequenceError, match=", ".join(registry.names())):
        parse(text)


@pytest.mark.parametrize("text", ["20000000*ER", "9999999*(9999999*ER)", "5*(9999999*SW)"])
def test_too_many_iterations(text: str) -> None:
    with pytest.raises(SequenceError, match="more than 10,000,000 iterations"):
        parse(text)


def test_brackets_nest_as_deep_as_anybody_needs() -> None:
    depth = 40
    tree: Step = ER()
    for _ in range(depth):
        tree = 1 * (tree + SW())
    assert parse(str(tree)) == tree


@pytest.mark.parametrize("times", [0, -1, 2.0, True, "2"])
def test_python_repeats_are_checked_as_well(times: object) -> None:
    with pytest.raises(SequenceError):
        times * ER()  # type: ignore[operator]


@pytest.mark.parametrize("names", [(), ("SW",), ("sw0 + ER",), (0,)])
def test_python_triggers_are_checked_as_well(names: tuple[str, ...]) -> None:
    with pytest.raises(SequenceError):
        ER().on(*names)


def test_python_triggers_in_any_case() -> None:
    assert ER().on("sw0") == ER().on("SW0")


PIECES = st.sampled_from(
    ["ER", "hio", "CNN", "SW0", "beta", "pc", "x", "_", "0", "3", "20", "0.9", "1e5", "True"]
) | st.sampled_from("()*+.,=- \n'\"\\#²é\u2028")


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.lists(PIECES, max_size=25).map("".join) | st.text(max_size=30))
def test_any_text_parses_or_says_why(text: str) -> None:
    message = ""
    try:
        tree = parse(text)
        assert parse(str(tree)) == tree
    except (SequenceError, AlgorithmError, ParameterError) as error:
        message = str(error)
    assert len(message.splitlines()) < 2
