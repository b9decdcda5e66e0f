"""What does somebody else's loss compute? Its conventions, named, and the golden vectors it gives.

| place            | what it holds                                                            |
|------------------|--------------------------------------------------------------------------|
| `foreign.py`     | finding a function, feeding it in the form it wants, checking its result |
| `conventions.py` | the table of what implementations do differently; add a convention here  |
| `reading.py`     | the numbers that a combination of conventions gives                      |
| `probes.py`      | the calls on which every two combinations differ                         |
| `search.py`      | the combination that gives a function's numbers                          |
| `inspection.py`  | the whole inspection, with the golden vectors                            |
| `report.py`      | its result as text                                                       |
"""

from unifocal.conformance.foreign import ConformanceError, find
from unifocal.conformance.inspection import GoldenResult, Report, inspect
from unifocal.conformance.report import text
from unifocal.conformance.search import Finding

__all__ = ["ConformanceError", "Finding", "GoldenResult", "Report", "find", "inspect", "text"]
