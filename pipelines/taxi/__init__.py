"""The taxi pipeline: will the tip be above a fifth of the fare?"""
