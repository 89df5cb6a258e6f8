"""Whether a measurement keeps the contract, tried on tiny networks."""

import json
import math
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from keras_selectivity._errors import InputError
from keras_selectivity.measurements._evaluation import Evaluation
from keras_selectivity.measurements._measure import evaluate
from keras_selectivity.measurements._measurement import Measurement
from keras_selectivity.measurements._measurement import Row
from keras_selectivity.measurements._registry import check_contract
from keras_selectivity.results import Results


def check_measurement(
    measurement: Measurement | type[Measurement], *, limit: int = 20, seed: int = 0
) -> list[Row]:
    """Checks that a measurement keeps the contract, on two tiny networks and the embedded shapes.

    Its name, settings and what it reports are declared; its settings survive a round trip through plain values; its
    rows are declared, finite or empty, and not all empty; the same seed gives the same rows; and an evaluation that was
    stopped after any piece continues with the rows that it would have had.

    Args:
        measurement: An instance, or a class, of which the defaults are tried.
        limit: Number of images, a multiple of ten.
        seed: Seed of the networks and of the evaluation.

    Returns:
        Its rows.

    Raises:
        AssertionError: It does not; the message says in what.
    """
    made = _made(measurement)
    networks = {f"network{number}": _network(seed + number) for number in range(2)}
    evaluation = Evaluation(dataset="shapes", measure=(made,), limit=limit, seed=seed)

    def rows(kept: "_Table") -> list[Row]:
        try:
            evaluate(networks, evaluation, kept, verbose=0)
        except InputError as error:
            raise AssertionError(f"{made.name} does not conform: {error}") from error
        return [
            row for row in kept.frame().to_dicts() if json.loads(row["protocol"])["evaluation"] != "clean"
        ]

    whole = _Table()
    found = rows(whole)
    if not any(row["value"] is not None and math.isfinite(row["value"]) for row in found):
        raise AssertionError(f"{made.name} does not conform: every value is undefined.")
    if rows(_Table()) != found:
        raise AssertionError(f"{made.name} does not conform: the same seed gives other rows.")
    for stopped in range(1, len(whole.pieces)):
        kept = _Table(whole.pieces[:stopped])
        if rows(kept) != found:
            raise AssertionError(
                f"{made.name} does not conform: stopped after {stopped} pieces, it continues with other rows."
            )
        if len(kept.pieces) != len(whole.pieces):
            raise AssertionError(f"{made.name} does not conform: its pieces depend on those that are done.")
    return found


def _made(measurement: Any) -> Measurement:
    """An instance whose class and settings keep the contract."""
    try:
        check_contract(measurement if isinstance(measurement, type) else type(measurement))
        made: Measurement = measurement() if isinstance(measurement, type) else measurement
        again = type(made)(**json.loads(json.dumps(made.to_dict())))
    except InputError as error:
        raise AssertionError(f"The measurement does not conform: {error}") from error
    if again != made:
        raise AssertionError(
            f"{made.name} does not conform: its settings change in a round trip, {made} to {again}."
        )
    return made


class _Table(Results):
    """A table in memory that knows its pieces."""

    def __init__(self, pieces: Iterable[list[Row]] = ()) -> None:
        super().__init__()
        self.pieces: list[list[Row]] = []
        for rows in pieces:
            self.add(rows)

    def add(self, rows: Iterable[Mapping[str, object]]) -> None:
        super().add(rows)
        self.pieces.append([dict(row) for row in rows])


def _network(seed: int) -> Any:
    """A classifier of the shapes with two layers of four units."""
    import keras

    from keras_selectivity import wrap

    keras.utils.set_random_seed(seed)
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(4, 3, strides=4, activation="relu", name="first")(inputs)
    x = keras.layers.Conv2D(4, 3, activation="relu", name="second")(x)
    return wrap(keras.Model(inputs, keras.layers.Dense(10)(keras.layers.GlobalAveragePooling2D()(x))))
