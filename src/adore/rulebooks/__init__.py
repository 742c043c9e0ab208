"""The rule books that ship, and the tools that draft, check and compare rule books."""
