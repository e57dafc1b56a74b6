"""Releases: everything that is published beside the images, from one commit and the same bytes each time."""
