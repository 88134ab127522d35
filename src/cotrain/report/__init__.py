"""Reports: how good the model is against training alone, and the page that shows it; read `evaluation`."""
