"""Training an SSD: matching, loss, augmentation, data, and the trainer. Needs torch; nothing is imported here."""
