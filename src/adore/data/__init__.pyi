from .check import check_folder
from .tables import (
    read_items,
    read_judgements,
    read_pairs,
    read_scores,
    read_table_file,
)

__all__ = [
    "check_folder",
    "read_items",
    "read_judgements",
    "read_pairs",
    "read_scores",
    "read_table_file",
]
