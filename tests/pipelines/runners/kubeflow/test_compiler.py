"""What is compiled, for pipelines of ours and of others."""

import dataclasses
import itertools
import json
import sysconfig
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import components as kfp_components

from pipelines.errors import RingwayError, UsageError
from pipelines.flights.config import CONFIG as FLIGHTS
from pipelines.runners.kubeflow import arguments, rules
from pipelines.runners.kubeflow.compiler import CompiledPipeline, compile_pipeline, for_config
from pipelines.runners.kubeflow.settings import (
    Parameter,
    Resources,
    Secret,
    Settings,
    Target,
    Toleration,
    Volume,
    run_name,
    task_name,
)
from pipelines.taxi.config import CONFIG as TAXI
from pipelines.workspace import REPOSITORY, Workspace

IMAGE = "registry.example/ringway@sha256:" + "1" * 64
SETTINGS = Settings(
    image=IMAGE,
    pipeline_root="s3://bucket/root",
    metadata_secret=Secret(name="metadata"),
    volumes=(Volume(claim="work", path="/ringway-home"),),
)
ON_CLUSTER = Workspace(root=Path("/ringway-home"), metadata_url="sqlite:////ringway-home/m.sqlite")


def pipeline_of(components: list, name: str = "theirs") -> Any:
    from tfx.orchestration.pipeline import Pipeline

    return Pipeline(pipeline_name=name, pipeline_root="/ringway-home/x", components=components)


@pytest.fixture(scope="module")
def taxi() -> CompiledPipeline:
    return for_config("pipelines.taxi.pipeline", TAXI, ON_CLUSTER, SETTINGS)


def container(compiled: CompiledPipeline, task: str) -> dict[str, Any]:
    executors: dict[str, Any] = compiled.spec["deploymentSpec"]["executors"]
    return dict(executors[f"exec-{task}"]["container"])


def option(compiled: CompiledPipeline, task: str, name: str) -> str:
    args = container(compiled, task)["args"]
    return str(args[args.index(name) + 1])


def assert_accepted(compiled: CompiledPipeline) -> None:
    assert rules.check(compiled.spec, compiled.platform_spec) == ()
    kfp_components.load_component_from_text(compiled.to_yaml())


def test_taxi_is_what_a_server_accepts(taxi: CompiledPipeline) -> None:
    assert_accepted(taxi)


def test_tasks_come_in_the_pipeline_s_order_between_begin_and_finish(
    taxi: CompiledPipeline,
) -> None:
    assert next(iter(taxi.tasks)) == "begin"
    assert list(taxi.tasks)[-1] == "finish"
    assert taxi.tasks["statistics-gen"] == "StatisticsGen"
    assert taxi.upstream["begin"] == ()
    assert taxi.upstream["arrow-example-gen"] == ("begin",)
    assert "tuner" in taxi.upstream["trainer"]
    seen: set[str] = set()
    for name in taxi.tasks:
        assert set(taxi.upstream[name]) <= seen
        seen.add(name)
    reached = set(itertools.chain.from_iterable(taxi.upstream.values()))
    assert set(taxi.tasks) - reached == {"finish"}


def test_the_same_is_compiled_twice(taxi: CompiledPipeline) -> None:
    again = for_config("pipelines.taxi.pipeline", TAXI, ON_CLUSTER, SETTINGS)
    assert again.to_yaml() == taxi.to_yaml()


def test_no_path_of_this_machine_is_left(taxi: CompiledPipeline) -> None:
    assert str(REPOSITORY) not in taxi.to_yaml()
    assert sysconfig.get_path("purelib") not in taxi.to_yaml()
    assert "/opt/ringway/schemas/taxi/schema.pbtxt" in option(taxi, "import-schema-gen", "--ir")
    assert "package://tfx/examples/" in option(taxi, "arrow-example-gen", "--ir")


def test_the_metadata_store_s_password_is_nowhere() -> None:
    workspace = Workspace(root=Path("/ringway-home"), metadata_url="mysql://me:s3cret@db/ringway")
    compiled = for_config("pipelines.taxi.pipeline", TAXI, workspace, SETTINGS)
    assert "s3cret" not in compiled.to_yaml()


