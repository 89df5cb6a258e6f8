"""Networks of features, sequences, volumes, tokens, text and several inputs, from wrapping to attacks."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import keras_selectivity as ks
from keras_selectivity import representations
from keras_selectivity import robustness

N, CLASSES = 24, 4
RNG = np.random.default_rng(0)
LABELS = np.arange(N) % CLASSES


@pytest.fixture(autouse=True)
def _seeded():
    """Rectifiers have corners, and units may be dead: the same networks every time."""
    keras.utils.set_random_seed(1)


def head(x):
    """A classifier on top of what has one axis more than the batch."""
    return layers.Dense(CLASSES, name="logits")(layers.Dense(6, activation="relu", name="hidden")(x))


def features(dtype="float32"):
    x = keras.Input((5,), dtype=dtype, name="x")
    return keras.Model(x, head(x))


def sequence(length=7):
    x = keras.Input((length, 3), name="x")
    return keras.Model(x, head(layers.GlobalAveragePooling1D()(layers.Conv1D(4, 3, activation="relu")(x))))


def volume():
    x = keras.Input((4, 4, 4, 2), name="x")
    return keras.Model(x, head(layers.GlobalAveragePooling3D()(layers.Conv3D(3, 2, activation="relu")(x))))


def picture(dtype="float32", size=6):
    x = keras.Input((size, size, 3), dtype=dtype, name="x")
    y = layers.Rescaling(1 / 255)(x) if dtype == "uint8" else x
    return keras.Model(x, head(layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu")(y))))


def tokens(dtype="int32", mask=False, length=6):
    x = keras.Input((length,), dtype=dtype, name="x")
    return keras.Model(x, head(layers.GlobalAveragePooling1D()(layers.Embedding(9, 4, mask_zero=mask)(x))))


def texts():
    words = layers.TextVectorization(output_sequence_length=4)
    words.adapt(["a b c d", "e f g h"])
    vectors = layers.Embedding(10, 4)
    return keras.Sequential([keras.Input((), dtype="string"), words, vectors, layers.GlobalAveragePooling1D(),
                             layers.Dense(6, activation="relu"), layers.Dense(CLASSES)])  # fmt: skip


def several(kind):
    inputs = {"a": keras.Input((5,), name="a"), "b": keras.Input((6,), dtype="int32", name="b")}
    joined = layers.Concatenate()([inputs["a"], layers.Flatten()(layers.Embedding(9, 2)(inputs["b"]))])
    return keras.Model(inputs if kind is dict else list(inputs.values()), head(joined))


def with_a_mask():
    x, mask = keras.Input((6, 4), name="x"), keras.Input((6,), dtype="bool", name="mask")
    return keras.Model({"x": x, "mask": mask}, head(layers.LSTM(3)(x, mask=mask)))


class Tokens(keras.Model):
    """A subclassed classifier, of which Keras keeps the shape of the input and not its type."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.embedding, self.hidden = layers.Embedding(9, 4), layers.Dense(6, activation="relu")
        self.top = layers.Dense(CLASSES)

    def call(self, x):
        return self.top(self.hidden(keras.ops.mean(self.embedding(x), axis=1)))


def subclassed():
    model = Tokens()
    model(np.zeros((1, 6), "int32"))
    return model


def floats(*shape):
    return (RNG.standard_normal((N, *shape)) * 3).astype("float32")


IDS = RNG.integers(1, 9, (N, 6))
PADDED = np.where(np.arange(6) < RNG.integers(1, 7, (N, 1)), IDS, 0)
FLOATS = {
    "features": (features, floats(5)),
    "a sequence": (sequence, floats(7, 3)),
    "a sequence of any length": (lambda: sequence(None), floats(9, 3)),
    "a volume": (volume, floats(4, 4, 4, 2)),
    "images": (picture, RNG.random((N, 6, 6, 3), np.float32)),
    "images of any size": (lambda: picture(size=None), RNG.random((N, 5, 8, 3), np.float32)),
}
OTHERS = {
    "tokens": (tokens, IDS),
    "tokens of int64": (lambda: tokens("int64"), IDS),
    "tokens in floats": (lambda: tokens("float32"), IDS),
    "tokens with a mask": (lambda: tokens(mask=True), PADDED),
    "tokens of any length": (lambda: tokens(length=None), IDS[:, :4]),
    "tokens of a subclassed network": (subclassed, IDS),
    "texts": (texts, RNG.choice(["a b", "b c d", "e", "f g h a", "h z"], N)),
    "a list": (lambda: several(list), [floats(5), IDS]),
    "a dict": (lambda: several(dict), {"a": floats(5), "b": IDS}),
    "an explicit mask": (with_a_mask, {"x": floats(6, 4), "mask": np.arange(6) < RNG.integers(1, 7, (N, 1))}),
    "8-bit images": (lambda: picture("uint8"), RNG.integers(0, 256, (N, 6, 6, 3), np.uint8)),
}  # fmt: skip
CASES = {**FLOATS, **OTHERS}


