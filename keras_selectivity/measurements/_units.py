"""Measures of every single unit."""

from collections.abc import Iterator
from typing import Any

from keras_selectivity.measurements._context import Context
from keras_selectivity.measurements._measurement import Measurement
from keras_selectivity.measurements._measurement import Piece
from keras_selectivity.measurements._measurement import Quantity
from keras_selectivity.measurements._measurement import Row
from keras_selectivity.measurements._measurement import row

# Those of `representations.MEASURES`, with unit and format
_MEASURES = (
    ("selectivity", "1", "{:.4f}"),
    ("discriminability", "1", "{:.3f}"),
    ("precision", "fraction", "{:.1%}"),
    ("mutual_information", "bits", "{:.3f}"),
    ("active_share", "fraction", "{:.1%}"),
)
_SHUFFLES = 5  # of the labels, for what the mutual information of chance is
_NAMES = [name for name, _, _ in _MEASURES]


class Units(Measurement):
    """All measures of every single unit, their means by layer, and how they go together."""

    name = "units"
    reports = (
        *(Quantity(f"{mean}{name}", unit, form) for name, unit, form in _MEASURES for mean in ("", "mean_")),
        Quantity("mean_selectivity_of_alive"),
        Quantity("preferred_class", "class", "{:.0f}"),
        Quantity("dead", "0 or 1", "{:.0f}"),
        Quantity("dead_units", "fraction", "{:.1%}"),
        Quantity("sparse_units", "fraction", "{:.1%}"),
        *(
            Quantity(f"spearman_{p}{first}_{second}", format="{:.3f}")
            for number, first in enumerate(_NAMES)
            for second in _NAMES[number + 1 :]
            for p in ("", "p_")
        ),
    )
    needs = frozenset({"labels"})

    def pieces(self, context: Context) -> Iterator[Piece]:
        """One piece."""
        from keras_selectivity.selectivity import information_bins

        samples = context.samples
        information: dict[str, Any] = {"bins": information_bins(samples.labels), "shuffles": _SHUFFLES}

        def measure(name: str, _: Any) -> list[Row]:
            from keras_selectivity import representations

            layers = representations.measure_units(
                context.networks[name],
                samples.images,
                samples.labels,
                seed=context.evaluation.seed,
                **information,
                **context.options,
            )
            rows = []
            for layer in layers:
                means = {"dead_units": layer.dead, "sparse_units": layer.sparse}
                means |= {f"mean_{measure}": getattr(layer, measure) for measure in _NAMES}
                means["mean_selectivity_of_alive"] = layer.selectivity[~layer.dead]
                rows += [
                    row(measure, values.mean() if len(values) else None, layer=layer.name)
                    for measure, values in means.items()
                ]
                rows += [
                    row(measure, value, layer=layer.name, unit=unit)
                    for measure in (*_NAMES, "preferred_class", "dead")
                    for unit, value in enumerate(getattr(layer, measure))
                ]
            for (first, second), (correlation, p) in representations.rank_correlations(layers).items():
                rows.append(row(f"spearman_{first}_{second}", correlation))
                rows.append(row(f"spearman_p_{first}_{second}", p))
            return rows

        yield Piece(measure, samples, information)
