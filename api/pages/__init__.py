"""Pages for people: server-rendered, without scripts, without requests to anywhere else."""
