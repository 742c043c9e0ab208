"""The judge backends that ship: importing one registers it.

A new backend is a module beside this one and a name in the import below.
"""

from adore.teacher.backends import evidence, openai, transformers, vllm
from adore.teacher.backends.base import BACKENDS

__all__ = ["BACKENDS", "evidence", "openai", "transformers", "vllm"]
