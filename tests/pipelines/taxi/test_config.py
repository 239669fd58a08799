import subprocess
import sys
from pathlib import Path

from pipelines.config import names
from pipelines.taxi.config import CONFIG


def test_taxi_is_one_of_the_workspaces_pipelines() -> None:
    assert "taxi" in names()


def test_the_shipped_data_the_schema_and_the_rules_are_there() -> None:
    assert (Path(CONFIG.data_root) / "data.csv").is_file()
    assert Path(CONFIG.schema_path).is_file()
    assert Path(CONFIG.quality_path).is_file()


def test_reading_the_configuration_imports_neither_tfx_nor_tensorflow() -> None:
    program = (
        "import sys, pipelines.taxi.config, pipelines.taxi.search_space; "
        "print(sorted({'tfx', 'tensorflow', 'apache_beam', 'keras'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"
