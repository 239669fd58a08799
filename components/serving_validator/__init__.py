"""Asks of a model, before it is pushed, that the model server answers as it does offline.

validator = ServingValidator(model=trainer.outputs["model"], examples=gen.outputs["examples"])
Pusher(infra_blessing=validator.outputs["blessing"], ...)
"""

from components.serving_validator.component import ServingValidator

__all__ = ["ServingValidator"]
