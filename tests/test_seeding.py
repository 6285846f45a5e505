"""Seeds follow from names alone."""

from nnloop.seeding import derive


def test_a_seed_is_the_same_everywhere_and_in_range() -> None:
    assert derive(0, "prompts", 1) == 1206005222
    assert all(0 <= derive(number) < 2**31 for number in range(100))


def test_other_parts_give_another_seed() -> None:
    parts = [(0, "a"), (0, "b"), (1, "a"), ("0a",), (0, "a", 0)]
    assert len({derive(*each) for each in parts}) == len(parts)
