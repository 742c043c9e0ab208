"""Checks what a machine or a cluster has and lacks, with a fix for each fault."""
