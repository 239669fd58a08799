"""What pipelines over tables share: from named columns to a network that is trained and saved."""
