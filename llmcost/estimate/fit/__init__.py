"""`fit`: whether a model fits on machines, to serve it or to train it."""
