"""``cdi-ml algorithms``: what a sequence can name."""

from __future__ import annotations

import click


@click.command()
@click.argument("name", required=False)
def algorithms(name: str | None) -> None:
    """List the algorithms that a sequence can name, or explain the one called NAME."""
    from ..operators import registry
    from ..utils.plugins import provider

    if name is not None:
        import inspect
        from dataclasses import fields

        algorithm = registry.load(name)
        click.echo(f"{algorithm.name}: {inspect.getdoc(algorithm)}\n")
        for item in fields(algorithm):
            key = algorithm.keys.get(item.name)
            default = algorithm.defaults.get(item.name, item.default)
            click.echo(f"  {item.name} = {default}" + (f"    (parameter {key})" if key else ""))
        return
    for found, entry in sorted(registry.find().items()):
        click.echo(f"{found:8} {registry.summary(entry)}  [{provider(entry)}]")
