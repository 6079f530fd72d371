"""Who does many tasks: this process, others of this machine, or those of a cluster."""
