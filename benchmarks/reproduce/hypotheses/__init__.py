"""What the paper says, registered as hypotheses before the runs, and what the runs say to it.

hypotheses.yaml   the statements, each with its data, its test, and its family of tests
observations.py   finished jobs as one table: a row for each job, case and class
contrasts.py      paired differences between conditions, per case or per fold
statistics.py     tests, intervals, corrections, and what a sample can resolve
evidence.py       what a data set says to a hypothesis
verdicts.py       supported, contradicted, not resolved, or no data
"""

from benchmarks.reproduce.hypotheses.observations import load, observations
from benchmarks.reproduce.hypotheses.verdicts import Verdict, judge, registered

__all__ = ["Verdict", "judge", "load", "observations", "registered"]
