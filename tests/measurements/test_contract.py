"""The contract of a measurement: what keeps it is measured, resumed and offered everywhere; what breaks it is named."""

import json
import subprocess
import sys
from typing import Annotated
from typing import ClassVar

import keras
import numpy as np
import pytest
from pydantic import Field

import keras_selectivity as ks
from keras_selectivity import measurements
from keras_selectivity.measurements import Evaluation
from keras_selectivity.measurements import Measurement
from keras_selectivity.measurements import Piece
from keras_selectivity.measurements import Quantity
from keras_selectivity.measurements import check_measurement
from keras_selectivity.measurements import evaluate
from keras_selectivity.measurements import row

OURS = {
    "clean": {},
    "units": {},
    "fgsm": {"epsilons": (0.0, 0.01)},
    "pgd": {"steps": (0, 2)},
    "autoattack": {"epsilons": (0.002, 0.02), "iterations": 3, "targets": 2},
    "masking": {},
    "corruptions": {"only": ("fog", "contrast")},
    "jacobian": {"projections": 1},
    "unit_gradients": {"units_per_layer": 2, "samples": 10},
    "dimensionality": {},
    "pwcca": {},
    "off_axis": {"steps": 2},
    "ablation": {"fractions": (0.5, 1.0), "samples": 10},
}


