"""The training loops, one file a model, and what they share. Each returns a `TrainingRun`."""
