"""On which engine the Beam pipelines inside the components run, and with which flags."""