def test_flights_find_their_data_on_the_volume() -> None:
    config = dataclasses.replace(FLIGHTS, span_range="1:2")
    compiled = for_config("pipelines.flights.pipeline", config, ON_CLUSTER, SETTINGS)
    assert_accepted(compiled)
    assert "/ringway-home/data/flights" in option(compiled, "arrow-example-gen", "--ir")
    assert json.loads(option(compiled, "begin", "--ir"))["config"]["data_root"] == ""


def test_parameters_have_types_and_defaults(taxi: CompiledPipeline) -> None:
    defined = taxi.spec["root"]["inputDefinitions"]["parameters"]
    assert defined == {
        name: {"parameterType": "NUMBER_INTEGER", "defaultValue": default, "isOptional": True}
        for name, default in (("epochs", 12), ("batch_size", 256), ("seed", 0))
    }
    inputs = taxi.spec["components"]["comp-trainer"]["inputDefinitions"]["parameters"]
    assert set(inputs) == {"ringway_run", "epochs", "batch_size", "seed"}
    assert taxi.parameters["epochs"].default == 12


def test_a_parameter_without_a_target_in_the_pipeline_is_refused() -> None:
    import toy_components as toys

    def compiled(node: str, name: str) -> None:
        aimed = Parameter(
            name="n", type="int", default=1, targets=(Target(node=node, property=name),)
        )
        compile_pipeline(pipeline_of([toys.Source(number=1)]), SETTINGS, parameters=(aimed,))

    with pytest.raises(UsageError, match=r"there is no node 'Sorce'. The pipeline's nodes: Source"):
        compiled("Sorce", "number")
    with pytest.raises(RingwayError, match=r"there is no Source\.numbr that it could set"):
        compiled("Source", "numbr")


