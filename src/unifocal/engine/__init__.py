"""What all engines share: the pixels of one block, over the array namespace of a backend.

A backend adds to it what is its own: how arrays are brought into shape, cut into blocks, summed,
and given a custom gradient.
"""
