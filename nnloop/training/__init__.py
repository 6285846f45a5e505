"""The work of a candidate's process: build the network, train it for an epoch, return its logits."""
