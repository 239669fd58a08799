"""Tests of the rules, each on a specification that breaks it and nothing else."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format
from kfp import compiler as kfp_compiler
from kfp import components, dsl
from kfp.pipeline_spec import pipeline_spec_pb2

from pipelines.runners.kubeflow import rules
from pipelines.runners.kubeflow.violations import ARGUMENT_BYTES, WORKFLOW_BYTES

Spec = dict[str, Any]


def container(*args: str) -> Spec:
    return {"container": {"image": "image:1", "command": ["python"], "args": ["run.py", *args]}}


def good_spec() -> Spec:
    """A pipeline of two tasks, `make` and `use`, that breaks no rule."""
    return {
        "pipelineInfo": {"name": "good"},
        "schemaVersion": "2.1.0",
        "sdkVersion": "kfp-2.13.0",
        "components": {
            "comp-make": {
                "executorLabel": "exec-make",
                "inputDefinitions": {
                    "parameters": {
                        "run": {"parameterType": "STRING"},
                        "epochs": {"parameterType": "NUMBER_INTEGER"},
                    }
                },
                "outputDefinitions": {
                    "artifacts": {"summary": {"artifactType": {"schemaTitle": "system.Markdown"}}},
                    "parameters": {"rows": {"parameterType": "NUMBER_INTEGER"}},
                },
            },
            "comp-use": {
                "executorLabel": "exec-use",
                "inputDefinitions": {
                    "artifacts": {"told": {"artifactType": {"schemaTitle": "system.Markdown"}}},
                    "parameters": {"rows": {"parameterType": "NUMBER_INTEGER"}},
                },
            },
        },
        "deploymentSpec": {
            "executors": {
                "exec-make": container(
                    "{{$.inputs.parameters['run']}}",
                    "{{$.outputs.artifacts['summary'].path}}",
                    "{{$.outputs.parameters['rows'].output_file}}",
                    "{{$}}",
                ),
                "exec-use": container("{{$.inputs.artifacts['told'].uri}}"),
            }
        },
        "root": {
            "inputDefinitions": {
                "parameters": {
                    "epochs": {
                        "parameterType": "NUMBER_INTEGER",
                        "defaultValue": 3,
                        "isOptional": True,
                    }
                }
            },
            "dag": {
                "tasks": {
                    "make": {
                        "taskInfo": {"name": "make"},
                        "componentRef": {"name": "comp-make"},
                        "inputs": {
                            "parameters": {
                                "run": {"runtimeValue": {"constant": "{{$.pipeline_job_uuid}}"}},
                                "epochs": {"componentInputParameter": "epochs"},
                            }
                        },
                    },
                    "use": {
                        "taskInfo": {"name": "use"},
                        "componentRef": {"name": "comp-use"},
                        "dependentTasks": ["make"],
                        "inputs": {
                            "artifacts": {
                                "told": {
                                    "taskOutputArtifact": {
                                        "producerTask": "make",
                                        "outputArtifactKey": "summary",
                                    }
                                }
                            },
                            "parameters": {
                                "rows": {
                                    "taskOutputParameter": {
                                        "producerTask": "make",
                                        "outputParameterKey": "rows",
                                    }
                                }
                            },
                        },
                    },
                }
            },
        },
    }


def good_platform() -> Spec:
    config = {
        "secretAsEnv": [
            {"secretName": "store", "keyToEnv": [{"secretKey": "url", "envVar": "STORE_URL"}]}
        ],
        "pvcMount": [{"constant": "home", "mountPath": "/ringway-home"}],
    }
    return platform({"exec-make": config})


def platform(executors: Spec) -> Spec:
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}


def broken(path: str, value: Any) -> Spec:
    """Returns the good spec with a value at a path of keys and indices; None removes."""
    spec = copy.deepcopy(good_spec())
    place: Any = spec
    *way, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    for part in way:
        if not isinstance(place, list):
            place.setdefault(part, {})
        place = place[part]
    if value is None:
        del place[last]
    elif isinstance(place, list) and last == len(place):
        place.append(value)
    else:
        place[last] = value
    return spec


TASKS = "root/dag/tasks"
MAKE = f"{TASKS}/make"
USE = f"{TASKS}/use"
CONTAINER = "deploymentSpec/executors/exec-make/container"
INPUTS = "components/comp-make/inputDefinitions/parameters"
OUTPUTS = "components/comp-make/outputDefinitions/artifacts"
BIG = "x" * ARGUMENT_BYTES

# Rule, path in the good spec, what stands there instead.
BROKEN: list[tuple[str, str, Any]] = [
    ("known-fields", "pipelineInfo/colour", "red"),
    ("known-fields", f"{CONTAINER}/colour", "red"),
    ("schema-version", "schemaVersion", "2.0.0"),
    ("pipeline-name", "pipelineInfo/name", "Good_Pipeline"),
    ("pipeline-name", "pipelineInfo/name", "-good"),
    ("pipeline-name", "pipelineInfo/name", "g" * 129),
    ("default-root", "defaultPipelineRoot", "/data/root"),
    ("default-root", "defaultPipelineRoot", "file:///data/root"),
    ("names", f"{TASKS}/latest_model", {**good_spec()["root"]["dag"]["tasks"]["make"]}),
    ("names", f"{TASKS}/Model.latest", {**good_spec()["root"]["dag"]["tasks"]["make"]}),
    ("names", f"{TASKS}/1st", {**good_spec()["root"]["dag"]["tasks"]["make"]}),
    ("names", f"{TASKS}/{'a' * 121}", {**good_spec()["root"]["dag"]["tasks"]["make"]}),
    ("driver-names", f"{TASKS}/make-driver", {**good_spec()["root"]["dag"]["tasks"]["make"]}),
    ("dependencies", f"{USE}/dependentTasks", ["mkae"]),
    ("dependencies", f"{MAKE}/dependentTasks", ["use"]),
    ("part-size", "components/comp-make/inputDefinitions/parameters/x/description", BIG),
    ("implementations", f"{MAKE}/componentRef/name", "comp-other"),
    ("implementations", "components/comp-use/executorLabel", "exec-other"),
    ("executor-kind", "deploymentSpec/executors/exec-more", {"resolver": {}}),
    ("executor-kind", "deploymentSpec/executors/exec-more", {"customJob": {}}),
    ("task-info", f"{MAKE}/taskInfo/name", ""),
    ("iterators", f"{USE}/artifactIterator", {"itemInput": "told"}),
    ("exit-task", f"{MAKE}/triggerPolicy", {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}),
    ("input-source", f"{MAKE}/inputs/parameters/epochs", {"componentInputParameter": "epoch"}),
    (
        "input-source",
        f"{MAKE}/inputs/parameters/run",
        {"runtimeValue": {"constantValue": {"stringValue": "a"}}},
    ),
    (
        "input-source",
        f"{MAKE}/inputs/parameters/run",
        {"runtimeValue": {"runtimeParameter": "run"}},
    ),
    (
        "input-source",
        f"{USE}/inputs/parameters/rows/taskOutputParameter/outputParameterKey",
        "columns",
    ),
    (
        "input-source",
        f"{USE}/inputs/artifacts/told/taskOutputArtifact/outputArtifactKey",
        "executor-logs",
    ),
    ("inputs", f"{MAKE}/inputs/parameters/run", None),
    ("inputs", f"{MAKE}/inputs/parameters/more", {"runtimeValue": {"constant": 1}}),
    ("inputs", f"{MAKE}/inputs/parameters/epochs", {"runtimeValue": {"constant": "three"}}),
    ("inputs", f"{MAKE}/inputs/parameters/epochs", {"runtimeValue": {"constant": True}}),
    ("parameter-type", f"{INPUTS}/epochs", {"type": "INT"}),
    (
        "parameter-type",
        "root/inputDefinitions/parameters/epochs/parameterType",
        "TASK_FINAL_STATUS",
    ),
    ("parameter-type", "root/inputDefinitions/parameters/epochs/defaultValue", "3"),
    ("parameter-type", "root/inputDefinitions/parameters/epochs/defaultValue", 3.5),
    ("artifact-type", f"{OUTPUTS}/summary/artifactType", {"schemaUri": "https://x"}),
    ("artifact-type", f"{OUTPUTS}/summary/artifactType", {"instanceSchema": "type: object"}),
    (
        "artifact-type",
        f"{OUTPUTS}/executor-logs",
        {"artifactType": {"schemaTitle": "system.Artifact"}},
    ),
    ("kubeflow-cache", f"{MAKE}/cachingOptions", {"enableCache": True}),
    ("retry", f"{MAKE}/retryPolicy", {"maxRetryCount": 2, "backoffDuration": "1.5s"}),
    ("shared-container", "deploymentSpec/executors/exec-use", None),
    ("image", f"{CONTAINER}/image", ""),
    ("image", f"{CONTAINER}/image", "argostub/createpvc"),
    ("command", f"{CONTAINER}/command", None),
    ("command", f"{CONTAINER}/command", ["{{$.inputs.parameters['run']}}"]),
    (
        "entry-point",
        f"{CONTAINER}/args/0",
        "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor",
    ),
    ("driver", f"{CONTAINER}/lifecycle", {"preCacheCheck": {"command": ["python"]}}),
    ("argument-size", f"{CONTAINER}/args/1", BIG),
    ("placeholders", f"{CONTAINER}/args/1", "{{$.inputs.parameters['rum']}}"),
    ("placeholders", f"{CONTAINER}/args/1", "{{$.outputs.artifacts['summery'].path}}"),
    ("placeholders", f"{CONTAINER}/args/1", "{{$.pipeline_job_uuid}}"),
    ("placeholders", f"{CONTAINER}/args/1", "{{workflow.name}}"),
    ("placeholders", f"{CONTAINER}/env", [{"name": "A", "value": "{{$}}"}]),
    ("expansion", f"{CONTAINER}/args/1", "$(HOME)/data"),
    ("expansion", f"{CONTAINER}/args/1", "costs $$5"),
    ("expansion", f"{CONTAINER}/env", [{"name": "A", "value": "$(B)"}]),
    ("environment", f"{CONTAINER}/env", [{"name": "A=B", "value": ""}]),
    ("environment", f"{CONTAINER}/env", [{"name": "KFP_POD_NAME", "value": ""}]),
    ("environment", f"{CONTAINER}/env", [{"name": "A"}, {"name": "A"}]),
    ("resources", f"{CONTAINER}/resources", {"resourceMemoryLimit": "4 GB"}),
    ("resources", f"{CONTAINER}/resources", {"resourceCpuLimit": "two"}),
    ("resources", f"{CONTAINER}/resources", {"memoryLimit": -1.0}),
    ("resources", f"{CONTAINER}/resources", {"accelerator": {"resourceCount": "1"}}),
]


def broken_rules(spec: Spec, platform_spec: Spec | None = None) -> set[str]:
    return {violation.rule for violation in rules.check(spec, platform_spec)}


def test_a_good_pipeline_breaks_no_rule():
    assert rules.check(good_spec(), good_platform()) == ()
    assert rules.check(good_spec()) == ()


@pytest.mark.parametrize(("rule", "path", "value"), BROKEN, ids=[f"{r}:{p}" for r, p, _ in BROKEN])
def test_what_breaks_a_rule_is_told(rule, path, value):
    spec = broken(path, value)
    if rule == "shared-container":
        # Both now have the container of `make`.
        spec["components"]["comp-use"]["executorLabel"] = "exec-make"

    violations = [v for v in rules.check(spec) if v.rule == rule]

    assert violations
    assert violations[0].where
    assert violations[0].expected
    assert violations[0].remedy.endswith(".")
    assert len(str(violations[0])) < 2 * ARGUMENT_BYTES


def test_a_job_around_the_spec_is_told_and_its_spec_is_checked():
    spec = broken("schemaVersion", "2.0.0")

    assert broken_rules({"pipelineSpec": spec, "runtimeConfig": {}}) == {
        "bare-spec",
        "schema-version",
    }


def test_a_pipeline_of_exit_tasks_only_is_told():
    spec = good_spec()
    for task in spec["root"]["dag"]["tasks"].values():
        task["triggerPolicy"] = {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}

    assert "root-dag" in broken_rules(spec)
    assert "root-dag" in broken_rules({})


def test_an_exit_task_waits_for_one_task_and_nobody_waits_for_it():
    spec = good_spec()
    tasks = spec["root"]["dag"]["tasks"]
    tasks["end"] = {
        "taskInfo": {"name": "end"},
        "componentRef": {"name": "comp-end"},
        "dependentTasks": ["use"],
        "triggerPolicy": {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"},
    }
    spec["components"]["comp-end"] = {"executorLabel": "exec-end"}
    spec["deploymentSpec"]["executors"]["exec-end"] = container("end")

    assert broken_rules(spec) == set()
    tasks["end"]["dependentTasks"] = ["use", "make"]
    assert broken_rules(spec) == {"exit-task"}
    tasks["end"]["dependentTasks"] = ["make"]
    tasks["use"]["dependentTasks"] = ["end"]
    assert broken_rules(spec) == {"exit-task"}


def test_an_importer_has_no_condition():
    spec = broken("deploymentSpec/executors/exec-use", {"importer": {}})
    task = spec["root"]["dag"]["tasks"]["use"]
    assert broken_rules(spec) == set()

    task["triggerPolicy"] = {"condition": "true"}

    assert broken_rules(spec) == {"importer-condition"}


def test_many_tasks_that_are_small_enough_can_be_too_much_together():
    spec = good_spec()
    count = WORKFLOW_BYTES // 100_000
    for number in range(count):
        spec["components"][f"comp-{number}"] = {"executorLabel": f"exec-{number}"}
        spec["deploymentSpec"]["executors"][f"exec-{number}"] = container("x" * 100_000)

    assert broken_rules(spec) == {"workflow-size"}


def test_equal_containers_of_equal_components_are_fine():
    spec = good_spec()
    spec["components"]["comp-again"] = copy.deepcopy(spec["components"]["comp-make"])
    spec["components"]["comp-again"]["executorLabel"] = "exec-make"

    assert broken_rules(spec) == set()


# Rule, what exec-make's part of the platform document is.
BROKEN_PLATFORMS: list[tuple[str, Spec]] = [
    ("platform-fields", {"colour": "red"}),
    ("platform-fields", {"tolerations": [{"tolerationSecond": 3}]}),
    ("mounts", {"pvcMount": [{"constant": "home", "mountPath": "/gcs/data"}]}),
    ("mounts", {"pvcMount": [{"constant": "home", "mountPath": "data"}]}),
    (
        "mounts",
        {
            "pvcMount": [
                {"constant": "a", "mountPath": "/data"},
                {"constant": "b", "mountPath": "/data"},
            ]
        },
    ),
    ("object-names", {"pvcMount": [{"constant": "My_Claim", "mountPath": "/data"}]}),
    ("object-names", {"imagePullSecret": [{"secretName": "Registry"}]}),
]


@pytest.mark.parametrize(("rule", "config"), BROKEN_PLATFORMS)
def test_what_breaks_a_rule_of_the_second_document_is_told(rule, config):
    assert broken_rules(good_spec(), platform({"exec-make": config})) == {rule}


def test_settings_for_no_executor_are_told():
    assert broken_rules(good_spec(), platform({"make": {}})) == {"platform-executor"}


def test_a_second_document_for_another_platform_is_told():
    assert broken_rules(good_spec(), {"platforms": {"vertex": {}}}) == {"platform-kubernetes"}


def test_a_second_document_that_would_be_dropped_is_told():
    assert "platform-fields" in broken_rules(good_spec(), {**good_platform(), "colour": "red"})


@dsl.container_component
def says(text: str, page: dsl.Output[dsl.Markdown]):
    return dsl.ContainerSpec(image="i:1", command=["sh", "-c", "$0"], args=[text, page.path])


@dsl.container_component
def ends(status: dsl.PipelineTaskFinalStatus):
    return dsl.ContainerSpec(image="i:1", command=["echo"], args=["end"])


@dsl.pipeline(name="of-the-sdk")
def of_the_sdk(text: str = "hello", count: int = 2):
    with dsl.ExitHandler(ends()):
        first = says(text=text).set_memory_limit("4Gi").set_cpu_limit("500m").set_retry(2)
        first.set_accelerator_limit(1).set_accelerator_type("nvidia.com/gpu").set_caching_options(
            False
        )
        says(text=text).after(first).set_caching_options(False)


def test_what_the_official_compiler_makes_breaks_no_rule(tmp_path):
    file = tmp_path / "pipeline.yaml"
    kfp_compiler.Compiler().compile(of_the_sdk, str(file))
    documents = list(yaml.safe_load_all(file.read_text()))

    # An exit handler caches by default; the SDK offers no task to say otherwise.
    violations = rules.check(*documents)

    assert {v.where for v in violations} <= {"root.dag.tasks.ends.cachingOptions.enableCache"}


def test_the_good_spec_is_one_for_the_official_loader():
    text = yaml.safe_dump(good_spec())

    loaded = components.load_component_from_text(text)

    assert loaded.component_spec.name == "good"
    assert json_format.ParseDict(good_spec(), pipeline_spec_pb2.PipelineSpec())


def compile_with_tfx(folder: Path, *, schema_2_1: bool) -> Spec:
    from tfx.components import CsvExampleGen, StatisticsGen
    from tfx.dsl.components.common.resolver import Resolver
    from tfx.dsl.input_resolution.strategies.latest_artifact_strategy import (
        LatestArtifactStrategy,
    )
    from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner
    from tfx.orchestration.pipeline import Pipeline
    from tfx.types import Channel, standard_artifacts

    examples = CsvExampleGen(input_base="/data")
    nodes = [
        examples,
        StatisticsGen(examples=examples.outputs["examples"]),
        Resolver(
            strategy_class=LatestArtifactStrategy, model=Channel(type=standard_artifacts.Model)
        ).with_id("latest_model"),
    ]
    config = kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(
        default_image="image:1", use_pipeline_spec_2_1=schema_2_1
    )
    runner = kubeflow_v2_dag_runner.KubeflowV2DagRunner(
        config=config, output_dir=str(folder), output_filename="stock.json"
    )
    runner.run(Pipeline("stock", "gs://bucket/root", components=nodes))
    return json.loads((folder / "stock.json").read_text())


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_stock_tfx_breaks_the_rules_that_it_is_said_to(tmp_path):
    by_default = broken_rules(compile_with_tfx(tmp_path, schema_2_1=False))
    asked_for_2_1 = broken_rules(compile_with_tfx(tmp_path, schema_2_1=True))

    in_any_case = {"bare-spec", "names", "executor-kind", "entry-point", "driver"}
    assert asked_for_2_1 == in_any_case
    assert by_default == in_any_case | {"schema-version", "input-source", "parameter-type"}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_stock_tfx_cannot_compile_an_infra_validator(tmp_path):
    from tfx.components import InfraValidator
    from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner
    from tfx.orchestration.pipeline import Pipeline
    from tfx.proto import infra_validator_pb2
    from tfx.types import Channel, standard_artifacts

    validator = InfraValidator(
        model=Channel(type=standard_artifacts.Model),
        serving_spec=infra_validator_pb2.ServingSpec(
            tensorflow_serving=infra_validator_pb2.TensorFlowServing(tags=["latest"])
        ),
    )
    runner = kubeflow_v2_dag_runner.KubeflowV2DagRunner(
        config=kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(default_image="image:1"),
        output_dir=str(tmp_path),
    )

    with pytest.raises((TypeError, ValueError, NotImplementedError, RuntimeError)):
        runner.run(Pipeline("stock", "gs://bucket/root", components=[validator]))
