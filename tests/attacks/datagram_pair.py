"""Send a datagram to a service, from a pair of sockets that was made without an address.

expect: build_failed
reason: refused
"""

import socket

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        taken = []
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
            for address in ("@DATAGRAM@", "@SOCKET@", "\0@ABSTRACT@", "/dev/log", "/run/systemd/notify"):
                for attempt in ("sendto", "connect", "bind", "sendmsg"):
                    try:
                        pair = socket.socketpair(socket.AF_UNIX, kind)
                        special = {"sendto": (b"x", address), "sendmsg": ([b"x"], (), 0, address)}
                        getattr(pair[0], attempt)(*special.get(attempt, (address,)))
                        taken.append(f"{attempt} {kind}")
                    except OSError:
                        continue
        raise RuntimeError(f"got through: {taken}" if taken else "refused")
