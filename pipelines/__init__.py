"""KFP pipelines; they import components only."""
