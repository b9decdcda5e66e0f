"""Loss and gradient of a volume far larger than memory, piece by piece.

Run it with ``python -m benchmarks.streaming``. The parts, one module each:

``volume``   the volume, of which any piece can be made, and what its loss and gradient are
``child``    one process that streams it and takes its own peak memory
``report``   JSON and Markdown

Nothing here imports a framework outside of a child process.
"""
