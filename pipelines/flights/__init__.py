"""The flights pipeline: will a departure from New York arrive more than a quarter hour late?"""
