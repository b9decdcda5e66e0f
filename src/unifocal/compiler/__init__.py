"""From one definition to gradients, native code and rendered mathematics.

lint.py       hold the definition to the contract of array names
trace.py      run it on SymPy symbols and differentiate it in closed form
printers.py   SymPy's printers, held to what they can print natively
docs.py       the docstrings of public functions
emit.py       one module of native code per backend
equations.py  the mathematics as Markdown, with formulas from latex.py
generate.py   write all generated files, or compare them
"""
