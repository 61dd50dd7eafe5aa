"""Commands about backbones: search, show, score, zoo."""
