"""What the component says of files that it cannot take.

ValueError
└── InputError
"""

from __future__ import annotations


class InputError(ValueError):
    """Input that cannot become tf.Examples; the message names the file, and the line or column."""
