"""The gate: what a model file would do, read without doing it, and the loading of what is allowed.

    container.py   bytes of a joblib file, decompressed within bounds
    reader.py      an inert pickle machine: names and values, nothing imported, nothing called
    values.py      dtypes, arrays and scalars out of inert values
    policy.py      the allow-lists (allowlists/*.json, reviewed, one per library version) and what is known to be bad
    checks.py      what may be made, called and put into which state, by rules.py (calls), states.py (settings),
                   trees.py and structures.py (what compiled code follows), boosters.py
    loader.py      objects out of what was read and checked: one parser, so the two cannot disagree
    scan.py        the answer of --scan
    regenerate.py  the allow-lists, from the installed libraries, and what changed in them

Runs in the sandbox only, and is no boundary itself: the sandbox is. See docs/gate.md.
"""
