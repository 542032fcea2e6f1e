"""Reports, exports and tables made from run folders. A worker makes the exports of weights, which need TensorFlow."""
