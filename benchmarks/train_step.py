"""Time of a training step: regularised against plain Keras, and against PyTorch with forward hooks.

A network of the package on random images. Plain Keras is the same network with Keras's own batch normalization. Every
contestant runs in a process of its own and takes one step when it is asked, in turns, while the others
stand still, so that whatever else the machine does hits all of them alike; what is reported is the median
over the rounds of the ratio within a round.

    python benchmarks/train_step.py --rounds 15          # ResNet20; PyTorch is skipped unless installed
    python benchmarks/train_step.py --network resnet18 --batch 64 --size 64
"""

import argparse
import importlib.util

from _interleaved import answer
from _interleaved import run

CONTESTANTS = {
    "plain": "plain Keras",
    "plain bfloat16": "plain Keras, mixed_bfloat16",
    "fused": "fused batch norm, not regularised",
    "alpha 0": "keras_selectivity, alpha = 0",
    "alpha -1": "keras_selectivity, alpha = -1",
    "fused bfloat16": "fused batch norm, mixed_bfloat16, not regularised",
    "alpha -1 bfloat16": "keras_selectivity, alpha = -1, mixed_bfloat16",
    "torch": "PyTorch, forward hooks, alpha = -1",
    "torch bfloat16": "the same, channels_last, bfloat16 autocast",
    "torch compiled": "the same, compiled",
}
PAIRS = [
    ("fused", "plain"),
    ("alpha 0", "plain"),
    ("alpha -1", "plain"),
    ("alpha -1", "fused"),
    ("plain bfloat16", "plain"),
    ("alpha -1 bfloat16", "plain"),
    ("alpha -1 bfloat16", "fused bfloat16"),
    ("alpha -1", "torch"),
    ("alpha -1 bfloat16", "torch bfloat16"),
    ("alpha -1 bfloat16", "torch compiled"),
]


def keras_step(name, network, images, labels):
    import keras

    import keras_selectivity as ks

    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy("mixed_bfloat16" if name.endswith("bfloat16") else "float32")
    model = getattr(ks.networks, network)(classes=10, input_shape=images.shape[1:])
    if name.startswith("plain"):
        model = ks.regularize(model, 0.0).strip()
    elif name.startswith("alpha"):
        model = ks.regularize(model, float(name.split()[1]))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(ks.CoupledSGD(0.01), loss, metrics=["accuracy"], jit_compile=False)
    return lambda: model.train_on_batch(images, labels)


def torch_step(name, images, labels):
    import torch
    from _torch_resnet20 import ResNet20
    from torch import nn
    from torch.nn import functional

    torch.manual_seed(0)
    reduced = name != "torch"
    layout = {"memory_format": torch.channels_last} if reduced else {}
    model = ResNet20().to(**layout)
    outputs = []
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(lambda _, __, output: outputs.append(output))
    optimizer = torch.optim.SGD(model.parameters(), 0.01, 0.9, weight_decay=1e-4)
    x = torch.tensor(images).permute(0, 3, 1, 2).contiguous(**layout)
    y = torch.tensor(labels)
    one_hot = functional.one_hot(y, 10).float()

    def selectivity(output):
        sums = one_hot.T @ output.mean((2, 3))
        means = sums / one_hot.sum(0)[:, None]
        best = means.max(0).values
        rest = (means.sum(0) - best) / 9
        return ((best - rest) / (best + rest + 1e-7)).mean()

    def forward(x):
        outputs.clear()
        with torch.autocast("cpu", torch.bfloat16, enabled=reduced):
            logits = model(x)
        found = torch.stack([selectivity(output.float()) for output in outputs]).mean()
        return functional.cross_entropy(logits.float(), y) + found

    forward = torch.compile(forward) if name == "torch compiled" else forward

    def step():
        optimizer.zero_grad()
        loss = forward(x)
        loss.backward()
        optimizer.step()
        float(loss.detach())

    return step


def work(name, network, batch, size):
    import numpy as np

    rng = np.random.default_rng(0)
    images = rng.random((batch, size, size, 3)).astype("float32")
    labels = np.arange(batch) % 10
    if name.startswith("torch"):
        step = torch_step(name, images, labels)
    else:
        step = keras_step(name, network, images, labels)
    answer(lambda: step() and None)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", default="resnet20", help="name of a network (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=256, help="samples per step (default: %(default)s)")
    parser.add_argument("--size", type=int, default=32, help="pixels a side (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    chosen = (options.network, options.batch, options.size)
    if options.work:
        return work(options.work, *chosen)
    compared = options.network == "resnet20" and importlib.util.find_spec("torch")
    there = {name: title for name, title in CONTESTANTS.items() if compared or not name.startswith("torch")}
    arguments = [f"--{key}={value}" for key, value in zip(("network", "batch", "size"), chosen, strict=True)]
    return run(__file__, there, PAIRS, options.rounds, arguments)


if __name__ == "__main__":
    main()
