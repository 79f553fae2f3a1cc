"""Two tables on the plain loop: losses, drawn pairs, and a structure that was planted."""

import numpy as np
import pytest
import torch
from helpers import small_films, write_json_lines

from kgss_helpers.datasets.planted_links import groups_of, planted_links, portrait
from kgss_helpers.graph import GraphError
from kgss_helpers.methods.link_vectors import LinkPairs
from kgss_helpers.space import SemanticSpace
from kgss_helpers.training.links import (
    PER_POSITIVE,
    SCALE,
    Drawn,
    LinkTables,
    explained_variance,
    learn_link_space,
    main,
    ranking_loss,
    squared_error,
    train_links,
)


@pytest.fixture(scope="module")
def planted():
    return LinkPairs.numbered(planted_links(projects=500, links=300, pairs=4000))


def two_by_two():
    """Tables of two links and two projects whose vectors one can multiply in one's head."""
    model = LinkTables(2, 2, 2)
    model.links.weight.data = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    model.projects.weight.data = torch.tensor([[1.0, 0.0], [3.0, 4.0]])
    return model


def test_the_squared_error_is_the_mean_over_true_and_drawn_pairs():
    # True pairs score 1 and .8; of the drawn 2 x 2, one (link 0, project 0) is true and counts nowhere.
    true = torch.tensor([[[True, False], [False, False]]])
    batch = torch.tensor([0, 1]), torch.tensor([0, 1]), torch.tensor([[0, 1]]), torch.tensor([[0, 1]]), true
    wrong = [0.6, 0.0, 0.8]
    expected = (0 + 0.2**2 + sum((1 + score) ** 2 for score in wrong)) / 5
    assert squared_error(two_by_two(), batch).item() == pytest.approx(expected)


def test_the_ranking_loss_is_the_log_share_of_the_true_pair_from_both_ends():
    none = torch.tensor([[False]])
    batch = [torch.tensor([row]) for row in (1, 1, 0, 0)] + [none, none]  # true: .8; drawn: .6 and 0
    shares = [np.exp(SCALE * 0.8) / (np.exp(SCALE * 0.8) + np.exp(SCALE * wrong)) for wrong in (0.6, 0.0)]
    assert ranking_loss(two_by_two(), batch).item() == pytest.approx(-np.mean(np.log(shares)), abs=1e-5)


def test_a_drawn_pair_that_is_true_is_no_rival():
    all_true = torch.tensor([[True]])
    batch = [torch.tensor([row]) for row in (1, 1, 0, 0)] + [all_true, all_true]
    assert ranking_loss(two_by_two(), batch).item() == 0


def test_drawn_pairs_that_are_true_are_known(planted):
    drawn = Drawn(planted, "uniform", together=False)
    links, projects = torch.arange(300)[:, None], torch.arange(500)[None, :]
    assert np.array_equal(drawn.are_true(links, projects).numpy(), planted.matrix.toarray().T == 1)
    _, _, links, projects, true = drawn[torch.arange(600)]
    assert links.shape == projects.shape
    assert true.shape[1] * true.shape[2] * true.shape[0] >= PER_POSITIVE * 600


def test_by_degree_what_is_frequent_is_drawn_often(planted):
    torch.manual_seed(0)
    by_degree = Drawn(planted, "degree", together=True).draw(0, (20_000,)).bincount(minlength=300)
    uniform = Drawn(planted, "uniform", together=True).draw(0, (20_000,)).bincount(minlength=300)
    assert np.corrcoef(by_degree, planted.counts)[0, 1] > 0.95
    assert uniform.float().std() < 0.2 * uniform.float().mean()


def test_what_was_planted_is_learned_by_either_loss(planted):
    split = planted.hold_out(0.1, seed=1)
    for objective in ("ranking", "squared"):
        run = train_links(
            split.train, objective=objective, dimensions=12, epochs=15, batch_size=256, learning_rate=0.1, device="cpu"
        )
        links, projects = run.require_finished().model.vectors()
        scores = projects @ links.T
        true = scores[split.test[:, 1], split.test[:, 0]]
        assert (true[:, None] > scores.ravel()[::7]).mean() > 0.6
    assert explained_variance(run.model, split.train) > 0.1


def test_a_constant_explains_nothing(planted):
    model = LinkTables(300, 500, 2)
    model.links.weight.data[:] = torch.tensor([1.0, 0.0])
    below = (1 - PER_POSITIVE) / (1 + PER_POSITIVE)
    model.projects.weight.data[:] = torch.tensor([below, np.sqrt(1 - below**2)])
    assert explained_variance(model, planted) == pytest.approx(0, abs=0.01)


