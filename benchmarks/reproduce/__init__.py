"""The paper's breast-ultrasound comparison: seven losses and cross-entropy, one U-Net, any backend.

Run it with ``python -m benchmarks.reproduce``. The stages, one module each:

``breast_phantoms`` writes an embedded data set when no real one is given
``data``       reads the UDIAT layout and assigns the folds
``unet``       the network, and initial weights that every backend shares
``cell_training`` one cell: a loss on a fold
``metrics``    what the paper measures, per case
``cells``      a finished cell on disk, so that a second run resumes
``table_report`` the table beside the paper's, and ``figure`` its pictures
``run``        puts the stages together

Beside them stand the packages for the paper's three data sets, which the command does not use yet:
``datasets`` (readers), ``phantoms`` (writers of the same layouts), ``inputs`` (from cases to
batches), ``network`` (the U-Nets), ``training``, ``hypotheses`` (registered before the runs) and
``report`` (the paper's tables and figures beside those of all jobs).

Nothing here imports Keras before the command line has chosen its backend.
"""
