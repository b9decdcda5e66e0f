"""Which jobs there are (``grid.yaml``, read by ``grid``), and how one is run (``jobs``)."""
