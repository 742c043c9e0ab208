"""The teacher room."""
