"""The wall around a candidate.

What it covers: a candidate is trained in one process and evaluated in another, each forked from a warm one that has
only imported torch. On Linux such a process gets, as far as the machine allows, its own user, pid, network, mount and
ipc namespaces with a read-only root that shows the interpreter, the files of the packages that a network may import
and a small scratch folder; no capabilities, a seccomp filter that lets through the system calls of calls.txt alone,
Landlock, resource limits, a control group for memory, processes and its share of the processor, and an empty
environment. Without namespaces, the filter and Landlock keep candidates from files, processes and the network.

The process that trains has no image of validation or test, and neither has their labels. A report is data (JSON lines,
and arrays) of bounded size, from which the parent computes the accuracy. Steps of the training are repeated in the
process that evaluates (training/recording.py and replay.py), and its work is compared with theirs (cost.py).

ATTACKS.md lists the hostile networks of tests/attacks and how they end in three modes. docs/promises.md names the test
that holds each promise, docs/scores.md the worth of a score, and the gaps of the audit.

What it does not cover: bugs of the kernel, side channels, and tricks inside the candidate's own Python, which shares
its process with the training loop and the code that records it. FLOPs, the operator graph, precision, training loss and
peak device memory are the candidate's own word, and parameters are bounded by the bytes of its weights. Under Landlock
alone a candidate can tell if a path exists. A network that carries the answers to published test images in its code
can't be told from one that has learnt them. `sandbox=inline` has no wall at all. On macOS there are resource limits
only.
"""
