"""What is installed, reachable and missing on this machine or on a cluster, each with the fix."""
