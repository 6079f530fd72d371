"""cohere's algorithms, and this package's beside them: importing this room adds them by hand."""

from .. import autoload

autoload.install()
