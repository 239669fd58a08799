"""Labels that come back, and how well the models that served did by them."""
