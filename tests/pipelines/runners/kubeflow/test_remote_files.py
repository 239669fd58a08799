"""Tests against a real S3 server over sockets, moto's."""

import http.server
import multiprocessing
import os
import socket
import threading
import urllib.request
from pathlib import Path

import object_stores
import pytest
import remote_senders
from object_stores import BUCKET, ObjectStore

from pipelines.errors import DataError, RingwayError, UsageError
from pipelines.runners.kubeflow import object_store
from pipelines.runners.kubeflow.remote_files import RECORD, RemoteFiles

URI = remote_senders.URI


@pytest.fixture(scope="module")
def server():
    with object_stores.running() as store:
        yield store


@pytest.fixture
def store(server: ObjectStore):
    for key in server.object_keys():
        server.client.delete_object(Bucket=BUCKET, Key=key)
    return server


def make_files(store: ObjectStore, folder: Path) -> RemoteFiles:
    return RemoteFiles(folder, store.environment)


def written(files: RemoteFiles, uri: str, contents: dict[str, bytes]) -> Path:
    local = Path(files.local_path(uri))
    for name, content in contents.items():
        path = local / name if name else local
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return local


def tree(folder: str | Path) -> dict[str, bytes]:
    root = Path(folder)
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


MODEL = {"saved_model.pb": b"graph", "variables/variables.index": b"", "variables/data": b"weights"}


def test_what_one_task_sends_another_fetches(store, tmp_path):
    sender = make_files(store, tmp_path / "a")
    local = written(sender, URI, MODEL)
    (local / "assets").mkdir()

    sender.send(URI)
    fetched = make_files(store, tmp_path / "b").fetch(URI)

    assert tree(fetched) == MODEL
    assert (Path(fetched) / "assets").is_dir()
    assert sorted(store.object_keys("root/Trainer/model/7/")) == [
        f"root/Trainer/model/7/{name}" for name in sorted(MODEL)
    ]


def test_minio_is_s3_under_another_name(store, tmp_path):
    store.put("data/a.csv", b"1,2")

    fetched = make_files(store, tmp_path).fetch(f"minio://{BUCKET}/data")

    assert tree(fetched) == {"a.csv": b"1,2"}


def test_a_file_is_sent_and_fetched_as_one(store, tmp_path):
    uri = f"s3://{BUCKET}/schema/schema.pbtxt"
    sender = make_files(store, tmp_path / "a")
    written(sender, uri, {"": b"feature {}"})

    sender.send(uri)

    assert Path(make_files(store, tmp_path / "b").fetch(uri)).read_bytes() == b"feature {}"
    assert store.object_keys() == ["schema/schema.pbtxt"]


def test_many_small_files(store, tmp_path):
    contents = {f"part-{n % 7}/{n:04}.txt": str(n).encode() for n in range(400)}
    sender = make_files(store, tmp_path / "a")
    written(sender, f"s3://{BUCKET}/many", contents)

    sender.send(f"s3://{BUCKET}/many")

    assert len(store.object_keys("many/")) == 400
    assert tree(make_files(store, tmp_path / "b").fetch(f"s3://{BUCKET}/many")) == contents


def test_a_hundred_megabytes(store, tmp_path):
    content = os.urandom(2**20) * 100
    sender = make_files(store, tmp_path / "a")
    written(sender, URI, {"big": content})

    sender.send(URI)

    fetched = Path(make_files(store, tmp_path / "b").fetch(URI)) / "big"
    assert fetched.read_bytes() == content


def test_a_folder_that_is_mirrored_is_not_fetched_again(store, tmp_path):
    store.put("data/a.csv", b"1")
    files = make_files(store, tmp_path)
    fetched = Path(files.fetch(f"s3://{BUCKET}/data"))
    (fetched / "mark").touch()

    files.fetch(f"s3://{BUCKET}/data")

    assert (fetched / "mark").exists()


