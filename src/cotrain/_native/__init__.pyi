"""The compiled half of Cotrain; see `crates/python`."""

from cotrain._native import commitment as commitment
from cotrain._native import lattice as lattice
from cotrain._native import noise as noise
from cotrain._native import training as training
