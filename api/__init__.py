"""The service: HTTP, jobs, the web page and the command line."""
