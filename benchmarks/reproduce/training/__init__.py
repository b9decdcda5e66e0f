"""Training: a job in, its numbers out, the same on every backend and after every interruption.

``train``         one job from its start to its test cases
``loop``          an epoch, and the choice of the weights to keep
``steps``         what a batch does to a network: one small module per backend
``schedules``     optimisers and learning rates
``supervision``   the loss of several heads
``precision``     mixed precision and the scaling of gradients
``distribution``  several devices
``checkpoint``    a run on disk, to go on from
``agreement``     do backends compute the same?
``timing``        where does the time go?
"""
