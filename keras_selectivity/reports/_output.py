"""What a page and its figures may take the place of: pages and figures of ours."""

import re
from collections.abc import Iterable
from pathlib import Path

from keras_selectivity._files import check_replaceable

PAGE = "index.html"
# What pages and files of figures say that they are made by
MARK = "keras_selectivity"
# Pages of earlier versions do not; they name the version at their end, or what they are above their title.
_PAGES = re.compile(
    rf'<meta name="generator" content="{MARK}">|<footer>.*{MARK} \d'
    r'|<p class="kicker">(Evaluation|Study report|Studies compared)</p>',
    re.DOTALL,
)


def check_page(folder: str | Path) -> None:
    """Refuses a folder that holds a page of someone else, which would be lost.

    Raises:
        InputError: Its `index.html` is none of ours.
    """
    check_replaceable(Path(folder) / PAGE, _is_page)


def check_figures(paths: Iterable[Path]) -> None:
    """Refuses files that lie where figures are to be, and are none of ours; those beside a page of ours are.

    Raises:
        InputError: Naming the first.
    """
    for path in paths:
        check_replaceable(path, _is_figure)


def _is_page(path: Path) -> bool:
    return path.is_file() and _PAGES.search(path.read_text("utf-8", errors="replace")) is not None


def _is_figure(path: Path) -> bool:
    return MARK.encode() in path.read_bytes() or _is_page(path.with_name(PAGE))
