"""The thirteen questions of an auditor (governance, 3.3): each is one page and one call.

asked         the list, with where each is answered
past          findings as they stood on a past day
standing      exceptions that ended and models without a current approval, in use all the same
population    every decision of a period, as CSV with control totals
reproduction  one result again: the command, its inputs by hash, and runs that repeated it
"""
