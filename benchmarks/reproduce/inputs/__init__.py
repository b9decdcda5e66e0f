"""From the cases of a data set to the batches of a network, and back from patches to volumes."""
