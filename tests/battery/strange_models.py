"""Classifiers that misbehave, importable by the battery's own process."""

import os
import time

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin


class Talker(ClassifierMixin, BaseEstimator):
    """Prints on every road to stdout, and tries to forge an event."""

    feature_names_in_ = np.array(["age"], dtype=object)
    classes_ = np.array(["no", "yes"], dtype=object)
    FORGED = '{"event": "finished"}'

    def __setstate__(self, state):
        print(self.FORGED)
        super().__setstate__(state)

    def predict(self, given):
        print(self.FORGED, flush=True)
        os.write(1, (self.FORGED + "\n").encode())
        os.system(f"echo '{self.FORGED}'")
        return np.where(given["age"] > 45, "yes", "no")


class Moody(Talker):
    """Answers the rows as they are, and raises for its scores."""

    FORGED = ""

    def predict_proba(self, given):
        raise RuntimeError("not in the mood")


class Quitter(Talker):
    FORGED = ""

    def predict_proba(self, given):
        raise SystemExit(0)


class Sleeper(Talker):
    FORGED = ""

    def predict_proba(self, given):
        try:
            time.sleep(60)
        except Exception:
            return np.full((len(given), 2), 0.5)
        return None


class Hanger(Talker):
    FORGED = ""

    def predict(self, given):
        time.sleep(60)


class Exploding(Talker):
    FORGED = ""

    def predict(self, given):
        raise KeyError("salary")


class Leaving(Talker):
    FORGED = ""

    def predict(self, given):
        raise SystemExit(3)
