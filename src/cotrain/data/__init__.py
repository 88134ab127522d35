"""Tables that come with Cotrain, to try it on. `heart` is the one of the demonstration."""
