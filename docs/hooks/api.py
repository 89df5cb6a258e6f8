"""The reference: a page for each public package, which documents every name of its stub, and one of the command line.

The stubs (`__init__.pyi`) are the tables of what is public. They are read, not imported: no TensorFlow is needed.
"""

import ast
from pathlib import Path

import griffe
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "keras_selectivity"
# Modules with public names and no stub
MODULES = {
    f"{PACKAGE}.saved_model": ("export", "load", "is_export", "export_run", "versions"),
    f"{PACKAGE}.testing": ("check_model", "Check", "Checks"),
}


def public() -> dict[str, dict[str, str]]:
    """Package: public name: where it is defined, of every stub."""
    found = {}
    for path in sorted(ROOT.glob(f"{PACKAGE}/**/__init__.pyi")):
        package, names = ".".join(path.parent.relative_to(ROOT).parts), {}
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    names[alias.name] = f"{package}.{node.module or alias.name}"
            elif isinstance(node, ast.AnnAssign):
                names[node.target.id] = package
        found[package] = names
    return found


def pages() -> dict[str, str]:
    """URI: Markdown, of every page of the reference."""
    load = griffe.load(PACKAGE, search_paths=[ROOT], allow_inspection=False, resolve_aliases=True)
    stubs, written = public(), {}
    for package, names in stubs.items():
        if package != PACKAGE:
            written[_uri(package)] = _page(load, package, names)
    for module, names in MODULES.items():
        written[_uri(module)] = _page(load, module, names)
    written[_uri(PACKAGE)] = _overview(load, stubs)
    return written


def on_files(files, config):
    """Adds the pages."""
    for uri, text in pages().items():
        files.append(File.generated(config, uri, content=text))
    return files


def _uri(package):
    return f"reference/{package.removeprefix(PACKAGE + '.').replace('.', '/')}.md"


def _page(load, package, names):
    module = load[package.removeprefix(PACKAGE + ".")]
    for name in names:
        _summary(module[name])
    parts = [f"# {package}", module.docstring.value if module.docstring else ""]
    parts += [f"::: {package}.{name}" for name in names]
    return "\n\n".join(parts)


def _overview(load, stubs):
    """The page of `ks` itself: what each name does and where it is documented; names of no package are documented."""
    homes = {name: package for package, names in stubs.items() if package != PACKAGE for name in names}
    homes |= {name: module for module, names in MODULES.items() for name in names}
    rows, own, packages = [], [], []
    for name, module in stubs[PACKAGE].items():
        if module == f"{PACKAGE}.{name}":
            packages.append(f"| [`ks.{name}`]({name}.md) | {_summary(load[name])} |")
        elif name in homes and module.startswith(f"{PACKAGE}."):
            rows.append(f"| [`ks.{name}`][{homes[name]}.{name}] | {_summary(load[name])} |")
        elif name != "__version__":
            rows.append(f"| [`ks.{name}`][{PACKAGE}.{name}] | {_summary(load[name])} |")
            own.append(f"::: {PACKAGE}.{name}")
    head = "| name | what it is |\n|---|---|\n"
    return "\n\n".join(
        [
            "# keras_selectivity",
            "`import keras_selectivity as ks`. `ks.__version__` is the version. Everything else that is public:",
            head + "\n".join(rows),
            "## Packages",
            head + "\n".join(packages),
            *own,
        ]
    )


def _summary(found):
    if not found.docstring:
        raise PluginError(f"{found.path} is public and has no docstring.")
    return found.docstring.value.partition("\n\n")[0].replace("\n", " ").replace("|", "\\|")
