"""What is handed in: exports of a run, complexity tables, the summary. Reads run folders; needs no TensorFlow."""
