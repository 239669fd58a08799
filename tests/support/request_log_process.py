"""A process that logs numbered records: python request_log_process.py PREFIX BYTES [COUNT]

Prints, after each burst, how many records are known to be written. Without COUNT it goes on until
it is killed.
"""

from __future__ import annotations

import itertools
import sys
import time

from serving.request_log import RequestLog

BURST = 50


def numbered(number: int, size: int) -> bytes:
    """Makes a record that begins with its number."""
    return b"%012d" % number + b"x" * size


def main() -> None:
    """Logs records of the form b"000000012345xxxx..."."""
    prefix, size = sys.argv[1], int(sys.argv[2])
    count = int(sys.argv[3]) if len(sys.argv) > 3 else None
    log = RequestLog(prefix, max_shard_bytes=200_000, queue_records=1_000_000)
    for number in itertools.count() if count is None else range(count):
        log.offer(numbered(number, size))
        if number % BURST == BURST - 1:
            print(log.counters().written, flush=True)
            time.sleep(0.002)
    log.close(60)
    print(log.counters().written, flush=True)


if __name__ == "__main__":
    main()
