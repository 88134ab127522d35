//! Exact integer gradients of the built-in models.
