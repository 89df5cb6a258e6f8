"""Evaluation piece by piece: its numbers, resuming, and what it refuses."""

import dataclasses
import json
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
from conftest import real_data
from processes import Pause
from processes import stopped

import keras_selectivity as ks
from keras_selectivity import datasets
from keras_selectivity import networks
from keras_selectivity import robustness
from keras_selectivity.measurements import FGSM
from keras_selectivity.measurements import PGD
from keras_selectivity.measurements import PWCCA
from keras_selectivity.measurements import Ablation
from keras_selectivity.measurements import AutoAttack
from keras_selectivity.measurements import Corruptions
from keras_selectivity.measurements import Dimensionality
from keras_selectivity.measurements import Evaluation
from keras_selectivity.measurements import Jacobian
from keras_selectivity.measurements import Masking
from keras_selectivity.measurements import OffAxis
from keras_selectivity.measurements import UnitGradients
from keras_selectivity.measurements import Units
from keras_selectivity.measurements import evaluate
from keras_selectivity.results import Results
from keras_selectivity.results import pick
from keras_selectivity.results import read

EVERYTHING = Evaluation(
    "shapes",
    limit=20,
    measure=(
        Units(),
        FGSM((0.0, 0.01)),
        PGD((0, 3), step_size=0.002),
        Masking(),
        Corruptions(),
        Jacobian(),
        UnitGradients(units_per_layer=2, samples=10),
        Ablation(layers=("stem_relu",), fractions=(0.5, 1.0), samples=10),
    ),
)


@pytest.fixture(name="models", scope="module")
def _models(tmp_path_factory):
    """Two small networks, one of them trained a little at alpha = 0."""
    folder = tmp_path_factory.mktemp("models")
    shapes = datasets.load("shapes")
    for name, alpha, seed in (("a", 0.0, 0), ("b", -1.0, 1)):
        keras.utils.set_random_seed(seed)
        model = ks.regularize(networks.resnet8(), alpha)
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=False)
        model.fit(shapes.train.images[:640] / 255.0, shapes.train.labels[:640], batch_size=64, verbose=0)
        ks.export(model, folder / name, seed=seed)
    return {name: ks.load(folder / name) for name in "ab"}


@pytest.fixture(name="table", scope="module")
def _table(models, tmp_path_factory):
    results = Results(tmp_path_factory.mktemp("table") / "rows.csv")
    return evaluate(models, EVERYTHING, results, verbose=0)


def rows_of(results, model, evaluation, measure):
    return [
        row
        for row in results.frame().to_dicts()
        if (row["model"], row["measure"]) == (model, measure)
        and json.loads(row["protocol"])["evaluation"] == evaluation
    ]


