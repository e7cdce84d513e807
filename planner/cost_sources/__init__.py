"""Cost sources that read files or call packages."""
