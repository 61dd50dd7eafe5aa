"""`maenas run`: from a data set and a budget to a trained, exported and measured detector."""
