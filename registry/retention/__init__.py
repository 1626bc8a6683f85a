"""How long files are kept, what keeps them longer, and how they go: never by accident, never without a trace.

rules      reads registry/retention.json; pure
uses       what a stored file serves; other apps say what they use it for, as gates do for approvals
standing   uses, holds and rules together: what keeps a file now, or why it is due
holds      place a legal hold, lift it
purging    ask for a purge, confirm it as a second person, carry it out
nightly    tells of what is due, ends what was confirmed; purges by itself only where a rule says so

Only the bytes of model and data files go. Their rows stay, with digest and size; so do decisions, dossiers, findings,
results and the audit trail, which no part of this can reach.
"""
