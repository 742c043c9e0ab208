"""Judge backends: what answers, and what its answers cost."""
