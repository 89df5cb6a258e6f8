"""The tensorflow-datasets builder of Tiny ImageNet, apart because importing it imports tensorflow-datasets."""

import numpy as np
import tensorflow_datasets as tfds

from keras_selectivity._errors import InputError
from keras_selectivity.datasets._tiny_imagenet import CLASSES
from keras_selectivity.datasets._tiny_imagenet import URL
from keras_selectivity.datasets._tiny_imagenet import class_folders
from keras_selectivity.datasets._tiny_imagenet import examples
from keras_selectivity.datasets._tiny_imagenet import open_archive


class TinyImagenet(tfds.core.GeneratorBasedBuilder):
    """Tiny ImageNet: 200 classes of ImageNet in 64x64 pixels."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Original JPEG files, labels in the order of wnids.txt."}  # noqa: RUF012
    BUILDER_CONFIGS = [  # noqa: RUF012
        tfds.core.BuilderConfig(name="full", description="All 200 classes, verified."),
        tfds.core.BuilderConfig(
            name="subset", description="Some of the classes, from any archive of the same layout."
        ),
    ]
    archive = None
    skip_damaged = False

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            description=(
                "200 classes of ImageNet, 500 training and 50 validation images each, 64x64 pixels. The split "
                "`test` holds the official validation images. For non-commercial research, as ImageNet."
            ),
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(64, 64, 3), encoding_format="jpeg"),
                    "label": tfds.features.ClassLabel(),
                    "file_name": tfds.features.Text(),
                    "number": tfds.features.Scalar(dtype=np.int64),
                }
            ),
            supervised_keys=("image", "label"),
            homepage="https://www.kaggle.com/c/tiny-imagenet",
        )

    def _split_generators(self, dl_manager):
        full = self.builder_config.name == "full"
        path = self.archive or dl_manager.download(URL)
        archive = open_archive(path, verify=full)
        folders = class_folders(archive)
        if full and len(folders) != CLASSES:
            raise InputError(f"{path} has {len(folders)} classes instead of {CLASSES}.")
        self.info.features["label"].names = folders
        return {split: self._generate_examples(archive, split) for split in ("train", "test")}

    def _generate_examples(self, archive, split):
        found = examples(archive, split, skip_damaged=self.skip_damaged)
        for number, (name, picture, label) in enumerate(found):
            yield number, {"image": picture, "label": label, "file_name": name, "number": number}
