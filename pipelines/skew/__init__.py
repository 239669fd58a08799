"""Checks what is served, or newer data, against what a model was trained on, or what came before.

    request log ─► window ─► which version answered ─► what it was trained on ─┐
                     └─► served examples ─► statistics ─► SkewValidator ◄──────┘

All of it is a TFX pipeline of its own, `<name>-skew`, so that every check is recorded in ML
Metadata beside the runs that it is about.
"""
