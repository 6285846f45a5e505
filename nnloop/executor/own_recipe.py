"""The protocol of one candidate: the run's, with the hyperparameters and the transform that are the candidate's own."""

from dataclasses import replace

from nnloop.records import Candidate
from nnloop.settings import LemurProxySettings, ProxySettings


def own_protocol(proxy: ProxySettings | LemurProxySettings, candidate: Candidate) -> ProxySettings | LemurProxySettings:
    """Return the settings that a candidate trains by: the run's, unless proxy.own_recipe gives it its own.

    Hyperparameters without a setting of their own reach the network in prm.
    """
    if not isinstance(proxy, LemurProxySettings) or not proxy.own_recipe:
        return proxy
    own = dict(candidate.hp)
    return replace(
        proxy,
        batch_size=int(own.pop("batch", proxy.batch_size)),
        lr=own.pop("lr", proxy.lr),
        momentum=own.pop("momentum", proxy.momentum),
        dropout=own.pop("dropout", proxy.dropout),
        prm=proxy.prm | own,
        transform=candidate.transform or proxy.transform,
    )
