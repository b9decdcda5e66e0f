"""The paper's experiments: its networks trained with its losses, and its tables beside ours.

Run it with ``python -m benchmarks.reproduce``.

    settings.py     how a network is trained
    losses.py       the losses that are compared, and the printed equations as negative controls
    experiments/    the grid of jobs, one job, and how Snakemake runs them all
    datasets/       readers of the layouts on disk, and folds
    phantoms/       data sets with the paper's imbalance, written in the same layouts
    inputs/         preprocessing, augmentation, batches, sliding windows
    network/        the U-Nets and their start, which all backends share
    training/       a job from its start to the masks of its test cases
    metrics.py      what the paper measures, per case
    hypotheses/     what is claimed, registered before the runs, and how it is tested
    report/         the paper's tables and figures beside ours

Nothing here imports Keras before the command line has chosen its backend.
"""
