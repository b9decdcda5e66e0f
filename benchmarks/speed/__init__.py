"""Time and memory of every loss, on every backend and in every mode, beside other libraries'.

Run it with ``python -m benchmarks.speed``. The parts, one module each:

``workloads``  the arrays
``subjects``   what is measured: our losses and other libraries', in one table
``targets``    the ratios that are promised, and their limits
``figures``    what the measurements say about a target
``runtimes``   how each framework gives a value and a gradient
``timing``     seconds, subjects in turn
``memory``     the peak of one call, and what is kept for backward
``bandwidth``  the machine's copy bandwidth, and the time that follows from it
``child``      one process of measurements
``run``        which processes are needed, and which are finished
``report``     JSON and Markdown, and ``plots`` the pictures

Nothing here imports a framework outside of a child process.
"""
