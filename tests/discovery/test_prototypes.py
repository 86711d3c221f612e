import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logit
from sklearn.metrics import roc_auc_score

from samples.embeddings import directions
from tomoscout.core.errors import UserError
from tomoscout.discovery.background import unit
from tomoscout.discovery.examples import Examples
from tomoscout.discovery.prototypes import PrototypeSettings, build_prototypes

FEATURES = 24
COMMON, *AXES = directions(FEATURES, FEATURES)
SCATTER = np.geomspace(0.5, 0.05, FEATURES - 1)


def crops(count, look=None, *, strength=0.6, seed=0):
    """Embeddings that have most in common; those of an object lean towards its look."""
    rng = np.random.default_rng(seed)
    vectors = COMMON + (rng.normal(size=(count, FEATURES - 1)) * SCATTER) @ np.stack(AXES)
    return unit(vectors if look is None else vectors + strength * AXES[look])


def examples(looks, *, views=8, turn=0.05, strength=0.6, seed=100):
    """Examples in views that differ a little."""
    rng = np.random.default_rng(seed)
    names, vectors = [], []
    for place, (name, look) in enumerate(looks):
        one = crops(1, look, strength=strength, seed=seed + place)
        names.append(name)
        vectors.append(unit(one + turn * rng.normal(size=(views, FEATURES))))
    return Examples(np.stack(vectors), np.array(names))


GROUND = crops(1000, seed=1)
MANY = [("a", 10)] * 5


def built(looks, ground=GROUND, **settings):
    return build_prototypes(examples(looks), ground, settings=PrototypeSettings(**settings))


def auc(scores, others):
    return roc_auc_score(np.repeat([1, 0], [len(scores), len(others)]), [*scores, *others])


def test_against_the_background_five_examples_find_what_plain_cosines_do_not():
    found, ground = crops(300, 10, seed=2), crops(1000, seed=3)
    shown = examples(MANY)
    plain = shown.vectors.mean(axis=(0, 1))
    by_cosine = auc(found @ plain, ground @ plain)
    prototypes = build_prototypes(shown, GROUND)
    by_score = auc(prototypes.score(found)[0], prototypes.score(ground)[0])
    assert by_score > 0.97
    assert by_score > by_cosine + 0.1


def test_particles_in_the_background_sample_do_little_harm():
    mixed = np.concatenate([crops(900, seed=1), crops(100, 10, seed=4)])
    prototypes = built(MANY, mixed)
    found, ground = crops(300, 10, seed=2), crops(1000, seed=3)
    assert auc(prototypes.score(found)[0], prototypes.score(ground)[0]) > 0.95
    assert np.median(prototypes.score(ground)[0]) < 0.05


def test_an_object_with_opposite_looks_is_found_by_both_and_not_by_their_mean():
    parts = [
        examples([("a", 10)] * 4, strength=s, seed=seed) for s, seed in ((0.7, 20), (-0.7, 30))
    ]
    found = [crops(200, 10, strength=s, seed=5) for s in (0.7, -0.7)]
    ground = crops(1000, seed=3)

    def worst(**settings):
        prototypes = build_prototypes(
            Examples.join(parts), GROUND, settings=PrototypeSettings(**settings)
        )
        level = prototypes.likeness(ground)[0]
        return min(auc(prototypes.likeness(part)[0], level) for part in found)

    assert worst() > 0.9
    assert worst(pull=1) < 0.7


def test_each_example_is_a_prototype_or_all_are_one():
    assert built(MANY).vectors.shape == (5, FEATURES)
    one = built(MANY, pull=1)
    looks = one.background.apply(examples(MANY).vectors.mean(axis=1))
    np.testing.assert_allclose(one.vectors, unit(looks.mean(axis=0)[None]), atol=1e-6)
    np.testing.assert_allclose(built(MANY, pull=0).vectors, looks, atol=1e-6)


def test_likeness_is_the_cosine_with_the_nearest_prototype_of_each_object():
    prototypes = built([("b", 3), ("a", 10), ("a", 12)])
    assert prototypes.objects == ("a", "b")
    seen = prototypes.background.apply(GROUND[:50])
    each = [prototypes.vectors[prototypes.owner == k] for k in (0, 1)]
    assert [len(part) for part in each] == [2, 1]
    expected = [(seen @ part.T).max(axis=1) for part in each]
    np.testing.assert_allclose(prototypes.likeness(GROUND[:50]), expected, atol=1e-6)


def test_more_examples_than_prototypes_share_them():
    looks = [("a", 10)] * 6 + [("a", 14)] * 5
    prototypes = built(looks, prototypes=2, pull=0)
    assert len(prototypes.vectors) == 2
    first, second = (
        prototypes.likeness(crops(1, 10, strength=9)),
        prototypes.likeness(crops(1, 14, strength=9)),
    )
    assert min(first[0, 0], second[0, 0]) > 0.7
    assert len(built(looks, prototypes=1).vectors) == 1


ONE = built(MANY)


@given(seed=st.integers(0, 1000))
def test_a_score_rises_with_likeness_and_is_half_at_the_border(seed):
    vectors = crops(30, 10, strength=0.4, seed=seed)
    likeness, score = ONE.likeness(vectors)[0], ONE.score(vectors)[0]
    assert (np.diff(score[np.argsort(likeness)]) >= 0).all()
    level = ONE.levels[0]
    border = level.ground + level.border * (level.reached - level.ground)
    sure = np.abs(likeness - border) > 1e-5
    np.testing.assert_array_equal((score > 0.5)[sure], (likeness > border)[sure])


