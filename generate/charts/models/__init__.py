"""The values of the models' chart, and the files that its templates read."""