def fed(x):
    """The same for the network itself."""
    return keras.tree.map_structure(lambda v: tf.constant(v), x)


@pytest.mark.parametrize("kind", CASES)
def test_what_the_network_says_is_what_it_says_when_wrapped_exported_and_loaded(kind, tmp_path):
    network, x = CASES[kind][0](), CASES[kind][1]
    expected = network(fed(x)).numpy()
    wrapped = ks.wrap(network)
    ks.export(network, tmp_path / "m")
    loaded = ks.load(tmp_path / "m")
    assert loaded.inputs == wrapped.inputs
    for found in (wrapped, loaded):
        np.testing.assert_allclose(found.logits(found.prepared(x)), expected, atol=1e-5)
    network.save(tmp_path / "m.keras") if not isinstance(network, Tokens) else None
    if not isinstance(network, Tokens):
        np.testing.assert_allclose(
            ks.load(tmp_path / "m.keras").logits(found.prepared(x)), expected, atol=1e-5
        )
    measured = ks.measure_selectivity(loaded, (x, LABELS), batch_size=10, verbose=0)
    hidden = loaded.layer_names[-1]
    units = np.asarray(loaded.unit_means(loaded.prepared(x))[hidden])
    means = np.array([units[c == LABELS].mean(axis=0) for c in range(CLASSES)])
    top, rest = means.max(axis=0), (means.sum(axis=0) - means.max(axis=0)) / (CLASSES - 1)
    np.testing.assert_allclose(measured.layers[-1].selectivity, (top - rest) / (top + rest + 1e-7), atol=1e-5)
    assert measured.accuracy == (expected.argmax(axis=1) == LABELS).mean()
    assert robustness.accuracy(loaded, x, LABELS, verbose=0) == measured.accuracy


@pytest.mark.parametrize("kind", CASES)
def test_representations_are_measured_in_parts_as_in_one(kind):
    exported, x = ks.wrap(CASES[kind][0]()), CASES[kind][1]
    hidden = exported.layer_names[-1]
    found, _ = representations.collect_units(exported, x, LABELS, batch_size=7, verbose=0)
    np.testing.assert_allclose(found[hidden], exported.unit_means(exported.prepared(x))[hidden], atol=1e-5)
    (spectrum,) = ks.layer_spectra(exported, x, layers=[hidden], batch_size=7, verbose=0).values()
    assert spectrum.fraction() == ks.dimensionality(found[hidden])
    (maps,) = ks.layer_spectra(exported, x, layers=[hidden], full_maps=True, batch_size=7, verbose=0).values()
    assert maps.fraction() == spectrum.fraction()  # the hidden layer has no positions
    other = found[hidden] @ RNG.standard_normal((6, 6))
    assert ks.pwcca_distance(found[hidden], other) == pytest.approx(0, abs=1e-3)
    ablated = ks.ablate(exported, x, LABELS, hidden, points=[6], batch_size=7, verbose=0)
    bias_alone = exported.ablated_logits(
        exported.prepared(x), _keep(exported, hidden), np.zeros(_units(exported))
    )
    assert np.ptp(bias_alone.numpy(), axis=0).max() < 1e-6
    assert ablated.accuracy[0] == (bias_alone.numpy().argmax(axis=1) == LABELS).mean()
    assert len(ks.measure_units(exported, x, LABELS, shuffles=1, verbose=0)) == len(exported.layer_names)


def _units(exported):
    return sum(exported.units.values())


def _keep(exported, layer):
    return np.concatenate([np.full(n, name != layer) for name, n in exported.units.items()]).astype(float)


