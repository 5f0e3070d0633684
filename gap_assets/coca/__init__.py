"""CoCa: loading, one image pass for embedding and caption, the caption decoder, text embeddings.

The modules here are torch code; code that must stay light imports them inside functions.
"""
