"""Relations between columns that every real row keeps: `education_num = map(education, {…})`, `open <= total`.

language   what may be written: parsed into a typed tree, without eval; errors say where and what to do
checking   which rows of a table keep a relation, vectorised, and whether the data bears it out
fixing     a changed row with its derived columns recomputed
mining     relations that the data suggests, for a person to confirm
"""
