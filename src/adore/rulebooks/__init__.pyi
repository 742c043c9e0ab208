from .diff import BookComparison, compare_books
from .draft import nearest_book
from .lint import Issue, lint_file

__all__ = [
    "BookComparison",
    "Issue",
    "compare_books",
    "lint_file",
    "nearest_book",
]
