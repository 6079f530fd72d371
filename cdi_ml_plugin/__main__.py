"""``python -m cdi_ml_plugin`` is ``cdi-ml``."""

from .cli.app import main

if __name__ == "__main__":  # processes of a series import this too
    main()
