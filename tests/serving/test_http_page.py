"""The HTTP reference shows what the servers really answer."""

from __future__ import annotations

from docs import http_examples

from adore.release.local import LocalTarget


def test_every_example_of_the_page_is_answered_so(target: LocalTarget) -> None:
    made = http_examples.page(http_examples.addresses_of(target))
    assert http_examples.PAGE.read_text("utf-8") == made, "run `make reference`"
