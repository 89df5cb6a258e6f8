"""The settings of an evaluation: data and measurements."""

import os
from typing import Annotated
from typing import Any
from typing import Self

from pydantic import BeforeValidator
from pydantic import Field
from pydantic import InstanceOf
from pydantic import model_validator

from keras_selectivity._settings import Folder
from keras_selectivity._settings import Positive
from keras_selectivity._settings import Seed
from keras_selectivity._settings import SettingError
from keras_selectivity._settings import Settings
from keras_selectivity._settings import as_tuple
from keras_selectivity._settings import one_of
from keras_selectivity.measurements._measurement import Measurement


def _data_sets() -> Any:
    from keras_selectivity import datasets

    return datasets.NAMES


class Evaluation(Settings):
    """What to measure on the test split of a data set, and how; accuracy and selectivity always."""

    dataset: Annotated[str, one_of(_data_sets, "dataset")]
    """Name of a data set."""
    measure: Annotated[tuple[InstanceOf[Measurement], ...], BeforeValidator(as_tuple)] = Field(
        (), description="The measurements, each with its settings."
    )
    limit: Positive | None = None
    """Size of a class-balanced subset of the test split; all if left out."""
    seed: Seed = 0
    """Seed of subsets, corruptions, controls, projections, ties and the bootstrap."""
    batch_size: Positive | None = None
    """Images at a time: memory and speed, not results."""
    corrupted_data: Folder | None = None
    """Folder of CIFAR-10-C or Tiny ImageNet-C, or 'tfds'; generated if left out."""
    clean_data: Folder | None = None
    """Folder of the clean counterparts of Tiny ImageNet-C; looked for by content if left out."""
    verify: bool = True
    """Compare checksums of released files."""
    frost: Folder | None = None
    """Folder with photographs of frost for generated corruptions."""

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        from keras_selectivity import datasets

        names = [each.name for each in self.measure]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise SettingError("measure", f"There are two measurements called {', '.join(twice)}.")
        spec = datasets.spec(self.dataset)
        if self.corrupted_data == "tfds" and spec.open_prepared is None:
            raise SettingError(
                "corrupted_data",
                f"corrupted_data = tfds does not go with {self.dataset}, of which there is no release of corrupted "
                "versions.",
            )
        if self.clean_data is not None and (self.corrupted_data is None or spec.clean_candidates is None):
            raise SettingError(
                "clean_data",
                f"clean_data holds the counterparts of corrupted_data of Tiny ImageNet-C; name both. Received: "
                f"clean_data = {self.clean_data!r}, corrupted_data = {self.corrupted_data!r}.",
            )
        if self.limit is not None:
            self.check_balanced("limit", self.limit)
        for each in self.measure:
            try:
                each.check(self)
            except SettingError as error:
                raise SettingError(f"{each.name}.{error.setting}", str(error)) from error
        return self

    def check_balanced(self, name: str, samples: int) -> None:
        """Refuses a number of samples of which no subset has as many of every class.

        Raises:
            SettingError: With the setting's name.
        """
        from keras_selectivity import datasets

        spec = datasets.spec(self.dataset)
        classes, per_class = spec.classes, spec.test_per_class
        if classes and per_class and samples < classes * per_class and samples % classes:
            raise SettingError(
                name, f"A balanced subset of {classes} classes cannot have {name} = {samples} samples."
            )

    def check_folders(self) -> None:
        """Refuses folders that are not there, on the machine that is to measure.

        Raises:
            SettingError: Naming the first.
        """
        for name in ("corrupted_data", "clean_data", "frost"):
            folder = getattr(self, name)
            if (
                folder is not None
                and (name, folder) != ("corrupted_data", "tfds")
                and not os.path.isdir(folder)
            ):
                also = ", or 'tfds'" if name == "corrupted_data" else ""
                raise SettingError(name, f"{name}: {folder!r} is not a folder. Name one that exists{also}.")
