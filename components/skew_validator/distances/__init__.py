"""Distances between two samples of one feature, one in each file, by name."""

from components.skew_validator.distances.absence import absence
from components.skew_validator.distances.anderson_darling import anderson_darling
from components.skew_validator.distances.chi_square import chi_square
from components.skew_validator.distances.infinity_norm import infinity_norm
from components.skew_validator.distances.jensen_shannon import jensen_shannon
from components.skew_validator.distances.kolmogorov_smirnov import kolmogorov_smirnov
from components.skew_validator.distances.largest_deviance import largest_deviance
from components.skew_validator.distances.normalized_abs_difference import normalized_abs_difference
from components.skew_validator.distances.psi import psi
from components.skew_validator.distances.registry import Distance, get, names
from components.skew_validator.distances.wasserstein import wasserstein
from components.skew_validator.distances.whole_numbers import whole_numbers

__all__ = [
    "Distance",
    "absence",
    "anderson_darling",
    "chi_square",
    "get",
    "infinity_norm",
    "jensen_shannon",
    "kolmogorov_smirnov",
    "largest_deviance",
    "names",
    "normalized_abs_difference",
    "psi",
    "wasserstein",
    "whole_numbers",
]