def test_a_folder_that_changed_is_fetched_anew(store, tmp_path):
    store.put("data/a.csv", b"1")
    store.put("data/old.csv", b"old")
    files = make_files(store, tmp_path)
    files.fetch(f"s3://{BUCKET}/data")
    store.put("data/a.csv", b"22")
    store.client.delete_object(Bucket=BUCKET, Key="data/old.csv")

    assert tree(files.fetch(f"s3://{BUCKET}/data")) == {"a.csv": b"22"}


def test_what_was_sent_is_not_fetched_again(store, tmp_path):
    files = make_files(store, tmp_path)
    local = written(files, URI, MODEL)
    files.send(URI)
    (local / "mark").touch()

    assert files.fetch(URI) == str(local)
    assert (local / "mark").exists()


def test_sending_again_replaces_what_was_sent_and_nothing_else(store, tmp_path):
    first = make_files(store, tmp_path / "a")
    written(first, URI, MODEL)
    first.send(URI)
    store.put("root/Trainer/model/7/notes.txt", b"of somebody else")
    second = make_files(store, tmp_path / "b")
    written(second, URI, {"saved_model.pb": b"newer"})

    second.send(URI)

    assert tree(make_files(store, tmp_path / "c").fetch(URI)) == {"saved_model.pb": b"newer"}
    assert "root/Trainer/model/7/notes.txt" in store.object_keys()
    assert "root/Trainer/model/7/variables/data" not in store.object_keys()


def test_an_empty_folder_is_a_folder(store, tmp_path):
    sender = make_files(store, tmp_path / "a")
    Path(sender.local_path(URI)).mkdir(parents=True)

    sender.send(URI)

    receiver = make_files(store, tmp_path / "b")
    assert receiver.exists(URI)
    assert list(Path(receiver.fetch(URI)).iterdir()) == []


def test_nothing_there_is_told(store, tmp_path):
    files = make_files(store, tmp_path)

    assert not files.exists(URI)
    with pytest.raises(DataError, match=r"model/7 is not there"):
        files.fetch(URI)
    assert not Path(files.local_path(URI)).exists()


def test_nothing_to_send_is_told(store, tmp_path):
    with pytest.raises(DataError, match="cannot be sent"):
        make_files(store, tmp_path).send(URI)


def test_removed_is_gone_here_and_there(store, tmp_path):
    files = make_files(store, tmp_path)
    local = written(files, URI, MODEL)
    files.send(URI)

    files.remove(URI)
    files.remove(URI)

    assert not files.exists(URI)
    assert not local.exists()
    assert not [key for key in store.object_keys() if not key.endswith("/")]


@pytest.mark.parametrize("act", ["fetch", "send"])
def test_a_missing_bucket_is_named(act, store, tmp_path):
    files = make_files(store, tmp_path)
    uri = "s3://no-such-bucket/model"
    written(files, uri, {"a": b""})

    with pytest.raises(DataError, match="no bucket no-such-bucket"):
        getattr(files, act)(uri)


@pytest.mark.parametrize(
    "uri",
    [
        f"s3://{BUCKET}/../../etc",
        f"s3://{BUCKET}/a/../b",
        f"s3://{BUCKET}/a//b",
        f"s3://{BUCKET}/./a",
        "s3://../a",
        "s3:///a",
        "gs://bucket/a",
        "/bucket/a",
        f"minio://{BUCKET}/a?endpoint=elsewhere",
    ],
)
def test_a_uri_that_leads_elsewhere_is_refused(uri, tmp_path):
    files = RemoteFiles(tmp_path, {})

    with pytest.raises(UsageError):
        files.local_path(uri)


@pytest.mark.parametrize("key", ["data/../../escaped", "data/a//b", "data/./x"])
def test_an_object_whose_name_leads_elsewhere_is_never_written(key, store, tmp_path):
    store.put("data/fine", b"fine")
    raw_put(store, key)

    with pytest.raises(DataError, match="cannot be files"):
        make_files(store, tmp_path / "mirror").fetch(f"s3://{BUCKET}/data")
    assert not list(tmp_path.rglob("escaped"))


