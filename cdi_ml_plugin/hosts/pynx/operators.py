"""This package's algorithms as operators of PyNX: ``(ER**20 * CNN()) * cdi``."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar, Self

from pynx.cdi.cdi import CDI, OperatorCDI

from ...errors import ParameterError


class Word(OperatorCDI):  # type: ignore[misc]  # PyNX has no types
    """An algorithm of this package that acts on PyNX's ``CDI``, on whatever processor that is.

    Parameters
    ----------
    nb_cycle : int
        How many iterations; ``**n`` multiplies it. A step that is none, as CNN, is done once.
    lazy : bool
        As for any operator of PyNX: wait for the next one.
    **parameters
        Those of the algorithm, by the names of its fields: ``CNN(candidates=4)``.

    Raises
    ------
    ParameterError
        An unknown parameter, or a value that cannot be.
    """

    algorithm: ClassVar[str]
    ops: list[Any]  # PyNX's: itself, and what stands to its right

    def __init__(self, nb_cycle: int = 1, lazy: bool = False, **parameters: Any) -> None:
        super().__init__(lazy=lazy)
        self.nb_cycle, self.parameters = nb_cycle, parameters
        if parameters:  # without, torch is not imported before it is used
            from .bridge import bound

            bound(self.algorithm, parameters)

    def __call__(self, **parameters: Any) -> Self:
        """Return the same with more parameters: ``cnn(candidates=4)`` in a runner's algorithm."""
        return type(self)(self.nb_cycle, **{**self.parameters, **parameters})

    def __pow__(self, n: int) -> Self:
        if n < 1 or n != int(n):
            raise ParameterError(
                f"{self.algorithm}**{n}: give a whole number from 1 (PyNXPhaser of cdiutils divides the "
                "one of its recipe by support_update_period, and drops the rest)"
            )
        return type(self)(self.nb_cycle * int(n), **self.parameters)

    def apply_ops_mul(self, cdi: CDI) -> CDI:
        """Apply it, and what waits at the object, which PyNX appends to this operator for good."""
        kept = self.ops
        try:
            return super().apply_ops_mul(cdi)
        finally:
            self.ops = kept

    def op(self, cdi: CDI) -> CDI:
        """Do the iterations on object and support of `cdi`."""
        from .bridge import act

        act(cdi, self.algorithm, self.nb_cycle, self.parameters)
        return cdi


@cache
def word_class(name: str) -> type[Word]:
    """The operator of a registered algorithm."""
    about = (
        f"{name} of cdi_ml_plugin, see `Word`; ``cdi-ml algorithms {name}`` lists its parameters."
    )
    return type(name, (Word,), {"algorithm": name, "__doc__": about, "__module__": __name__})
