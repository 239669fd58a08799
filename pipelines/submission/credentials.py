"""Where the server is, and with which token it is asked: an option, a file, or a pod's own.

A token is read anew whenever a request needs one, as Kubernetes replaces those of a pod in their
file before they expire. A token from a variable stays what it was.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from pipelines.errors import UsageError

HOST_VARIABLE = "KF_PIPELINES_ENDPOINT"
TOKEN_VARIABLE = "KF_PIPELINES_TOKEN"
# The kfp SDK's own names for what Kubeflow mounts into a pod.
POD_TOKEN_VARIABLE = "KF_PIPELINES_SA_TOKEN_PATH"
POD_TOKEN = Path("/var/run/secrets/kubeflow/pipelines/token")
POD_VARIABLE = "KUBERNETES_SERVICE_HOST"
_IN_CLUSTER = "http://ml-pipeline.{}.svc.cluster.local:8888"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Access:
    """How a server is reached.

    Attributes:
        host: Its base URL, without a slash at the end.
        token_file: File of a token; None without one.
        token: A token that does not change; empty without one.
        ca_file: Certificates to trust; None for the usual ones.
    """

    host: str
    token_file: Path | None = None
    token: str = dataclasses.field(default="", repr=False)
    ca_file: Path | None = None

    @property
    def renews(self) -> bool:
        """Whether another token may be there later."""
        return self.token_file is not None

    @property
    def sends_token(self) -> bool:
        """Whether requests carry a token at all."""
        return self.token_file is not None or bool(self.token)

    def current_token(self) -> str:
        """Returns the token as it is now; empty without one.

        Raises:
            UsageError: The file cannot be read, or is empty.
        """
        if self.token_file is None:
            return self.token
        try:
            token = self.token_file.read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise UsageError(
                f"The token file {self.token_file} cannot be read: {error}",
                remedy="Name another: --token-file FILE",
            ) from error
        if not token:
            raise UsageError(f"The token file {self.token_file} is empty.")
        return token


def find(
    host: str,
    token_file: Path | None,
    environment: Mapping[str, str],
    *,
    server_namespace: str = "kubeflow",
    ca_file: Path | None = None,
) -> Access:
    """Returns how the server is reached: as asked, else as the environment says, else as in a pod.

    Args:
        host: Address as it was asked for; empty for the one of the environment.
        token_file: File of a token as it was asked for.
        environment: The process's environment variables.
        server_namespace: Where Kubeflow Pipelines itself runs; for pods of its cluster.
        ca_file: Certificates to trust.

    Raises:
        UsageError: Nothing says where the server is, or its address cannot be one.
    """
    in_pod = POD_VARIABLE in environment
    address = host or environment.get(HOST_VARIABLE, "")
    if not address and in_pod:
        address = _IN_CLUSTER.format(server_namespace)
    if not address:
        raise UsageError(
            "Where is the Kubeflow server? No --host was given.",
            remedy=f"Give --host URL, or set {HOST_VARIABLE}; --dry-run asks no server.",
        )
    if "://" not in address:
        address = f"https://{address}"
    if not address.startswith(("http://", "https://")):
        raise UsageError(f"--host {address}: expected http:// or https://.")
    token = "" if token_file else environment.get(TOKEN_VARIABLE, "").strip()
    if token_file is None and not token:
        token_file = _pod_token(environment)
    return Access(
        host=address.rstrip("/").removesuffix("/#"),
        token_file=token_file,
        token=token,
        ca_file=ca_file,
    )


def _pod_token(environment: Mapping[str, str]) -> Path | None:
    named = environment.get(POD_TOKEN_VARIABLE)
    if named:
        return Path(named)
    in_pod = POD_VARIABLE in environment
    return POD_TOKEN if in_pod and POD_TOKEN.exists() else None