def test_rows_hold_what_the_functions_return(models, table):
    test = datasets.subset(datasets.load("shapes").test, 20, seed=0)
    for name, exported in models.items():
        (row,) = rows_of(table, name, "clean", "accuracy")
        clean = robustness.accuracy(exported, *test, verbose=0)
        assert row["value"] == clean
        (row,) = rows_of(table, name, "clean", "mean_logit_margin")
        logits = exported.logits(exported.prepared(test.images)).numpy()
        margins = [z[k] - max(np.delete(z, k)) for z, k in zip(logits, test.labels, strict=True)]
        assert row["value"] == pytest.approx(np.mean(margins), rel=1e-6)
        for layer in ks.measure_units(exported, *test, verbose=0):
            alive = layer.selectivity[~layer.dead]
            (row,) = [
                r
                for r in rows_of(table, name, "units", "mean_selectivity_of_alive")
                if r["layer"] == layer.name
            ]
            assert row["value"] == (alive.mean() if len(alive) else None)
        for loss, suffix in (("log_odds", ""), ("cross_entropy", " by cross-entropy")):
            found = robustness.fgsm_accuracy(exported, *test, (0.0, 0.01), loss=loss, verbose=0)
            rows = [
                r for r in rows_of(table, name, "fgsm", "accuracy") if r["perturbation"] == f"fgsm{suffix}"
            ]
            values = [(r["epsilon"], r["value"]) for r in rows]
            assert values == list(zip((0.0, 0.01), found.accuracy, strict=True))
            adversarial = ks.pgd(exported, *test, steps=3, step_size=0.002, loss=loss, verbose=0)
            rows = [r for r in rows_of(table, name, "pgd", "accuracy") if r["perturbation"] == f"pgd{suffix}"]
            right = robustness.accuracy(exported, adversarial, test.labels, verbose=0)
            assert {r["steps"]: r["value"] for r in rows} == {0: clean, 3: right}
        norms = ks.jacobian_norm(exported, test.images, verbose=0)
        (mean,) = rows_of(table, name, "jacobian", "jacobian_norm_mean")
        low, high = (rows_of(table, name, "jacobian", f"jacobian_norm_mean_{e}")[0] for e in ("low", "high"))
        assert mean["value"] == pytest.approx(norms.mean(), rel=1e-6)
        assert low["value"] < mean["value"] < high["value"]
        (precise,) = [
            r
            for r in rows_of(table, name, "units", "precision")
            if (r["layer"], r["unit"]) == ("stem_relu", 2)
        ]
        assert precise["value"] == ks.measure_units(exported, *test, verbose=0)[0].precision[2]
        by_layer = rows_of(table, name, "unit_gradients", "unit_gradient_variation_over_units")
        assert [r["layer"] for r in by_layer] == exported.layer_names
        assert {r["samples"] for r in by_layer} == {10}
        assert {r["value"] for r in rows_of(table, name, "unit_gradients", "units_measured")} == {2}


def test_corruption_rows_and_their_means(models, table):
    test = datasets.subset(datasets.load("shapes").test, 20, seed=0)
    for name, exported in models.items():
        rows = rows_of(table, name, "corruptions", "accuracy")
        single = {(r["perturbation"], r["severity"]): r["value"] for r in rows if r["severity"]}
        assert len(single) == 95
        fog = ks.corrupt(test.images, "fog", 3, seed=0)
        assert single["fog", 3] == robustness.accuracy(exported, fog, test.labels, verbose=0)
        means = {r["perturbation"]: r["value"] for r in rows if not r["severity"]}
        benchmark = [value for (c, _), value in single.items() if c in datasets.BENCHMARK]
        assert means == {
            "all 19 corruptions": pytest.approx(np.mean(list(single.values()))),
            "benchmark corruptions": pytest.approx(np.mean(benchmark)),
        }
        clean = rows_of(table, name, "clean", "accuracy")[0]["value"]
        for row in rows_of(table, name, "corruptions", "relative_accuracy"):
            assert row["value"] == pytest.approx(means[row["perturbation"]] / clean)


def test_rows_of_representations(models):
    layers = ("stem_relu", "stage1_block1_relu1")
    measure = (
        Dimensionality(step_size=0.01, layers=layers),
        PWCCA(layers=layers),
        OffAxis(steps=3, layers=layers),
    )
    chosen = Evaluation("shapes", limit=150, measure=measure)
    results = evaluate(models, chosen, verbose=0)
    test = datasets.subset(datasets.load("shapes").test, 150, seed=0)
    a, b = (models[name].unit_means(test.images / np.float32(255))["stem_relu"].numpy() for name in "ab")
    adversarial = ks.pgd(models["a"], *test, steps=25, step_size=0.01, verbose=0)
    blurred = ks.corrupt(test.images, "motion_blur", 3, seed=0) / np.float32(255)
    for perturbation, values in (
        (None, a),
        ("motion_blur", a - models["a"].unit_means(blurred)["stem_relu"].numpy()),
        ("pgd", a - models["a"].unit_means(adversarial)["stem_relu"].numpy()),
    ):
        (row,) = [
            r
            for r in rows_of(results, "a", "dimensionality", "dimensionality")
            if (r["layer"], r["perturbation"]) == ("stem_relu", perturbation)
        ]
        assert row["value"] == ks.dimensionality(values)
    (row,) = [
        r
        for r in results.frame().to_dicts()
        if r["measure"] == "pwcca_distance" and r["layer"] == "stem_relu"
    ]
    assert (row["model"], row["other"]) == ("a", "b")
    assert row["value"] == pytest.approx(ks.pwcca_distance(a, b, symmetric=True), abs=1e-6)
    for name in "ab":
        for layer in layers:
            values = {
                r["measure"]: r["value"] for r in results.frame().to_dicts()
                if (r["model"], r["layer"]) == (name, layer) and json.loads(r["protocol"])["evaluation"] == "off_axis"
            }  # fmt: skip
            assert values["off_axis_selectivity"] == max(values.values())
    again = len(results.frame().to_dicts())
    assert len(evaluate(models, chosen, results, verbose=0).frame()) == again


