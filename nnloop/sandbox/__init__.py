"""The wall around a candidate.

What it covers: a candidate runs in a process of its own, forked from a warm one that has only imported torch. On Linux
that process gets, as far as the machine allows, its own user, pid, network, mount and ipc namespaces with a read-only
root of just Python's own folders and a small scratch folder; no capabilities, a seccomp filter (no new processes, no
sockets, no tracing, no signals to others, no change of owners, modes or times), Landlock, resource limits, a control
group for memory and processes, and an empty environment. Without namespaces, the filter and Landlock keep
candidates from files, processes and the network (a long test). ATTACKS.md lists the hostile networks of tests/attacks
and how they end. A candidate never holds the labels of the evaluation images, whose order tells nothing either. Its
report is data (JSON lines and an npy array), from which the parent computes the accuracy.

What it does not cover: bugs of the kernel, side channels, and tricks inside the candidate's own Python, which shares
its process with the training loop (Status.TAMPERED is a best effort: training/tamper.py says which are noticed and
which are not). Parameters, FLOPs, training loss and peak device memory are only as true as the candidate's process.
Under Landlock alone a candidate can tell if a path exists. A network that carries the answers to published test images
in its code can't be told from one that has learnt them. `sandbox=inline` has no wall at all. On macOS there are
resource limits only.
"""
