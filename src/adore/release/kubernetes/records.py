"""The record of a release on its cluster, and the plan of a promotion."""

from __future__ import annotations

import json

from adore.errors import check
from adore.release.kubernetes.config import Config
from adore.release.kubernetes.objects import GROUP, Object, Plan, make, with_metadata

__all__ = ["RELEASE_LABEL", "promote_variant", "record", "record_name", "router_config"]

RELEASE_LABEL = f"{GROUP}/release"
"""Label of a record and annotation of the router: the number of the release."""


def router_config(config: Config, plan: Plan, number: int) -> Object:
    """Make the router's ``experiment.json``.

    It is the plan with the variants' addresses in the cluster, timeout and release.

    Args:
        config: namespace, port and timeout.
        plan: from :func:`name_services`.
        number: number of the release.

    Returns:
        The configuration that the router reads at its start.
    """
    variants = {}
    for variant_name, variant_plan in plan["variants"].items():
        service_name = variant_plan["service"]
        address = f"http://{service_name}-predictor.{config.namespace}.svc"
        if config.port != 80:
            address = f"{address}:{config.port}"
        addresses = {
            "url": f"{address}/v1/models/{service_name}:predict",
            "ready": f"{address}/v2/models/{service_name}/ready",
        }
        variants[variant_name] = {**variant_plan, **addresses}
    experiment = {
        "name": plan["name"],
        "salt": plan["salt"],
        "weights": plan["weights"],
        "variants": variants,
        "timeout": config.timeout,
        "release": number,
    }
    return _with_exploration(experiment, plan)


def _with_exploration(experiment: Object, plan: Plan) -> Object:
    """An experiment with the plan's share of explored lists, if it has one."""
    if "explore" in plan:
        return {**experiment, "explore": plan["explore"]}
    return experiment


def promote_variant(plan: Plan, variant: str) -> Plan:
    """Make the plan in which one variant's model is the control and serves all shoppers.

    Lists are explored as before: the next round learns from this log.

    Args:
        plan: plan of the live release.
        variant: the variant whose model serves.

    Returns:
        A plan of one variant.

    Raises:
        ConfigError: the plan has no such variant.
    """
    check(
        variant in plan["variants"],
        "variant",
        variant,
        must=f"one of {sorted(plan['variants'])}",
        fix="choose one of them",
    )
    variant_plan = {**plan["variants"][variant]}
    variant_plan.pop("service", None)
    promoted = {
        "name": f"{variant_plan['version']}-alone",
        "salt": plan["salt"],
        "weights": {"control": 1.0},
        "variants": {"control": variant_plan},
    }
    return _with_exploration(promoted, plan)


def record_name(config: Config, number: int) -> str:
    """Return the name of a release's ConfigMap.

    Args:
        config: names the app.
        number: number of the release.

    Returns:
        The name.
    """
    return f"{config.app}-experiment-{number}"


def record(config: Config, plan: Plan, number: int) -> Object:
    """Make the ConfigMap that records a release.

    The router mounts it. It has everything that is needed to make this release again.

    Args:
        config: how the release is served.
        plan: from :func:`name_services`.
        number: number of the release.

    Returns:
        The object.
    """
    documents = {
        "experiment.json": json.dumps(router_config(config, plan, number), indent=1),
        "plan.json": json.dumps(plan),
        "config.json": config.model_dump_json(),
    }
    config_map = make(
        config,
        "ConfigMap",
        record_name(config, number),
        "experiment",
        immutable=True,
        data=documents,
    )
    return with_metadata(config_map, labels={RELEASE_LABEL: str(number)})
