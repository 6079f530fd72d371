"""``python -m cdi_ml_plugin`` is ``cdi-ml``."""

from .cli import main

main()
