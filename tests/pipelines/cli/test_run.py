"""What `ringway run` refuses before anything heavy is imported."""

import os
import shutil
from pathlib import Path

import pytest

from pipelines.taxi.config import CONFIG


def test_help_has_examples(make_ringway) -> None:
    done = make_ringway()("run", "--help")
    assert done.returncode == 0
    assert "ringway run taxi --resume" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["run", "taxy"], 2, ["taxy", "taxi"]),
        (["runn"], 2, ["runn", "run"]),
        (["run", "taxi", "--set", "epocs=3"], 2, ["epocs", "epochs"]),
        (["run", "taxi", "--set", "epochs=many"], 2, ["epochs", "many"]),
        (["run", "taxi", "--config", "nowhere.toml"], 2, ["nowhere.toml"]),
        (["run", "taxi", "--only", "Trainer", "--from", "Tuner"], 2, ["--only"]),
        (["run", "taxi", "--resume"], 2, ["no run to resume"]),
        (["run", "taxi", "--span-range", "12:5"], 2, ["span_range", "5:12"]),
        (["run", "taxi", "--span-range", "3"], 2, ["span_range", "input_pattern"]),
        (["run", "flights", "--span-range", "3000000000"], 2, ["span_range", "2147483647"]),
        (["run", "flights", "--span-range", "1:9999999999"], 2, ["span_range", "2147483647"]),
        (["run", "taxi", "--set", "input_pattern=span-{SPAN:x}/*"], 2, ["input_pattern", "SPAN:3"]),
        (["run", "taxi", "--set", "input_pattern={YYYY}/*"], 2, ["input_pattern", "{MM}"]),
        (["run", "taxi", "--span-range", "3", "--set", "span_range=2"], 2, ["earlier --set"]),
        (["run", "taxi", "--set", "data_fn=a.b", "--set", "data_root="], 2, ["data_fn", "a.b"]),
        (["run", "taxi", "--set", "data_root=/nowhere/at/all"], 1, ["/nowhere/at/all"]),
        (["run", "taxi", "--set", "schema_path=/nowhere.pbtxt"], 1, ["/nowhere.pbtxt"]),
    ],
)
def test_refuses_with_a_reason(
    make_ringway, arguments: list[str], code: int, words: list[str]
) -> None:
    done = make_ringway()(*arguments)
    assert done.returncode == code, done.stderr
    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (None, ["cannot be read"]),
        ("[[accuracy.ranges]]", ["accuracy.ranges", "did you mean 'range'"]),
        (
            '[[accuracy.range]]\nname = "a"\ncolumn = "fair"\nmax = 1\n',
            ["'fair'", "did you mean 'fare'"],
        ),
    ],
)
def test_looks_at_the_rules_before_anything_runs(
    make_ringway, tmp_path: Path, rules: str | None, words: list[str]
) -> None:
    path = tmp_path / "quality.toml"
    if rules is not None:
        path.write_text(rules)
    done = make_ringway()("run", "taxi", "--set", f"quality_path={path}")
    assert done.returncode == 2, done.stderr
    assert [word for word in [str(path), *words] if word not in done.stderr] == []
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, ["is empty"]),
        ("header", ["header"]),
        ("missing", ["fare"]),
    ],
)
def test_names_what_is_wrong_with_the_data_folder(
    make_ringway, tmp_path: Path, content: str | None, words: list[str]
) -> None:
    [original] = Path(CONFIG.data_root).glob("*.csv")
    with original.open() as file:
        header, first = file.readline(), file.readline()
    folder = tmp_path / "data"
    folder.mkdir()
    if content == "header":
        (folder / "data.csv").write_text(header)
    if content == "missing":
        (folder / "data.csv").write_text(header.replace("fare,", "far,") + first)
    done = make_ringway()("run", "taxi", "--set", f"data_root={folder}")
    assert done.returncode == 1, done.stdout + done.stderr
    assert str(folder) in done.stderr
    for word in words:
        assert word.lower() in done.stderr.lower()


def test_a_resumed_run_has_its_data_made_again(
    make_ringway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ragged_rows.py").write_text(
        "from pathlib import Path\n"
        "def write(folder):\n"
        f"    [source] = Path({str(Path(CONFIG.data_root).absolute())!r}).glob('*.csv')\n"
        "    rows = source.read_text().splitlines(keepends=True)[:50]\n"
        "    (folder / 'rows.csv').write_text(''.join([*rows, 'one cell\\n']))\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    ringway = make_ringway()
    data_fn = ("--set", "data_fn=ragged_rows.write", "--set", "data_root=")
    failed = ringway("run", "taxi", *data_fn, "--to", "ArrowExampleGen")
    assert failed.returncode == 1, failed.stderr
    made = f"making the data of taxi in {ringway.home / 'data' / 'taxi'}"
    assert made in failed.stderr
    shutil.rmtree(ringway.home / "data" / "taxi")
    # Refused once the data is there, which spares the second run.
    again = ringway("run", "taxi", "--resume", "--set", "schema_path=/nowhere.pbtxt")
    assert made in again.stderr
    assert "/nowhere.pbtxt" in again.stderr


def test_verbs_that_only_read_import_neither_tensorflow_nor_tfx() -> None:
    import subprocess
    import sys

    code = (
        "import sys\n"
        "from pipelines.cli import main\n"
        "for verb in main.VERBS: main.ringway.get_command(None, verb)\n"
        "heavy = {'tensorflow', 'tfx', 'apache_beam', 'pandas'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
