"""What the taxi pipeline learns: from which columns, and with which hyperparameters."""

from typing import Final

from pipelines.tabular.task import Task
from pipelines.taxi import features
from pipelines.taxi.search_space import DEFAULTS, SEARCH_SPACE

TASK: Final = Task(
    name="taxi",
    columns=features.COLUMNS,
    label_rule=(
        f"The label is 1 where {features.LABEL!r} is more than {features.BIG_TIP_SHARE:.0%} of "
        f"{features.FARE!r}; check these two columns of the data, or add trips of the other kind."
    ),
    search_space=SEARCH_SPACE,
    defaults=DEFAULTS,
)
