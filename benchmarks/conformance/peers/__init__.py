"""One module per library: each of its losses as a function of NumPy arrays.

Every function takes our hyperparameters where the library has them. What the library needs to take
logits and class indices is asked for; everything else is its default. A module imports its library,
so it can only be imported where that is installed.
"""
