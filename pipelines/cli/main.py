"""The `ringway` command: finds a verb's module, and turns errors into a line and an exit code.

A verb is imported only when it is called, so that `ringway runs` answers in a fraction of a second.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import click

from pipelines.errors import RingwayError

VERBS = {
    "diff": "compare two runs",
    "doctor": "check this machine and installation",
    "feedback": "hand in the labels of what was served",
    "lineage": "from a model to its data, and back",
    "run": "run a pipeline on this machine",
    "replay": "a year against the real server and loop",
    "rollout": "let a version reach its users, or go back",
    "runs": "list runs: when, how they ended, why",
    "predict": "ask a served model",
    "quality": "hold data against its rules",
    "schema": "compare or draft a data set's schema",
    "serve": "serve a pushed model; tune batching",
    "skew": "is what is served what was trained on?",
    "status": "show which versions are served",
    "submit": "run a pipeline on a cluster, once or by a schedule",
    "watch": "keep a model alive: judge, retrain, roll out, roll back",
    "why": "say why a node ran or was cached",
}
OURS = ("components", "pipelines", "schemas", "serving")


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        try:
            command: click.Command = importlib.import_module(f"pipelines.cli.{cmd_name}").command
        except ModuleNotFoundError as error:
            package = (error.name or "").partition(".")[0]
            if package in OURS:
                raise
            raise RingwayError(
                f"`ringway {cmd_name}` needs {package}, which is not installed here.",
                remedy="Use a workspace that `make run` set up, or the image ringway-pipeline.",
            ) from error
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        import difflib

        if args and args[0] not in VERBS and not args[0].startswith("-"):
            close = difflib.get_close_matches(args[0], VERBS, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise click.UsageError(f"There is no verb {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(sorted(VERBS.items()))


@click.command(
    cls=_Verbs,
    epilog="""\b
Examples:
  ringway run taxi
  ringway runs taxi
  ringway lineage taxi --format html --output taxi.html

Exit codes: 0 fine, 1 failed, 2 wrong usage or configuration, 3 anomalies in the data, broken rules
of quality, or skew, 4 the model was rejected, 5 it could not be compared, 75 another run is at
work, 130 cancelled.
""",
)
def ringway() -> None:
    """Continuous training on TFX: data becomes a served model, and the model is watched."""


def main() -> None:
    """Entry point: runs the command line and exits."""
    try:
        sys.exit(ringway.main(prog_name="ringway", standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        print("Cancelled.", file=sys.stderr)
        sys.exit(130)
    except RingwayError as error:
        print(f"Error: {error}", file=sys.stderr)
        if error.remedy:
            print(f"  {error.remedy}", file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader (`head`, say) has seen enough. What is left in the buffer goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


if __name__ == "__main__":
    main()
