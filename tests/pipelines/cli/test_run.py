"""What `ringway run` refuses before anything heavy is imported."""

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
