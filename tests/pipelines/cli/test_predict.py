"""The `ringway predict` command, beside a server on a real port."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from certificates import AuthorityFolder
from click.testing import CliRunner, Result
from client_server import ModelServer
from client_taxi import sent_examples, taxi_server

from pipelines.cli.predict import command
from pipelines.errors import DataError, RingwayError, UsageError
from serving.wire import messages, tensors

REPOSITORY = Path(__file__).parents[3]
TRIP = '{"fare": 12, "payment_type": "Cash", "company": null, "trip_start_hour": 19}'


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with taxi_server() as running:
        yield running


def invoke(server: ModelServer, *arguments: str, stdin: str | bytes | None = None) -> Result:
    environment = {"RINGWAY_SERVER": server.address}
    result = CliRunner().invoke(command, ["taxi", *arguments], input=stdin, env=environment)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_an_object_gives_one_prediction(server: ModelServer) -> None:
    result = invoke(server, "--json", TRIP)
    assert (result.exit_code, result.stdout) == (0, "outputs: 24.0\n")
    assert "taxi version 3, signature serving_default, request " in result.stderr


def test_values_get_the_types_of_the_schema_and_null_is_left_out(server: ModelServer) -> None:
    invoke(server, "--json", TRIP)
    assert sent_examples(server) == [
        {
            "fare": ("float_list", [12.0]),
            "payment_type": ("bytes_list", [b"Cash"]),
            "trip_start_hour": ("int64_list", [19]),
        }
    ]


def test_a_list_gives_one_line_per_row(server: ModelServer) -> None:
    assert invoke(server, "--json", f"[{TRIP}, {TRIP}]").stdout == "outputs: 24.0\n" * 2


def test_JSON_comes_from_stdin_and_from_a_file_too(server: ModelServer, tmp_path: Path) -> None:
    (tmp_path / "trip.json").write_text(TRIP)
    assert invoke(server, "--json", "-", stdin=TRIP).stdout == "outputs: 24.0\n"
    assert invoke(server, "--json", f"@{tmp_path}/trip.json").stdout == "outputs: 24.0\n"


def test_the_format_json_says_who_answered(server: ModelServer) -> None:
    report = json.loads(invoke(server, "--json", TRIP, "--format", "json").stdout)
    assert report.pop("request_id").endswith(":seen")
    assert report == {
        "model": "taxi",
        "version": 3,
        "signature": "serving_default",
        "predictions": [{"outputs": 24.0}],
    }


def test_without_rows_the_first_of_the_pipelines_data_is_taken_without_its_label(
    server: ModelServer,
) -> None:
    result = invoke(server)
    assert result.stdout == "outputs: 24.9\n"  # the first trip's fare is 12.45
    assert "No rows given, so the first of " in result.stderr
    assert "data.csv" in result.stderr
    (row,) = sent_examples(server)
    assert row["trip_miles"] == ("float_list", [0.0])
    assert row["trip_seconds"] == ("int64_list", [0])
    assert row.keys().isdisjoint({"tips", "pickup_community_area"})


def test_a_signature_of_columns_gets_columns_and_what_stands_for_missing(
    server: ModelServer,
) -> None:
    assert invoke(server, "--json", TRIP, "--signature", "serving_tensors").exit_code == 0
    request = messages.PredictRequest.FromString(server.received[-1].body)
    sent = {name: tensors.to_array(proto).tolist() for name, proto in request.inputs.items()}
    assert sent["fare"] == [12.0]
    assert sent["company"] == [b""]
    assert sent["pickup_community_area"] == [0]
    assert str(sent["trip_miles"]) == "[nan]"


def test_version_and_label_travel(server: ModelServer) -> None:
    invoke(server, "--json", TRIP, "--version", "3")
    request = messages.PredictRequest.FromString(server.received[-1].body)
    assert request.model_spec.version.value == 3
    invoke(server, "--json", TRIP, "--label", "canary")
    request = messages.PredictRequest.FromString(server.received[-1].body)
    assert request.model_spec.version_label == "canary"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--json", "{"], "--json: not JSON"),
        (["--json", "3"], "expected an object, or a list of objects, received 3"),
        (["--json", "[]"], "expected an object"),
        (["--json", "@/no/such"], "--json @/no/such: cannot be read: No such file"),
        (["--json", '{"fare": "12"}'], "row 1: 'fare': expected a number, received '12'"),
        (["--json", '{"trip_seconds": 1.5}'], "'trip_seconds': expected a whole number"),
        (["--json", '{"company": 5}'], "'company': expected a text, received 5"),
        (["--json", "{}", "--csv", "x"], "exclude each other"),
        (["--version", "3", "--label", "x"], "exclude each other"),
        (["--json", "{}", "--output", "x"], "--output goes with --csv"),
        (["--csv", "/no/such"], "--csv /no/such: cannot be read: No such file"),
        (
            ["--json", "{}", "--signature", "no"],
            "expected one of: serving_default, serving_tensors",
        ),
        (["--json", '{"x": 1}', "--signature", "serving_tensors"], "'x' is no input"),
        (["--api-key-file", "/no/such"], "--api-key-file /no/such: cannot be read"),
        (["--tls-ca", "/no/such"], r"Tls\(ca='/no/such'\) cannot be read"),
        (["--server", "http://x"], "Expected a server such as"),
    ],
)
def test_wrong_usage_is_told(server: ModelServer, arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        invoke(server, *arguments)


def test_a_model_without_a_pipeline_needs_rows() -> None:
    with ModelServer() as server, pytest.raises(UsageError, match="its model takes: x") as caught:
        CliRunner().invoke(command, ["double", "--server", server.address], catch_exceptions=False)
    assert "--json" in caught.value.remedy


def test_a_server_that_is_not_there_is_told_with_how_to_start_one() -> None:
    with taxi_server() as gone:
        pass
    with pytest.raises(RingwayError, match="no answer from a model server at") as caught:
        invoke(gone, "--json", TRIP)
    assert "ringway serve taxi" in caught.value.remedy


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (grpc.StatusCode.NOT_FOUND, "ringway serve taxi"),
        (grpc.StatusCode.UNAUTHENTICATED, "--api-key-file"),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "--timeout"),
        (grpc.StatusCode.INVALID_ARGUMENT, "ringway status taxi"),
    ],
)
def test_what_the_server_says_is_told_with_a_remedy(
    server: ModelServer, code: grpc.StatusCode, remedy: str
) -> None:
    server.faults = [(code, "its own words")]
    with pytest.raises(RingwayError, match=f"{code.name}: its own words") as caught:
        invoke(server, "--json", TRIP)
    assert remedy in caught.value.remedy


CSV = """fare,company,tips,note,trip_start_hour
1.5,a,3,x,4
-2,b,3,"y
z",4
abc,c,3,,4
4