def raw_put(store: ObjectStore, key: str) -> None:
    """Puts an object whose name a client would tidy."""
    quoted = key.replace("/", "%2F").replace(".", "%2E")
    request = urllib.request.Request(
        f"{store.environment['AWS_ENDPOINT_URL']}/{BUCKET}/{quoted}", data=b"x", method="PUT"
    )
    request.add_header("Authorization", "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/x")
    urllib.request.urlopen(request).close()


def test_a_file_that_is_a_folder_too_is_told(store, tmp_path):
    store.put("data/x", b"file")
    store.put("data/x/y", b"in a folder of that name")

    with pytest.raises(DataError):
        make_files(store, tmp_path).fetch(f"s3://{BUCKET}/data")


def test_minio_without_an_endpoint_is_refused(tmp_path):
    with pytest.raises(UsageError, match="AWS_ENDPOINT_URL is not set"):
        RemoteFiles(tmp_path, {}).fetch("minio://bucket/a")


@pytest.mark.parametrize("endpoint", ["minio:9000", "http://", "http://minio:9000/path"])
def test_an_endpoint_that_is_no_url_is_refused(endpoint, tmp_path):
    with pytest.raises(UsageError, match="expected a URL"):
        RemoteFiles(tmp_path, {"AWS_ENDPOINT_URL": endpoint}).fetch("s3://bucket/a")


def test_a_store_that_is_down_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(object_store, "_FIRST_WAIT_SEC", 0.01)
    monkeypatch.setattr(object_store, "_ATTEMPTS", 2)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }

    with pytest.raises(RingwayError, match="does not answer") as caught:
        RemoteFiles(tmp_path, environment).exists("s3://bucket/a")
    assert "AWS_ENDPOINT_URL" in caught.value.remedy


class _Refusing(http.server.BaseHTTPRequestHandler):
    """Answers as S3 does to keys that it does not know."""

    def refuse(self) -> None:
        body = b"" if self.command == "HEAD" else b"<Error><Code>InvalidAccessKeyId</Code></Error>"
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.refuse()

    def do_HEAD(self) -> None:
        self.refuse()

    def do_POST(self) -> None:
        self.refuse()

    def do_PUT(self) -> None:
        self.refuse()

    def log_message(self, *details: object) -> None:
        pass


@pytest.mark.parametrize("act", ["fetch", "send", "exists"])
def test_wrong_credentials_are_told_at_once(act, tmp_path):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_ACCESS_KEY_ID": "wrong",
        "AWS_SECRET_ACCESS_KEY": "very-secret",
    }
    files = RemoteFiles(tmp_path, environment)
    written(files, URI, MODEL)
    try:
        with pytest.raises(RingwayError, match="refuses these credentials") as caught:
            getattr(files, act)(URI)
    finally:
        server.shutdown()
        server.server_close()
    assert "AWS_ACCESS_KEY_ID" in caught.value.remedy
    assert "very-secret" not in str(caught.value)


def test_a_sender_that_is_killed_half_way_leaves_nothing_to_fetch(store, tmp_path):
    mirror = tmp_path / "a"
    files = make_files(store, mirror)
    written(files, URI, {**MODEL, "last": b"never sent"})
    started = tmp_path / "started"
    context = multiprocessing.get_context("spawn")
    process = context.Process(
        target=remote_senders.send_until_killed, args=(store.environment, str(mirror), str(started))
    )
    process.start()
    while not started.exists() and process.is_alive():
        process.join(0.05)
    process.kill()
    process.join()

    assert store.object_keys("root/")
    receiver = make_files(store, tmp_path / "b")
    assert not receiver.exists(URI)
    with pytest.raises(DataError, match="not complete"):
        receiver.fetch(URI)
    assert not Path(receiver.local_path(URI)).exists()

    written(files, URI, {"saved_model.pb": b"second try"})
    for name in (*MODEL, "last"):
        if name != "saved_model.pb":
            (Path(files.local_path(URI)) / name).unlink()
    files.send(URI)
    assert tree(receiver.fetch(URI)) == {"saved_model.pb": b"second try"}


