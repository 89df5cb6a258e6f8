"""Pages from templates: one file each, with style and script inside, that needs nothing else."""

import base64
import functools
import hashlib
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from keras_selectivity.reports._typography import typeset


def render(template: str, **context: Any) -> str:
    """Fills in a template.

    Args:
        template: Name of a file in `templates`.
        context: What it asks for. Texts are escaped, and their numbers typeset; `Markup` stands as it is.
    """
    script = _source("page.js").strip()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        _environment()
        .get_template(template)
        .render(
            script=Markup(script),
            script_hash=f"sha256-{digest}",
            **context,
        )
    )


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(_source),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_typeset,
    )


def _source(name: str) -> str:
    return resources.files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


def _typeset(value: Any) -> Any:
    if isinstance(value, Markup):
        return value
    return typeset(value) if isinstance(value, str) else value
