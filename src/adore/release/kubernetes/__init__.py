"""The Kubernetes target: what a release is on a cluster, and how it gets there."""
