"""The tensorflow-datasets builders of Tiny ImageNet and Tiny ImageNet-C, apart because they import it."""

from collections.abc import Iterator
from typing import Any
from typing import TypeAlias
from zipfile import ZipFile

import numpy as np
import tensorflow_datasets as tfds

from keras_selectivity._errors import InputError
from keras_selectivity._types import StrPath
from keras_selectivity.datasets import _tiny_imagenet_c_archive
from keras_selectivity.datasets._tiny_imagenet_archive import CLASSES
from keras_selectivity.datasets._tiny_imagenet_archive import URL
from keras_selectivity.datasets._tiny_imagenet_archive import class_folders
from keras_selectivity.datasets._tiny_imagenet_archive import examples
from keras_selectivity.datasets._tiny_imagenet_archive import has_unlabelled
from keras_selectivity.datasets._tiny_imagenet_archive import open_archive
from keras_selectivity.datasets._tiny_imagenet_c_archive import Member

_Examples: TypeAlias = Iterator[tuple[int, dict[str, Any]]]


def _features() -> Any:
    """A picture of 64x64 pixels, its class, its file, and its position in the official order."""
    return tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(64, 64, 3), encoding_format="jpeg"),
            "label": tfds.features.ClassLabel(),
            "file_name": tfds.features.Text(),
            "number": tfds.features.Scalar(dtype=np.int64),
        }
    )


class TinyImagenet(tfds.core.GeneratorBasedBuilder):
    """Tiny ImageNet: 200 classes of ImageNet in 64x64 pixels."""

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES = {  # noqa: RUF012
        "1.0.0": "Original JPEG files, labels in the order of wnids.txt.",
        "1.1.0": "The test images without labels.",
    }
    BUILDER_CONFIGS = [  # noqa: RUF012
        tfds.core.BuilderConfig(name="full", description="All 200 classes, verified."),
        tfds.core.BuilderConfig(
            name="subset", description="Some of the classes, from any archive of the same layout."
        ),
    ]
    archive: StrPath | None = None
    skip_damaged = False

    def _info(self) -> Any:
        return tfds.core.DatasetInfo(
            builder=self,
            description=(
                "200 classes of ImageNet, 500 training and 50 validation images each, 64x64 pixels. The split "
                "`test` holds the official validation images, `unlabelled` the official test images (label -1). "
                "For non-commercial research, as ImageNet."
            ),
            features=_features(),
            supervised_keys=("image", "label"),
            homepage="https://www.kaggle.com/c/tiny-imagenet",
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        full = self.builder_config.name == "full"
        path = self.archive or dl_manager.download(URL)
        archive = open_archive(path, verify=full)
        folders = class_folders(archive)
        if full and len(folders) != CLASSES:
            raise InputError(f"{path} has {len(folders)} classes instead of {CLASSES}.")
        self.info.features["label"].names = folders
        splits = ("train", "test", "unlabelled") if has_unlabelled(archive) else ("train", "test")
        return {split: self._generate_examples(archive, split) for split in splits}

    def _generate_examples(self, archive: ZipFile, split: str) -> _Examples:
        found = examples(archive, split, skip_damaged=self.skip_damaged)
        for number, (name, picture, label) in enumerate(found):
            yield number, {"image": picture, "label": label, "file_name": name, "number": number}


class TinyImagenetC(tfds.core.GeneratorBasedBuilder):
    """Tiny ImageNet-C: images of Tiny ImageNet's classes with corruptions of five severities."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Original JPEG files, a split for every corruption and severity."}  # noqa: RUF012
    BUILDER_CONFIGS = [  # noqa: RUF012
        tfds.core.BuilderConfig(name="benchmark", description="The 15 benchmark corruptions, verified."),
        tfds.core.BuilderConfig(name="extra", description="The four others, verified."),
        tfds.core.BuilderConfig(name="subset", description="Any archive of the same layout."),
    ]
    archive: StrPath | None = None

    def _info(self) -> Any:
        return tfds.core.DatasetInfo(
            builder=self,
            description=(
                "10,000 images of 64x64 pixels of the 200 classes of Tiny ImageNet, each with corruptions of "
                "severity 1 to 5. They were made from images of ImageNet's validation set, not from those of Tiny "
                "ImageNet's. Labels are the class folders in alphabetical order."
            ),
            features=_features(),
            supervised_keys=("image", "label"),
            homepage="https://github.com/hendrycks/robustness",
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        config = self.builder_config.name
        path = self.archive or dl_manager.download(_tiny_imagenet_c_archive.ARCHIVES[config][0])
        versions = _tiny_imagenet_c_archive.open_archive(path, config)
        self.info.features["label"].names = sorted({folder for folder, *_ in next(iter(versions.values()))})
        return {
            _tiny_imagenet_c_archive.split_name(*version): self._generate_examples(path, files)
            for version, files in versions.items()
        }

    def _generate_examples(self, path: StrPath, files: list[Member]) -> _Examples:
        for number, (folder, name, picture) in enumerate(_tiny_imagenet_c_archive.examples(path, files)):
            yield number, {"image": picture, "label": folder, "file_name": name, "number": number}