def test_a_folder_that_lost_a_file_is_not_fetched(store, tmp_path):
    files = make_files(store, tmp_path / "a")
    written(files, URI, MODEL)
    files.send(URI)
    store.client.delete_object(Bucket=BUCKET, Key="root/Trainer/model/7/variables/data")

    with pytest.raises(DataError, match="not complete"):
        make_files(store, tmp_path / "b").fetch(URI)


def test_a_file_that_was_exchanged_for_one_of_the_same_size_is_not_taken(store, tmp_path):
    files = make_files(store, tmp_path / "a")
    written(files, URI, MODEL)
    files.send(URI)
    store.put("root/Trainer/model/7/variables/data", b"WEIGHTS")

    with pytest.raises(DataError):
        make_files(store, tmp_path / "b").fetch(URI)


class Changing(RemoteFiles):
    """Somebody writes to the folder after each listing of it, so many times."""

    times = 0
    store: ObjectStore

    def _whole(self, place):
        listing = super()._whole(place)
        if self.times:
            self.times -= 1
            self.store.put("data/a.csv", b"x" * (10 + self.times))
        return listing


@pytest.mark.parametrize(("times", "settles"), [(2, True), (100, False)])
def test_a_folder_that_changes_while_it_is_read_is_read_again(times, settles, store, tmp_path):
    store.put("data/a.csv", b"1")
    files = Changing(tmp_path, store.environment)
    files.store, files.times = store, times

    if settles:
        assert tree(files.fetch(f"s3://{BUCKET}/data")) == {"a.csv": b"x" * 10}
        return
    with pytest.raises(DataError, match="changes while it is read"):
        files.fetch(f"s3://{BUCKET}/data")
    assert not Path(files.local_path(f"s3://{BUCKET}/data")).exists()


def test_a_file_that_changes_while_it_is_sent_is_not_sent(store, tmp_path):
    files = make_files(store, tmp_path)
    local = written(files, URI, {"growing": b"x"})
    copy_out = files._copy_out

    def grow(place, source):
        sent = copy_out(place, source)
        (local / "growing").write_bytes(b"xyz")
        return sent

    files._copy_out = grow  # type: ignore[method-assign]
    with pytest.raises(DataError, match="changes while it is sent"):
        files.send(URI)
    assert not make_files(store, tmp_path / "b").exists(URI)


def test_two_tasks_fetch_the_same_at_once(store, tmp_path):
    contents = {f"{n}.txt": os.urandom(2_000) for n in range(60)}
    for name, content in contents.items():
        store.put(f"data/{name}", content)
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=remote_senders.fetch_into, args=(store.environment, str(tmp_path)))
        for _ in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()

    assert [process.exitcode for process in processes] == [0, 0]
    assert tree(tmp_path / "s3" / BUCKET / "data") == contents
    assert not list((tmp_path / ".state" / "incoming").iterdir())


def test_two_tasks_send_to_the_same_place_and_one_is_told_or_wins_whole(store, tmp_path):
    outcomes: dict[str, str] = {}
    contents = {who: {f"{n}.txt": who.encode() * 50 for n in range(40)} for who in ("a", "b")}

    def send(who: str) -> None:
        files = make_files(store, tmp_path / who)
        written(files, URI, contents[who])
        try:
            files.send(URI)
            outcomes[who] = "sent"
        except DataError:
            outcomes[who] = "told"

    threads = [threading.Thread(target=send, args=(who,)) for who in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert "sent" in outcomes.values()
    receiver = make_files(store, tmp_path / "c")
    try:
        fetched = tree(receiver.fetch(URI))
    except DataError:  # A mixture is told from its sums, and never handed out.
        return
    assert fetched in contents.values()


def test_a_mirror_that_cannot_be_written_is_told(store, tmp_path):
    store.put("data/a", b"1")
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "s3").touch()

    with pytest.raises(RingwayError, match="on this machine"):
        make_files(store, tmp_path / "mirror").fetch(f"s3://{BUCKET}/data")


def test_the_record_lies_beside_the_folder(store, tmp_path):
    files = make_files(store, tmp_path)
    written(files, URI, {"a": b"1"})

    files.send(URI)

    assert f"root/Trainer/model/7{RECORD}" in store.object_keys()
