"""How near the numbers are: the naive oracle, and every backend run the way its users run it."""
