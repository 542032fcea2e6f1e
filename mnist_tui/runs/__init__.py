"""What happened: run folders, their events, the one reducer, commands to a worker, and its launch. No TensorFlow."""
