"""Judges the live experiment and, if asked, promotes or rolls back."""

from kfp import dsl

from components import image

__all__ = ["review"]


@dsl.component(base_image=image("student"), install_kfp_package=False)
def review(profile: str, act: bool, result: dsl.Output[dsl.Artifact]) -> str:
    """Judges the live experiment and, if asked, promotes or rolls back; what was decided."""
    import json

    from adore.pipeline.cluster import review as judge
    from adore.pipeline.component import quiet, report_failure

    quiet()
    with report_failure("review"):
        found = judge(profile, act=act)
    result.metadata["display_name"] = "decision"
    with open(result.path, "w", encoding="utf-8") as file:  # noqa: PTH123
        json.dump(found, file, indent=1)
    return str(found["decision"]["action"])