def test_transfer_comes_from_alpha_zero(models, table):
    assert not rows_of(table, "a", "masking", "transfer_accuracy")
    (row,) = rows_of(table, "b", "masking", "transfer_accuracy")
    test = datasets.subset(datasets.load("shapes").test, 20, seed=0)
    images = robustness.transfer_images(models["a"], *test, verbose=0)
    assert row["value"] == robustness.accuracy(models["b"], images, test.labels, verbose=0)
    assert row["other"] == "a" and row["perturbation"] == "transfer"
    rows = [row for name in "ab" for row in rows_of(table, name, "masking", "masking_warnings")]
    assert [(row["model"], row["other"]) for row in rows] == [("a", None), ("b", None), ("b", "a")]
    assert {json.loads(row["protocol"])["transfer_from"] for row in rows} == {"alpha 0, same seed"}
    (own,) = rows_of(table, "b", "masking", "random_start_accuracy")
    fooled = row["value"] < own["value"]
    assert pick(table.scan(), "masking_warnings")["value"][-1] == rows[1]["value"] + fooled


def test_an_interrupted_evaluation_goes_on(models, table, tmp_path, monkeypatch):
    """Stopped at its 40th piece and started again, it ends with the same rows, measuring no piece twice."""
    path = tmp_path / "rows.csv"
    added = []

    class Stopped(Exception):
        pass

    def stopping(self, rows, add=Results.add):
        if len(added) == 40:
            raise Stopped
        added.append(rows[0])
        add(self, rows)

    monkeypatch.setattr(Results, "add", stopping)
    with pytest.raises(Stopped):
        evaluate(models, EVERYTHING, Results(path), verbose=0)
    monkeypatch.undo()
    kept = path.read_bytes()
    assert len(read(path).to_dicts()) > 40
    resumed = evaluate(models, EVERYTHING, Results(path), verbose=0)
    _, rows = kept.split(b"\n", 1)  # the checksum stands in the heading
    assert path.read_bytes().split(b"\n", 1)[1].startswith(rows)

    def values(results):
        return sorted((str(list(r.values())[:-6]), r["value"]) for r in results.frame().to_dicts())

    assert values(resumed) == values(table)
    monkeypatch.setattr(robustness, "fgsm_accuracy", None, raising=False)
    before = path.stat().st_mtime_ns
    evaluate(models, EVERYTHING, Results(path), verbose=0)
    assert path.stat().st_mtime_ns == before