@pytest.mark.parametrize(
    ("kind", "norm"),
    [
        ("features", "l2"),
        ("a sequence of any length", "linf"),
        ("a volume", "l2"),
        ("images", "l2"),
        ("images of any size", "linf"),
    ],
)
@pytest.mark.filterwarnings("ignore:AutoAttack leaves out Square Attack")
def test_attacks_stay_in_the_ball_and_in_the_range_if_there_is_one(kind, norm):
    network, x = FLOATS[kind][0](), FLOATS[kind][1]
    exported = ks.wrap(network)
    labels = network(x).numpy().argmax(axis=1)
    found = ks.pgd(
        exported,
        x,
        labels,
        steps=8,
        step_size=0.2,
        epsilon=0.5,
        norm=norm,
        random_start=True,
        seed=0,
        verbose=0,
    )
    ensemble = ks.autoattack(
        exported, x[:6], labels[:6], epsilon=0.5, norm=norm, iterations=5, targets=2, queries=20, verbose=0
    )
    for adversarial, clean in ((found, x), (ensemble, x[:6])):
        assert robustness.distances(adversarial, clean, norm).max() <= 0.5 + 1e-5
        if "images" in kind:
            assert adversarial.min() >= 0 and adversarial.max() <= 1
    losses = [
        float(
            keras.losses.sparse_categorical_crossentropy(labels, network(v), from_logits=True).numpy().mean()
        )
        for v in (x, found)
    ]
    assert losses[1] > losses[0]
    if "images" not in kind:
        (moved,) = ks.fgsm(exported, x, labels, [0.25], verbose=0)
        change = np.abs(moved - x)
        np.testing.assert_allclose(change[change > 0], 0.25, atol=1e-5)  # nothing is clipped
        assert (change > 0).mean() > 0.9 and np.abs(moved).max() > 3
    masking = robustness.gradient_masking(exported, x, labels, epsilon=0.5, steps=3, step_size=0.2, verbose=0)
    assert 0 <= masking.random_start_accuracy <= 1


@pytest.mark.parametrize("kind", FLOATS)
def test_jacobians_are_those_of_finite_differences(kind):
    network, x = FLOATS[kind][0](), FLOATS[kind][1][:3]
    if "images" in kind:
        x = 0.05 + 0.9 * x
    exported, step = ks.wrap(network), 1e-2
    found = ks.jacobian_norm(exported, x, verbose=0)
    hidden = ks.input_unit_gradients(exported, x, layers=["hidden"], verbose=0)[0]
    squares, of_units = np.zeros(3), np.zeros((3, 6))
    for place in np.ndindex(*x.shape[1:]):
        change = np.zeros(x.shape, np.float32)
        change[(slice(None), *place)] = step
        logits = np.subtract(*(network(x + sign * change).numpy().astype(float) for sign in (1, -1))) / (
            2 * step
        )
        squares += (logits**2).sum(axis=1)
        means = [np.asarray(exported.unit_means(x + sign * change)["hidden"], float) for sign in (1, -1)]
        of_units += ((means[0] - means[1]) / (2 * step)) ** 2
    np.testing.assert_allclose(found, np.sqrt(squares), rtol=0.05)  # rectifiers have corners
    np.testing.assert_allclose(hidden.mean, np.sqrt(of_units).mean(axis=0), rtol=0.1, atol=1e-3)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("tokens", "takes int32 of 6, in which there is no gradient.*after the embedding"),
        ("tokens in floats", "no gradient with respect to its input.*an embedding"),
        ("a dict", r"has 2 inputs \(a, b\)"),
        ("8-bit images", "takes uint8, to which pixels are rounded"),
    ],
)
def test_what_has_no_gradient_is_not_attacked(kind, message):
    exported, x = ks.wrap(OTHERS[kind][0]()), OTHERS[kind][1]
    attacks = [
        lambda: ks.fgsm(exported, x, LABELS, [0.1], verbose=0),
        lambda: ks.pgd(exported, x, LABELS, verbose=0),
        lambda: ks.autoattack(exported, x, LABELS, epsilon=0.1, verbose=0),
        lambda: robustness.gradient_masking(exported, x, LABELS, verbose=0),
        lambda: ks.jacobian_norm(exported, x, verbose=0),
        lambda: ks.input_unit_gradients(exported, x, verbose=0),
    ]
    for attack in attacks if kind != "tokens in floats" else attacks[1:2]:
        with pytest.raises(ks.InputError, match=message):
            attack()


