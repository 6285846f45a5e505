"""The wall around a candidate.

What it covers: a candidate runs in a process of its own, forked from a warm one that has only imported torch. On Linux
that process gets, as far as the machine allows, its own user, pid, network, mount and ipc namespaces with a read-only
root of just Python's own folders and a small scratch folder; no capabilities, a seccomp filter (no new processes, no
sockets, no tracing, no signals to others), Landlock, resource limits and an empty environment. It never holds the
labels of the evaluation images; what comes back is data (JSON lines and an npy array), and the parent computes the
accuracy.

What it does not cover: bugs of the kernel, side channels, and tricks inside the candidate's own Python, which shares
its process with the training loop (Status.TAMPERED is a best effort). `sandbox=inline` has no wall at all. On macOS
there are resource limits only.
"""
