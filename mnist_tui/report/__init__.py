"""Reports, exports and tables made from run folders. Needs no TensorFlow: what does is asked of a worker."""
