"""SavedModels that can be opened, and those that cannot."""

import pytest
import saved_models

from serving.backends.local.loader import LocalLoader
from serving.backends.local.options import LocalOptions
from serving.wire.errors import ServingError, StatusCode


def _load(folder, **options):
    return LocalLoader(LocalOptions(**options)).load("m", 7, folder)


def _refused(folder, **options):
    with pytest.raises(ServingError) as caught:
        _load(folder, **options)
    return caught.value.code, caught.value.message


def test_an_empty_folder_is_no_model(tmp_path):
    assert _refused(tmp_path) == (
        StatusCode.NOT_FOUND,
        f"Could not find SavedModel .pb or .pbtxt at supplied export directory path: {tmp_path}",
    )


def test_a_file_that_cannot_be_parsed_is_data_loss(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"\xff\xff\xff not a message")
    code, message = _refused(tmp_path)
    assert code == StatusCode.DATA_LOSS
    assert str(tmp_path) in message


def test_only_a_graph_of_exactly_the_tags_is_loaded(tmp_path):
    folder = saved_models.flowers(tmp_path / "1", tags=("serve", "gpu"))
    code, message = _refused(folder)
    assert code == StatusCode.NOT_FOUND
    assert message.startswith("Could not find meta graph def matching supplied tags: { serve } in ")
    assert "gpu" in message
    assert "serving_default" in _load(folder, tags=frozenset({"gpu", "serve"})).signatures


def test_missing_variables_are_told(tmp_path):
    folder = saved_models.half_plus_two(tmp_path / "1")
    (folder / "variables" / "variables.index").unlink()
    code, message = _refused(folder)
    assert code in {StatusCode.NOT_FOUND, StatusCode.FAILED_PRECONDITION}
    assert str(folder) in message


def test_variables_cut_short_are_told(tmp_path):
    folder = saved_models.half_plus_two(tmp_path / "1")
    data = folder / "variables" / "variables.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:2])
    code, message = _refused(folder)
    assert code in {StatusCode.OUT_OF_RANGE, StatusCode.DATA_LOSS}
    assert str(folder) in message


def test_an_operation_that_tensorflow_has_not_is_named(tmp_path):
    folder = saved_models.unknown_rank(tmp_path / "1")
    path = folder / "saved_model.pb"
    content = path.read_bytes()
    assert b"AddV2" in content
    path.write_bytes(content.replace(b"AddV2", b"AddV9"))
    code, message = _refused(folder)
    assert code != StatusCode.OK
    assert "AddV9" in message


def test_a_load_tells_what_it_took(tmp_path, caplog):
    caplog.set_level("INFO", "serving")
    _load(saved_models.half_plus_two(tmp_path / "1"))
    (line,) = [r.getMessage() for r in caplog.records if r.name.startswith("serving")]
    assert line.startswith("loaded m/7 in ")
    assert line.endswith("replayed 0 warm-up requests")


def test_tensorflow_advises_against_its_loader_in_vain(tmp_path, caplog):
    _load(saved_models.half_plus_two(tmp_path / "1"))
    assert "loader_impl" not in caplog.text
