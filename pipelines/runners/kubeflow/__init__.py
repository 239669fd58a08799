"""Pipelines on Kubeflow: `compiler` makes what is submitted, `task` is what its containers run."""
