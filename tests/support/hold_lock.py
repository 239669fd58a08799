"""Holds a pipeline's lock until its standard input ends: python hold_lock.py FILE"""

import sys
from pathlib import Path

from pipelines.runners.local.lock import exclusive

if __name__ == "__main__":
    with exclusive(Path(sys.argv[1]), name="taxi", wait=False, on_wait=print):
        print("held", flush=True)
        sys.stdin.read()
