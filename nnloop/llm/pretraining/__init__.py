"""The recipe of llm=tiny: a causal LM of a few million parameters, pre-trained on our own corpus alone."""