def test_an_interrupted_attack_resumes_with_the_next_batch(models, tmp_path, monkeypatch):
    """Killed in the third of four batches; the first two are not attacked again, and the rows are those of one go."""
    measure = AutoAttack(
        epsilons=(0.001, 0.004, 0.02), iterations=3, targets=2, queries=20, version="standard"
    )
    evaluation = Evaluation("shapes", limit=20, batch_size=5, measure=(measure,))
    model = {"a": models["a"]}
    whole = evaluate(model, evaluation, verbose=0)
    attacked, accuracy = [], robustness.autoattack_accuracy
    to_stop_at = {2}

    class Stopped(Exception):
        pass

    def attacking(*arguments, positions, **options):
        if positions[0] // 5 in to_stop_at:
            raise Stopped
        attacked.append(positions[0] // 5)
        return accuracy(*arguments, positions=positions, **options)

    monkeypatch.setattr(robustness, "autoattack_accuracy", attacking)
    with pytest.raises(Stopped):
        evaluate(model, evaluation, Results(tmp_path / "rows"), verbose=0)
    assert set(attacked) == {0, 1}
    to_stop_at.clear()
    attacked.clear()
    resumed = evaluate(model, evaluation, Results(tmp_path / "rows"), verbose=0)
    assert set(attacked) == {2, 3}
    rows = rows_of(resumed, "a", "autoattack", "accuracy")
    assert rows == rows_of(whole, "a", "autoattack", "accuracy")
    values = [row["value"] for row in rows]
    assert values == sorted(values, reverse=True) and values[0] > values[-1]
    assert not list(tmp_path.rglob("*.npz"))


def test_the_batch_size_does_not_matter(models, table):
    measure = [each for each in EVERYTHING.measure if not isinstance(each, Corruptions)]
    resized = evaluate(models, EVERYTHING.replace(batch_size=7, measure=measure), verbose=0)
    expected = {str([row[k] for k in row if k != "value"]): row["value"] for row in table.frame().to_dicts()}
    for row in resized.frame().to_dicts():
        value = expected[str([row[k] for k in row if k != "value"])]
        assert row["value"] == value or row["value"] == pytest.approx(value, rel=1e-4, abs=1e-4)


@pytest.mark.slow
def test_a_killed_evaluation_leaves_a_whole_table(tmp_path):
    network = networks.resnet8()
    ks.export(network, tmp_path / "m")
    path = tmp_path / "rows.csv"
    command = [
        sys.executable, "-m", "keras_selectivity", "evaluate", str(tmp_path / "m"), "--dataset", "shapes",
        "--limit", "20", "--measure", "corruptions", "--csv", str(path),
    ]  # fmt: skip
    with stopped(command, Pause(tmp_path / "pause", "rows.csv", passing=20), signal.SIGKILL) as process:
        assert process.wait() == -signal.SIGKILL
    before = read(path).to_dicts()
    assert len(before) == 5 + 4 * 7 + 19  # the network, its seven layers, nineteen corruptions
    assert subprocess.run(command, capture_output=True).returncode == 0
    rows = read(path).to_dicts()
    assert rows[: len(before)] == before
    assert sum(row["severity"] is not None for row in rows) == 95


def test_a_part_of_the_corruptions_has_no_mean(models):
    some = Evaluation("shapes", limit=10, measure=[Corruptions(only=("fog", "snow"))])
    rows = evaluate(models, some, verbose=0).frame().to_dicts()
    assert {r["perturbation"] for r in rows} == {None, "fog", "snow"}


def test_corrupted_directories_are_read(models, tmp_path):
    test = datasets.load("shapes").test
    for name in datasets.CORRUPTIONS:
        np.save(tmp_path / f"{name}.npy", np.concatenate([test.images // s for s in range(1, 6)]))
    np.save(tmp_path / "labels.npy", np.tile(test.labels, 5))
    one = {"a": models["a"]}
    settings = {"measure": [Corruptions(only=("snow",))], "corrupted_data": str(tmp_path)}
    with pytest.raises(ks.InputError, match="not the released file"):
        evaluate(one, Evaluation("shapes", **settings), verbose=0)
    results = evaluate(one, Evaluation("shapes", limit=50, verify=False, **settings), verbose=0)
    subset = datasets.subset(test, 50, seed=0)
    for row in rows_of(results, "a", "corruptions", "accuracy"):
        darker = subset.images // row["severity"]
        assert row["value"] == robustness.accuracy(models["a"], darker, subset.labels, verbose=0)
        assert json.loads(row["protocol"])["source"] == "CIFAR-10-C directory, unverified"


def test_change_is_taken_from_released_versions_with_clean_counterparts(models, tmp_path, monkeypatch):
    test, one = datasets.load("shapes").test, {"a": models["a"]}
    for name in datasets.CORRUPTIONS:
        np.save(tmp_path / f"{name}.npy", np.concatenate([test.images // s for s in range(1, 6)]))
    np.save(tmp_path / "labels.npy", np.tile(test.labels, 5))
    settings = Evaluation(
        "shapes",
        limit=50,
        measure=[Dimensionality(perturbation=("fog", 3))],
        corrupted_data=str(tmp_path),
        verify=False,
    )

    def change():
        found = evaluate(one, settings, verbose=0).frame().to_dicts()
        return [r for r in found if r["perturbation"] == "fog" and r["measure"] == "dimensionality"]

    rows, part = change(), datasets.subset(test, 50, seed=0)
    spectra = ks.representations.layer_spectra(models["a"], part.images, part.images // 3, verbose=0)
    assert {r["layer"]: r["value"] for r in rows} == {n: s.fraction(0.9) for n, s in spectra.items()}
    assert {json.loads(r["protocol"])["pairs"] for r in rows} == {"the clean test set"}

    # Some of the images only have a counterpart, and these are other images than the test split's.
    few = np.arange(0, 500, 2)
    read = datasets.open_corrupted(tmp_path, datasets.load("shapes"), verify=False).read
    some = datasets.CorruptedImages(
        "x", ("fog",), read, lambda: datasets.CleanPairs("some", few, test.images[few])
    )
    monkeypatch.setattr(datasets, "open_corrupted", lambda *_, **__: some)
    part = datasets.subset(test.take(few), 50, seed=0)
    spectra = ks.representations.layer_spectra(models["a"], part.images, part.images // 3, verbose=0)
    assert {r["layer"]: r["value"] for r in change()} == {n: s.fraction(0.9) for n, s in spectra.items()}

    others = dataclasses.replace(datasets.spec("shapes"), name="other", clean_candidates=lambda _: None)
    monkeypatch.setattr(datasets, "spec", lambda _: others)
    settings = settings.replace(measure=[Corruptions(only=("fog",))])
    (matched,) = rows_of(evaluate(one, settings, verbose=0), "a", "corruptions", "matched_clean_accuracy")
    assert matched["value"] == robustness.accuracy(models["a"], *part, verbose=0)
    monkeypatch.undo()
    monkeypatch.setattr(datasets, "open_corrupted", lambda *_, **__: some)
    assert not rows_of(evaluate(one, settings, verbose=0), "a", "corruptions", "matched_clean_accuracy")
    settings = settings.replace(measure=[Dimensionality(perturbation=("fog", 3))])

    def nothing():
        raise datasets.NoPairsError("Only 3 of 50 images match a clean one by content.")

    none = datasets.CorruptedImages("x", (), read, nothing)
    monkeypatch.setattr(datasets, "open_corrupted", lambda *_, **__: none)
    told = {(p["source"], p["pairs"]) for p in (json.loads(r["protocol"]) for r in change())}
    assert told == {
        (
            "generated, seed 0",
            "own corruptions of the test set: Only 3 of 50 images match a clean one by content.",
        )
    }


def test_a_change_by_frost_says_which_textures_it_is_of(models, tmp_path):
    rng, samples = np.random.default_rng(0), datasets.subset(datasets.load("shapes").test, 20, seed=0)
    (tmp_path / "mine").mkdir()
    keras.utils.save_img(tmp_path / "mine" / "frost1.png", rng.integers(0, 256, (400, 500, 3)), scale=False)
    for corruption, frost, source in (
        ("fog", None, "generated, seed 0"),
        ("frost", None, "generated, seed 0, frost of generated textures"),
        ("frost", tmp_path / "mine", "generated, seed 0, frost of textures of mine"),
    ):
        measure = [Dimensionality(perturbation=(corruption, 3), layers=("stem_relu",))]
        settings = Evaluation("shapes", limit=20, measure=measure, frost=frost and str(frost))
        found = evaluate({"a": models["a"]}, settings, verbose=0).frame().to_dicts()
        (row,) = (r for r in found if r["perturbation"] == corruption and r["measure"] == "dimensionality")
        assert json.loads(row["protocol"])["source"] == source
        changed = ks.corrupt(samples.images, corruption, 3, seed=0, textures=frost)
        spectra = ks.representations.layer_spectra(
            models["a"], samples.images, changed, layers=("stem_relu",), verbose=0
        )
        assert row["value"] == spectra["stem_relu"].fraction(0.9)


def test_what_does_not_fit_is_refused(models, table, tmp_path):
    inputs = keras.Input((32, 32, 3))
    few = keras.Model(inputs, keras.layers.Dense(4)(keras.layers.GlobalAveragePooling2D()(inputs)))
    ks.export(few, tmp_path / "few")
    with pytest.raises(ks.InputError, match="few tells 4 classes apart, shapes has 10"):
        evaluate({"few": ks.load(tmp_path / "few")}, Evaluation("shapes"), verbose=0)
    with pytest.raises(ks.InputError, match="results of another network called a"):
        evaluate({"a": models["b"]}, EVERYTHING, Results(table.path), verbose=0)
    before = table.path.read_bytes()
    with pytest.raises(ks.InputError, match="results of a by another protocol"):
        evaluate(models, Evaluation("shapes", limit=10), Results(table.path), verbose=0)
    assert table.path.read_bytes() == before


@pytest.mark.data
@pytest.mark.slow
def test_reference_network_on_generated_corruptions(cifar10, tmp_path):
    """The known accuracies of the reference ResNet20 on the first 200 test images, made elsewhere."""
    network = networks.load_reference_weights(
        networks.resnet20(), real_data("reference/akamaster_resnet20.npz")
    )
    ks.export(network, tmp_path / "reference")
    exported = ks.load(tmp_path / "reference")
    images, labels = cifar10.test.take(slice(0, 200))
    for frost in real_data("reference/frost").glob("frost[1-5].*"):
        (tmp_path / frost.name).symlink_to(frost)
    clean = datasets.Split(images, labels)
    corrupted = datasets.generated_corruptions(clean, textures=tmp_path)
    found = {
        name: [robustness.accuracy(exported, *corrupted.read(name, s), verbose=0) for s in range(1, 6)]
        for name in datasets.CORRUPTIONS
    }
    # Images that are equal up to one grey level in one pixel of a hundred.
    np.testing.assert_allclose(found["brightness"], [0.915, 0.925, 0.91, 0.89, 0.855], atol=0.0051)
    np.testing.assert_allclose(found["contrast"], [0.92, 0.865, 0.795, 0.645, 0.28], atol=0.0051)
    # Other draws: within four standard errors of two samples of the same 200 images.
    np.testing.assert_allclose(found["gaussian_noise"], [0.715, 0.5, 0.33, 0.295, 0.22], atol=0.1)
    np.testing.assert_allclose(found["motion_blur"], [0.875, 0.78, 0.7, 0.705, 0.585], atol=0.1)
    assert np.mean(list(found.values())) == pytest.approx(0.694, abs=0.015)
    assert np.mean([found[name] for name in datasets.BENCHMARK]) == pytest.approx(0.683, abs=0.015)
    # Generated textures of frost are about as hard as the photographs.
    generated = datasets.generated_corruptions(clean)
    frost = [robustness.accuracy(exported, *generated.read("frost", s), verbose=0) for s in range(1, 6)]
    np.testing.assert_allclose(frost, found["frost"], atol=0.1)
