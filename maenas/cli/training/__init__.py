"""Commands that train and evaluate: data, train, distill, train-family, val."""
