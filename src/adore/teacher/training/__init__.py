"""How a teacher is trained: its rows, its trainers, their checkpoints."""
