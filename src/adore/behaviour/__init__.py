"""The behaviour room."""