5,d,3,,4,surplus,cells
6,,3,,
7,ä,3,,4.5
"""
SCORED = [
    ["fare", "company", "tips", "note", "trip_start_hour", "outputs"],
    ["1.5", "a", "3", "x", "4", "3.0"],
    ["-2", "b", "3", "y\nz", "4", ""],
    ["abc", "c", "3", "", "4", ""],
    ["4", "", "", "", "", ""],
    ["5", "d", "3", "", "4", ""],
    ["6", "", "3", "", "", "12.0"],
    ["7", "ä", "3", "", "4.5", ""],
]


@pytest.mark.parametrize("batch_size", ["1", "3", "512"])
def test_CSV_comes_back_row_by_row_with_bad_rows_in_place_and_named(
    server: ModelServer, tmp_path: Path, batch_size: str
) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(CSV)
    arguments = ("--csv", str(source), "--output", str(target), "--batch-size", batch_size)
    result = CliRunner().invoke(command, ["taxi", "--server", server.address, *arguments])
    errors = result.stderr.splitlines()
    assert isinstance(result.exception, DataError)
    assert "5 of 7 rows have no prediction" in str(result.exception)
    assert errors[0] == "Not sent: tips, note"
    assert [line.partition(":")[0] for line in errors[1:]] == [
        *("line 3", "line 5", "line 6", "line 8", "line 10"),
    ]
    assert "Feature: fare" in errors[1]
    assert "'fare': expected a number, received 'abc'" in errors[2]
    assert "expected 5 cells as in the header, received 1" in errors[3]
    assert "not in the output: ['surplus', 'cells']" in errors[4]
    with target.open(newline="") as file:
        assert list(csv.reader(file)) == SCORED
    assert not list(tmp_path.glob("*.partial"))


def test_CSV_goes_from_stdin_to_stdout(server: ModelServer) -> None:
    result = invoke(server, "--csv", "-", stdin="fare\n1\n2\n")
    assert result.stdout == "fare,outputs\n1,2.0\n2,4.0\n"
    assert result.exit_code == 0


def test_a_byte_order_mark_and_bytes_that_are_no_text_pass_through(server: ModelServer) -> None:
    source = b"\xef\xbb\xbffare,company\r\n1,\xff\r\n"
    result = invoke(server, "--csv", "-", stdin=source)
    assert result.stdout_bytes == b"fare,company,outputs\n1,\xff,2.0\n"
    assert sent_examples(server)[0]["company"] == ("bytes_list", [b"\xff"])


def test_a_column_of_the_outputs_name_is_kept(server: ModelServer) -> None:
    result = invoke(server, "--csv", "-", stdin="fare,outputs\n1,old\n")
    assert result.stdout == "fare,outputs,predicted_outputs\n1,old,2.0\n"


def test_a_file_can_be_scored_in_place(server: ModelServer, tmp_path: Path) -> None:
    path = tmp_path / "trips.csv"
    path.write_text("fare\n1\n")
    invoke(server, "--csv", str(path), "--output", str(path))
    assert path.read_text() == "fare,outputs\n1,2.0\n"


def test_a_file_without_rows_stays_one(server: ModelServer) -> None:
    assert invoke(server, "--csv", "-", stdin="fare\n").stdout == "fare\n"


@pytest.mark.parametrize("header", ["", "\n", "a,,b\n", "a,b,a\n"])
def test_a_header_has_to_name_each_column_once(server: ModelServer, header: str) -> None:
    with pytest.raises(DataError, match="stdin, line 1: expected the names of the columns"):
        invoke(server, "--csv", "-", stdin=header)


def test_a_file_that_does_not_fit_at_all_is_given_up_soon(server: ModelServer) -> None:
    with pytest.raises(DataError, match="none of the first 20 rows got a prediction"):
        invoke(server, "--csv", "-", stdin="company\n" + "a\n" * 5000)
    assert len(server.received) < 100


def test_a_server_that_ends_midway_leaves_what_was_done(
    server: ModelServer, tmp_path: Path
) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("fare\n1\n2\n3\n")
    server.faults = []
    original = server._Predict

    def once(body: bytes) -> object:
        server.faults = [(grpc.StatusCode.INTERNAL, "out of memory")]
        return original(body)

    server._Predict = once  # type: ignore[method-assign]
    with pytest.raises(RingwayError, match="out of memory"):
        invoke(server, "--csv", str(source), "--output", str(target), "--batch-size", "1")
    assert (tmp_path / "out.csv.partial").read_text() == "fare,outputs\n1,2.0\n"
    assert not target.exists()


def test_an_API_key_and_TLS(tmp_path: Path) -> None:
    authority = AuthorityFolder(tmp_path)
    key, certificate = authority.issue("server", "127.0.0.1")
    pair = (key.read_bytes(), certificate.read_bytes())
    keys = tmp_path / "keys"
    keys.write_text("# for tests\n\ns3cret\nother\n")
    with ModelServer(credentials=grpc.ssl_server_credentials([pair])) as server:
        options = ["--tls-ca", str(authority.ca), "--api-key-file", str(keys)]
        place = ["--server", f"grpcs://{server.address}"]
        result = CliRunner().invoke(command, ["double", *options, *place, "--json", '{"x": 2}'])
    assert result.stdout == "y: 4.0  z: 6.0\n"
    assert server.received[0].metadata["authorization"] == "Bearer s3cret"


def test_help_is_quick_and_shows_examples() -> None:
    code = (
        "import sys; from pipelines.cli.predict import command;"
        "command.main(sys.argv[1:], prog_name='ringway predict', standalone_mode=False);"
        "print([m for m in ('tensorflow', 'tfx', 'pandas', 'grpc') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--help"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.endswith("[]\n")
    assert "Examples:\n    ringway predict taxi\n" in done.stdout
