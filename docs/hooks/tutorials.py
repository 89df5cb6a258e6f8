"""Tutorials and how-tos that are executed when the site is built.

One is a notebook, or a Markdown file whose blocks ```` ```python ```` and ```` ```bash ```` are its cells; one with a
title becomes a file of this name, and ```` ```py ```` and ```` ```sh ```` are shown only. All cells run in order in one
fresh kernel, in an empty folder; what they print and draw stands below them on the page. An error in a cell stops the
build. `TUTORIALS=no` shows the code without running it.
"""

import base64
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

FOLDERS = ("index.md", "tutorials/", "howto/")
_CELL = re.compile(r"^```(python|bash)(?: title=\"([\w.]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SHELL = "%%bash\n"
_FILE = re.compile(r"%%writefile ([\w.]+)\n")
_ESCAPES = re.compile(r"\x1b\[[0-9;]*[a-zA-Z]")
# Colours, and what TensorFlow says wherever it writes a file
_NOISE = re.compile(_ESCAPES.pattern + r"|^INFO:tensorflow:.*\n", re.MULTILINE)


def on_files(files, config):
    """Puts executed pages in the place of all tutorials; notebooks stay beside them to be downloaded."""
    sources = [file for file in files if file.src_uri.startswith(FOLDERS) and _has_cells(file)]
    with ThreadPoolExecutor(2) as workers:
        pages = list(workers.map(lambda file: page(file.src_uri, file.content_string), sources))
    for file, (text, pictures) in zip(sources, pages, strict=True):
        uri = file.src_uri.removesuffix(".ipynb").removesuffix(".md") + ".md"
        if uri == file.src_uri:
            files.remove(file)
        files.append(File.generated(config, uri, content=text))
        for name, content in pictures.items():
            files.append(File.generated(config, f"{Path(uri).parent}/{name}", content=content))
    return files


def _has_cells(file):
    return file.src_uri.endswith(".ipynb") or bool(_CELL.search(file.content_string or ""))


def page(uri: str, source: str) -> tuple[str, dict[str, bytes]]:
    """A tutorial as Markdown with what its cells printed, and the pictures that they drew, by file name.

    Raises:
        PluginError: A cell failed.
    """
    name = Path(uri).stem
    notebook = nbformat.reads(source, as_version=4) if uri.endswith(".ipynb") else cells(source)
    if os.environ.get("TUTORIALS") != "no":
        _execute(uri, notebook)
    parts, pictures = [], {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        if file := _FILE.match(cell.source):
            parts.append(_fenced(f'python title="{file[1]}"', cell.source[file.end() :]))
            continue
        shell = cell.source.startswith(_SHELL)
        parts.append(_fenced("bash" if shell else "python", cell.source.removeprefix(_SHELL)))
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if output.output_type == "stream" and output.name == "stdout":
                parts.append(_printed(output.text))
            elif "image/png" in data:
                picture = f"{name}_{len(pictures) + 1}.png"
                pictures[picture] = base64.b64decode(data["image/png"])
                parts.append(f"![Figure {len(pictures)}: drawn by the code above]({picture})")
            elif "text/plain" in data:
                parts.append(_printed(data["text/plain"]))
    if uri.endswith(".ipynb"):
        parts.append(f"---\n\nThis page is a notebook: [download it]({name}.ipynb).")
    return "\n\n".join(parts), pictures


def cells(markdown: str) -> nbformat.NotebookNode:
    """The notebook that a Markdown file declares."""
    made, position = [], 0
    for block in _CELL.finditer(markdown):
        made.append(nbformat.v4.new_markdown_cell(markdown[position : block.start()].strip()))
        language, file, code = block.groups()
        magic = f"%%writefile {file}\n" if file else _SHELL if language == "bash" else ""
        made.append(nbformat.v4.new_code_cell(magic + code.rstrip()))
        position = block.end()
    made.append(nbformat.v4.new_markdown_cell(markdown[position:].strip()))
    return nbformat.v4.new_notebook(cells=[cell for cell in made if cell.source])


def _execute(uri, notebook):
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            kernel_name="python3",
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
            coalesce_streams=True,
            resources={"metadata": {"path": folder}},
            timeout=900,
        )
        try:
            # What TensorFlow says when it starts is no part of the build's log.
            client.execute(env=environment, stderr=subprocess.DEVNULL)
        except CellExecutionError as error:
            raise PluginError(f"{uri}: a cell failed.\n{_ESCAPES.sub('', str(error))}") from error


def _fenced(language, text):
    return f"```{language}\n{text.rstrip()}\n```"


def _printed(text):
    return _fenced("text { .output }", _NOISE.sub("", text)) if text.strip() else ""
