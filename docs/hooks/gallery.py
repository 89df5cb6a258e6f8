"""The gallery: every kind of figure once, from the largest study that has it, and all studies with their pages."""

import tomllib
from pathlib import Path

from mkdocs.structure.files import File

from keras_selectivity.reports import kinds

ROOT = Path(__file__).resolve().parents[2]
# Those with more networks and seeds come first.
STUDIES = (
    "resnet20_cifar10_30_epochs",
    "resnet8_cifar10_reduced",
    "resnet8_cifar10_methods_reduced",
    "vit_cifar10_reduced",
    "resnet18_tiny_imagenet_10_classes_reduced",
    "vgg16_cifar10_reduced",
    "resnet20_reference_cifar10",
    "resnet20_cifar10_attacks_reduced",
)
_INTRODUCTION = """# Studies and figures

The studies of this repository, and every figure that they have. `study report` draws all figures that a table of
results allows, as PNG, SVG or PDF; figures that need arms which no study here has are listed at the end.

**How to read them.** The studies are short trainings of small networks with few seeds: they show that everything
works, and are no evidence for or against the papers.
"""


def on_files(files, config):
    """Adds the page."""
    files.append(File.generated(config, "gallery.md", content=page()))
    return files


def page() -> str:
    """The page as Markdown, with links as from the folder `docs/`."""
    rows = [_study(path) for path in sorted(ROOT.glob("experiments/*/study.toml"))]
    figures, missing = [], []
    for kind in kinds():
        found = next((name for name in STUDIES if _picture(name, kind).exists()), None)
        if found is None:
            missing.append(f"`{kind.name}`")
            continue
        path = f"../experiments/{found}/{kind.name}.png"
        figures.append(
            f"### {kind.title}\n\n[![{kind.title} in the study {found}]({path})]({path})\n\n"
            f"{kind.caption} From [`{found}`](../experiments/{found}/README.md)."
        )
    head = "| study | α, seeds | page | about |\n|---|---|---|---|\n"
    return "\n\n".join(
        [
            _INTRODUCTION,
            "## Studies",
            head + "\n".join(rows),
            "## Figures",
            *figures,
            "## Figures that no study here has",
            ", ".join(missing) + ".",
        ]
    )


def _picture(study, kind):
    return ROOT / "experiments" / study / f"{kind.name}.png"


def _study(path):
    folder = path.parent
    study = tomllib.loads(path.read_text(encoding="utf-8"))
    grid, place = study["grid"], f"../experiments/{folder.name}"
    made = (folder / "index.html").exists()
    page = f"[figures, verdicts]({place}/index.html)" if made else "not run yet"
    about = "README.md" if (folder / "README.md").exists() else "study.toml"
    title = study["study"]["title"]
    return f"| {title} | {len(grid['alphas'])}, {len(grid['seeds'])} | {page} | [{about}]({place}/{about}) |"
