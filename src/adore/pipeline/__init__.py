"""The loop: its graph, the runner of a step, and what runs it on a laptop and on a cluster."""
