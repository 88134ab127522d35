//! Exact inverse-CDF sampling of integer noise.
