"""Runs a training pipeline once: its data found and looked at, then the runner.

`ringway run` and `ringway watch` both come through here, so that a run is the same whoever starts
it. Choosing settings and showing progress are left to them.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from components.data_quality_validator import clock as quality_clock
from pipelines import config as configuration
from pipelines import data_folder, preflight, stack
from pipelines.config import PipelineConfig
from pipelines.preflight import DataFolder
from pipelines.rollout import plans as rollout_plans
from pipelines.runners.beam import facts as beam
from pipelines.runners.local import runner, unchanged
from pipelines.runners.local.code_version import CodeVersions
from pipelines.runners.local.report import Progress, RunReport
from pipelines.runners.local.runner import RunOptions
from pipelines.workspace import REPOSITORY, Workspace


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training:
    """A pipeline that is ready to run.

    Attributes:
        module: Import path of the module whose `create_pipeline` makes it.
        asked: The configuration as it was asked for; recorded with the run, without the folder
            that a `data_fn` fills, so that who resumes the run fills it again where it is gone.
        config: The same with the folder that the data lies in.
        data: What was seen of that folder.
    """

    module: str
    asked: PipelineConfig
    config: PipelineConfig
    data: DataFolder

    def run(
        self,
        workspace: Workspace,
        *,
        options: RunOptions,
        progress: Progress,
        now: Callable[[], float] = time.time,
    ) -> RunReport:
        """Runs it.

        Args:
            workspace: Where results and metadata go.
            options: How; severity of anomalies, configuration and preload are filled in here.
            progress: Is told what happens.
            now: The time in seconds since the epoch, as it is recorded.

        Raises:
            BusyError: Another run of this pipeline is at work, and `options.wait` is false.
            RingwayError: The run broke down.
        """
        options = dataclasses.replace(
            options,
            fail_on=self.config.fail_on,
            config=configuration.to_dict(self.asked),
            preload=(self.module,),
        )
        return runner.run(
            self.config.name,
            lambda: self._pipeline(workspace, progress),
            workspace,
            options=options,
            identity=lambda: self.identity(now()),
            progress=progress,
            now=now,
        )

    def _pipeline(self, workspace: Workspace, progress: Progress) -> Any:
        chosen = beam.choice(self.config)
        progress.note(f"Beam: {chosen.because}")
        module = importlib.import_module(self.module)
        return module.create_pipeline(beam.settled(self.config, chosen), workspace)

    def identity(self, now_sec: float) -> unchanged.Identity:
        """Returns what the result of a run depends on, `now_sec` among it where rules count age."""
        code = CodeVersions([REPOSITORY])
        settings = configuration.to_dict(self.config)
        for key in ("beam", "beam_args"):  # where something is computed does not change it
            del settings[key]
        hour = quality_clock.hour_asked_for(Path(self.config.quality_path), now_sec)
        return unchanged.Identity(
            config=json.dumps(settings, sort_keys=True),
            code={
                **code.of_import_path(self.module),
                **code.of_values([settings]),
                "tfx": stack.tfx_version(),
                **({} if hour is None else {"the hour that rules count from": str(hour)}),
            },
            files=unchanged.files_under(Path(self.config.data_root)),
        )


def prepared(
    pipeline: str,
    asked: PipelineConfig,
    workspace: Workspace,
    note: Callable[[str], None] = lambda _: None,
) -> Training:
    """Finds a pipeline's data and looks at what would fail later.

    Args:
        pipeline: Name of the folder under `pipelines`.
        asked: The configuration.
        workspace: Where the data is made, if the pipeline makes its own.
        note: Is told what a user should know.

    Raises:
        RingwayError: Something that the configuration names is not there or cannot be used.
    """
    rollout_plans.check(asked.rollout)
    preflight.check_root(workspace.root)
    config = data_folder.resolve(asked, workspace, note)
    folder = preflight.check(config, workspace.root)
    if folder.note:
        note(folder.note)
    if config.quality_path and not rules_were_read(config, workspace):
        from pipelines import quality  # imports Arrow, and with it pandas

        quality.read_rules(config, Path(config.quality_path))
    return Training(
        module=f"pipelines.{pipeline}.pipeline", asked=asked, config=config, data=folder
    )


def rules_were_read(config: PipelineConfig, workspace: Workspace) -> bool:
    """Whether the last run that ended well read the same rules, by the same schema.

    So a rerun in which nothing has changed need not import what reads them.
    """
    witness = unchanged.Witness.read(workspace.root / "state" / config.name / "unchanged.json")
    if witness is None:
        return False
    paths = [config.quality_path, config.schema_path]
    code = CodeVersions([REPOSITORY]).of_values([paths])
    return all(path in code and witness.identity.code.get(path) == code[path] for path in paths)
