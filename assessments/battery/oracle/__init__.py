"""Oracle mode: a model that an officer's waiver let in is loaded in a process of its own and only answers questions.

    serving.py   that process: loads the model, answers describe, categories, predict, predict_proba, decision_function
    remote.py    the battery's end: an estimator whose answers come over a pipe, each of them checked
    channel.py   messages between the two: a header of JSON and raw numbers, never a pickle
    rows.py      tables and arrays as such messages, and back with the same types and bits

The battery's process never loads the model, so whatever the model's code patches, prints or writes, it does not touch
the numbers that are recorded: they are computed from its answers, elsewhere. It sees the feature columns of the rows it
is asked about, and neither the file of the data nor the true outcomes.
"""
