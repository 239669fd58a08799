"""How uv is called here: from `.venv`, with the indexes and certificates that are set for pip.

uv doesn't read pip's settings, yet a machine behind a mirror is often configured for pip alone.
Parses on Python 3.8 and needs nothing but the standard library.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Mapping

# What pip calls a setting → the variable by which uv takes it.
PIP_SETTINGS = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
}


def uv_environment(python: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Returns an environment in which uv works with the interpreter at hand and pip's indexes.

    Args:
        python: An interpreter that has pip.
        environment: What the caller was started with; what it says to uv directly wins.
    """
    listed = subprocess.run(
        [python, "-m", "pip", "config", "list"],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return {
        **variables_from_pip(listed.stdout),
        **environment,
        # A download of an interpreter needs a network that a build machine may not have.
        "UV_PYTHON_DOWNLOADS": "never",
    }


def variables_from_pip(listing: str) -> dict[str, str]:
    """Translates what `pip config list` prints into uv's variables.

    Args:
        listing: Lines such as `global.cert='/etc/…'` or `:env:.index-url='…'`, in rising order of
            precedence. Several values of one setting are parted by white space or by
            an escaped line end.
    """
    found = re.findall(r"^(?:global|install|:env:)\.([a-z-]+)='(.*)'$", listing, re.MULTILINE)
    variables = {}
    for key, text in found:
        values = text.replace("\\n", " ").split()
        if key == "find-links":
            # uv fails on a folder that does not exist, where pip only warns.
            values = [value for value in values if "://" in value or Path(value).is_dir()]
        if key in PIP_SETTINGS and values:
            variables[PIP_SETTINGS[key]] = (",".join if key == "find-links" else " ".join)(values)
    if "UV_INDEX" in variables:
        # pip treats all indexes alike; the hashes in the locks make that safe.
        variables["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return variables
