"""Trains a classifier of handwritten digits and a ranker made from it, and writes them as MLServer serves them.

Usage: mlserver_models.py FOLDER HTTP_PORT GRPC_PORT METRICS_PORT plain|better
"""

import json
import sys
from pathlib import Path

import joblib
from mlserver_ranked import Ranked
from sklearn.datasets import load_digits
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier


def main(folder, http_port, grpc_port, metrics_port, kind):
    images, labels = load_digits(return_X_y=True)
    # Every third image is kept for the users.
    train = [place for place in range(len(images)) if place % 3]
    classifier = {"plain": GaussianNB(), "better": KNeighborsClassifier(3)}[kind]
    classifier.fit(images[train], labels[train])
    settings = {
        "host": "127.0.0.1",
        "http_port": int(http_port),
        "grpc_port": int(grpc_port),
        "metrics_port": int(metrics_port),
        "parallel_workers": 0,
    }
    Path(folder).mkdir()
    Path(folder, "settings.json").write_text(json.dumps(settings))
    for name, model in [("digits", classifier), ("ranker", Ranked(classifier))]:
        home = Path(folder, name)
        home.mkdir()
        joblib.dump(model, home / "model.joblib")
        described = {
            "name": name,
            "implementation": "mlserver_sklearn.SKLearnModel",
            "parameters": {"uri": "./model.joblib", "version": "v1"},
        }
        (home / "model-settings.json").write_text(json.dumps(described))


main(*sys.argv[1:])
