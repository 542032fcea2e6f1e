"""How: the only package that imports TensorFlow, and only inside a worker process.

`backend` is the one file that imports it; what the worker does before that import (`session`, `reporter`, `orders`,
`inputs`) and what reads its files (`checkpoint`) do without. Front ends start `python -m mnist_tui.training.worker`
and import nothing here.
"""
