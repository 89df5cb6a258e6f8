"""Pages of the site that lie elsewhere in the repository, and links between all of them.

Benchmarks and experiments keep their text beside their code. They become pages of the site where they are, under the
same path, so that relative links and pictures hold in both places. A link to a file that is no page of the site leads
to the repository; one to a file that does not exist stops the build.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[2]
# Page of the site: file of the repository
PAGES = {
    "benchmarks/about.md": "benchmarks/README.md",
    "benchmarks/verdicts.md": "benchmarks/verdicts.md",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    **{
        f"experiments/{path.parent.name}/about.md": path.relative_to(ROOT).as_posix()
        for path in sorted(ROOT.glob("experiments/*/README.md"))
    },
}
_CODE = re.compile(r"(^```.*?^```[ \t]*$|`[^`\n]+`)", re.MULTILINE | re.DOTALL)
_LOADS = re.compile(r"<(?:script|img|link|iframe)\b[^>]*\b(?:src|href)=[\"']?(?:https?:)?//[^>]*>")
_LINK = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(\))")


def on_files(files, config):
    """Adds the pages, and the pictures and reports of the experiments."""
    for uri, source in PAGES.items():
        files.append(File.generated(config, uri, content=(ROOT / source).read_text(encoding="utf-8")))
    for pattern in "*.png", "index.html":
        for path in sorted(ROOT.glob(f"experiments/*/{pattern}")):
            uri = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, uri, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown, page, config, files):
    """The page with its links where they lead on the site, or in the repository."""
    uri = page.file.src_uri
    source = PAGES.get(uri, f"docs/{uri}")
    parts = _CODE.split(markdown)
    for index in range(0, len(parts), 2):
        parts[index] = _LINK.sub(lambda link: _resolved(link, source, uri, config, files), parts[index])
    return "".join(parts)


def on_post_page(output, page, config):
    """Refuses a page that loads anything from elsewhere: the site works without a network."""
    if found := _LOADS.search(output):
        raise PluginError(f"{page.file.src_uri} loads something from elsewhere: {found.group()}")
    return output


def _resolved(link, source, uri, config, files):
    before, target, anchor, after = link.groups()
    if re.match(r"[a-z]+:", target):
        return link.group()
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
    pages = {file: page for page, file in PAGES.items()}
    found = pages.get(path) or pages.get(f"{path}/README.md") or path.removeprefix("docs/")
    if files.get_file_from_path(found):
        target = posixpath.relpath(found, posixpath.dirname(uri))
    elif (ROOT / path).exists() and not path.startswith("docs/"):
        kind = "tree" if (ROOT / path).is_dir() else "blob"
        target = f"{config.extra['repository']}/{kind}/main/{path}"
    else:
        raise PluginError(f"{source}: a link leads to {target}, which does not exist.")
    return f"{before}{target}{anchor or ''}{after}"
