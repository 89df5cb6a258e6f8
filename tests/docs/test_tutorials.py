"""Tutorials are executed: what cells print and draw is on the page, and an error in a cell stops the build."""

import importlib
import json
import sys
from pathlib import Path

import pytest

import keras_selectivity as ks

pytest.importorskip("mkdocs")
pytest.importorskip("nbclient")
sys.path.append(str(Path(ks.__file__).parents[1] / "docs" / "hooks"))
tutorials = importlib.import_module("tutorials")

MARKDOWN = """# Title

```python title="six_of_them.py"
SIX = 6
```

```python
from six_of_them import SIX

number = SIX * 7
print("printed", number)
```

Between.

```bash
echo "from the shell"
```

```py
never run
```

The end.
"""


def test_a_markdown_file_is_cells_and_text_in_order():
    notebook = tutorials.cells(MARKDOWN)
    assert [cell.cell_type for cell in notebook.cells] == [
        "markdown",
        "code",
        "code",
        "markdown",
        "code",
        "markdown",
    ]
    assert notebook.cells[4].source == '%%bash\necho "from the shell"'
    assert "never run" in notebook.cells[5].source


def test_what_cells_print_stands_below_them():
    text, pictures = tutorials.page("tutorials/made_up.md", MARKDOWN)
    assert text.index("number = SIX * 7") < text.index("printed 42") < text.index("Between.")
    assert text.index("```bash\necho") < text.index("\nfrom the shell\n") < text.index("The end.")
    assert '```python title="six_of_them.py"\nSIX = 6\n```' in text and "%%" not in text and not pictures


def test_figures_of_a_notebook_are_files_beside_the_page():
    source = "import matplotlib.pyplot as plt\nplt.plot([0, 1])\nplt.show()"
    cell = {"cell_type": "code", "source": source, "metadata": {}, "outputs": [], "execution_count": None}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    text, pictures = tutorials.page("tutorials/made_up.ipynb", json.dumps(notebook))
    assert list(pictures) == ["made_up_1.png"] and "(made_up_1.png)" in text and "(made_up.ipynb)" in text
    assert pictures["made_up_1.png"].startswith(b"\x89PNG")


@pytest.mark.parametrize("code", ["```python\n1 / 0\n```", "```bash\nexit 3\n```"])
def test_an_error_in_a_cell_stops_the_build(code):
    with pytest.raises(tutorials.PluginError, match=r"tutorials/made_up\.md: a cell failed"):
        tutorials.page("tutorials/made_up.md", code)
