"""Artifacts in an object store that TensorFlow cannot open: fetched before, sent after a task.

    files = RemoteFiles(Path("/tmp/mirror"), os.environ)
    folder = files.fetch("s3://bucket/root/Trainer/model/7")     # to read
    folder = files.local_path("s3://bucket/root/Pusher/pushed/8")  # to write, then:
    files.send("s3://bucket/root/Pusher/pushed/8")

A folder is there as a whole or not at all. An object store has no folders, so one that is sent gets
a record beside it, `<uri>.sent.json`: `sending` before the first file, `complete` with each file's
size and SHA-256 after the last. What says `sending` is refused; what is complete is compared while
it is fetched; a folder without a record is somebody else's and is taken as listed. On this side
a folder appears by one rename, and a lock lets one of several processes fetch it.

Who decides what is fetched and sent is left to `remote_execution`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.errors import DataError, RingwayError
from pipelines.runners.kubeflow import object_store
from pipelines.runners.kubeflow.object_store import SCHEMES, Place, again, at_once, told
from pipelines.runners.kubeflow.remote_listing import Listing, Record

if TYPE_CHECKING:
    from pyarrow import fs

RECORD = ".sent.json"
_CHUNK_BYTES = 8 * 2**20
_ATTEMPTS = 4
_STATE = ".state"


class RemoteFiles:
    """Files and folders of object stores, mirrored in a folder of this machine.

    Safe to use from threads and, on one mirror, from several processes.

    Attributes:
        mirror: The folder; each place has a path of its own in it.
        environment: Where endpoint and credentials come from, as `object_store.connect` reads it.
    """

    def __init__(self, mirror: Path, environment: Mapping[str, str]) -> None:
        self.mirror = mirror
        self.environment = environment
        self._stores: dict[str, fs.S3FileSystem] = {}

    def handles(self, uri: str) -> bool:
        """Whether a text is a URI of this kind."""
        return uri.startswith(SCHEMES)

    def local_path(self, uri: str) -> str:
        """Returns where a place is mirrored, whether anything is there or not.

        Raises:
            UsageError: The URI is of another kind, or has `..` or empty parts in it.
        """
        return str(self._local(object_store.place(uri)))

    def exists(self, uri: str) -> bool:
        """Whether a whole file or folder is at a place.

        Raises:
            RingwayError: The store cannot be asked.
        """
        place = object_store.place(uri)
        with told(place):
            listing = self._listing(place)
        return listing is not None and not listing.is_half

    def fetch(self, uri: str) -> str:
        """Mirrors what is at a place, if it is not mirrored as it is now, and returns the path.

        Raises:
            DataError: Nothing is there, it was sent in part only, it does not keep still, or it
                has names that no file can have.
            RingwayError: The store cannot be reached, or refuses.
        """
        place = object_store.place(uri)
        with self._locked(place), told(place):
            listing = self._whole(place)
            if self._local(place).exists() and self._known(place) == listing.fingerprint():
                return str(self._local(place))
            for _ in range(_ATTEMPTS):
                incoming = self._download(place, listing)
                now = self._whole(place)
                if now == listing and incoming is not None:
                    self._install(place, incoming, listing)
                    return str(self._local(place))
                listing = now
        raise DataError(
            f"{uri} changes while it is read: {_ATTEMPTS} times it was not the same after.",
            remedy="Write to another folder, and name that one when it is complete.",
        )

    def send(self, uri: str) -> None:
        """Sends what was written at a place's local path. What was there is replaced.

        Raises:
            DataError: Nothing was written, it changes meanwhile, or somebody else sends too.
            RingwayError: The store cannot be reached, or refuses.
        """
        place = object_store.place(uri)
        local = self._local(place)
        if not place.key or not local.exists():
            raise DataError(f"{uri} cannot be sent: there is no {local}.")
        with self._locked(place), told(place):
            if local.is_dir():
                self._send_folder(place, local)
            else:
                self._upload(place, local)
            listing = self._whole(place)
            self._remember(place, listing)

    def remove(self, uri: str) -> None:
        """Removes what is at a place and in its mirror; nothing there is fine.

        Raises:
            RingwayError: The store cannot be reached, or refuses.
        """
        place = object_store.place(uri)
        with self._locked(place), told(place):
            self._delete(place)
            self._delete(_record_of(place))
        _remove(self._local(place))

    # Listing -------------------------------------------------------------------------------

    def _whole(self, place: Place) -> Listing:
        listing = self._listing(place)
        if listing is None:
            self._check_bucket(place)
            raise object_store.missing(place)
        if listing.is_half:
            raise DataError(
                f"{place.uri} is not complete: whoever sent it was stopped, or is still at it.",
                remedy="Run the task again that makes it.",
            )
        return listing

    def _check_bucket(self, place: Place) -> None:
        from pyarrow import fs

        [info] = again(lambda: self._store(place).get_file_info([place.bucket]))
        if info.type == fs.FileType.NotFound:
            raise object_store.no_bucket(place)

    def _listing(self, place: Place) -> Listing | None:
        from pyarrow import fs

        store = self._store(place)
        [info] = again(lambda: store.get_file_info([place.path]))
        if info.type == fs.FileType.File:
            return Listing({"": (info.size, info.mtime_ns or 0)}, (), None)
        record = self._record(place)
        if info.type == fs.FileType.NotFound:
            return Listing({}, (), record) if record else None
        selector = fs.FileSelector(place.path, recursive=True)
        entries = again(lambda: store.get_file_info(selector))
        names = {entry: entry.path[len(place.path) + 1 :] for entry in entries}
        # What is left of a folder whose files were removed is no folder.
        if not entries and record is None:
            return None
        return Listing(
            {
                names[entry]: (entry.size, entry.mtime_ns or 0)
                for entry in sorted(entries, key=lambda entry: entry.path)
                if entry.type == fs.FileType.File
            },
            tuple(sorted(n for e, n in names.items() if e.type == fs.FileType.Directory)),
            record,
        )

    def _record(self, place: Place) -> Record | None:
        if not place.key:
            return None
        path = _record_of(place).path
        try:
            text = again(lambda: self._read(self._store(place), path))
        except FileNotFoundError:
            return None
        kept = json.loads(text)
        files = {name: (size, digest) for name, (size, digest) in kept["files"].items()}
        return Record(kept["state"], kept["sender"], files, tuple(kept["folders"]))

    # Fetching ------------------------------------------------------------------------------

    def _download(self, place: Place, listing: Listing) -> Path | None:
        """Returns a new folder or file with what was listed; None when it has changed since."""
        incoming = self.mirror / _STATE / "incoming" / uuid.uuid4().hex
        wanted = listing.wanted
        odd = [n for n in [*wanted, *listing.all_folders] if n and not object_store.is_plain(n)]
        if odd:
            raise object_store.odd_names(place, ", ".join(sorted(odd)[:5]))
        try:
            if "" not in wanted:
                for folder in ("", *listing.all_folders):
                    (incoming / folder).mkdir(parents=True, exist_ok=True)
            incoming.parent.mkdir(parents=True, exist_ok=True)
            results = at_once(
                lambda name: self._download_file(_inside(place, name), incoming / name),
                wanted,
            )
            fresh = all(wanted[name] in {got, (got[0], "")} for name, got in results.items())
        except BaseException as error:
            _remove(incoming)
            # What has gone, or became a folder, since it was listed.
            if isinstance(
                error,
                FileNotFoundError | FileExistsError | NotADirectoryError | IsADirectoryError,
            ):
                return None
            raise
        if not fresh:
            _remove(incoming)
            return None
        # TFX tells inputs apart by their times, so a copy has the original's.
        for name in wanted:
            time_ns = listing.files[name][1]
            os.utime(incoming / name, ns=(time_ns, time_ns))
        return incoming

    def _download_file(self, place: Place, target: Path) -> tuple[int, str]:
        def attempt() -> tuple[int, str]:
            target.parent.mkdir(parents=True, exist_ok=True)
            digest, size = hashlib.sha256(), 0
            stream = self._store(place).open_input_stream(place.path, compression=None)
            with stream, target.open("wb") as out:
                while chunk := stream.read(_CHUNK_BYTES):
                    digest.update(chunk)
                    size += out.write(chunk)
            return size, digest.hexdigest()

        return again(attempt)

    def _install(self, place: Place, incoming: Path, listing: Listing) -> None:
        local = self._local(place)
        local.parent.mkdir(parents=True, exist_ok=True)
        if local.exists():
            # A rename cannot replace a folder that has something in it.
            aside = incoming.with_name(uuid.uuid4().hex)
            local.rename(aside)
            incoming.rename(local)
            _remove(aside)
        else:
            incoming.rename(local)
        self._remember(place, listing)

    # Sending -------------------------------------------------------------------------------

    def _send_folder(self, place: Place, local: Path) -> None:
        paths = {path.relative_to(local).as_posix(): path for path in sorted(local.rglob("*"))}
        folders = tuple(name for name, path in paths.items() if path.is_dir())
        files = {name: path for name, path in paths.items() if path.is_file()}
        before = self._record(place)
        sender = uuid.uuid4().hex
        planned = {name: (path.stat().st_size, "") for name, path in files.items()}
        # Until the end the record names what an earlier sending has left, too.
        leftovers = dict(before.files) if before else {}
        self._write_record(place, Record("sending", sender, leftovers | planned, folders))
        sent = at_once(lambda name: self._upload(_inside(place, name), files[name]), files)
        for name in set(leftovers) - set(files):
            self._delete(_inside(place, name))
        self._check_sent(place, sender, sent)
        self._write_record(place, Record("complete", sender, sent, folders))

    def _check_sent(self, place: Place, sender: str, sent: Mapping[str, tuple[int, str]]) -> None:
        listing = self._listing(place)
        found = listing.files if listing else {}
        wrong = sorted(
            name for name, (size, _) in sent.items() if found.get(name, (-1,))[0] != size
        )
        if wrong:
            raise RingwayError(
                f"{place.uri}: {', '.join(wrong[:5])} is not there as it was sent.",
                remedy="Run the task again.",
            )
        if listing is not None and listing.record and listing.record.sender != sender:
            raise DataError(
                f"{place.uri} is being sent by another process, too.",
                remedy="Let one task write to a place.",
            )

    def _upload(self, place: Place, source: Path) -> tuple[int, str]:
        def attempt() -> tuple[int, str]:
            before = source.stat()
            try:
                sent = self._copy_out(place, source)
                now = source.stat()
            except BaseException:
                # Closing the stream has made an object of what was sent by then.
                with contextlib.suppress(OSError):
                    self._store(place).delete_file(place.path)
                raise
            if (sent[0], now.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
                self._delete(place)
                raise DataError(
                    f"{source} changes while it is sent to {place.uri}.",
                    remedy="Send what is complete.",
                )
            return sent

        return again(attempt)

    def _copy_out(self, place: Place, source: Path) -> tuple[int, str]:
        digest, size = hashlib.sha256(), 0
        # An upload of several parts becomes an object when it is closed, and not before.
        with (
            source.open("rb") as data,
            self._store(place).open_output_stream(place.path, compression=None) as stream,
        ):
            while chunk := data.read(_CHUNK_BYTES):
                digest.update(chunk)
                stream.write(chunk)
                size += len(chunk)
        return size, digest.hexdigest()

    def _write_record(self, place: Place, record: Record) -> None:
        text = json.dumps(dataclasses.asdict(record), sort_keys=True).encode()

        def attempt() -> None:
            with self._store(place).open_output_stream(_record_of(place).path) as stream:
                stream.write(text)

        again(attempt)

    def _delete(self, place: Place) -> None:
        """Deletes a file, or a folder with all that is in it; nothing there is fine."""
        from pyarrow import fs

        store = self._store(place)
        [info] = again(lambda: store.get_file_info([place.path]))
        if info.type == fs.FileType.Directory:
            again(lambda: store.delete_dir(place.path))
        elif info.type == fs.FileType.File:
            again(lambda: store.delete_file(place.path))

    # This machine --------------------------------------------------------------------------

    def _store(self, place: Place) -> fs.S3FileSystem:
        if place.scheme not in self._stores:
            self._stores[place.scheme] = object_store.connect(self.environment, place.scheme)
        return self._stores[place.scheme]

    @staticmethod
    def _read(store: fs.S3FileSystem, path: str) -> bytes:
        with store.open_input_stream(path) as stream:
            content: bytes = stream.read()
            return content

    def _local(self, place: Place) -> Path:
        return self.mirror / place.scheme / place.path

    def _state(self, place: Place, suffix: str) -> Path:
        name = hashlib.sha256(place.uri.encode()).hexdigest()[:32]
        return self.mirror / _STATE / f"{name}{suffix}"

    def _known(self, place: Place) -> str:
        with contextlib.suppress(FileNotFoundError):
            return self._state(place, ".json").read_text()
        return ""

    def _remember(self, place: Place, listing: Listing) -> None:
        file = self._state(place, ".json")
        fresh = file.with_suffix(f".{uuid.uuid4().hex}")
        fresh.write_text(listing.fingerprint())
        fresh.rename(file)

    @contextlib.contextmanager
    def _locked(self, place: Place) -> Iterator[None]:
        """Lets one thread of one process on; the kernel drops the lock of one that is killed."""
        file = self._state(place, ".lock")
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _inside(place: Place, name: str) -> Place:
    return dataclasses.replace(place, key="/".join(part for part in (place.key, name) if part))


def _record_of(place: Place) -> Place:
    return dataclasses.replace(place, key=f"{place.key}{RECORD}")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
