"""``python -m cdi_ml_plugin`` is ``cdi-ml``."""

from .cli.app import main

main()
