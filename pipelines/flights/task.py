"""What the flights pipeline learns: from which columns, and with which hyperparameters."""

from typing import Final

from pipelines.flights import features
from pipelines.flights.search_space import DEFAULTS, SEARCH_SPACE
from pipelines.tabular.task import Task

TASK: Final = Task(
    name="flights",
    columns=features.COLUMNS,
    label_rule=(
        f"The label is 1 where {features.LABEL!r} is more than {features.LATE_MINUTES} minutes; "
        "check this column of the data, or add weeks with departures of the other kind."
    ),
    search_space=SEARCH_SPACE,
    defaults=DEFAULTS,
)