def test_8_bit_networks_see_what_they_are_given():
    network, images = picture("uint8"), OTHERS["8-bit images"][1]
    exported = ks.wrap(network)
    assert exported.pixel_range == (0, 255)
    expected = network(images).numpy()
    for x in (images, images / 255, (images / 255).astype("float32")):
        np.testing.assert_allclose(exported.logits(exported.prepared(x)), expected, atol=1e-6)
    assert np.abs(expected - network(np.zeros_like(images)).numpy()).max() > 1e-3
    raw = ks.wrap(network, None)
    np.testing.assert_allclose(raw.logits(images), expected, atol=1e-6)


def test_a_range_is_one_of_a_single_float_input():
    assert ks.wrap(features()).pixel_range is None and ks.wrap(picture()).pixel_range == (0, 1)
    video = ks.wrap(volume(), (0, 255))
    x = RNG.random((2, 4, 4, 4, 2), np.float32)
    with pytest.raises(ks.InputError, match=r"Inputs must be pixels in \[0, 1\]"):
        video.prepared(x * 255)
    assert video.bounds == (0, 1) and ks.wrap(picture(), None).bounds == (-np.inf, np.inf)
    for network in (tokens(), several(list)):
        with pytest.raises(ks.InputError, match="pixel_range is for a single input of floats or uint8"):
            ks.wrap(network, (0, 255))
    with pytest.raises(ks.InputError, match="uint8, which holds 0 to 255"):
        ks.wrap(picture("uint8"), (-1, 1))


BAD = {
    "text for numbers": ("features", floats(5).astype(str), "Inputs must be numbers"),
    "nan": ("features", np.full((N, 5), np.nan), "must be finite"),
    "another width": ("features", floats(4), r"takes inputs of shape \(n, 5\). Received: \(24, 4\)"),
    "halves for integers": ("tokens", IDS + 0.5, "must be whole numbers that fit int32"),
    "too large for int32": ("tokens", IDS + 2**40, "must be whole numbers that fit int32"),
    "an array for a dict": ("a dict", floats(5), r"takes a dict of 2 arrays \(a, b\). Received: ndarray"),
    "a dict with another key": ("a dict", {"a": floats(5), "c": IDS}, "Received: a dict of 2"),
    "a list too long": ("a list", [floats(5), IDS, IDS], "takes a list of 2 arrays"),
    "unequal numbers": ("a list", [floats(5), IDS[:3]], r"equally many samples. Received: \[3, 24\]"),
    "one of them wrong": ("a dict", {"a": floats(5), "b": IDS[:, :2]}, r"takes input 'b' of shape \(n, 6\)"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_does_not_fit_is_refused(kind):
    case, x, message = BAD[kind]
    exported = ks.wrap(CASES[case][0]())
    with pytest.raises(ks.InputError, match=message):
        ks.measure_selectivity(exported, (x, LABELS), verbose=0)


def test_batches_of_a_data_set_may_be_structures():
    exported, x = ks.wrap(several(dict)), OTHERS["a dict"][1]
    batches = tf.data.Dataset.from_tensor_slices((x, LABELS)).batch(7)
    found = ks.measure_selectivity(exported, batches, verbose=0)
    assert found.mean == pytest.approx(
        ks.measure_selectivity(exported, (x, LABELS), verbose=0).mean, abs=1e-6
    )


def test_what_follows_an_embedding_has_a_gradient():
    """What the documentation does with tokens; the gradient is compared with finite differences."""
    model = tokens()
    with pytest.raises(ks.InputError, match="what comes after the embedding"):
        ks.jacobian_norm(model, IDS, verbose=0)
    embedded = next(layer for layer in model.layers if isinstance(layer, layers.Embedding)).output
    before, after = keras.Model(model.input, embedded), keras.Model(embedded, model.output)
    vectors = before.predict(IDS, verbose=0)
    np.testing.assert_allclose(after.predict(vectors, verbose=0), model.predict(IDS, verbose=0), atol=1e-6)
    steps = 1e-3 * np.eye(vectors[0].size).reshape(-1, *vectors.shape[1:])
    change = [(after(vectors[:1] + step) - after(vectors[:1] - step)) / 2e-3 for step in steps]
    norm = ks.jacobian_norm(after, vectors[:1], verbose=0)
    np.testing.assert_allclose(norm, np.linalg.norm(change), rtol=1e-3)
