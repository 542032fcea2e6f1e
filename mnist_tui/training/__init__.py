"""Training, in a worker process: the only package that imports TensorFlow.

`backend` is the file that imports it. The files that a worker needs earlier (`worker`, `session`, `reporter`, `orders`,
`inputs`, `extension`) and `checkpoint` work without it. Front ends start `python -m mnist_tui.training.worker` as a
process and import nothing from here.
"""
