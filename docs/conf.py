"""How the documentation is built: ``make docs``."""

import re

from docutils import nodes
from docutils.parsers.rst import Directive

import cdi_ml_plugin

project = "cdi_ml_plugin"
project_copyright = "2026, the cdi_ml_plugin developers"
version = release = cdi_ml_plugin.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3  # links to headings work as on a forge
html_theme = "furo"
html_title = f"{project} {version}"
html_copy_source = False
html_show_sphinx = False
html_static_path = ["_static"]
html_css_files = ["wide.css"]
pygments_style = "friendly"

nitpicky = True
nitpick_ignore = [("py:obj", "QConversion"), ("py:obj", "Module.to")]  # of other packages
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say types, with shapes and units
autosummary_generate = False
numpydoc_show_class_members = False
maximum_signature_line_length = 88
add_module_names = False

# Links that are right on a forge, and the pages that stand for those files here
LINKS = {
    r"(?:\.\./)*docs/([\w/-]+\.md)": r"/\1",
    r"(?:\.\./)*examples/paper(?:/README\.md)?": "/explanation/paper.md",
    r"(?:\.\./)*examples/third_party_(?:algorithm|network|reader)(?:/README\.md)?": "/how-to/adding.md",
    r"(?:\.\./)*README\.md": "/index.md",
    r"(?:\.\./)*CONTRIBUTING\.md": "/contributing.md",
    r"(?:\.\./)*CHANGELOG\.md": "/reference/changes.md",
}


def table(*rows: tuple[nodes.Node, ...]) -> nodes.table:
    """A table of cells, the first row its head."""
    columns = [nodes.colspec(colwidth=1) for _ in rows[0]]
    lines = [
        nodes.row("", *(nodes.entry("", nodes.paragraph("", "", cell)) for cell in row))
        for row in rows
    ]
    parts = nodes.thead("", lines[0]), nodes.tbody("", *lines[1:])
    return nodes.table("", nodes.tgroup("", *columns, *parts, cols=len(columns)))


class Quantities(Directive):
    """Every number that is reported, with its unit."""

    def run(self) -> list[nodes.Node]:
        from cdi_ml_plugin.data.quantities import QUANTITIES

        head = ("key", "name", "unit", "what", "better")
        rows = [
            (nodes.literal(text=q.key), *map(nodes.Text, (q.name, q.unit or "1", q.says, q.better)))
            for q in QUANTITIES.values()
        ]
        return [table(tuple(map(nodes.Text, head)), *rows)]


class Commands(Directive):
    """Every command of ``cdi-ml`` as ``--help`` shows it."""

    def run(self) -> list[nodes.Node]:
        import click

        from cdi_ml_plugin.cli.app import cli

        found: list[nodes.Node] = []

        def add(command: click.Command, name: str) -> None:
            context = click.Context(command, info_name=name, terminal_width=100)
            context.help_option_names = ["-h", "--help"]
            if isinstance(command, click.Group) and command is not cli:
                for each in sorted(command.commands):
                    add(command.commands[each], f"{name} {each}")
                return
            section = nodes.section(ids=[name.replace(" ", "-")])
            text = command.get_help(context)
            section += nodes.title(text=name)
            section += nodes.literal_block(text, text, language="none")
            found.append(section)
            if command is cli:
                for each in cli.list_commands(context):
                    add(cli.get_command(context, each), f"{name} {each}")

        add(cli, "cdi-ml")
        return found


def other_names(app, env, node, contnode):
    """Find `Geometry.of` from any module; parameters (lower case) and constants are no links."""
    target = node.get("reftarget", "").lstrip(".")
    if node.get("refdomain") != "py" or not re.search("[A-Z]", target):
        return contnode if node.get("refdomain") == "py" else None
    node["refspecific"] = True
    found = env.domains["py"].resolve_xref(
        env, node["refdoc"], app.builder, "obj", target, node, contnode
    )
    constant = target.rpartition(".")[2].isupper()
    return contnode if found is None and constant else found


def as_text(app, what, name, obj, options, lines):
    """Keep |F| from being read as a substitution, and titles in a module's docstring from being sections."""
    for number, line in enumerate(lines):
        if what == "module" and number and line and not line.strip("-"):
            lines[number - 1 : number + 1] = [f".. rubric:: {lines[number - 1]}", ""]
            continue
        parts = line.split("``")
        parts[::2] = [part.replace("|", r"\|") for part in parts[::2]]
        lines[number] = "``".join(parts)


def link_pages(app, *args):
    """Apply `LINKS`."""
    text = args[-1]  # a list of one text, in either event
    for path, page in LINKS.items():
        text[0] = re.sub(rf"\]\({path}(?=[)#])", f"]({page}", text[0])
    # sources are no pages
    text[0] = re.sub(r"\[(`[\w/.]+`)\]\(cdi_ml_plugin/[\w/.]+\)", r"\1", text[0])
    # a page that is named by its file is named by its title here
    text[0] = re.sub(r"\[(?:docs|examples)/[\w/.-]+\]\((?=/[\w/-]+\.md)", "[](", text[0])


def setup(app):
    app.add_directive("commands", Commands)
    app.add_directive("quantities", Quantities)
    app.connect("missing-reference", other_names)
    app.connect("source-read", link_pages)
    app.connect("include-read", link_pages)
    app.connect("autodoc-process-docstring", as_text, priority=900)  # after numpydoc
