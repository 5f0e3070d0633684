"""The report's pictures: each function takes arrays or rows and returns a matplotlib Figure.

`style` holds colours and sizes, `clouds` draws the embeddings themselves, `controls` compares
sources, fusions and untrained networks, `structure` shows interventions, spectra and retrieval.
A figure never computes a metric.
"""
