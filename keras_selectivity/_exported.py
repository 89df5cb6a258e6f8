"""`Exported`: a trained classifier as the evaluators see it."""

import numpy as np

from keras_selectivity._errors import InputError

_NO_UNITS = (
    "This is a foreign SavedModel, which offers logits only. Load its .keras file, or export it with "
    "keras_selectivity.export, to see its units."
)


class Exported:
    """A classifier as the evaluators see it. Its functions are differentiable in their input.

    Attributes:
        layer_names: Tapped layers in the order of the calls; empty for a foreign SavedModel.
        units: Units of each layer, name -> int.
        shifts: Whether a layer's output can be negative, name -> bool.
        classes: Number of classes.
        input_shape: `(height, width, channels)`, or `None` if a foreign model does not tell.
        run: The content of `run.json`; empty for a foreign model.
        fingerprint: Twelve hexadecimal digits that tell this network's files from another's.
    """

    def __init__(self, functions, layers, classes, input_shape, run, fingerprint, pixel_range=(0.0, 1.0)):
        self._functions = functions
        self._compiled = {}
        self._offset = pixel_range[0]
        self._scale = pixel_range[1] - pixel_range[0]
        self.layer_names = [layer["name"] for layer in layers]
        self.units = {layer["name"]: layer["units"] for layer in layers}
        self.shifts = {layer["name"]: layer["shift"] for layer in layers}
        self.classes = classes
        self.input_shape = input_shape
        self.run = run
        self.fingerprint = fingerprint

    def logits(self, x):
        """`(n, height, width, channels)` pixels in [0, 1] to `(n, classes)` float32 logits."""
        return self._call("logits", x)

    def unit_means(self, x):
        """Spatial mean of every unit: a dict, layer name -> `(n, units)` float32."""
        return self._by_layer("unit_means", x)

    def activations(self, x):
        """Full activations: a dict, layer name -> `(n, ..., units)`."""
        return self._by_layer("activations", x)

    def ablated_logits(self, x, keep, fill):
        """Logits with units replaced by constants, in every position of their maps.

        Args:
            x: `(n, height, width, channels)` pixels in [0, 1].
            keep: `(units,)` floats, all layers in order: 1 leaves a unit alone, 0 replaces it.
            fill: `(units,)` floats: what a unit is replaced by.
        """
        if "ablated_logits" not in self._functions:
            raise InputError(
                _NO_UNITS
                if "unit_means" not in self._functions
                else "This SavedModel is older than ablation. Export the network again."
            )
        return self._call("ablated_logits", x, keep, fill)

    def pixels(self, images):
        """Images as float32 pixels in [0, 1], for the methods of this class.

        Args:
            images: `(n, height, width, channels)`; uint8, or floats in [0, 1]. A rounding error of
                up to 1e-5 beyond the range is clipped.

        Raises:
            InputError: Shape or range do not fit; the range that was found, and what to do.
        """
        images = np.asarray(images)
        if images.ndim != 4 or (self.input_shape and images.shape[1:] != tuple(self.input_shape)):
            wanted = self.input_shape or ("height", "width", "channels")
            raise InputError(
                f"The network takes images of shape (n, {', '.join(map(str, wanted))}). "
                f"Received: {images.shape}."
            )
        if images.dtype == np.uint8:
            return images.astype(np.float32) / 255
        images = images.astype(np.float32)
        if not len(images):
            return images
        low, high = images.min(), images.max()
        if not (low >= -1e-5 and high <= 1 + 1e-5):
            raise InputError(
                f"Images must be pixels in [0, 1]. Received: values from {low:g} to {high:g}. "
                "Divide 8-bit images by 255, and leave out any normalisation: it is part of the network."
            )
        return images.clip(0, 1)

    def labels(self, labels, samples):
        """Labels as an int64 array of length `samples`.

        Raises:
            InputError: They are no integers of this network's classes, or not as many.
        """
        labels = np.asarray(labels)
        if labels.shape not in ((samples,), (samples, 1)) or labels.dtype.kind not in "iu":
            raise InputError(
                f"Expected {samples} integer labels, one an image. Received: shape {labels.shape}, "
                f"dtype {labels.dtype}."
            )
        labels = labels.reshape(-1).astype(np.int64)
        if len(labels) and (labels.min() < 0 or labels.max() >= self.classes):
            raise InputError(
                f"The network has the classes 0 to {self.classes - 1}. Received: labels from "
                f"{labels.min()} to {labels.max()}. Does the data set belong to this network?"
            )
        return labels

    def layers(self, names=None):
        """Names of layers: those given, or all.

        Raises:
            InputError: A name is unknown, or the model offers no layers.
        """
        if not self.layer_names:
            raise InputError(
                _NO_UNITS if "unit_means" not in self._functions else "The model has no layer with units."
            )
        unknown = [name for name in names or () if name not in self.layer_names]
        if unknown:
            raise InputError(f"Unknown layers {', '.join(unknown)}. There are {', '.join(self.layer_names)}.")
        return list(self.layer_names if names is None else names)

    def compiled(self, function, *options):
        """`function(self, *options)`, made once and kept: a `tf.function` that a second call reuses."""
        key = (function, *options)
        if key not in self._compiled:
            self._compiled[key] = function(self, *options)
        return self._compiled[key]

    def _by_layer(self, name, x):
        if name not in self._functions:
            raise InputError(_NO_UNITS)
        values = self._call(name, x)
        return {layer: values[layer] for layer in self.layer_names}

    def _call(self, name, x, *others):
        import tensorflow as tf

        # Keras SavedModels refuse float64 and uint8 instead of casting them.
        x = tf.cast(x, tf.float32)
        if (self._offset, self._scale) != (0.0, 1.0):
            x = x * self._scale + self._offset
        return self._functions[name](x, *(tf.cast(other, tf.float32) for other in others))
