"""LEMUR's own training is left out of what is shown, and put back by an export."""

from edits import BASE, seed_sources

from nnloop.corpus.boilerplate import for_lemur
from nnloop.corpus.trim import trim, without_training
from nnloop.records import Network, candidate_id


def test_what_an_export_adds_is_taken_away_again() -> None:
    for code in (BASE, *seed_sources()):
        assert without_training(code) == code
        whole = for_lemur(code)
        assert candidate_id(without_training(whole)) in {candidate_id(code), candidate_id(f"import torch\n{code}")}
        assert for_lemur(without_training(whole)) == whole


OWN = """\
import torch
from torch import nn


# Of the trainer.
def supported_hyperparameters():
    return {"lr"}


class Net(nn.Module):
    # Its own training.
    @torch.enable_grad()
    def train_setup(self, prm):
        self.criterion = nn.CrossEntropyLoss()

    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.net = nn.LazyLinear(out_shape[0])

    def forward(self, x):
        return self.net(x.flatten(1))

    def learn(self, train_data):
        return self.criterion
"""


def test_methods_go_with_their_decorators_and_comments_and_the_rest_stays() -> None:
    trimmed = without_training(OWN)
    assert trimmed.startswith("import torch\nfrom torch import nn\n\n\nclass Net(nn.Module):\n\n    def __init__")
    assert trimmed.endswith("        return self.net(x.flatten(1))\n")
    assert "train" not in trimmed
    assert without_training(trimmed) == trimmed


def test_training_that_the_network_uses_stays() -> None:
    for line in ("self.train_setup(prm)", "self.criterion.reduction", "supported_hyperparameters()"):
        used = OWN.replace("        super().__init__()\n", f"        super().__init__()\n        {line}\n")
        assert without_training(used) == used
    assert without_training("x = 1\n") == "x = 1\n"


def test_trimmed_networks_have_the_ids_of_their_sources_and_stand_once() -> None:
    one = Network(candidate_id(OWN), OWN, "one")
    other = Network(candidate_id(OWN + "x = 1\n"), OWN + "x = 1\n", "other", variant_of=one.id)
    trimmed = trim([one, Network("again", OWN.replace('"lr"', '"lr", "momentum"'), "again"), other])
    assert [network.name for network in trimmed] == ["one", "other"]
    assert all(network.id == candidate_id(network.code) for network in trimmed)
    assert trimmed[1].variant_of == trimmed[0].id
