"""Stands in for the model server's program where it does not come up; the model's name says how."""

import sys
import time

if __name__ == "__main__":
    if "--model_name=hang" in sys.argv:
        print("loading and loading", flush=True)
        time.sleep(600)
    print("Failed to start server. Error: no such op: Frobnicate")
    sys.exit(255)
