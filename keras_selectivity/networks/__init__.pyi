"""The papers' networks and two of today's: plain Keras models from pixels in [0, 1] to logits."""

from ._convnext import convnext as convnext
from ._reference_weights import load_reference_weights as load_reference_weights
from ._registry import build as build
from ._registry import names as names
from ._registry import register as register
from ._resnet_cifar import resnet8 as resnet8
from ._resnet_cifar import resnet20 as resnet20
from ._resnet_imagenet import resnet18 as resnet18
from ._resnet_imagenet import resnet50 as resnet50
from ._vgg import vgg16 as vgg16
from ._vit import vit as vit
