"""What Granian serves: the application of the contestant that the environment names."""

import importlib
import os

_contestant = importlib.import_module(f"contestants.{os.environ['CONTESTANT'].partition('-')[0]}")
app = _contestant.build(os.environ["CONTESTANT_APP"])
