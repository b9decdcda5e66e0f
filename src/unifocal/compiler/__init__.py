"""From one definition to proofs, gradients, native code and rendered mathematics.

    lint.py        hold the definition to the contract of array names
    trace.py       run it on SymPy symbols and differentiate it in closed form
    printers.py    SymPy's printers, held to what they can print natively
    emit.py        one module of native code per backend
    generate.py    write all generated files, or compare them
    prove.py       decide every claim of `unifocal_spec.claims` and `unifocal_spec.errata`
    equations.py   the mathematics as Markdown with LaTeX
"""
