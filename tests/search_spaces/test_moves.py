"""Random genomes and mutations: always legal, and able to reach everything."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from maenas.blocks import SpecError
from maenas.search_spaces import Space, load_space, space_names
from maenas.search_spaces.moves import Genomes, Moves
from maenas.search_spaces.stage import Value
from tests.spaces import chooses_blocks, last_genome

every_space = pytest.mark.parametrize("name", space_names())
every_sampling = pytest.mark.parametrize("all_sizes", [False, True])


def is_legal(space: Space, genome: list[int]) -> bool:
    """Legality of one genome, by building it: the slow form of `Moves.legal`."""
    values: list[dict[str, Value]] = [{} for _ in space.stages]
    for gene, index in zip(space.genes, genome, strict=True):
        if not 0 <= index < len(gene.values):
            return False
        values[gene.stage][gene.field] = gene.values[index]
    if not all(s.is_legal(v) for s, v in zip(space.stages, values, strict=True)):
        return False
    try:
        backbone = space.decode(genome)
    except SpecError:
        return False
    widths = [ops[-1].out_shape[0] for ops in backbone.stage_ops()]
    return not space.widths_never_shrink or widths == sorted(widths)


def widths_of(space: Space, genomes: Genomes) -> np.ndarray:
    """(n, stages with a width that varies)."""
    columns = [c for c, gene in enumerate(space.genes) if gene.field == "out_channels"]
    return np.column_stack([np.array(space.genes[c].values)[genomes[:, c]] for c in columns])


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture
def shrinking(tmp_path) -> Space:
    """A space of one's own where widths may fall, with a stage of no choice and an SPP."""
    path = tmp_path / "mine.yaml"
    path.write_text(
        "format: maenas/space@1\nin_shape: [3, 64, 64]\nfeatures: [3]\n"
        "widths_never_shrink: false\nbottleneck_ratio: [0.4, 1.0]\nstages:\n"
        "  - {block: conv_stem, out_channels: [8, 16, 24]}\n"
        "  - {block: spp}\n"
        "  - {block: res_k1kx, out_channels: [8, 16], bottleneck_channels: [4, 8, 12]}\n"
        "  - {block: csp, out_channels: 16, bottleneck_channels: 8, depth: {min: 1, max: 3}}\n",
        encoding="utf-8",
    )
    return load_space(str(path))


# Legality.


@every_space
def test_legality_is_that_of_building_each_network(name: str) -> None:
    """On genomes drawn without any rule, and on some that are legal for certain."""
    space = load_space(name)
    moves = Moves(space)
    blind = (rng().random((150, len(space.genes))) * moves.sizes).astype(np.int16)
    drawn = moves.sample(rng(), 30)
    nudged = drawn.copy()
    column = rng().integers(len(space.genes), size=len(nudged))
    nudged[np.arange(len(nudged)), column] = 0
    genomes = np.concatenate([blind, drawn, nudged])
    expected = [is_legal(space, genome.tolist()) for genome in genomes]
    assert moves.legal(genomes).tolist() == expected
    assert any(expected)
    assert not all(expected)


def test_legality_in_a_space_where_widths_may_shrink(shrinking: Space) -> None:
    moves = Moves(shrinking)
    genomes = np.array(
        list(product(*(range(len(gene.values)) for gene in shrinking.genes))), dtype=np.int16
    )
    legal = moves.legal(genomes)
    assert legal.tolist() == [is_legal(shrinking, genome.tolist()) for genome in genomes]
    assert (np.diff(widths_of(shrinking, genomes[legal]), axis=1) < 0).any()


# Random genomes.


@every_sampling
@every_space
def test_samples_are_legal_and_as_many_as_asked_for(name: str, all_sizes: bool) -> None:
    space = load_space(name)
    moves = Moves(space)
    for count in (0, 1, 1000):
        genomes = moves.sample(rng(), count, all_sizes)
        assert genomes.shape == (count, len(space.genes))
        assert genomes.dtype == np.int16
        assert moves.legal(genomes).all()
    assert all(is_legal(space, genome.tolist()) for genome in genomes[:25])
    assert (np.diff(widths_of(space, genomes), axis=1) >= 0).all()


@every_space
def test_every_value_of_every_gene_is_drawn(name: str) -> None:
    space = load_space(name)
    genomes = Moves(space).sample(rng(), 20_000)
    for column, gene in enumerate(space.genes):
        assert set(genomes[:, column].tolist()) == set(range(len(gene.values))), gene


@every_space
def test_all_sizes_draws_small_networks_as_well(name: str) -> None:
    """Plain sampling hardly ever draws depths that are small everywhere, nor narrow widths."""
    space = load_space(name)
    moves = Moves(space)
    count = 20_000 if chooses_blocks(space) else 4000  # a value may be that of one block alone
    plain, all_sizes = (moves.sample(rng(), count, flag) for flag in (False, True))

    def shares(genomes: Genomes) -> np.ndarray:
        """(n,) mean place of each genome's values in their ranges, from 0 to 1."""
        share: np.ndarray = (genomes / np.maximum(moves.sizes - 1, 1)).mean(axis=1)
        return share

    assert shares(all_sizes).std() > 1.5 * shares(plain).std()
    for below in (0.1, 0.2):
        assert (shares(all_sizes) < below).mean() > 0.04 > 4 * (shares(plain) < below).mean()
    # The largest are not lost over it.
    assert (all_sizes.max(axis=0) >= 0.9 * (moves.sizes - 1)).all()


