"""``cdi-ml bench gpu``: checks, figures and training in one script, for a machine that has little but torch."""
