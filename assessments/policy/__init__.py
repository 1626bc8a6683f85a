"""Policies in versions: what a document may say, where a criterion holds, what is in force, what a change would do."""