class Brightness(Measurement):
    """Mean logit of the brighter half of the images."""

    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Share of the images that count as bright."""

    name = "brightness"
    reports = (Quantity("bright_logit", "nats"),)

    def pieces(self, context):
        """One piece for each half."""
        images = context.samples.images
        order = np.argsort(images.mean(axis=(1, 2, 3)), kind="stable")
        count = round(self.share * len(images))
        for half, chosen in (("bright", order[-count:]), ("dark", order[:-count])):

            def measure(name, _, chosen=chosen):
                logits = np.asarray(context.networks[name].logits(images[chosen] / np.float32(255)))
                return [row("bright_logit", logits.mean())]

            yield Piece(measure, context.samples, self.to_dict(), perturbation=half)


def test_all_of_ours_are_tried_here():
    assert list(OURS) == list(measurements.measurements())


@pytest.mark.parametrize("name", OURS)
def test_ours_keep_the_contract(name):
    measurement = measurements.find(name)(**OURS[name])
    if name == "clean":  # part of every evaluation
        assert measurement.reports
        return
    rows = check_measurement(measurement)
    assert {r["model"] for r in rows} == ({"network0"} if name == "pwcca" else {"network0", "network1"})
    assert {r["measure"] for r in rows} <= {quantity.name for quantity in measurement.reports}


def test_attacks_in_l2_have_a_name_of_their_own():
    measurement = measurements.find("autoattack")(norm="l2", **OURS["autoattack"])
    assert {r["perturbation"] for r in check_measurement(measurement)} == {"apgd in l2"}


def test_one_of_another_package_is_measured_like_ours():
    rows = check_measurement(Brightness(share=0.3))
    assert len(rows) == 4 and {json.loads(r["protocol"])["share"] for r in rows} == {0.3}
    assert {r["perturbation"] for r in rows} == {"bright", "dark"}


@pytest.mark.slow
def test_an_entry_point_offers_it_to_study_files_and_the_command_line(tmp_path):
    (tmp_path / "bright.py").write_text(
        "import numpy as np\n"
        "from keras_selectivity.measurements import Measurement, Piece, Quantity, row\n"
        "class Brightness(Measurement):\n"
        '    """Mean logit."""\n'
        "    scale: float = 1.0\n"
        '    """Factor."""\n'
        "    name = 'brightness'\n"
        "    reports = (Quantity('mean_logit', 'nats'),)\n"
        "    def pieces(self, context):\n"
        "        images = context.samples.images / np.float32(255)\n"
        "        def measure(name, _):\n"
        "            return [row('mean_logit', self.scale * np.mean(context.networks[name].logits(images)))]\n"
        "        yield Piece(measure, context.samples, self.to_dict())\n"
    )
    info = tmp_path / "bright-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bright\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[keras_selectivity.measurements]\nbrightness = bright:Brightness\n"
    )
    ks.export(ks.networks.resnet8(), tmp_path / "model")
    command = [
        sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from keras_selectivity.cli import main; sys.exit(main(sys.argv[1:]))",
        "evaluate", str(tmp_path / "model"), "--dataset", "shapes", "--limit", "20", "--json",
        "--brightness.scale", "2",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (found,) = (r for r in json.loads(done.stdout) if r["measure"] == "mean_logit")
    images = ks.datasets.subset(ks.datasets.load("shapes").test, 20, seed=0).images / np.float32(255)
    expected = 2 * np.mean(ks.load(tmp_path / "model").logits(images))
    assert found["value"] == pytest.approx(expected, rel=1e-5)


REPORTS = (Quantity("x"),)


def broken(reports=REPORTS, found=({"measure": "x", "value": 1.0},), label="broken"):
    """A measurement of one piece with these rows."""

    class Broken(Measurement):
        """For tests."""

        name = label

        def pieces(self, context):
            """One piece."""
            yield Piece(lambda name, _: [dict(each) for each in found], context.samples)

    Broken.reports = reports
    return Broken


@pytest.fixture(name="network", scope="module")
def _network():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3, strides=8, activation="relu")(inputs))
    return ks.wrap(keras.Model(inputs, keras.layers.Dense(10)(x)))


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([{"measure": "x", "value": float("nan")}], "reports nan as x"),
        ([{"measure": "x", "value": float("inf")}], "reports inf as x"),
        ([{"measure": "x", "value": "1"}], "reports '1' as x"),
        ([{"measure": "x", "value": np.float32(1)}], "values are finite floats"),
        ([{"measure": "y", "value": 1.0}], "reports 'y', which is not among its `reports`"),
        ([{"value": 1.0}], "reports None"),
        ([{"measure": "x", "value": 1.0, "colour": "red"}], "unknown columns: colour"),
        ([{"measure": "x", "value": 1.0, "alpha": 1.0}], "columns of its piece: alpha"),
        ([], "a piece has no rows"),
    ],
)
def test_rows_that_break_the_contract_are_refused_by_name(network, found, message):
    after = ks.measurements.Jacobian(projections=1)
    results = ks.results.Results()
    evaluation = Evaluation("shapes", limit=10, measure=(after, broken(found=found)()))
    with pytest.raises(ks.InputError, match=f"The measurement broken breaks its contract: .*{message}"):
        evaluate({"n": network}, evaluation, results, verbose=0)
    assert {json.loads(r["protocol"])["evaluation"] for r in results.frame().to_dicts()} == {
        "clean",
        "jacobian",
    }


def changed(**attributes):
    """A class like `Brightness` but for some attributes."""
    return type("Changed", (Brightness,), {"__doc__": "For tests.", "__module__": __name__, **attributes})


class _Undocumented(Measurement):
    """For tests."""

    share: float = 1.0

    name = "undocumented"
    reports = (Quantity("x"),)
    pieces = Brightness.pieces


class _Required(Measurement):
    """For tests."""

    share: float
    """A share."""

    name = "required"
    reports = (Quantity("x"),)
    pieces = Brightness.pieces


class _Nothing(Measurement):
    """For tests."""

    name: ClassVar[str] = "nothing"
    reports = (Quantity("x"),)


@pytest.mark.parametrize(
    ("measurement", "message"),
    [
        (5, "is a subclass of"),
        (dict, "is a subclass of"),
        (changed(name=5), "needs a name that is an identifier"),
        (changed(name="two words"), "needs a name that is an identifier"),
        (changed(name="a", reports=()), "`reports` must be a tuple of Quantity"),
        (changed(name="a", reports=("x",)), "`reports` must be a tuple of Quantity"),
        (changed(name="a", needs=frozenset({"gradients"})), "unknown needs gradients"),
        (changed(name="fgsm"), "There is a measurement called 'fgsm' already"),
        (_Undocumented, "its settings share lack documentation"),
        (_Required, "every setting needs a default"),
        (_Nothing, "nothing lacks `pieces`"),
    ],
)
def test_classes_that_break_the_contract_are_refused_when_registered(measurement, message):
    with pytest.raises(ks.InputError, match=message):
        measurements.register(measurement)
    assert list(measurements.measurements()) == list(OURS)


@pytest.mark.parametrize(
    ("use", "needed"),
    [
        (lambda context: context.validation("network0"), "validation"),
        (lambda context: context.corrupted(), "corrupted"),
        (lambda context: context.other("network1"), "networks"),
    ],
    ids=["validation", "corrupted", "networks"],
)
def test_what_is_used_is_declared(use, needed):
    def pieces(self, context):
        """One piece."""
        use(context)
        yield Piece(lambda name, _: [row("bright_logit", 1.0)], context.samples)

    with pytest.raises(AssertionError, match=f"A measurement that uses {needed} declares it"):
        check_measurement(changed(name="changed", pieces=pieces)())
    assert check_measurement(changed(name="changed", pieces=pieces, needs=frozenset({needed}))())


def test_what_is_registered_is_known_by_name(monkeypatch):
    monkeypatch.setattr(measurements._registry, "_registered", {})
    assert measurements.register(Brightness) is Brightness
    assert measurements.find("brightness") is Brightness
    content = {
        "study": {"name": "n", "title": "t", "description": "d"},
        "grid": {"alphas": [0.0], "seeds": [0]},
        "run": {"dataset": "shapes", "network": "resnet8", "validation_per_class": 10},
        "evaluation": {"brightness": {"share": 0.25}},
    }
    assert ks.studies.make_study(content).evaluation.measure == (Brightness(share=0.25),)
    content["evaluation"]["brightness"]["share"] = 1.5
    with pytest.raises(ks.InputError, match=r"evaluation\.brightness\.share must be less than 1"):
        ks.studies.make_study(content)


@pytest.mark.parametrize("kind", ["random", "undefined", "forgetful"])
def test_the_check_finds_what_only_running_shows(kind):
    rng, calls = np.random.default_rng(0), []

    def pieces(self, context):
        """Several pieces."""
        known = 0 if kind != "forgetful" else len(context.rows("network0", "changed"))
        for number in range(known, 3):

            def measure(name, _):
                calls.append(name)
                value = {"random": rng.random(), "undefined": None}.get(kind, 1.0)
                return [row("bright_logit", value)]

            yield Piece(measure, context.samples, perturbation=str(number))

    message = {"random": "the same seed gives other rows", "undefined": "every value is undefined"}
    with pytest.raises(AssertionError, match=message.get(kind, "depend on those that are done|other rows")):
        check_measurement(changed(name="changed", pieces=pieces)())
