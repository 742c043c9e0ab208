"""The attributes room."""
