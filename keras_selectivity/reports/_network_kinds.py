"""Which figures there are of what was measured of trained networks: robustness, and representations."""

from dataclasses import replace

from keras_selectivity.reports import _corruption_figures as corruptions
from keras_selectivity.reports import _representation_figures as representations
from keras_selectivity.reports import _robustness_figures as robustness
from keras_selectivity.reports import _study_figures as studies
from keras_selectivity.reports._captions import BANDS
from keras_selectivity.reports._captions import BOTH
from keras_selectivity.reports._complete import ACCURACY
from keras_selectivity.reports._complete import comparable_pairs
from keras_selectivity.reports._complete import dependence_on_selectivity
from keras_selectivity.reports._complete import every_severity
from keras_selectivity.reports._complete import of_attacks
from keras_selectivity.reports._complete import of_layers
from keras_selectivity.reports._complete import of_networks
from keras_selectivity.reports._complete import of_units
from keras_selectivity.reports._kind import FigureKind
from keras_selectivity.reports._kind import layered
from keras_selectivity.reports._series import STARS

_ROBUSTNESS = (
    FigureKind(
        "attacks",
        "FGSM and PGD",
        robustness.attacks,
        "pgd",
        (of_networks("accuracy", "pgd"), of_networks("accuracy", "fgsm")),
        (9, 3.4),
        "Test accuracy a: under FGSM against its strength, b: under PGD against the number of its steps; along the "
        "cross-entropy's gradient in float32, as in the papers, where it was measured, otherwise along the exact one.",
        BANDS,
    ),
    FigureKind(
        "attacks_exact",
        "FGSM and PGD along the exact gradient",
        robustness.exact_attacks,
        "both gradients",
        (of_networks("accuracy", "pgd"), of_networks("accuracy", "fgsm")),
        (9, 3.4),
        "Test accuracy a: under FGSM, b: under PGD, along the exact gradient, which does not vanish where a network is "
        "sure.",
        BANDS,
    ),
    FigureKind(
        "attacks_worst",
        "AutoAttack",
        robustness.worst_cases,
        "autoattack",
        (of_attacks("autoattack"),),
        (9, 3.4),
        "Test accuracy under the worst of the attacks of AutoAttack, and under those of APGD alone, against their strength.",
        BANDS,
    ),
    FigureKind(
        "jacobian",
        "Jacobian",
        robustness.jacobian,
        "jacobian",
        tuple(of_networks(f"jacobian_norm_mean{end}") for end in ("", "_low", "_high")),
        (5, 3.2),
        "Frobenius norm of the Jacobian of the logits in the pixels, mean over samples; bar of a single network: "
        "uncertainty (95 %) of its mean over samples.",
    ),
    FigureKind(
        "corruption",
        "Corruptions",
        corruptions.corruption,
        "all corruptions",
        (of_networks("accuracy", "corruptions"), of_networks("relative_accuracy")),
        (9, 3.2),
        "a: Accuracy on corrupted images, mean over corruptions and severities; b: its ratio to clean accuracy.",
    ),
    FigureKind(
        "corruption_severity5",
        "Corruptions at severity 5",
        corruptions.severest,
        "all corruptions",
        (every_severity, ACCURACY),
        (5, 6),
        "Accuracy at severity 5 over clean accuracy, by corruption, for three example α: 0, and the nearest there are "
        "to −2 and 2.",
        "Means with their 95 % interval over seeds.",
    ),
    FigureKind(
        "corruption_each",
        "Each corruption",
        corruptions.each_corruption,
        "all corruptions",
        (every_severity,),
        (5, 6),
        "Accuracy by corruption, mean over severities; within a corruption, α grows downwards.",
        "Means with their 95 % interval over seeds.",
    ),
    FigureKind(
        "corruption_trade_off",
        "Clean against corrupted accuracy",
        corruptions.trade_off,
        "all corruptions",
        (every_severity, ACCURACY),
        (5, 4),
        "Clean against corrupted accuracy, mean over corruptions; grey lines join the α of a severity, 1 to 5.",
    ),
    FigureKind(
        "mediation",
        "Dependence on selectivity",
        robustness.mediated,
        "two alphas",
        (dependence_on_selectivity,),
        (8, 3.4),
        "How robustness depends on measured selectivity: slopes of regressions within seeds, standardised, of "
        "selectivity alone, and with what else α changes held fixed. Networks that failed to learn are left out. "
        "Exploratory: the papers have no such figure.",
        "Bars: 95 % interval over seeds (jackknife).",
    ),
    FigureKind(
        "unit_gradients",
        "Input-unit gradients",
        robustness.unit_gradients,
        "unit_gradients",
        tuple(of_layers(f"unit_gradient_variation_over_{over}") for over in ("samples", "units")),
        (9, 3.4),
        "Coefficient of variation (CV) of the L2 norms of the input-unit gradients, a: over samples, mean over the units "
        "of a layer; b: over the units of a layer.",
        BANDS,
    ),
)

