"""Training in a worker process: the only package that imports TensorFlow, in `backend`.

The modules that a worker needs before that import (`worker`, `session`, `reporter`, `orders`, `inputs`, `extension`),
and `checkpoint`, work without TensorFlow. Front ends start `python -m mnist_tui.training.worker` as a process and
import nothing from here.
"""
