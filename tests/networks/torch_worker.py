"""The papers' networks of PyTorch's own layers: logits, and steps of training, on weights and images from a file.

Run as a process of its own (PyTorch and TensorFlow in one process can clash): FILE in, FILE out.
"""

import itertools
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


class Block(nn.Module):
    """Basic block, or bottleneck with the stride in its 3x3 convolution; modules by the names in the file."""

    def __init__(self, name, channels, width, stride, deep):
        super().__init__()
        out = 4 * width if deep else width
        sizes = (
            [(1, width, 1), (3, width, stride), (1, out, 1)] if deep else [(3, width, stride), (3, width, 1)]
        )
        self.convolutions, self.norms, self.names = nn.ModuleList(), nn.ModuleList(), []
        before = channels
        for number, (size, after, step) in enumerate(sizes, 1):
            self.convolutions.append(nn.Conv2d(before, after, size, step, size // 2, bias=False))
            self.norms.append(nn.BatchNorm2d(after))
            self.names.append(f"{name}_conv{number}")
            before = after
        self.shortcut = None
        if stride != 1 or channels != out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out)
            )
            self.shortcut_name = f"{name}_shortcut"
        self.channels = out

    def forward(self, x):
        y = x
        for number, (conv, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            y = norm(conv(y if number == 0 else functional.relu(y)))
        return functional.relu(y + (x if self.shortcut is None else self.shortcut(x)))


class ResNet(nn.Module):
    def __init__(self, counts, deep, classes):
        super().__init__()
        self.stem, self.stem_norm = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        self.blocks, channels = nn.ModuleList(), 64
        for stage, (count, width) in enumerate(zip(counts, (64, 128, 256, 512), strict=True), 1):
            for number in range(1, count + 1):
                stride = 2 if stage > 1 and number == 1 else 1
                self.blocks.append(Block(f"stage{stage}_block{number}", channels, width, stride, deep))
                channels = self.blocks[-1].channels
        self.logits = nn.Linear(channels, classes)

    def forward(self, x):
        x = functional.relu(self.stem_norm(self.stem(x)))
        for block in self.blocks:
            x = block(x)
        return self.logits(x.mean((2, 3)))

    def named(self):
        yield "stem_conv", self.stem
        yield "stem_norm", self.stem_norm
        for block in self.blocks:
            for name, conv, norm in zip(block.names, block.convolutions, block.norms, strict=True):
                yield name, conv
                yield f"{name}_norm", norm
            if block.shortcut is not None:
                yield block.shortcut_name, block.shortcut[0]
                yield f"{block.shortcut_name}_norm", block.shortcut[1]
        yield "logits", self.logits


class SmallBlock(nn.Module):
    """Basic block of the networks for CIFAR-10, whose shortcut has no weights."""

    def __init__(self, channels, width, stride):
        super().__init__()
        self.convolutions = nn.ModuleList(
            [
                nn.Conv2d(channels, width, 3, stride, 1, bias=False),
                nn.Conv2d(width, width, 3, padding=1, bias=False),
            ]
        )
        self.norms = nn.ModuleList([nn.BatchNorm2d(width), nn.BatchNorm2d(width)])
        self.stride, self.pad = stride, (width - channels) // 2

    def forward(self, x):
        y = functional.relu(self.norms[0](self.convolutions[0](x)))
        y = self.norms[1](self.convolutions[1](y))
        x = functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.pad, self.pad))
        return functional.relu(y + x)


class ResNet20(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.stem, self.stem_norm = nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)
        widths = [16] * 4 + [32] * 3 + [64] * 3
        self.blocks = nn.ModuleList(
            SmallBlock(before, width, 1 if before == width else 2)
            for before, width in itertools.pairwise(widths)
        )
        self.logits = nn.Linear(64, classes)

    def forward(self, x):
        x = functional.relu(self.stem_norm(self.stem(x)))
        for block in self.blocks:
            x = block(x)
        return self.logits(x.mean((2, 3)))

    def named(self):
        yield "stem_conv", self.stem
        yield "stem_norm", self.stem_norm
        for number, block in enumerate(self.blocks):
            name = f"stage{number // 3 + 1}_block{number % 3 + 1}"
            for part, (conv, norm) in enumerate(zip(block.convolutions, block.norms, strict=True), 1):
                yield f"{name}_conv{part}", conv
                yield f"{name}_conv{part}_norm", norm
        yield "logits", self.logits


class VGG16(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.names, layers, channels = [], [], 3
        for group, (width, count) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), 1):
            for number in range(1, count + 1):
                self.names.append(f"group{group}_conv{number}")
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
                channels = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.dense, self.logits = nn.Linear(512, 512), nn.Linear(512, classes)

    def forward(self, x):
        return self.logits(functional.relu(self.dense(self.features(x).flatten(1))))

    def named(self):
        convolutions = [m for m in self.features if isinstance(m, nn.Conv2d)]
        norms = [m for m in self.features if isinstance(m, nn.BatchNorm2d)]
        for name, conv, norm in zip(self.names, convolutions, norms, strict=True):
            yield name, conv
            yield f"{name}_norm", norm
        yield "dense", self.dense
        yield "logits", self.logits


def load(network, arrays):
    """Puts the arrays `layer/number` into the modules of the same name, in PyTorch's layouts."""
    used = set()
    for name, module in network.named():
        values = []
        while f"{name}/{len(values)}" in arrays:
            used.add(f"{name}/{len(values)}")
            values.append(torch.from_numpy(arrays[f"{name}/{len(values)}"]))
        if isinstance(module, nn.BatchNorm2d):
            targets = [module.weight, module.bias, module.running_mean, module.running_var]
        else:
            values[0] = values[0].permute(3, 2, 0, 1) if values[0].ndim == 4 else values[0].T
            targets = [module.weight, *([] if module.bias is None else [module.bias])]
        for target, value in zip(targets, values, strict=True):
            target.data.copy_(value)
    left = {name for name in arrays if "/" in name} - used
    assert not left, left


def train(network, pixels, labels, steps):
    """Steps of the papers' optimiser on one batch; returns the loss of each."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = functional.cross_entropy(network.train()(pixels), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def main(kind, source, target):
    arrays = dict(np.load(source))
    classes = len(arrays["logits/1"])
    network = {
        "resnet20": lambda: ResNet20(classes),
        "resnet18": lambda: ResNet((2, 2, 2, 2), False, classes),
        "resnet50": lambda: ResNet((3, 4, 6, 3), True, classes),
        "vgg16": lambda: VGG16(classes),
    }[kind]()
    load(network, arrays)
    pixels = torch.from_numpy(arrays["images"]).permute(0, 3, 1, 2)
    pixels = (pixels - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    found = {}
    if "labels" in arrays:
        found["losses"] = train(network, pixels, torch.from_numpy(arrays["labels"]), int(arrays["steps"]))
    with torch.no_grad():
        for mode in ("inference", "training"):
            found[mode] = network.train(mode == "training")(pixels).numpy()
    np.savez(target, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