def test_scores_of_objects_compare_though_their_cosines_do_not():
    # Of one object the examples are all alike; the other has many looks.
    looks = [("plain", 10)] * 6 + [("varied", look) for look in (6, 6, 6, 14, 14, 14)]
    prototypes = built(looks)
    plain, varied = prototypes.levels
    assert plain.reached > varied.reached + 0.1
    ground = prototypes.score(crops(2000, seed=3))
    assert (np.median(ground, axis=1) < 0.03).all()
    assert ((ground > 0.5).mean(axis=1) < 0.02).all()
    typical = [prototypes.score(crops(300, 10, seed=5))[0], prototypes.score(crops(300, 14))[1]]
    assert min(np.median(one) for one in typical) > 0.5


def test_an_example_reaches_what_prototypes_made_without_it_say():
    prototypes = built(MANY)
    fresh = crops(500, 10, seed=6)
    reached = prototypes.levels[0].reached
    assert prototypes.likeness(fresh)[0].mean() == pytest.approx(reached, abs=0.12)
    assert prototypes.likeness(examples(MANY).vectors[:, 0])[0].mean() > reached + 0.1


def test_the_rarer_an_object_the_surer_one_must_be():
    shown = examples(MANY, strength=1.2)
    shares = (0.5, 0.1, 0.01)
    levels = [
        build_prototypes(shown, GROUND, settings=PrototypeSettings(rarity=share)).levels[0]
        for share in shares
    ]
    borders = [level.border for level in levels]
    assert borders[0] == pytest.approx(0.5)
    assert borders[0] < borders[1] < borders[2] < 1
    # Where both scatter normally and alike, it is where an equal number of each is expected.
    for share, level in zip(shares, levels, strict=True):
        at, apart = level.border * level.separation, level.separation
        ground, object_ = np.exp(-(at**2) / 2), np.exp(-((at - apart) ** 2) / 2)
        assert ground * (1 - share) == pytest.approx(object_ * share, rel=1e-6)


def test_what_is_hardly_told_from_the_ground_passes_no_more_than_is_expected():
    odd = built([("a", look) for look in (3, 7, 11, 15, 19)], rarity=0.02)
    assert odd.levels[0].border > 1
    assert (odd.score(GROUND)[0] > 0.5).mean() == pytest.approx(0.02, abs=0.001)


def test_a_likelier_object_takes_a_part_of_its_lead_off_the_others():
    two = [("a", 10)] * 3 + [("b", 14)] * 3
    vectors = np.concatenate([crops(100, 10, seed=7), crops(100, 14, seed=8)])
    alone, rivals = (built(two, rivalry=share) for share in (0, 0.5))
    logits, scores = alone.logits(vectors), rivals.score(vectors)
    lead = logits[0] - logits[1]
    np.testing.assert_allclose(alone.score(vectors), 1 / (1 + np.exp(-logits)), atol=1e-6)
    told = (scores > 1e-5) & (scores < 1 - 1e-5)
    expected = logits - 0.5 * np.maximum([-lead, lead], 0)
    np.testing.assert_allclose(logit(scores[told]), expected[told], atol=0.02)
    assert told[:, lead > 0].any(axis=1).all()
    assert told[:, lead < 0].any(axis=1).all()
    assert (lead[:100] > 0).mean() > 0.95
    assert (lead[100:] < 0).mean() > 0.95


def test_two_names_for_the_same_thing_score_alike():
    shown = examples(MANY)
    twice = Examples(
        np.concatenate([shown.vectors, shown.vectors]), np.array(["a"] * 5 + ["b"] * 5)
    )
    both = build_prototypes(twice, GROUND).score(crops(200, 10, seed=7))
    np.testing.assert_allclose(both[0], both[1], atol=1e-6)
    np.testing.assert_allclose(both[0], built(MANY).score(crops(200, 10, seed=7))[0], atol=1e-5)


def test_one_example_is_enough_and_expects_less_of_others_than_of_itself():
    prototypes = built([("a", 10)])
    level = prototypes.levels[0]
    itself = prototypes.likeness(examples([("a", 10)]).vectors[0])[0].mean()
    assert level.ground < level.reached < itself
    one_view = build_prototypes(examples([("a", 10)], views=1), GROUND)
    assert np.isfinite(one_view.score(GROUND)).all()


def test_examples_that_have_nothing_in_common_still_rank_and_say_so():
    level = built([("a", None)] * 4).levels[0]
    assert level.separation == pytest.approx(1, abs=1)
    assert np.isfinite(built([("a", None)] * 4).score(GROUND)).all()


def test_facts_are_plain_values():
    facts = built(MANY).facts()
    assert facts["a"]["examples"] == 5
    assert facts["a"]["separation"] == built(MANY).levels[0].separation


def test_no_example_is_refused():
    none = Examples(np.zeros((0, 1, FEATURES), np.float32), np.zeros(0, str))
    with pytest.raises(UserError, match="no example"):
        build_prototypes(none, GROUND)
