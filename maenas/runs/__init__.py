"""Run folders: their names, locks and configuration, and the models in them."""
