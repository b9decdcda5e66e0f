"""Proofs: every claim and erratum of `unifocal_spec`, decided by running the definitions.

    prove.py        decide one statement or all, and print the table
    equality.py     claims: the difference of two losses is zero, or a witness shows it is not
    unreachable.py  no value of the unknowns makes two losses equal
    properties.py   errata: a property that one reading of an equation has and the other lacks
    assemble.py     definitions run on a generic pixel and class, and on whole losses
    free.py         symbols for what a claim leaves free
    decide.py       zero or not zero, positive or not: proof, witness, or an error

An outcome is proved or refuted; what cannot be decided raises.
"""
