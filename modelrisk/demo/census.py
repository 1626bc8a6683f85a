"""A synthetic census-like table with one planted bias, so that an assessment has something true to find.

Each row is an invented person. Sex is drawn by itself: no other column depends on it, so men and women have the same
education, occupations, hours and marital status. Whether a person *merits* the label >50K depends on age, education,
occupation, hours, marital status and capital gain, never on sex or race. Then the bias is planted:

    a woman who merits >50K is given the label <=50K with probability PLANTED_FLIP = 0.40

Nothing else differs, so the true answer is known: women hold the label >50K at 0.60 times the rate of men, below the
four-fifths that fairness reviews ask for, and a model that sees the column `sex` learns it. Race is a control: no bias
is planted on it. Age is neither: older people merit the label more often, as in a real census, so the youngest groups
are selected rarely, and a reviewer has to judge that on its reason.

`python -m modelrisk.demo.census FILE` writes the table.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

PLANTED_FLIP = 0.40
TARGET, FAVOURABLE, UNFAVOURABLE = "income", ">50K", "<=50K"
SENSITIVE = ("sex", "race", "age")

# name: (years of schooling as the census codes them, share)
EDUCATION = {
    "10th": (6, 0.06),
    "HS-grad": (9, 0.33),
    "Some-college": (10, 0.23),
    "Assoc-voc": (11, 0.08),
    "Bachelors": (13, 0.20),
    "Masters": (14, 0.07),
    "Doctorate": (16, 0.03),
}
# name: (what it adds to the log-odds, how its share grows with a year of schooling above 10, share at 10 years)
OCCUPATION = {
    "Other-service": (-0.9, -0.25, 0.15),
    "Handlers-cleaners": (-0.7, -0.30, 0.09),
    "Machine-op-inspct": (-0.3, -0.25, 0.12),
    "Craft-repair": (0.1, -0.15, 0.18),
    "Adm-clerical": (0.0, 0.00, 0.16),
    "Sales": (0.3, 0.05, 0.14),
    "Tech-support": (0.6, 0.15, 0.04),
    "Exec-managerial": (1.1, 0.25, 0.08),
    "Prof-specialty": (0.8, 0.45, 0.04),
}
WORKCLASS = {"Private": 0.74, "Self-emp-not-inc": 0.09, "Local-gov": 0.07, "State-gov": 0.05, "Federal-gov": 0.05}
RACE = {"White": 0.80, "Black": 0.11, "Asian-Pac-Islander": 0.06, "Other": 0.03}
COUNTRY = {"United-States": 0.91, "Mexico": 0.03, "Philippines": 0.02, "Germany": 0.02, "India": 0.02}


def people(rows: int, rng: np.random.Generator) -> pd.DataFrame:
    """Columns and merit: `rows` invented persons, without the label."""
    age = np.clip(17 + rng.gamma(2.6, 8.5, rows), 17, 90).astype(int)
    education = rng.choice(list(EDUCATION), rows, p=[share for _, share in EDUCATION.values()])
    years = np.array([EDUCATION[name][0] for name in education])
    occupation = _occupations(years, rng)
    married = rng.random(rows) < np.clip((age - 20) / 25, 0.03, 0.62)
    single = np.where(rng.random(rows) < np.clip((age - 25) / 40, 0.0, 0.6), "Divorced", "Never-married")
    gain = np.where(rng.random(rows) < 0.08, np.round(rng.lognormal(8.4, 0.8, rows)), 0).clip(0, 99_999)
    loss = np.where((gain == 0) & (rng.random(rows) < 0.04), np.round(rng.normal(1_870, 250, rows)), 0).clip(0)
    return pd.DataFrame(
        {
            "age": age,
            "workclass": rng.choice(list(WORKCLASS), rows, p=list(WORKCLASS.values())),
            "education": education,
            "education_num": years,
            "marital_status": np.where(married, "Married-civ-spouse", single),
            "occupation": occupation,
            "race": rng.choice(list(RACE), rows, p=list(RACE.values())),
            "sex": rng.choice(["Male", "Female"], rows, p=[0.6, 0.4]),
            "capital_gain": gain.astype(int),
            "capital_loss": loss.astype(int),
            "hours_per_week": np.clip(np.round(rng.normal(40, 9, rows)), 5, 90).astype(int),
            "native_country": rng.choice(list(COUNTRY), rows, p=list(COUNTRY.values())),
        }
    )


def merit(table: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Who merits >50K, before the bias: booleans, drawn from log-odds that know neither sex nor race."""
    log_odds = (
        -3.0
        + 0.42 * (table["education_num"] - 10)
        + table["occupation"].map({name: effect for name, (effect, _, _) in OCCUPATION.items()})
        + 0.05 * (table["hours_per_week"] - 40)
        + 1.6 * (table["marital_status"] == "Married-civ-spouse")
        - 0.0022 * (table["age"] - 50) ** 2
        + 1.1
        + 3.0 * (table["capital_gain"] > 5_000)
    )
    return rng.random(len(table)) < 1 / (1 + np.exp(-1.25 * log_odds.to_numpy(float)))


def census(rows: int = 12_000, seed: int = 20_261_114) -> pd.DataFrame:
    """The whole table, bias planted; the same rows and seed give the same table."""
    rng = np.random.default_rng(seed)
    table = people(rows, rng)
    merited = merit(table, rng)
    flipped = (table["sex"] == "Female") & (rng.random(rows) < PLANTED_FLIP)
    table[TARGET] = np.where(merited & ~flipped, FAVOURABLE, UNFAVOURABLE)
    return table


def _occupations(years: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw each person's occupation, by inverse transform over shares that lean with schooling."""
    slope = np.array([growth for _, growth, _ in OCCUPATION.values()])
    share = np.array([at_ten for _, _, at_ten in OCCUPATION.values()])
    weight = share * np.exp(slope * (years[:, None] - 10))
    cumulative = np.cumsum(weight / weight.sum(axis=1, keepdims=True), axis=1)
    chosen = (rng.random(len(years))[:, None] > cumulative[:, :-1]).sum(axis=1)
    return np.array(list(OCCUPATION))[chosen]


if __name__ == "__main__":
    census().to_csv(Path(sys.argv[1]), index=False)