def test_training_is_the_same_twice_and_resumes_to_the_same(planted, tmp_path):
    once = train_links(planted, epochs=2, batch_size=1000, device="cpu").model.vectors()[0]
    kept = train_links(planted, epochs=2, batch_size=1000, device="cpu", checkpoint_dir=tmp_path).model.vectors()[0]
    again = train_links(planted, epochs=2, batch_size=1000, device="cpu", checkpoint_dir=tmp_path, resume=True)
    assert np.array_equal(once, kept)
    assert np.array_equal(once, again.model.vectors()[0])


@pytest.mark.parametrize(("setting", "value"), [("objective", "best"), ("negatives", "hard")])
def test_an_unknown_setting_is_refused_with_those_there_are(planted, setting, value):
    with pytest.raises(ValueError, match=r"choose 'ranking' or 'squared'|choose 'uniform' or 'degree'"):
        train_links(planted, **{setting: value})


def test_a_graph_becomes_a_space_in_which_who_has_no_link_is_nowhere():
    graph = small_films()
    space = learn_link_space(graph, epochs=1, device="cpu")
    lengths = np.linalg.norm(space.vectors, axis=1)
    assert lengths[graph.position("lone")] == 0
    assert np.allclose(np.delete(lengths, graph.position("lone")), 1, atol=1e-5)


def test_the_command_learns_from_a_file_of_records(tmp_path, capsys):
    records = [[f"Work {row}", {}, ["Space", "Robot", f"Page {row % 3}"], None, None] for row in range(9)]
    path = write_json_lines(tmp_path / "records.ndjson", records)
    output = tmp_path / "links.npz"
    assert main(["--records", str(path), "--epochs", "2", "--device", "cpu", "--output", str(output)]) == 0
    assert "explained variance" in capsys.readouterr().out
    space = SemanticSpace.load(output)
    assert set(space.names) == {"Space", "Robot", "Page 0", "Page 1", "Page 2", *(f"Work {row}" for row in range(9))}


def test_planted_links_have_the_sizes_that_were_asked_for(planted):
    assert len(planted) == 4000
    assert (len(planted.links), len(planted.projects)) == (300, 500)
    assert planted.counts.min() >= 3
    assert len(np.unique(planted.pairs, axis=0)) == 4000
    again = planted_links(projects=500, links=300, pairs=4000)
    assert np.array_equal(again, planted.pairs)
    with pytest.raises(GraphError, match="3 pairs a link or more"):
        planted_links(projects=200, links=300, pairs=500)
    with pytest.raises(GraphError, match="have room for 2,560: take fewer pairs"):
        planted_links(projects=200, links=300, pairs=4000)


def test_groups_lie_in_each_other():
    country, _, year, scene, maker, series = groups_of(2000, np.random.default_rng(0)).T[1:]
    assert all(len(np.unique(country[maker == one])) == 1 for one in np.unique(maker))
    sizes = np.bincount(series)
    assert 3 <= sizes.max() <= 8
    for one in np.flatnonzero(sizes > 1):
        assert len(np.unique(maker[series == one])) == 1
        assert len(np.unique(country[series == one])) == 1
    assert all(np.ptp(year[scene == one]) < 10 for one in np.unique(scene))


def test_a_portrait_by_hand():
    # Projects 0 and 1 share both links of either; 2 and 3 have one link each, of which 2's is a hub.
    pairs = np.array([[0, 0], [0, 1], [1, 0], [1, 1], [1, 2], [2, 3]])
    seen = portrait(pairs, drawn=400)
    assert seen["projects of a link"] == 2
    assert seen["largest ten"] == pytest.approx(6 / 3 / 4)
    assert seen["pairs of rare links"] == 1
    assert seen["shared by any two"] < seen["shared by two of a rare link"] <= 1


def test_projects_that_share_a_rare_link_share_much_more(planted):
    seen = portrait(planted_links(projects=1000, links=4000, pairs=40_000))
    assert seen["shared by two of a rare link"] > 2 * seen["shared by any two"]
    evenly = np.unique(np.random.default_rng(0).integers([4000, 1000], size=(40_000, 2)), axis=0)
    by_chance = portrait(evenly)
    assert by_chance["shared by two of a rare link"] < 0.1 * seen["shared by two of a rare link"]


def test_what_is_explained_of_held_out_pairs_is_less_where_pairs_were_learned_by_heart(planted):
    split = planted.hold_out(0.1, seed=1)
    run = train_links(split.train, objective="squared", epochs=30, batch_size=256, learning_rate=0.1, device="cpu")
    model = run.require_finished().model
    assert explained_variance(model, planted, split.test) < explained_variance(model, split.train) - 0.02
    assert explained_variance(model, planted, planted.pairs) == explained_variance(model, planted)