_REPRESENTATIONS = (
    FigureKind(
        "dimensionality",
        "Dimensionality",
        representations.dimensionality,
        "dimensionality",
        (of_layers("dimensionality"),),
        (10, 3.4),
        "Share of dimensions that principal components need to explain the variance, by layer: of clean activations, and "
        "of the difference that a corruption and that PGD makes.",
        BANDS,
    ),
    FigureKind(
        "pwcca",
        "Similarity of representations (PWCCA)",
        representations.similarity,
        "pwcca",
        (comparable_pairs,),
        (9, 3.4),
        "a: Projection-weighted CCA distance by layer of networks to those with α = 0, and to those of their own α, for "
        "example α.",
        f"b: Ratio of both, mean over layers. {BOTH} A network's distance is the mean of those to the others; the ratio has a value per seed, of the jackknife.",
        f"Stars: t-tests of the ratio against 1, Bonferroni-corrected; {STARS}.",
    ),
    FigureKind(
        "off_axis",
        "Off-axis selectivity",
        representations.off_axis,
        "off_axis",
        tuple(
            of_layers(name)
            for name in (
                "off_axis_selectivity",
                "axis_aligned_selectivity_shifted",
                "axis_aligned_selectivity",
            )
        ),
        (9.5, 3.4),
        "a: Selectivity along the most selective orthonormal axes that were found (off-axis), and along the units "
        "themselves (axis-aligned; shifted: activations less their minimum, as off-axis), mean over layers; b: off-axis, "
        "by layer.",
        BOTH,
    ),
    FigureKind(
        "units",
        "Units",
        representations.units,
        "units",
        tuple(
            of_layers(name, "units")
            for name in ("dead_units", "sparse_units", "mean_precision", "mean_mutual_information")
        ),
        (9, 5.6),
        "a: Dead units, b: sparse units (active for fewer than half of the samples), c: precision and d: mutual "
        "information, mean over layers.",
    ),
    FigureKind(
        "activity",
        "Activity of units",
        studies.activity,
        "units",
        (of_units("active_share"),),
        (5, 3.2),
        "Share of test samples that activate a unit; boxes: quartiles over units, with the median; whiskers: from the 5th to the 95th percentile.",
        "",
    ),
    layered(
        "precision",
        "Precision",
        "units",
        "mean_precision",
        "mean precision",
        "units",
        "Mean precision (share of the most common class among a unit's most activating samples)",
    ),
    layered(
        "information",
        "Mutual information",
        "units",
        "mean_mutual_information",
        "mutual information (bits)",
        "units",
        "Mean mutual information between activation and class",
    ),
    FigureKind(
        "unit_measures",
        "Selectivity against other measures",
        representations.unit_scatter,
        "units",
        tuple(
            of_units(name)
            for name in ("dead", "selectivity", "discriminability", "precision", "mutual_information")
        ),
        (9.5, 3.2),
        "Every unit's class selectivity index against a: its d′, b: precision, c: mutual information; dead units left "
        "out.",
        "",
    ),
)

NETWORK_KINDS = (
    *(replace(kind, group="Robustness") for kind in _ROBUSTNESS),
    *(replace(kind, group="Representations") for kind in _REPRESENTATIONS),
)
