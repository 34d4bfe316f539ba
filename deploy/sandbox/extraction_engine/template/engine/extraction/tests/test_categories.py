import pytest

from engine.extraction.categories import categories, taxonomy


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Leith Padel Courts", "padel"),
        ("tennis", "tennis"),
        ("table tennis", "table_tennis"),
        ("ping pong bar", "table_tennis"),
        ("Squash Ladder", "squash"),
        ("Badminton", "badminton"),
        ("Pickleball", "pickleball"),
        ("racketball", "racket_sports"),
        ("Sports Centre", "sports_centre"),
        ("leisure centre", "sports_centre"),
        ("Fitness studio", "gym"),
        ("swimming", "swimming_pool"),
        ("bouldering", "climbing_wall"),
        ("golf", "golf_course"),
        ("football", "football_pitch"),
        ("rugby", "rugby_club"),
        ("a club", "club"),
        ("juniors", "junior_club"),
        ("coaching", "coaching"),
        ("league", "league"),
        ("sports shop", "sports_retailer"),
        ("charging", "ev_charging"),
    ],
)
def test_words_lead_to_a_category(text: str, first: str) -> None:
    assert categories(text)[0] == first


def test_unknown_words_lead_nowhere() -> None:
    assert categories("curling") == []


def test_no_more_than_the_limit() -> None:
    assert len(categories("padel tennis squash badminton pickleball golf rugby")) == 5


@pytest.mark.parametrize("key", sorted(taxonomy()))
def test_each_category_has_a_name_and_a_known_parent(key: str) -> None:
    entry = taxonomy()[key]
    assert entry["display_name"]
    assert entry.get("parent", key) in taxonomy()
