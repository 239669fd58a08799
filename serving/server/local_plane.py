"""Answers requests with the models of this process.

From a message to arrays and back is for `serving.wire.inference`, merging and computing for
`serving.server.batching`, versions for `serving.server.models`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, cast

from serving.data_plane import REST, CallContext, with_inputs
from serving.server.batching.scheduler import BatchScheduler
from serving.server.models.manager import Lease, ModelManager
from serving.server.served_model import ServedModel
from serving.wire import inference, tensors
from serving.wire.errors import invalid
from serving.wire.messages import (
    ClassificationResponse,
    GetModelMetadataResponse,
    MultiInferenceResponse,
    PredictResponse,
    RegressionResponse,
    ReloadConfigResponse,
)
from serving.wire.specs import Signature

SIGNATURE_DEF = "signature_def"  # the one field that GetModelMetadata knows


class LocalPlane:
    """A `DataPlane` over loaded model versions.

    Args:
        manager: Holds the versions.
        check_method_name: Whether a signature's method_name must fit the call.
        outputs_as_content: Whether Predict answers numbers as raw bytes.
        counters: Reads the server's counters by name, for ReloadConfigRequest's `metric_names`.
    """

    def __init__(
        self,
        manager: ModelManager,
        *,
        check_method_name: bool = False,
        outputs_as_content: bool = False,
        counters: Callable[[], Mapping[str, float]] = dict,
    ) -> None:
        self._manager = manager
        self._check_method_name = check_method_name
        self._outputs_as_content = outputs_as_content
        self._counters = counters

    async def predict(self, request: Any, context: CallContext) -> Any:
        """Answers a PredictRequest with a PredictResponse."""
        with _leased(self._manager, request) as lease:
            signature = inference.predict_signature(
                lease.servable.signatures,
                request.model_spec,
                check_method_name=self._check_method_name,
            )
            outputs = await _scheduler(lease, context).run(
                signature.name,
                _inputs(request, signature, context),
                inference.output_names(request.output_filter, signature),
                deadline=context.deadline,
            )
            response = PredictResponse()
            _resolve(response.model_spec, lease, signature.name)
            # JSON is written from bytes in half the time.
            as_content = self._outputs_as_content or context.entrypoint == REST
            for name, array in outputs.items():
                tensors.fill(response.outputs[name], array, as_content=as_content)
            return response

    async def classify(self, request: Any, context: CallContext) -> Any:
        """Answers a ClassificationRequest with a ClassificationResponse."""
        find, response = inference.classify_signature, ClassificationResponse()
        return await self._infer(find, _classification, request, response, context)

    async def regress(self, request: Any, context: CallContext) -> Any:
        """Answers a RegressionRequest with a RegressionResponse."""
        find, response = inference.regress_signature, RegressionResponse()
        return await self._infer(find, _regression, request, response, context)

    async def multi_inference(self, request: Any, context: CallContext) -> Any:
        """Answers a MultiInferenceRequest with a MultiInferenceResponse."""
        inference.check_tasks(request.tasks)
        if not request.tasks:
            raise invalid("Inference request tasks is empty.")
        with self._manager.acquire(request.tasks[0].model_spec) as lease:
            signatures = inference.task_signatures(
                lease.servable.signatures,
                request.tasks,
                check_method_name=self._check_method_name,
            )
            results = await asyncio.gather(
                *(
                    _COMPUTE[task.method_name](lease, signature.name, request.input, context)
                    for task, signature in zip(request.tasks, signatures, strict=True)
                )
            )
            response = MultiInferenceResponse()
            for task, signature, computed in zip(request.tasks, signatures, results, strict=True):
                result = response.results.add()
                _resolve(result.model_spec, lease, signature.name)
                if task.method_name == inference.CLASSIFY_METHOD:
                    result.classification_result.CopyFrom(computed)
                else:
                    result.regression_result.CopyFrom(computed)
            return response

    async def get_model_metadata(self, request: Any, context: CallContext) -> Any:
        """Answers a GetModelMetadataRequest with a GetModelMetadataResponse."""
        if not request.HasField("model_spec"):
            raise invalid("Missing ModelSpec")
        if not request.metadata_field:
            raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != SIGNATURE_DEF:
                raise invalid(f"Metadata field {field} is not supported")
        with self._manager.acquire(request.model_spec) as lease:
            response = GetModelMetadataResponse()
            _resolve(response.model_spec, lease, "")
            response.metadata[SIGNATURE_DEF].Pack(lease.servable.signature_def_map)
            return response

    async def get_model_status(self, request: Any, context: CallContext) -> Any:
        """Answers a GetModelStatusRequest with a GetModelStatusResponse."""
        return self._manager.status(request)

    async def reload_config(self, request: Any, context: CallContext) -> Any:
        """Answers a ReloadConfigRequest with a ReloadConfigResponse, once new models serve."""
        before = self._counters()
        await self._manager.reload(request.config)
        after = self._counters()
        response = ReloadConfigResponse()
        response.status.SetInParent()
        for name in request.metric_names:
            if name in after:
                increase = after[name] - before.get(name, 0)
                response.metric.add(name=name, int64_value_increase=int(increase))
        return response

    async def signature(self, model_spec: Any) -> tuple[int, Any]:
        """Returns the version that a ModelSpec means now, and its SignatureDef."""
        with self._manager.acquire(model_spec) as lease:
            name = inference.signature_name(model_spec)
            known = lease.servable.signature_def_map.signature_def
            if name not in known:
                raise invalid(f'Serving signature name: "{name}" not found in signature def')
            return lease.version, known[name]

    async def ready(self) -> bool:
        """Returns whether every configured model has a version that answers."""
        return self._manager.ready()

    async def _infer(
        self, find: Any, compute: Any, request: Any, response: Any, context: CallContext
    ) -> Any:
        """Fills the response to one of the two calls on examples."""
        with _leased(self._manager, request) as lease:
            signature = find(
                lease.servable.signatures,
                request.model_spec,
                check_method_name=self._check_method_name,
            )
            result = await compute(lease, signature.name, request.input, context)
            response.result.CopyFrom(result)
            _resolve(response.model_spec, lease, signature.name)
            return response


def _leased(manager: ModelManager, request: Any) -> Lease:
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    return manager.acquire(request.model_spec)


def _scheduler(lease: Lease, context: CallContext) -> BatchScheduler:
    served = cast(ServedModel, lease.servable)
    return served.background if context.background else served.scheduler


def _resolve(model_spec: Any, lease: Lease, signature: str) -> None:
    model_spec.name = lease.name
    model_spec.version.value = lease.version
    model_spec.signature_name = signature


def _inputs(request: Any, signature: Signature, context: CallContext) -> Mapping[str, Any]:
    given = context.inputs
    if given is None or given.keys() != signature.inputs.keys():
        return inference.predict_inputs(with_inputs(request, context), signature)
    # They were made for the version that answered a moment ago.
    inference.check_types(given, signature)
    return given


async def _classification(lease: Lease, signature: str, given: Any, context: CallContext) -> Any:
    outputs, count = await _on_examples(lease, signature, given, context)
    return inference.classification_result(outputs, count)


async def _regression(lease: Lease, signature: str, given: Any, context: CallContext) -> Any:
    outputs, count = await _on_examples(lease, signature, given, context)
    return inference.regression_result(outputs, count)


_COMPUTE = {
    inference.CLASSIFY_METHOD: _classification,
    inference.REGRESS_METHOD: _regression,
}


async def _on_examples(
    lease: Lease, signature: str, given: Any, context: CallContext
) -> tuple[Any, int]:
    examples = inference.example_inputs(given)
    outputs = await _scheduler(lease, context).run(
        signature, {inference.EXAMPLES: examples}, deadline=context.deadline
    )
    return outputs, len(examples)
