"""What pyproject.toml cannot say: an editable install gets the data files too."""

from setuptools import Distribution, setup


class _Distribution(Distribution):
    """setuptools installs data in editable mode where ``has_data`` says so, and never defines it."""

    def has_data(self) -> bool:
        return bool(self.data_files)


setup(distclass=_Distribution)
