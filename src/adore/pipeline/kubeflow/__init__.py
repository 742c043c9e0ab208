"""Kubeflow Pipelines: where steps run, and how a run is started and followed."""