# Mutation.


@every_space
def test_mutations_are_legal_and_widths_never_shrink(name: str) -> None:
    space = load_space(name)
    moves = Moves(space)
    genomes = moves.sample(rng(1), 500, all_sizes=True)
    generator = rng(2)
    for _ in range(6):
        mates = genomes[generator.permutation(len(genomes))]
        genomes = moves.mutate(generator, genomes, mates)
        assert moves.legal(genomes).all()
        assert (np.diff(widths_of(space, genomes), axis=1) >= 0).all()
        assert ((genomes >= 0) & (genomes < moves.sizes)).all()
    assert len(genomes) > 20
    assert all(is_legal(space, genome.tolist()) for genome in genomes[:20])


def test_most_children_are_legal_and_differ_from_their_parents() -> None:
    for name in space_names():
        moves = Moves(load_space(name))
        parents = moves.sample(rng(), 4000)
        children = moves.mutate(rng(), parents, parents)
        assert len(children) > 0.6 * len(parents), name
        parent = np.repeat(parents[:1], 4000, axis=0)
        children = moves.mutate(rng(), parent, parent)
        assert (children != parent[: len(children)]).any(axis=1).mean() > 0.8, name


@every_space
def test_every_gene_of_one_parent_is_changed_both_ways(name: str) -> None:
    """The last stage like every other, and depth and kernel like widths."""
    space = load_space(name)
    moves = Moves(space)
    middle = np.array([(len(gene.values) - 1) // 2 for gene in space.genes], dtype=np.int16)
    drawn = moves.sample(rng(), 3000)
    parent = drawn[np.abs(drawn - middle).sum(axis=1).argmin()]  # the most average network
    parents = np.repeat(parent[None], 20_000, axis=0)
    children = moves.mutate(rng(), parents, parents)
    for column, gene in enumerate(space.genes):
        reached = children[:, column]
        for step in (-1, 1):
            neighbour = parent.copy()
            neighbour[column] += step
            if is_legal(space, neighbour.tolist()):
                assert ((reached - parent[column]) * step > 0).any(), (gene, step)


@every_space
def test_every_value_of_every_gene_is_reached_from_the_smallest_network(name: str) -> None:
    space = load_space(name)
    moves = Moves(space)
    genomes = np.zeros((2000, len(space.genes)), dtype=np.int16)
    assert moves.legal(genomes).all()
    generator = rng()
    seen = [{0} for _ in space.genes]
    for _ in range(200):
        children = moves.mutate(generator, genomes, genomes)
        genomes = children[generator.integers(len(children), size=2000)]
        for column, values in enumerate(seen):
            values.update(genomes[:, column].tolist())
    for gene, values in zip(space.genes, seen, strict=True):
        assert values == set(range(len(gene.values))), gene


@every_space
def test_some_children_take_whole_stages_from_their_mates(name: str) -> None:
    """From the largest network to a child of the smallest: too far for any other move."""
    space = load_space(name)
    moves = Moves(space)
    small = np.zeros((6000, len(space.genes)), dtype=np.int16)
    large = np.repeat(np.array([last_genome(space)], dtype=np.int16), 6000, axis=0)
    last = [
        column for column, gene in enumerate(space.genes) if gene.stage == len(space.stages) - 1
    ]

    def taken(children: Genomes) -> float:
        return float((children[:, last] == large[0, last]).all(axis=1).mean())

    assert taken(moves.mutate(rng(), small, large)) > 0.02
    assert taken(moves.mutate(rng(), small, small)) < 0.001


def test_moves_work_where_widths_may_shrink(shrinking: Space) -> None:
    moves = Moves(shrinking)
    genomes = moves.sample(rng(), 300)
    assert all(is_legal(shrinking, genome) for genome in np.unique(genomes, axis=0).tolist())
    children = moves.mutate(rng(), genomes, genomes[::-1])
    assert all(is_legal(shrinking, genome) for genome in np.unique(children, axis=0).tolist())
    for column, gene in enumerate(shrinking.genes):
        assert set(genomes[:, column].tolist()) == set(range(len(gene.values)))


# Randomness.


@every_sampling
def test_all_randomness_comes_from_the_generator_handed_in(all_sizes: bool) -> None:
    moves = Moves(load_space("res"))
    drawn = [moves.sample(rng(seed), 50, all_sizes).tolist() for seed in (3, 3, 4)]
    assert drawn[0] == drawn[1] != drawn[2]
    parents = moves.sample(rng(), 50)
    children = [moves.mutate(rng(seed), parents, parents[::-1]).tolist() for seed in (3, 3, 4)]
    assert children[0] == children[1] != children[2]
    assert parents.tolist() == moves.sample(rng(), 50).tolist()  # parents are left as they were
