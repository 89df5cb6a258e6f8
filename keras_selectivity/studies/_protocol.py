"""The papers' protocols, and in what rows depart from them."""

# Network -> data set, epochs, seeds, batch, training samples ("Selectivity considered harmful",
# appendices A.1 and A.18).
PAPERS = {
    "resnet20": ("cifar10", 200, 20, 256, 45_000),
    "vgg16": ("cifar10", 200, 20, 256, 45_000),
    "resnet18": ("tiny_imagenet", 90, 20, 4096, 90_000),
    "resnet50": ("tiny_imagenet", 90, 5, 1400, 90_000),
}
_TEST_SAMPLES = 10_000


def departures(rows):
    """In what rows depart from the papers' protocol.

    Args:
        rows: Tidy rows, see `read_results`.

    Returns:
        A list of short texts, empty if in nothing.
    """
    trained = [row for row in rows if row["alpha"] is not None]
    if not trained:
        return ["no network of the rows was trained with a known alpha"]
    found = []
    for network, dataset in sorted({(r["network"], r["dataset"]) for r in trained}, key=str):
        mine = [r for r in trained if (r["network"], r["dataset"]) == (network, dataset)]
        if network not in PAPERS or PAPERS[network][0] != dataset:
            papers = [f"{name} on {p[0]}" for name, p in PAPERS.items()]
            found.append(f"{network} on {dataset}, which is none of {', '.join(papers)}")
        like = [p for name, p in PAPERS.items() if name == network] or [
            p for p in PAPERS.values() if p[0] == dataset
        ]
        if not like:
            continue
        _, epochs, seeds, batch, samples = like[0]
        by_alpha = {}
        for row in mine:
            by_alpha.setdefault((row["arm"], row["alpha"]), set()).add(row["seed"])
        fewest = min(map(len, by_alpha.values()))
        for name, value, wanted in (
            ("epochs", min(r["epochs"] or 0 for r in mine), epochs),
            ("training samples", min(r["samples_trained_on"] or 0 for r in mine), samples),
            ("samples a batch", min(r["batch_size"] or 0 for r in mine), batch),
        ):
            if value != wanted:
                found.append(f"{value:,} {name} instead of {wanted:,}")
        if fewest < seeds:
            found.append(f"{fewest} seed{'s' * (fewest > 1)} an α instead of {seeds}")
        tested = {
            r["samples"] for r in mine if r["split"] == "test" and r["measure"] == "accuracy" and r["samples"]
        }
        if tested and min(tested) < _TEST_SAMPLES:
            found.append(f"measured on {min(tested):,} of {_TEST_SAMPLES:,} test images")
    return found
