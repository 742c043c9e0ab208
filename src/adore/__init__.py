"""ADORE: a search-relevance model for any shop.

From a rule book, a teacher and shoppers' behaviour.
"""

__all__ = ["__version__"]
__version__ = "0.1.0"
