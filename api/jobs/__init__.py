"""Plan jobs: a small port and one adapter that solves each job in a process that can be killed."""
