"""What an auditor asks of one decision: on what it rests, whether that is still the same, and what happened since.

scope      every row that concerns a version, whatever table it is in
since      what happened to these rows after the decision, in order
identity   whether stored files and recorded results are, byte for byte, what was decided on
conflicts  who had which part, and whether these were different people
"""
