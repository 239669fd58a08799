import subprocess
import sys
from pathlib import Path

from pipelines.config import names
from pipelines.flights import source
from pipelines.flights.config import CONFIG
from pipelines.flights.features import COLUMNS


def test_flights_is_one_of_the_workspaces_pipelines() -> None:
    assert "flights" in names()


def test_the_schema_and_the_rules_are_there() -> None:
    assert Path(CONFIG.schema_path).is_file()
    assert Path(CONFIG.quality_path).is_file()


def test_what_the_configuration_names_are_columns() -> None:
    assert CONFIG.label == source.DELAY
    assert set(CONFIG.skew.identifiers) <= set(source.COLUMNS)
    assert {name for name, _ in CONFIG.skew.absent} <= set(COLUMNS.inputs)
    assert {name for names in CONFIG.evaluation.slices for name in names} <= set(source.COLUMNS)


def test_reading_the_configuration_imports_neither_tfx_nor_tensorflow() -> None:
    program = (
        "import sys, pipelines.flights.config, pipelines.flights.search_space; "
        "print(sorted({'tfx', 'tensorflow', 'apache_beam', 'keras'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"
