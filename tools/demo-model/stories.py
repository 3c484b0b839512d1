"""Whole stories: a shape, a cast, an opening and an ending, and what the story is about."""
from dataclasses import dataclass

import cast
import grammar
import shapes_adventure as adventure
import shapes_daily as daily
import shapes_seasons as seasons
import words

OPENING = """
[Once upon a time, there was {hero.a} named {hero}. {hero.He} lived {place}.|Once upon a time, there was {hero.a} named {hero} who
lived {place}.|Once upon a time, {place}, there lived {hero.a} named {hero}.|Once upon a time, {hero.a} named {hero} lived
{place}.|Long ago, {place}, there lived {hero.a} named {hero}.|There once was {hero.a} named {hero} who lived {place}.|{hero} was {hero.a}
who lived {place}.|Far away, {place}, lived {hero.a}. {hero.His} name was {hero}.]
[||{hero.He} was always [cheerful|curious|busy|kind to everyone|full of questions].|Everyone liked {hero}, because {hero.he} was
[kind|funny|helpful|gentle|honest].|{hero} loved [the smell of flowers|long walks|old stories|warm summer evenings|the colour
{colour}].|{hero.His} best friend was {friend}, {friend.a}.]
"""

ENDING = "[||||| / The end.]"


@dataclass(frozen=True)
class Shape:
    """theme: how a story of this shape is asked for. draw(rng): what it needs beside the usual cast.
    The friend is introduced within the template where meets_friend; the opening must not do it then."""
    theme: str
    template: str
    draw: object = None
    meets_friend: bool = False


def from_table(table, *names):
    """A draw that takes a row of a table: its key under the first name, its values under the others."""
    def draw(rng):
        key, values = rng.choice(list(table.items()))
        values = values if isinstance(values, tuple) else (values,)
        return dict(zip(names, (key, *values), strict=True))
    return draw


def draw_broken(rng):
    noun, adjective = rng.choice(list(words.MISHAPS.items()))
    return {"broken": cast.Thing(noun, adjective, "")}


SHAPES = (
    Shape("something that was lost", daily.LOST),
    Shape("learning something new", daily.LEARN, from_table(words.SKILLS, "skill", "failure", "advice", "success")),
    Shape("sharing", daily.SHARE),
    Shape("building something", daily.MAKE, from_table(words.PROJECTS, "project", "parts", "trouble", "repair", "delight")),
    Shape("telling the truth", daily.HONEST, draw_broken),
    Shape("being brave", daily.FEAR, from_table(words.FEARS, "fear", "moment", "truth", "triumph")),
    Shape("cooking for others", daily.BAKE, meets_friend=True),
    Shape("a seed", daily.GARDEN),
    Shape("helping somebody", adventure.RESCUE, meets_friend=True),
    Shape("a long journey", adventure.JOURNEY, meets_friend=True),
    Shape("a strange sound in the night", adventure.MYSTERY, from_table(words.SOUNDS, "sound", "source")),
    Shape("a race", adventure.CONTEST, meets_friend=True),
    Shape("three wishes", adventure.WISH),
    Shape("a new friend", adventure.NEWCOMER, meets_friend=True),
    Shape("a storm", adventure.STORM, meets_friend=True),
    Shape("a treasure", adventure.TREASURE),
    Shape("a birthday", seasons.BIRTHDAY),
    Shape("the winter", seasons.WINTER),
    Shape("a falling star", seasons.STAR),
    Shape("an old house", seasons.LONELY),
)


@dataclass(frozen=True)
class Story:
    text: str
    theme: str
    cast: dict


def tell(rng):
    """One story of any shape."""
    shape = rng.choice(SHAPES)
    people = cast.draw_cast(rng)
    people |= shape.draw(rng) if shape.draw else {}
    people |= {
        "use": people["thing"].use,
        "foodname": cast.with_article(people["food"]),
        "spot_cap": cast.capital(people["spot"]),
        "spot2_cap": cast.capital(people["spot2"]),
        "weather_low": people["weather"][0].lower() + people["weather"][1:],
    }
    opening = OPENING
    if shape.meets_friend:
        opening = opening.replace("|{hero.His} best friend was {friend}, {friend.a}.", "")
    return Story(grammar.expand(opening + shape.template + ENDING, rng, people), shape.theme, people)
