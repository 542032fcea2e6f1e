"""What a gallery of images shows: the images, what the network said of them, which and in what order."""
