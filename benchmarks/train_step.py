"""Time of a training step: regularised against plain Keras, and against PyTorch with forward hooks.

ResNet20 at batch 256 on random images. Every contestant runs in a process of its own and takes one
step when it is asked, in turns, so that whatever else the machine does hits all of them alike; what
is reported is the median over the rounds of the ratio within a round.

    python benchmarks/train_step.py --rounds 15          # PyTorch is skipped unless installed
"""

import argparse
import importlib.util
import os
import statistics
import subprocess
import sys
import time

CONTESTANTS = {
    "plain": "plain Keras",
    "alpha 0": "keras_selectivity, alpha = 0",
    "alpha -1": "keras_selectivity, alpha = -1",
    "torch": "PyTorch, forward hooks, alpha = -1",
}
PAIRS = [("alpha 0", "plain"), ("alpha -1", "plain"), ("alpha -1", "torch")]


def keras_step(name, images, labels):
    import keras

    import keras_selectivity as ks

    keras.utils.set_random_seed(0)
    model = ks.networks.resnet20()
    if name != "plain":
        model = ks.regularize(model, float(name.split()[1]))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(ks.CoupledSGD(0.01), loss, metrics=["accuracy"], jit_compile=False)
    return lambda: model.train_on_batch(images, labels)


def torch_step(images, labels):
    import torch
    from torch import nn
    from torch.nn import functional

    torch.manual_seed(0)

    class Block(nn.Module):
        def __init__(self, inputs, width, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
            self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
            self.bn1, self.bn2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
            self.relu1, self.relu2 = nn.ReLU(), nn.ReLU()
            self.extra = (width - inputs) // 2

        def forward(self, x):
            y = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
            if self.extra:
                x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.extra, self.extra))
            return self.relu2(x + y)

    blocks, inputs = [], 16
    for width in (16, 32, 64):
        for number in range(3):
            blocks.append(Block(inputs, width, 2 if width > 16 and number == 0 else 1))
            inputs = width
    stem = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    model = nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
    outputs = []
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(lambda _, __, output: outputs.append(output))
    optimizer = torch.optim.SGD(model.parameters(), 0.01, 0.9, weight_decay=1e-4)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = ((torch.tensor(images) - mean) / std).permute(0, 3, 1, 2).contiguous()
    y = torch.tensor(labels)
    one_hot = functional.one_hot(y, 10).float()

    def selectivity(output):
        sums = one_hot.T @ output.mean((2, 3))
        means = sums / one_hot.sum(0)[:, None]
        best = means.max(0).values
        rest = (means.sum(0) - best) / 9
        return ((best - rest) / (best + rest + 1e-7)).mean()

    def step():
        outputs.clear()
        optimizer.zero_grad()
        logits = model(x)
        loss = functional.cross_entropy(logits, y) + torch.stack([selectivity(o) for o in outputs]).mean()
        loss.backward()
        optimizer.step()
        float(loss.detach())

    return step


def work(name):
    """Takes a step for every line of input and answers with its milliseconds."""
    import numpy as np

    rng = np.random.default_rng(0)
    images = rng.random((256, 32, 32, 3)).astype("float32")
    labels = np.arange(256) % 10
    step = torch_step(images, labels) if name == "torch" else keras_step(name, images, labels)
    for _ in range(3):
        step()
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        step()
        print((time.perf_counter() - start) * 1e3, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        return work(options.work)
    names = [n for n in CONTESTANTS if n != "torch" or importlib.util.find_spec("torch")]
    command = [sys.executable, __file__, "--work"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    workers = {n: subprocess.Popen([*command, n], env=environment, **pipes) for n in names}
    for name, worker in workers.items():
        if worker.stdout.readline().strip() != "ready":
            sys.exit(f"{CONTESTANTS[name]} did not start")
    times = {name: [] for name in names}
    for number in range(options.rounds):
        for name, worker in workers.items():
            worker.stdin.write("\n")
            worker.stdin.flush()
            times[name].append(float(worker.stdout.readline()))
        print(f"\rround {number + 1}/{options.rounds}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    for worker in workers.values():
        worker.stdin.close()
    for name in names:
        print(f"{CONTESTANTS[name]:40} {statistics.median(times[name]):7.1f} ms a step (median)")
    for ours, other in PAIRS:
        if ours in times and other in times:
            ratios = [a / b for a, b in zip(times[ours], times[other], strict=True)]
            low, _, high = statistics.quantiles(ratios, n=4)
            print(f"{ours} / {other}: {statistics.median(ratios):.3f} (quartiles {low:.3f} to {high:.3f})")
    return None


if __name__ == "__main__":
    main()