def test_kubernetes_is_told_of_volumes_secrets_and_resources() -> None:
    settings = dataclasses.replace(
        SETTINGS,
        resources={
            "Trainer": Resources(cpu="500m", memory="8Gi", gpu=1),
            "*": Resources(memory="2G"),
        },
        tolerations=(Toleration(key="gpu", effect="NoSchedule"),),
        node_selector={"pool": "train"},
        secrets=(Secret(name="store", key="access", variable="AWS_ACCESS_KEY_ID"),),
        image_pull_secrets=("pull",),
        retries=2,
        env={"PYTHONPATH": "/mine", "A": "b"},
    )
    compiled = for_config("pipelines.taxi.pipeline", TAXI, ON_CLUSTER, settings)
    assert_accepted(compiled)
    trainer = container(compiled, "trainer")
    assert trainer["resources"]["resourceMemoryLimit"] == "8Gi"
    assert trainer["resources"]["memoryLimit"] == pytest.approx(8 * 1.073741824)
    assert trainer["resources"]["cpuLimit"] == 0.5
    assert trainer["resources"]["accelerator"]["resourceType"] == "nvidia.com/gpu"
    assert container(compiled, "tuner")["resources"]["resourceMemoryLimit"] == "2G"
    assert {"name": "PYTHONPATH", "value": "/opt/ringway:/mine"} in trainer["env"]
    assert {"name": "RINGWAY_HOME", "value": "/ringway-home"} in trainer["env"]
    assert compiled.platform_spec is not None
    kubernetes = compiled.platform_spec["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert kubernetes["exec-trainer"]["pvcMount"][0]["mountPath"] == "/ringway-home"
    variables = [s["keyToEnv"][0]["envVar"] for s in kubernetes["exec-trainer"]["secretAsEnv"]]
    assert variables == ["RINGWAY_METADATA_URL", "AWS_ACCESS_KEY_ID"]
    assert kubernetes["exec-trainer"]["tolerations"] == [
        {"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}
    ]
    tasks = compiled.spec["root"]["dag"]["tasks"]
    assert tasks["trainer"]["retryPolicy"]["maxRetryCount"] == 2


def test_without_anything_of_kubernetes_there_is_one_document() -> None:
    import toy_components as toys

    settings = Settings(image=IMAGE, pipeline_root="gs://bucket/root")
    compiled = compile_pipeline(pipeline_of([toys.Source(number=1)]), settings)
    assert compiled.platform_spec is None
    assert len(list(yaml.safe_load_all(compiled.to_yaml()))) == 1
    assert_accepted(compiled)


def test_with_an_exit_handler_finish_follows_one_task_that_holds_all_others() -> None:
    settings = dataclasses.replace(SETTINGS, exit_handler=True)
    compiled = for_config("pipelines.taxi.pipeline", TAXI, ON_CLUSTER, settings)
    assert_accepted(compiled)
    tasks = compiled.spec["root"]["dag"]["tasks"]
    assert set(tasks) == {"nodes", "finish"}
    assert tasks["finish"]["dependentTasks"] == ["nodes"]
    assert tasks["finish"]["triggerPolicy"] == {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}


def test_a_stock_pipeline_compiles_with_all_that_stock_tfx_s_output_fails_on() -> None:
    import toy_components as toys
    from tfx.components.example_gen.csv_example_gen.component import CsvExampleGen
    from tfx.components.infra_validator.component import InfraValidator
    from tfx.components.statistics_gen.component import StatisticsGen
    from tfx.dsl.components.common.importer import Importer
    from tfx.dsl.components.common.resolver import Resolver
    from tfx.dsl.experimental.conditionals import conditional
    from tfx.dsl.input_resolution.strategies.latest_artifact_strategy import LatestArtifactStrategy
    from tfx.orchestration.data_types import RuntimeParameter
    from tfx.proto import example_gen_pb2, infra_validator_pb2
    from tfx.types import standard_artifacts
    from tfx.types.channel import Channel

    spans = example_gen_pb2.Input.Split(name="rows", pattern="span-{SPAN}/*")
    examples = CsvExampleGen(
        input_base="/ringway-home/data",
        input_config=example_gen_pb2.Input(splits=[spans]),
    )
    statistics = StatisticsGen(examples=examples.outputs["examples"])
    latest = Resolver(
        strategy_class=LatestArtifactStrategy, model=Channel(type=standard_artifacts.Model)
    ).with_id("latest_model_resolver")
    imported = Importer(
        source_uri="gs://bucket/schema", artifact_type=standard_artifacts.Schema
    ).with_id("schema.importer")
    number = RuntimeParameter(name="number", ptype=int, default=7)
    source = toys.Source(number=number)
    with conditional.Cond(latest.outputs["model"].future()[0].uri != ""):
        validator = InfraValidator(
            model=latest.outputs["model"],
            serving_spec=infra_validator_pb2.ServingSpec(
                tensorflow_serving=infra_validator_pb2.TensorFlowServing(tags=["latest"]),
                kubernetes=infra_validator_pb2.KubernetesConfig(),
            ),
        )
    pipeline = pipeline_of([examples, statistics, latest, imported, source, validator])
    compiled = compile_pipeline(pipeline, SETTINGS)
    assert_accepted(compiled)
    assert set(compiled.tasks) == {
        "begin",
        "csv-example-gen",
        "statistics-gen",
        "latest-model-resolver",
        "schema-importer",
        "source",
        "infra-validator",
        "finish",
    }
    assert compiled.upstream["infra-validator"] == ("latest-model-resolver",)
    assert compiled.parameters["number"] == Parameter(name="number", type="int", default=7)


@pytest.mark.parametrize("path", ["/srv/me/rows", "file:///srv/me/rows", "/ringway-homes/rows"])
def test_a_path_that_no_task_finds_is_refused_by_name(path: str) -> None:
    import toy_components as toys

    def pipeline() -> Any:
        source = toys.Source(number=1)
        return pipeline_of([source, toys.Hang(data=source.outputs["data"], flag=path)])

    with pytest.raises(UsageError, match=f"Node Hang: {path} is a path of this machine"):
        compile_pipeline(pipeline(), SETTINGS)
    there = dataclasses.replace(SETTINGS, image_paths=("/srv/me", "/ringway-homes"))
    assert_accepted(compile_pipeline(pipeline(), there))


def test_paths_among_beam_s_options_are_mapped_too() -> None:
    config = dataclasses.replace(TAXI, beam_args=(f"--setup_file={REPOSITORY}/setup.py",))
    compiled = for_config("pipelines.taxi.pipeline", config, ON_CLUSTER, SETTINGS)
    told = arguments.unpack(option(compiled, "statistics-gen", "--ir"))
    assert "--setup_file=/opt/ringway/setup.py" in json.dumps(told)
    assert str(REPOSITORY) not in json.dumps(told)
    config = dataclasses.replace(TAXI, beam_args=("--temp_location=/srv/me/scratch",))
    with pytest.raises(UsageError, match="--temp_location=/srv/me/scratch is a path"):
        for_config("pipelines.taxi.pipeline", config, ON_CLUSTER, SETTINGS)


def test_a_path_in_a_configuration_is_refused_too(tmp_path: Path) -> None:
    config = dataclasses.replace(TAXI, data_root=str(tmp_path))
    with pytest.raises(UsageError, match="is a path of this machine"):
        for_config("pipelines.taxi.pipeline", config, ON_CLUSTER, SETTINGS)


def test_what_templates_would_change_travels_compressed() -> None:
    import toy_components as toys

    def told(flag: str) -> str:
        source = toys.Source(number=1)
        node = toys.Hang(data=source.outputs["data"], flag=flag)
        compiled = compile_pipeline(pipeline_of([source, node]), SETTINGS)
        assert_accepted(compiled)
        return option(compiled, "hang", "--ir")

    for flag in ("{{workflow.name}}", "$(HOSTNAME)", "$$", "x" * 10_000):
        assert told(flag).startswith("zlib:")
        node = arguments.unpack(told(flag))["nodes"][0]["pipelineNode"]
        value = node["parameters"]["parameters"]["flag"]["fieldValue"]["stringValue"]
        assert value == flag
    assert told("plain").startswith("{")


def test_what_is_too_long_for_an_argument_is_refused() -> None:
    import secrets

    import toy_components as toys

    source = toys.Source(number=1)
    node = toys.Hang(data=source.outputs["data"], flag=secrets.token_hex(100_000))
    with pytest.raises(RingwayError, match=r"Node Hang: its definition takes [\d,]+ bytes"):
        compile_pipeline(pipeline_of([source, node]), SETTINGS)


def test_a_name_that_kubeflow_refuses_is_refused() -> None:
    import toy_components as toys

    with pytest.raises(UsageError, match="'My_Pipeline': expected a name"):
        compile_pipeline(pipeline_of([toys.Source(number=1)], "My_Pipeline"), SETTINGS)


def test_a_node_with_an_image_of_its_own_is_refused() -> None:
    from tfx.dsl.component.experimental.container_component import create_container_component

    made = create_container_component(name="Shell", image="alpine", command=["true"])
    with pytest.raises(UsageError, match="Node Shell: it runs an image of its own"):
        compile_pipeline(pipeline_of([made()]), SETTINGS)


def test_nodes_whose_names_would_collide_get_tasks_of_their_own() -> None:
    import toy_components as toys

    nodes = [toys.Source(number=n).with_id(name) for n, name in enumerate(("a_b", "a.b", "Begin"))]
    compiled = compile_pipeline(pipeline_of(nodes), SETTINGS)
    assert_accepted(compiled)
    assert sorted(compiled.tasks) == ["a-b", "a-b-2", "begin", "begin-2", "finish"]


@pytest.mark.parametrize(
    ("node_id", "expected"),
    [
        ("StatisticsGen", "statistics-gen"),
        ("latest_blessed_model_resolver", "latest-blessed-model-resolver"),
        ("Trainer.v2", "trainer-v2"),
        ("2nd", "node-2nd"),
        ("TaxiDriver", "taxi-driver-node"),
    ],
)
def test_task_names(node_id: str, expected: str) -> None:
    assert task_name(node_id) == expected


def test_a_run_has_the_pipeline_s_name_and_the_server_s_uuid() -> None:
    assert run_name("taxi", "3f2a") == "taxi-3f2a"


def test_settings_say_what_is_wrong() -> None:
    with pytest.raises(UsageError, match="workspace: expected an absolute path, received 'home'"):
        Settings(image=IMAGE, workspace="home")
    with pytest.raises(UsageError, match="Parameter n: expected a default of type int"):
        Parameter(name="n", type="int", default="1")
    settings = dataclasses.replace(SETTINGS, resources={"*": Resources(memory="8 GB")})
    with pytest.raises(UsageError, match="memory: expected a quantity such as 8G or 512Mi"):
        for_config("pipelines.taxi.pipeline", TAXI, ON_CLUSTER, settings)
