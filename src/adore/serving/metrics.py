"""What the router counts, in Prometheus' format."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from adore.serving.exposure import Log, Shipper

__all__ = ["Metrics"]

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds."""


class Metrics:
    """One router's counters, in a registry of their own.

    Args:
        variants: their names; each has its zeros from the start, so that a first failure
            is seen as a rise.
        logs: their size, and what they had to delete, are metrics as well.
        shipper: so are its failures. None: nobody ships, so all that is logged is backlog.
    """

    def __init__(
        self,
        variants: Iterable[str],
        logs: Sequence[Log],
        shipper: Shipper | None = None,
    ) -> None:
        self.registry = CollectorRegistry()
        self.requests = self._counter(
            "adore_requests", "Lists ranked, by assigned and serving variant.", "served"
        )
        self.degraded = self._counter(
            "adore_degraded",
            "Answers that another than the assigned variant gave, or none.",
        )
        self.mismatches = self._counter(
            "adore_mismatch",
            "Answers of another model version than the experiment names for the serving variant.",
        )
        self.failures = self._counter(
            "adore_variant_failures", "Requests that a variant did not answer rightly."
        )
        self.lost = self._counter(
            "adore_exposures_lost", "Answers whose exposure the disk refused."
        )
        self.explored = self._counter(
            "adore_explored", "Lists shown with neighbours swapped at random."
        )
        self.seconds = Histogram(
            "adore_request_seconds",
            "Seconds from request to answer, the exposure on disk included.",
            ["variant"],
            registry=self.registry,
            buckets=BUCKETS,
        )
        # A counter without a label is absent; with its zero, a first failure is a rise.
        for variant in variants:
            for counter in (
                self.degraded,
                self.mismatches,
                self.failures,
                self.lost,
                self.explored,
            ):
                counter.labels(variant)

        def shipping_failures() -> float:
            if shipper is None:
                return 0
            return shipper.failures

        self._gauge(
            "adore_exposure_backlog_bytes",
            "Bytes of logs that lie here only.",
            lambda: sum(log.size() for log in logs),
        )
        self._gauge(
            "adore_log_dropped_bytes",
            "Bytes of the oldest pieces, deleted unshipped to make room.",
            lambda: sum(log.dropped for log in logs),
        )
        self._gauge(
            "adore_shipping_failures",
            "Shipments that failed so far.",
            shipping_failures,
        )

    def _gauge(self, name: str, description: str, value: Callable[[], float]) -> None:
        gauge = Gauge(name, description, registry=self.registry)
        gauge.set_function(value)

    def _counter(self, name: str, description: str, *more_labels: str) -> Counter:
        labels = ["variant", *more_labels]
        return Counter(name, description, labels, registry=self.registry)

    def answered(self, variant: str, served: str, *, matches: bool) -> None:
        """Count one answer.

        Args:
            variant: the one that the client is assigned to.
            served: the one that answered; ``none``: the items went out as they came.
            matches: whether the model's version is the one that the experiment names.
        """
        self.requests.labels(variant, served).inc()
        if served != variant:
            self.degraded.labels(variant).inc()
        if not matches:
            self.mismatches.labels(variant).inc()
