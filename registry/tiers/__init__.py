"""How much depends on a model, and what could go wrong with it: a tier from answers, by a matrix kept as data.

matrix    reads registry/tiering.json and computes; pure
rules     who may rate, confirm and refuse
actions   rate_model, confirm_rating, refuse_rating
gate      the lightest process takes a confirmed rating
"""
