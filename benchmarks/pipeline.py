"""Images per second of the input pipeline, against Keras's and PyTorch's on the same JPEG files.

All contestants shuffle, flip, crop after padding by 8 pixels, and yield float32 pixels in [0, 1] in batches of 256. A
round is one epoch. Ours reads the copy that it decoded when the data set was first read; the first
line says what that reading costs, in epochs of Keras's pipeline. The last line is the share of a training step that is
spent waiting for the next batch: one minus the time of a step on a batch that is there already, over that of a step in
an epoch.

    python benchmarks/pipeline.py tiny-imagenet-10cls.zip --rounds 9       # PyTorch is skipped unless installed
"""

import argparse
import importlib.util
import statistics
import tempfile
import time
import zipfile
from pathlib import Path

from _interleaved import answer
from _interleaved import run

BATCH, PAD, SIZE = 256, 8, 64
CONTESTANTS = {
    "ours": "keras_selectivity",
    "keras": "image_dataset_from_directory",
    "torch": "PyTorch DataLoader, two workers",
}
PAIRS = [("ours", "keras"), ("ours", "torch")]


def ours(folder, epochs):
    from keras_selectivity import datasets

    train = datasets.load("tiny_imagenet_subset", folder / "tfds").train
    return datasets.pipeline(datasets.Batches(train, BATCH, seed=0, pad=PAD, epochs=epochs))


def epoch_of_ours(folder):
    batches = ours(folder, epochs=1)

    def epoch():
        for _ in batches:
            pass

    return epoch


def epoch_of_keras(folder):
    import keras
    import tensorflow as tf

    files = keras.utils.image_dataset_from_directory(
        folder / "files", batch_size=None, image_size=(SIZE, SIZE), seed=0, verbose=0
    )

    def augment(image, label):
        image = tf.image.random_flip_left_right(image)
        image = tf.image.resize_with_crop_or_pad(image, SIZE + 2 * PAD, SIZE + 2 * PAD)
        return tf.image.random_crop(image, (SIZE, SIZE, 3)) / 255, label

    batches = files.map(augment, num_parallel_calls=tf.data.AUTOTUNE).batch(BATCH).prefetch(tf.data.AUTOTUNE)

    def epoch():
        for _ in batches:
            pass

    return epoch


def epoch_of_torch(folder):
    import numpy as np
    import torch
    from PIL import Image

    class Files(torch.utils.data.Dataset):
        def __init__(self):
            self.files = sorted((folder / "files").glob("*/*.JPEG"))
            self.rng = np.random.default_rng()

        def __len__(self):
            return len(self.files)

        def __getitem__(self, index):
            with Image.open(self.files[index]) as picture:
                image = np.asarray(picture.convert("RGB"))
            image = np.pad(image, ((PAD, PAD), (PAD, PAD), (0, 0)))
            top, left = self.rng.integers(0, 2 * PAD + 1, 2)
            image = image[top : top + SIZE, left : left + SIZE]
            image = image[:, ::-1] if self.rng.random() < 0.5 else image
            return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float() / 255, 0

    loader = torch.utils.data.DataLoader(Files(), BATCH, shuffle=True, num_workers=2, persistent_workers=True)

    def epoch():
        for _ in loader:
            pass

    return epoch


def work(name, folder):
    epoch = {"ours": epoch_of_ours, "keras": epoch_of_keras, "torch": epoch_of_torch}[name](folder)
    answer(lambda: epoch() and None)


def waiting(folder, network, steps):
    """Median over rounds of the share of a step that is spent waiting."""
    import keras

    import keras_selectivity as ks

    iterator = iter(ours(folder, epochs=1000))
    images, labels = next(iterator)
    model = ks.regularize(getattr(ks.networks, network)(classes=10, input_shape=(SIZE, SIZE, 3)), -1.0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(ks.CoupledSGD(0.01), loss, metrics=["accuracy"])
    shares = []
    for number in range(steps + 1):
        start = time.perf_counter()
        model.train_on_batch(images, labels)
        middle = time.perf_counter()
        images, labels = next(iterator)
        end = time.perf_counter()
        if number:  # the first step compiles
            shares.append((end - middle) / (end - start))
    return statistics.median(shares)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path, help="an archive in the layout of Tiny ImageNet")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--network", default="resnet18")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        return work(options.work, options.archive)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        with zipfile.ZipFile(options.archive) as archive:
            for name in archive.namelist():
                parts = Path(name).parts
                if name.endswith(".JPEG") and parts[1] == "train":
                    place = folder / "files" / parts[2]
                    place.mkdir(parents=True, exist_ok=True)
                    (place / parts[-1]).write_bytes(archive.read(name))
        from keras_selectivity import datasets

        datasets.prepare("tiny_imagenet_subset", folder / "tfds", archive=options.archive)
        start = time.perf_counter()
        datasets.load("tiny_imagenet_subset", folder / "tfds")
        decoding = time.perf_counter() - start
        epoch = epoch_of_keras(folder)
        epoch()
        start = time.perf_counter()
        epoch()
        print(
            f"Decoding once takes as long as {decoding / (time.perf_counter() - start):.1f} epochs of Keras's pipeline"
        )
        there = {n: t for n, t in CONTESTANTS.items() if n != "torch" or importlib.util.find_spec("torch")}
        run(__file__, there, PAIRS, options.rounds, [str(folder)])
        share = waiting(folder, options.network, options.rounds)
        print(f"{share:.2%} of a step of {options.network} at batch {BATCH} is spent waiting for the batch")


if __name__ == "__main__":
    main()
