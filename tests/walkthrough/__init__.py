"""The auditor: evidence packs, the walk through one decision, the questions."""
