"""What does somebody else's loss compute? Its conventions, named, and the golden vectors it gives.

| place            | what it holds                                                            |
|------------------|--------------------------------------------------------------------------|
| `foreign.py`     | finding a function, feeding it in the form it wants, checking its result |
| `conventions.py` | the table of what implementations do differently; add a convention here  |
| `reading.py`     | the numbers that a combination of conventions gives                      |
| `probes.py`      | the calls on which every two combinations differ                         |
| `search.py`      | the combination that gives a function's numbers                          |
| `vectors.py`     | the golden vectors, as far as a signature can ask for them               |
| `inspection.py`  | the whole inspection                                                     |
| `report.py`      | its result as text                                                       |
"""

from unifocal.conformance.foreign import ConformanceError, find
from unifocal.conformance.inspection import Report, inspect
from unifocal.conformance.report import text
from unifocal.conformance.search import Finding
from unifocal.conformance.vectors import GoldenResult

__all__ = ["ConformanceError", "Finding", "GoldenResult", "Report", "find", "inspect", "text"]
