"""How a teacher is examined: the held-out pairs, and the gate."""
